# SPDX-License-Identifier: GPL-2.0-only
"""RTP over a byte stream: any cut gives the same packets, other protocols are no media, and holes cost little."""

import random
import struct

import pytest

from dissectors.grammar.rtp_stream import RtpStreamFramer

SSRC = 0xDECAFBAD


def rtp(number: int, octets: int = 160) -> bytes:
    return struct.pack(">BBHII", 0x80, 0, number, 160 * number, SSRC) + random.Random(number).randbytes(octets)


PACKETS = [rtp(65530 + number & 0xFFFF) for number in range(20)]
RTCP = struct.pack(">BBHI", 0x80, 201, 1, SSRC)
CHECK = struct.pack(">HHI12s", 1, 0, 0x2112A442, b"transaction!")
DTLS = struct.pack(">BHHIHH", 22, 0xFEFD, 0, 0, 0, 40) + bytes(40)


def framed(packets: list[bytes]) -> bytes:
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_gives_the_same_packets(seed: int) -> None:
    rng = random.Random(seed)
    packets = [CHECK, *PACKETS[:5], RTCP, b"", *PACKETS[5:], DTLS]
    data, framer, found = framed(packets), RtpStreamFramer(from_start=True), []
    while data:
        cut = rng.randrange(1, 400)
        found += framer.feed(data[:cut])
        data = data[cut:]
    assert found == [packet for packet in packets if packet]
    assert framer.is_told
    assert not framer.defects


@pytest.mark.parametrize(
    "start", [PACKETS[:3], [RTCP] * 3, [CHECK] * 2, [DTLS] * 2], ids=["rtp", "rtcp", "ice", "dtls"]
)
def test_a_few_packets_tell(start: list[bytes]) -> None:
    framer = RtpStreamFramer(from_start=True)
    framer.feed(framed(start[:-1]))
    assert not framer.is_told
    framer.feed(framed(start[-1:]))
    assert framer.is_told


@pytest.mark.parametrize(
    "data",
    [
        b"INVITE sip:bob@example.com SIP/2.0\r\n",
        b"\r\n\r\nOPTIONS sip:bob@example.com SIP/2.0\r\n",
        bytes.fromhex("1603010200010001fc0303"),
        framed([struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + b"\3www\7example\0" for number in range(9)]),
        framed(
            [struct.pack(">HHHHHH", 0x8000 + number, 0x100, 1, 0, 0, 0) + b"\3www\7example\0" for number in range(9)]
        ),
        bytes(4000),
    ],
    ids=["sip", "keep-alives", "tls", "dns", "dns with high ids", "zeros"],
)
def test_other_protocols_are_no_media(data: bytes) -> None:
    framer = RtpStreamFramer(from_start=True)
    framer.feed(data)
    assert not framer.is_told


def test_random_octets_are_no_media() -> None:
    for seed in range(2000):
        framer = RtpStreamFramer(from_start=seed % 2 == 0)
        rng = random.Random(seed)
        for _ in range(8):
            framer.feed(rng.randbytes(rng.randrange(1, 1500)))
        assert not framer.is_told


def test_after_a_hole_it_goes_on_with_the_next_packet_of_a_known_source() -> None:
    framer = RtpStreamFramer(from_start=True)
    data = framed(PACKETS)
    whole = len(framed(PACKETS[:1]))
    found = framer.feed(data[: 5 * whole + 30])
    framer.skip(2 * whole)
    found += framer.feed(data[7 * whole + 30 :])
    assert found == [*PACKETS[:5], *PACKETS[8:]]
    assert [(defect.code, defect.offset) for defect in framer.defects] == [("stream-gap", 5 * whole)]


def test_a_stream_joined_in_its_middle_is_read_from_a_segment_that_begins_with_a_packet() -> None:
    framer = RtpStreamFramer(from_start=False)
    data = framed(PACKETS)
    whole = len(framed(PACKETS[:1]))
    assert framer.feed(data[40:whole]) == []
    found = [one for number in range(1, 20) for one in framer.feed(data[number * whole : (number + 1) * whole])]
    assert found == PACKETS[1:]
    assert framer.is_told


def test_octets_that_are_no_packet_are_named_and_passed_over() -> None:
    framer = RtpStreamFramer(from_start=True)
    found = framer.feed(framed([*PACKETS[:4], b"\x10 is no packet"]) + framed(PACKETS[4:6]))
    found += framer.feed(framed(PACKETS[6:]))
    assert found == [*PACKETS[:4], *PACKETS[6:]]
    assert [defect.code for defect in framer.defects] == ["no-rtp-packet"]


def test_mutated_streams_raise_nothing() -> None:
    rng = random.Random(4571)
    for _ in range(2000):
        data = bytearray(framed([CHECK, *PACKETS[:6], RTCP, DTLS]))
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        framer = RtpStreamFramer(from_start=rng.random() < 0.5)
        while data:
            cut = rng.randrange(1, 900)
            framer.feed(bytes(data[:cut]))
            if rng.random() < 0.1:
                framer.skip(rng.randrange(100))
            del data[:cut]
