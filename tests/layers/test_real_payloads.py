# SPDX-License-Identifier: GPL-2.0-only
"""Every payload of the real captures comes back octet by octet, and is shown whole."""

import base64
import binascii
import json
from collections import Counter
from pathlib import Path

import pytest

from analyzer.capture.columns import Transport
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureError
from dissectors.grammar.datagram import DatagramKind, classify_datagram
from dissectors.grammar.mikey import parse_mikey, payload_name
from dissectors.grammar.sip import looks_like_sip, parse_sip
from dissectors.layers import MIKEY, RTCP, RTP, SDP, SIP, SRTP, UnreadOctets

pytestmark = pytest.mark.captures

PER_CAPTURE = 150
ONES_WITHOUT_A_START_LINE = 1


def datagrams(captures: Path) -> dict[str, list[bytes]]:
    """Payloads of UDP, at most `PER_CAPTURE` of a kind from one capture."""
    found: dict[str, list[bytes]] = {"sip": [], "rtp": [], "rtcp": []}
    for path in sorted([*captures.rglob("*.pcap"), *captures.rglob("*.pcapng")]):
        counted: Counter[str] = Counter()
        try:
            with open_capture(path) as capture:
                for batch in capture.batches():
                    for row in batch.rows_of(Transport.UDP):
                        octets = batch.payload(row)
                        kind = "sip" if looks_like_sip(octets) else classify_datagram(octets).value
                        counted[kind] += 1
                        if kind in found and counted[kind] <= PER_CAPTURE:
                            found[kind].append(octets)
        except CaptureError:
            continue
    return found


def test_all_captures(captures: Path) -> None:
    found = datagrams(captures)
    assert len(found["sip"]) > 1000
    assert len(found["rtp"]) > 1000
    assert len(found["rtcp"]) > 50
    sdp = 0
    for octets in found["sip"]:
        layer = SIP(octets)
        assert bytes(layer) == octets
        assert len(layer.headers) == len(parse_sip(octets).headers)
        sdp += SDP in layer
    assert sdp > 200
    for octets in found["sip"][:100]:
        assert SIP(octets).show(dump=True)
    for octets in found["rtp"]:
        assert bytes(RTP(octets)) == bytes(SRTP(octets, tag_octets=10)) == octets
    for octets in found["rtcp"]:
        assert bytes(RTCP(octets)) == octets
    assert DatagramKind.RTP.value in found


def test_torture_messages(captures: Path) -> None:
    paths = [
        *(captures / "public" / "rfc4475-torture").glob("*.dat"),
        *(captures / "public" / "rfc5118-torture").glob("*.dat"),
    ]
    assert len(paths) > 40
    unread = 0
    for path in paths:
        octets = path.read_bytes()
        layer = SIP(octets)
        assert bytes(layer) == bytes(layer.copy()) == octets
        unread += isinstance(layer.payload, UnreadOctets)
        assert layer.show(dump=True)
    assert unread == ONES_WITHOUT_A_START_LINE


@pytest.mark.parametrize("name", ["gstreamer", "in_the_wild"])
def test_mikey_messages(captures: Path, name: str) -> None:
    seen = 0
    for line in (captures / "mikey" / f"{name}.jsonl").read_text().splitlines():
        case = json.loads(line)
        try:
            octets = base64.b64decode(case.get("b64") or case["base64"], validate=True)
        except binascii.Error:
            continue
        layer = MIKEY(octets)
        assert bytes(layer) == octets
        text = layer.show(dump=True)
        if isinstance(layer.payload, UnreadOctets):
            continue
        seen += 1
        for payload in parse_mikey(octets).payloads:
            assert f"MIKEY {payload_name(payload.payload_type)}" in text or "Unread octets" in text
    assert seen > 10
