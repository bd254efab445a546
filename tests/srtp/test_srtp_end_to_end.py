# SPDX-License-Identifier: GPL-2.0-only
"""Keys given by hand, from capture to clear packets: re-keys, session parameters, and peers with known faults."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from libsrtp_peer import seal_as_old_libsrtp
from srtp_peers import context_of, read_datagrams, sidecar

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.contexts import AES_192_NOTE, F8_NOTE
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtcp, iter_clear_rtp
from analyzer.model.evidence import Protection, Wire
from analyzer.model.report import Report
from analyzer.srtp.rtcp import open_rtcp
from analyzer.srtp.transform import protect_rtcp, protect_rtp
from dissectors.grammar.rtp import RtpHeader, build_rtp_header

KEY = bytes(range(3, 33))
SINE = np.round(127 + 60 * np.sin(np.arange(160 * 200) / 3)).astype(np.uint8).tobytes()


def _entries(facts: dict[str, Any]) -> str:
    first = [
        f'[[srtp]]\ncrypto = "1 {side["sdes_suite"]} inline:{key["inline"]} {side["session_params"]}"\n'
        for side in (facts["A"], facts["B"])
        for key in side["master_keys"]
    ]
    later = [
        f'[[srtp]]\nsuite = "{facts["A"]["sdes_suite"]}"\nkey = "{change["new_key_salt_hex"]}"\n'
        for change in facts["rekey"]
    ]
    return "".join(first + later)


def _ring(tmp_path: Path, text: str) -> KeyRing:
    (tmp_path / "keys.toml").write_text(text)
    return read_key_ring(tmp_path / "keys.toml")


@pytest.mark.captures
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rekey_AES_CM_128_HMAC_SHA1_80", ""),
        ("base_AES_CM_128_HMAC_SHA1_80_with_UNENCRYPTED_SRTCP", ""),
        ("base_AES_192_CM_HMAC_SHA1_80", AES_192_NOTE),
    ],
)
def test_libsrtp_from_capture_to_clear(captures: Path, tmp_path: Path, name: str, reason: str) -> None:
    folder = captures / "peers" / "libsrtp"
    facts = sidecar(folder / f"{name}.json")
    ring = _ring(tmp_path, _entries(facts))
    clear = {d.frame: d.payload for d in read_datagrams(folder / facts["clear_pcap"])}
    opened = 0
    for stream in audit([folder / facts["srtp_pcap"]], ring=ring).streams:
        assert (stream.audit.wire, stream.audit.reason) == (Wire.PROVED, reason)
        context = context_that_opened(stream.audit, stream.keying, ring)
        packets = [
            *iter_clear_rtp(stream.audit, context),
            *iter_clear_rtcp(stream.audit.bound, stream.keying, context),
        ]
        assert all(clear[packet.frame] == packet.octets for packet in packets)
        opened += len(packets)
    assert opened == facts["frames"]


def _speech() -> list[bytes]:
    return [
        build_rtp_header(RtpHeader(sequence_number=n, timestamp=160 * n, ssrc=0x1234)) + SINE[160 * n : 160 * (n + 1)]
        for n in range(200)
    ]


def _audit(tmp_path: Path, packets: list[bytes], keys: str) -> Report:
    with (tmp_path / "media.pcapng").open("wb") as file:
        writer = PcapngWriter(file)
        for number, packet in enumerate(packets):
            writer.write(number * 20_000_000, build_udp_frame("10.0.0.1:4000", "10.0.0.2:5000", packet))
    return audit([tmp_path / "media.pcapng"], ring=_ring(tmp_path, keys))


def _entry(suite: str, parameters: str = "", key: bytes = KEY) -> str:
    both = f'suite = "{suite}"\nkey = "{key.hex()}"\n'
    if not parameters:
        return f"[[srtp]]\n{both}"
    return f'[[srtp]]\ncrypto = "1 {suite} inline:{base64.b64encode(key).decode()} {parameters}"\n'


def test_unencrypted_srtp_authenticates_and_is_no_contradiction(tmp_path: Path) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    sealed = [protect_rtp(packet, context_of(suite, KEY, srtp_encrypted=False)) for packet in _speech()]
    sealed[7] = sealed[7][:-1] + bytes((sealed[7][-1] ^ 1,))
    (stream,) = _audit(tmp_path, sealed, _entry(suite, "UNENCRYPTED_SRTP")).streams
    assert (stream.audit.wire, stream.audit.authenticated, stream.audit.failed) == (Wire.PROVED, 199, 1)
    assert (stream.audit.protection, stream.audit.clear) == (Protection.SRTP, 0)


def test_unauthenticated_srtp_opens_where_the_key_reads_and_not_where_it_gives_noise(tmp_path: Path) -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    sealed = [protect_rtp(packet, context_of(suite, KEY, authenticated=False)) for packet in _speech()]
    assert len(sealed[0]) == 172
    (stream,) = _audit(tmp_path, sealed, _entry(suite, "UNAUTHENTICATED_SRTP")).streams
    assert (stream.audit.decrypted, stream.audit.authenticated, stream.audit.failed) == (200, 0, 0)
    assert stream.audit.wire is not Wire.PROVED
    wrong = _entry(suite, "UNAUTHENTICATED_SRTP", bytes(range(30)))
    (stream,) = _audit(tmp_path, sealed, wrong).streams
    assert (stream.audit.decrypted, stream.audit.not_tried) == (0, 200)
    assert stream.audit.wire is not Wire.CONTRADICTING
    both = wrong + _entry(suite, "UNAUTHENTICATED_SRTP")
    (stream,) = _audit(tmp_path, sealed, both).streams
    assert stream.audit.decrypted == 200


def test_f8_agreed_and_counter_mode_used(tmp_path: Path) -> None:
    for used, reason, suite in (
        ("AES_CM_128_HMAC_SHA1_80", F8_NOTE, "AES_CM_128_HMAC_SHA1_80"),
        ("F8_128_HMAC_SHA1_80", "", "F8_128_HMAC_SHA1_80"),
    ):
        sealed = [protect_rtp(packet, context_of(used, KEY)) for packet in _speech()]
        (stream,) = _audit(tmp_path, sealed, _entry("F8_128_HMAC_SHA1_80")).streams
        assert (stream.audit.wire, stream.audit.reason, stream.audit.suite) == (Wire.PROVED, reason, suite)
        context = context_that_opened(stream.audit, stream.keying, _ring(tmp_path, _entry("F8_128_HMAC_SHA1_80")))
        assert [packet.octets for packet in iter_clear_rtp(stream.audit, context)] == _speech()


def test_aes_256_srtcp_of_an_old_libsrtp() -> None:
    context = context_of("AES_256_CM_HMAC_SHA1_80", bytes(range(46)), srtcp_encrypted=False)
    report = bytes.fromhex("80c90001deadbeef 81ca0005deadbeef010c616c696365406578616d706c6500".replace(" ", ""))
    sealed = seal_as_old_libsrtp(context, report, 9)
    plain = context_of("AES_256_CM_HMAC_SHA1_80", bytes(range(46)))
    opening = open_rtcp([sealed, protect_rtcp(report, plain, 10)], plain)
    assert [found.packet for found in opening.opened if found] == [report, report]
    assert opening.deviant == 1
