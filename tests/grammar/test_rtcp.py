# SPDX-License-Identifier: GPL-2.0-only
"""RTCP compounds and SRTCP packets: contents as Wireshark reads them, round trips, clear told from secure."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.errors import GrammarError, Malformed, Truncated
from dissectors.grammar.rtcp import (
    App,
    Bye,
    ReceiverReport,
    RtcpPacket,
    RtcpTail,
    RtcpType,
    SdesType,
    SenderReport,
    SourceDescription,
    build_rtcp,
    build_srtcp,
    is_clear_rtcp,
    parse_rtcp,
    parse_srtcp,
)

SR = bytes.fromhex(
    "81c8000c 01020304 e1234567 80000000 00000140 00000002 00000140"
    "0a0b0c0d 20fffffe 00010203 00000007 0000aaaa 0000bbbb"
)
SDES = bytes.fromhex("81ca0004 01020304 0107") + b"a@b.org" + bytes.fromhex("000000")
BYE = bytes.fromhex("81cb0003 01020304 06") + b"shut\0\0" + b"\0"
APP = bytes.fromhex("80cc0004 01020304") + b"PINGPONG\0\0\0\0"
COMPOUND = SR + SDES + BYE + APP


def test_every_kind_of_packet() -> None:
    sender, description, bye, app = parse_rtcp(COMPOUND)
    assert isinstance(sender, RtcpPacket)
    assert isinstance(sender.detail, SenderReport)
    assert sender.ssrc == 0x01020304
    assert (sender.detail.ntp_timestamp >> 32, sender.detail.packets, sender.detail.octets) == (0xE1234567, 2, 0x140)
    (report,) = sender.detail.reports
    assert (report.ssrc, report.fraction_lost, report.cumulative_lost) == (0x0A0B0C0D, 0x20, -2)
    assert isinstance(description, RtcpPacket)
    assert isinstance(description.detail, SourceDescription)
    assert description.detail.chunks[0].items == ((SdesType.CNAME, b"a@b.org"),)
    assert isinstance(bye, RtcpPacket)
    assert bye.detail == Bye((0x01020304,), b"shut\0\0")
    assert isinstance(app, RtcpPacket)
    assert app.detail == App(b"PING", b"PONG\0\0\0\0")
    assert build_rtcp(parse_rtcp(COMPOUND)) == COMPOUND
    assert is_clear_rtcp(COMPOUND)


def test_feedback_is_kept_whole() -> None:
    data = bytes.fromhex("80c90001 01020304 81ce0002 01020304 05060708")
    report, feedback = parse_rtcp(data)
    assert isinstance(report, RtcpPacket)
    assert report.detail == ReceiverReport(())
    assert isinstance(feedback, RtcpPacket)
    assert (feedback.header.packet_type, feedback.header.count, feedback.detail) == (RtcpType.PSFB, 1, None)
    assert is_clear_rtcp(data)


def test_what_follows_is_kept_with_a_defect() -> None:
    packets = parse_rtcp(APP + b"\x80\xc9\0\5tail")
    assert isinstance(packets[-1], RtcpTail)
    assert packets[-1].octets == b"\x80\xc9\0\5tail"
    assert packets[-1].defects[0].offset == len(APP)
    assert build_rtcp(packets) == APP + b"\x80\xc9\0\5tail"
    lying = parse_rtcp(bytes.fromhex("85c90001 01020304"))
    assert isinstance(lying[0], RtcpPacket)
    assert lying[0].defects[0].code == "rtcp-body"


def test_many_packets_end_at_the_limit() -> None:
    data = bytes.fromhex("80c90000") * 1000
    packets = parse_rtcp(data)
    assert isinstance(packets[-1], RtcpTail)
    assert len(packets) == 129
    assert build_rtcp(packets) == data


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: COMPOUND[:80] + tail))
def test_any_octets(data: bytes) -> None:
    try:
        packets = parse_rtcp(data)
    except GrammarError:
        assert not is_clear_rtcp(data)
        return
    assert build_rtcp(packets) == data
    if is_clear_rtcp(data):
        assert not any(isinstance(packet, RtcpTail) for packet in packets)


def test_srtcp_never_looks_clear() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        body = rng.randbytes(44 + 4 * rng.randrange(12))
        word = (0x80000000 | rng.randrange(99)).to_bytes(4, "big")
        assert not is_clear_rtcp(SR[:8] + body + word + rng.randbytes(rng.choice((4, 10))))
    assert not is_clear_rtcp(COMPOUND + (1).to_bytes(4, "big") + bytes(10))
    assert not is_clear_rtcp(b"")


def test_padding_of_the_last_packet() -> None:
    assert is_clear_rtcp(bytes.fromhex("a0c90002 01020304 00000004"))
    assert not is_clear_rtcp(bytes.fromhex("a0c90002 01020304 00000009"))
    assert not is_clear_rtcp(bytes.fromhex("a0c90002 01020304 00000004 80c90001 01020304"))


@pytest.mark.parametrize("aead", [False, True])
@pytest.mark.parametrize(("tag", "mki"), [(10, 0), (4, 0), (16, 4)])
def test_srtcp_layout(tag: int, mki: int, aead: bool) -> None:
    data = SR[:8] + bytes(range(20)) + bytes.fromhex("80000005") + b"M" * mki + b"T" * tag
    if aead:
        data = SR[:8] + bytes(range(20)) + b"T" * tag + bytes.fromhex("80000005") + b"M" * mki
    packet = parse_srtcp(data, tag, mki, aead=aead)
    assert (packet.ssrc, packet.encrypted, packet.index) == (0x01020304, True, 5)
    assert (packet.body, packet.tag, packet.mki) == (bytes(range(20)), b"T" * tag, b"M" * mki)
    assert build_srtcp(packet) == data


@given(data=st.binary(max_size=60), tag=st.integers(0, 20), mki=st.integers(0, 8), aead=st.booleans())
def test_any_srtcp(data: bytes, tag: int, mki: int, aead: bool) -> None:
    try:
        packet = parse_srtcp(data, tag, mki, aead=aead)
    except (Truncated, Malformed):
        return
    assert build_srtcp(packet) == data
