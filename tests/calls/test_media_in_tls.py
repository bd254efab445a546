# SPDX-License-Identifier: GPL-2.0-only
"""Media in TLS connections (RFC 8122, RFC 7850): present and shut, never taken for plain RTP."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.model.outcome import OutcomeValue, Verdict
from analyzer.model.report import AuditedMedia
from tests.capture.capture_frames import pcap

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["4A"] * 32)
HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(32) + bytes.fromhex("000004130113020100") + b"\0\0"
PHONES = {"alice": "10.0.0.1", "bob": "10.0.0.2"}


def description(host: str, port: int, *lines: str, proto: str = "TCP/TLS/RTP/AVP") -> str:
    media = [f"m=audio {port} {proto} 0", f"c=IN IP4 {host}", *lines]
    return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", "t=0 0", *media, ""])


def message(start: str, body: str) -> bytes:
    head = [start, "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", "From: <sip:alice@a>;tag=1", "To: <sip:bob@b>;tag=2"]
    head += ["Call-ID: tls", "CSeq: 1 INVITE", "Content-Type: application/sdp", f"Content-Length: {len(body)}", "", ""]
    return ("\r\n".join(head) + body).encode()


def call(folder: Path, *lines: str, connected: bool = True, proto: str = "TCP/TLS/RTP/AVP") -> AuditedMedia:
    offer = message("INVITE sip:bob@b SIP/2.0", description(PHONES["alice"], 9, "a=setup:active", *lines, proto=proto))
    answer = message("SIP/2.0 200 OK", description(PHONES["bob"], 5000, "a=setup:passive", *lines, proto=proto))
    ends = "10.0.0.1:5060", "10.0.0.2:5060"
    frames = [build_udp_frame(*ends, offer), build_udp_frame(*ends[::-1], answer)]
    if connected:
        way = Ether() / IP(src=PHONES["alice"], dst=PHONES["bob"])
        frames.append(bytes(way / TCP(sport=40000, dport=5000, seq=0, flags="S")))
        records = (HELLO, bytes.fromhex("1703030020") + bytes(range(32)))
        for number, record in enumerate(records):
            segment = TCP(sport=40000, dport=5000, seq=1 + sum(map(len, records[:number])), flags="PA")
            frames.append(bytes(way / segment / record))
    path = folder / "tls.pcap"
    path.write_bytes(pcap(frames))
    (media,) = audit([path]).calls[0].media
    return media


@pytest.mark.parametrize("lines", [(FINGERPRINT,), ()], ids=["fingerprint", "no fingerprint"])
def test_it_is_present_and_shut(lines: tuple[str, ...], tmp_path: Path) -> None:
    media = call(tmp_path, *lines)
    assert media.verdict is Verdict.INCONCLUSIVE
    assert "in-band-keying-not-opened" in media.reasons
    assert [(flow.client, flow.server) for flow in media.line.tls] == [("10.0.0.1:40000", "10.0.0.2:5000")]
    assert media.keying.method == "TLS"
    assert "TLS" in media.keying.how
    assert media.negotiation.chosen.key_agreement == ("TLS" if lines else None)


def test_without_a_connection_that_is_said(tmp_path: Path) -> None:
    media = call(tmp_path, FINGERPRINT, connected=False)
    assert media.verdict is Verdict.INCONCLUSIVE
    assert media.keying.how == "the media runs in TLS, and no such connection was captured"


def test_a_connection_at_the_ports_of_another_line_is_not_its_own(tmp_path: Path) -> None:
    media = call(tmp_path, proto="TCP/RTP/AVP")
    assert media.verdict is Verdict.UNPROTECTED
    assert media.line.tls == ()


def test_the_rules_do_not_take_it_for_srtp(tmp_path: Path) -> None:
    call(tmp_path, FINGERPRINT)
    (audited,) = audit([tmp_path / "tls.pcap"]).calls
    found = {outcome.rule: outcome.outcome for outcome in audited.outcomes}
    assert found["SRT-001"] is OutcomeValue.NOT_APPLICABLE
    assert found["PRO-001"] is OutcomeValue.UNKNOWN
    assert found["PRO-004"] is OutcomeValue.NOT_APPLICABLE
