# SPDX-License-Identifier: GPL-2.0-only
"""Streams of no call opened by several processes: one report to the octet, and no key passes in the clear."""

import os
import pickle
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from analyzer import loose_streams, shares
from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.masking import MaskedValues
from analyzer.model.report import Report
from dissectors.grammar.secret import Secret
from reports.json_report import render_json
from tests.captures.end_to_end import sidecar_of
from tests.captures.test_opened_media import libsrtp_keys

pytestmark = [pytest.mark.captures, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]
NAMES = [
    "tampered_AES_CM_128_HMAC_SHA1_80", "mki4_AES_CM_128_HMAC_SHA1_80", "loss_reorder_AES_CM_128_HMAC_SHA1_80",
]  # fmt: skip


@pytest.fixture
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork for any work, though pytest's workers have threads."""
    monkeypatch.setattr(shares, "can_fork", lambda: True)
    monkeypatch.setattr(loose_streams, "PACKETS_WORTH_FORKING", 0)
    monkeypatch.setattr(loose_streams, "KEYLESS_WORTH_FORKING", 0)


def ring_of(name: str, tmp_path: Path) -> KeyRing:
    (tmp_path / "keys.toml").write_text(libsrtp_keys(sidecar_of(f"peers/libsrtp/{name}.srtp.pcap"), bound=False))
    return read_key_ring(tmp_path / "keys.toml")


def audited(captures: Path, name: str, tmp_path: Path, jobs: int) -> Report:
    return audit([captures / "peers" / "libsrtp" / f"{name}.srtp.pcap"], ring=ring_of(name, tmp_path), jobs=jobs)


@pytest.mark.usefixtures("_eager")
@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_processes_reports_the_same(captures: Path, tmp_path: Path, name: str) -> None:
    alone = audited(captures, name, tmp_path, 1)
    assert len(alone.streams) > 1
    for jobs in (2, 3):
        report = audited(captures, name, tmp_path, jobs)
        assert render_json(report) == render_json(alone)
        for one, other in zip(report.streams, alone.streams, strict=True):
            assert (one.audit.key, one.audit.fitting) == (other.audit.key, other.audit.fitting)
            assert one.audit.bound.stream.ssrc == other.audit.bound.stream.ssrc
            assert one.audit.bound.stream is not other.audit.bound.stream


@pytest.mark.usefixtures("_eager")
@pytest.mark.parametrize("name", NAMES)
def test_without_keys_too(captures: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    share_out = loose_streams.work_in_shares
    monkeypatch.setattr(loose_streams, "work_in_shares", lambda *all_of_it: begun.append(1) or share_out(*all_of_it))
    capture = captures / "peers" / "libsrtp" / f"{name}.srtp.pcap"
    assert render_json(audit([capture], jobs=2)) == render_json(audit([capture], jobs=1))
    assert len(begun) == 1


@pytest.mark.usefixtures("_eager")
def test_a_killed_child_costs_nothing_but_time(captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = render_json(audited(captures, NAMES[0], tmp_path, 1))
    parent, dumps = os.getpid(), MaskedValues.dumps

    def dumps_or_die(masked: MaskedValues, value: object) -> bytes:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return dumps(masked, value)

    monkeypatch.setattr(MaskedValues, "dumps", dumps_or_die)
    assert render_json(audited(captures, NAMES[0], tmp_path, 3)) == alone


def test_no_key_is_sent_in_the_clear(captures: Path, tmp_path: Path) -> None:
    streams = audited(captures, NAMES[0], tmp_path, 1).streams
    audits = [stream.audit for stream in streams]
    keys = [found.key for found in audits if found.key is not None]
    masked = MaskedValues([found.bound for found in audits])
    octets = masked.dumps(audits)
    assert keys
    for key in keys:
        for secret in (key.key.reveal(), key.salt.reveal()):
            assert secret not in octets
    again = masked.loads(octets)
    assert [each.key for each in again] == [each.key for each in audits]
    assert all(one.bound is other.bound for one, other in zip(again, audits, strict=True))
    assert masked.dumps(keys[0].key) != masked.dumps(keys[0].key)  # two alike don't show that they are


def test_what_is_not_masked_is_not_sent() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(b"key"))


def test_the_ends_of_a_pipe_must_know_each_other() -> None:
    shared: Sequence[object] = [object()]
    octets = MaskedValues(shared).dumps((Secret(b"key"), shared[0]))
    with pytest.raises(InvalidTag):
        MaskedValues(shared).loads(octets)
