# SPDX-License-Identifier: GPL-2.0-only
"""Calls judged by several processes: the report is the same to the octet, and no key passes between them."""

import base64
import gc
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer import judging, shares
from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.report import AuditedCall, Report
from analyzer.rules.exit_decision import decide_exit_code
from dissectors.grammar.secret import Secret
from reports.html_report import render_html
from reports.json_report import iter_json, render_json, render_json_call
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.bench.captures import write_call_capture

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
SAMPLES = sorted((Path(__file__).resolve().parent.parent / "pcaps").glob("*.pcapng"))
KEYS = '[[psk]]\nkey = "text:secret"\n'
REAL = (
    "peers/sipp/udp_sdes_100.pcap",
    "public/nextcaller__sip-capture/extract/testdata/sip-tcp.pcap",
    "public/wireshark-wiki/SampleCaptures/sip-rtp-g711.pcap",
    "public/wireshark-wiki/SampleCaptures/sip-rtp-g726.pcap",
)


@pytest.fixture
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork for any work, though pytest's workers have threads; keep few calls, so that most are audited again."""
    monkeypatch.setattr(shares, "can_fork", lambda: True)
    monkeypatch.setattr(judging, "COST_OF_FORKING", 0)
    monkeypatch.setattr(judging, "KEPT_CALLS", 2)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    (tmp_path / "keys.toml").write_text(KEYS, encoding="utf-8")
    return read_key_ring(tmp_path / "keys.toml")


def shown(report: Report) -> tuple[str, str, list[str], int]:
    """Everything that renderers make of a report."""
    texts = []
    for verbose in (False, True):
        file = io.StringIO()
        render_terminal(report, Pen(file, 130), verbose=verbose)
        texts.append(file.getvalue())
    return render_json(report), render_html(report), texts, int(decide_exit_code(report))


def judged_by(jobs: int, paths: list[Path], ring: KeyRing) -> Report:
    return audit(paths, ring=ring, jobs=jobs, render=lambda _, call: render_json_call(call), keep_calls=False)


@pytest.mark.usefixtures("_eager")
def test_all_samples_in_one_set_come_out_the_same(ring: KeyRing) -> None:
    whole = audit(SAMPLES, ring=ring)
    report = judged_by(3, SAMPLES, ring)
    assert shown(report) == shown(whole)
    assert b"".join(iter_json(report, report.renditions)).decode() == render_json(whole)


@pytest.mark.captures
@pytest.mark.usefixtures("_eager")
@pytest.mark.parametrize("name", REAL)
def test_real_calls_come_out_the_same(captures: Path, ring: KeyRing, name: str) -> None:
    whole = audit([captures / name], ring=ring)
    report = judged_by(3, [captures / name], ring)
    assert shown(report) == shown(whole)
    assert b"".join(iter_json(report, report.renditions)).decode() == render_json(whole)


@pytest.mark.usefixtures("_eager")
def test_a_killed_child_costs_nothing_but_time(tmp_path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    write_call_capture(tmp_path / "calls.pcap", 300, sdes=True)
    whole = shown(audit([tmp_path / "calls.pcap"], ring=ring))
    parent, audited = os.getpid(), []

    def brief_or_die(call: AuditedCall) -> object:
        audited.append(call)
        if os.getpid() != parent and len(audited) > 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(call)

    real = judging.brief_call
    monkeypatch.setattr(judging, "brief_call", brief_or_die)
    assert shown(judged_by(2, [tmp_path / "calls.pcap"], ring)) == whole


@pytest.mark.usefixtures("_eager")
def test_no_key_passes_from_process_to_process(tmp_path: Path, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    write_call_capture(tmp_path / "calls.pcap", 300, sdes=True)
    calls = audit([tmp_path / "calls.pcap"]).calls
    keys = [key.key.reveal() for call in calls for line in call.media for key in line.keying.keys]
    received = []

    def decode(octets: bytes, calls: object) -> object:
        received.append(octets)
        return real(octets, calls)  # type: ignore[arg-type]

    real = judging._decode
    monkeypatch.setattr(judging, "_decode", decode)
    report = judged_by(4, [tmp_path / "calls.pcap"], ring)
    octets = b"".join([*received, *report.renditions])
    assert len(keys) == 600
    assert b"SIG-002" in b"".join(received)
    for key in keys:
        assert key not in octets
        assert base64.b64encode(key)[:20] not in octets


def test_a_secret_refuses_to_be_sent(tmp_path: Path) -> None:
    write_call_capture(tmp_path / "calls.pcap", 1, sdes=True)
    (brief,) = audit([tmp_path / "calls.pcap"]).briefs
    leaking = brief._replace(lines=(brief.lines[0]._replace(method=Secret(b"key")),))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        judging._encode(judging._Share(0, (leaking,), (), ()))


def test_the_program_says_the_same_with_any_number_of_jobs(tmp_path: Path) -> None:
    write_call_capture(tmp_path / "calls.pcap", 1200, sdes=True)
    program = str(Path(sys.executable).with_name("srtp-audit"))
    told = []
    for jobs in ("1", "2", "3"):
        command = [program, "analyze", "--jobs", jobs, "--json", "-", str(tmp_path / "calls.pcap")]
        told.append(subprocess.run(command, capture_output=True, check=False))
    assert told[0].stdout.startswith(b'{\n"schema"')
    assert len({(each.returncode, each.stdout, each.stderr) for each in told}) == 1


def test_the_collector_rests_while_captures_are_read_and_runs_again(tmp_path: Path) -> None:
    """It would look at every message again and again; a program that audits captures keeps its own setting."""
    path, seen = tmp_path / "calls.pcap", []
    write_call_capture(path, 20, sdes=True)

    def look(_path: str, _packets: int) -> None:
        seen.append(gc.isenabled())

    def fail(_path: str, _packets: int) -> None:
        raise KeyboardInterrupt

    before, frozen = gc.isenabled(), gc.get_freeze_count()
    audit([path], progress=look)
    assert seen
    assert not any(seen)
    with pytest.raises(KeyboardInterrupt):
        audit([path], progress=fail)
    assert (gc.isenabled(), gc.get_freeze_count()) == (before, frozen)
    gc.disable()
    try:
        audit([path])
        assert not gc.isenabled()
    finally:
        gc.enable()
