# SPDX-License-Identifier: GPL-2.0-only
"""Media that a TURN server relays: found inside ChannelData and indications, and opened with its keys."""

import random
import struct
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest

from analyzer.api import audit
from analyzer.capture import tunnels
from analyzer.capture.columns import PayloadKind, empty_table, table_columns
from analyzer.capture.payload_kind import peel_payload
from analyzer.capture.scan import C_KIND, C_PAYLOAD_OCTETS, C_TRANSPORT, UDP
from analyzer.capture.source import open_capture
from analyzer.capture.speed import view_plain
from analyzer.keying.key_ring_file import read_key_ring
from dissectors.grammar.stun import read_relayed
from dissectors.grammar.turn_stream import TurnStreamFramer

RTP = bytes.fromhex("8000000100000002deadbeef") + b"speech"
PEER = bytes.fromhex("00120008000111223344abcd")


def indication(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", kind, len(body), 0x2112A442, b"transaction!") + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


CHANNEL = struct.pack("!HH", 0x4001, len(RTP)) + RTP
RELAYED = {
    "channel": CHANNEL,
    "padded channel": CHANNEL + bytes(-len(RTP) % 4),
    "send": indication(0x16, PEER, attribute(0x13, RTP)),
    "data": indication(0x17, attribute(0x8022, b"server"), PEER, attribute(0x13, RTP)),
}


@pytest.mark.parametrize("name", RELAYED)
def test_what_is_inside_counts_as_media(name: str, tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(RELAYED[name])))]))
    with open_capture(path) as capture:
        (batch,) = capture.batches()
        row = batch.columns
        assert row.kind[0] == PayloadKind.RTP_LIKE
        assert (row.ssrc[0], row.seq[0], row.wire_octets[0]) == (0xDEADBEEF, 1, len(RTP))
        assert batch.octets(int(row.payload_offset[0]), int(row.payload_octets[0])) == RTP


@pytest.mark.parametrize(
    "data",
    [
        indication(0x16, PEER),
        indication(0x01, PEER, attribute(0x13, RTP)),
        indication(0x16, *[attribute(0x22, b"")] * 40, attribute(0x13, RTP)),
        indication(0x17, struct.pack("!HH", 0x22, 0xFFFF), RTP),
        struct.pack("!HH", 0x4001, 20) + indication(1),
    ],
    ids=["no data", "a request", "too many attributes", "an attribute past the end", "a check between the peers"],
)
def test_what_is_no_media_stays_stun(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(data)))]))
    with open_capture(path) as capture:
        (batch,) = capture.batches()
        assert batch.columns.kind[0] in (PayloadKind.STUN, PayloadKind.TURN_CHANNEL)


def test_the_pass_finds_what_the_grammar_finds() -> None:
    chance = random.Random(8656)
    samples = list(RELAYED.values())
    for _ in range(3000):
        data = bytearray(chance.choice(samples))
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 4, 0x13, 0x16, 0x17, 255, chance.randrange(256)))
        data = bytes(data[: chance.choice((len(data), chance.randrange(20, len(data))))])
        table, work = empty_table(1), empty_table(1)
        cells = view_plain(table)
        cells[C_TRANSPORT, 0], cells[C_PAYLOAD_OCTETS, 0] = UDP, len(data)
        peel_payload(data, 0, len(data), cells, 0)
        if cells[C_KIND, 0] not in (PayloadKind.STUN, PayloadKind.TURN_CHANNEL):
            continue
        done = tunnels.peel_relayed(data, 0, len(data), cells, 0, view_plain(work))
        inside = read_relayed(data)
        if done != tunnels.STAYS:
            found = table_columns(work, 1)
            start = int(found.payload_offset[0])
            assert data[start : start + int(found.payload_octets[0])] == inside
        elif inside:
            peel_payload(inside, 0, len(inside), view_plain(work), 0)
            assert work[C_KIND, 0] in (PayloadKind.UNKNOWN, PayloadKind.STUN)


@pytest.mark.captures
def test_a_call_through_a_turn_server_over_tcp_opens(captures: Path, tmp_path: Path) -> None:
    """Messages lie anywhere in the segments; of those that begin one alone, 174 authenticate."""
    ring = tmp_path / "keys.toml"
    key = "ZDc5YzZiYjRkMzI0MjQwZTdkMzFhOGI5ZTIxN2Fk"
    ring.write_text(f'[[srtp]]\ncrypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}"\n')
    path = captures / "public" / "veondigital__srtp_decoder" / "_history" / "2f0ba278fd-TCP_call_1.pcap"
    (stream,) = audit([path], ring=read_key_ring(ring)).streams
    found = stream.audit
    assert (found.bound.stream.ssrc, found.packets, found.authenticated, found.lost) == (0x11EA8138, 300, 300, 0)
    assert (found.rtcp.packets, found.rtcp.authenticated) == (3, 3)


def streamed(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_of_a_stream_gives_the_same_datagrams(seed: int) -> None:
    chance = random.Random(seed)
    stream = b"".join(streamed(data) for data in (indication(1), *RELAYED.values(), indication(3, PEER), CHANNEL))
    framer, found, at = TurnStreamFramer(), [], 0
    while at < len(stream):
        octets = chance.randrange(1, 40)
        found += framer.feed(stream[at : at + octets])
        at += octets
    assert found == [RTP] * 5
    assert framer.defects == []


def test_a_hole_in_a_stream_is_stepped_over() -> None:
    framer = TurnStreamFramer()
    assert framer.feed(streamed(CHANNEL) + CHANNEL[:9]) == [RTP]
    framer.skip(40)
    assert framer.feed(b"anything") == []
    assert framer.feed(indication(1) + streamed(CHANNEL)) == [RTP]
    assert framer.feed(b"\x7fno message") == []
    assert framer.feed(streamed(RELAYED["data"])) == [RTP]
    assert [defect.code for defect in framer.defects] == ["stream-gap", "no-turn-message"]


@pytest.mark.captures
@pytest.mark.parametrize(
    ("codec", "keys", "authenticated"),
    [
        (
            "OPUS",
            ("MRARr6H9Q9EBF9/VdqYFb8o5M0QOQTur0cuEC1b1", "tI9aHhxruvAz5BXk3k2VNNhOPbSATt5kxFOudCGR"),
            {0x2D830E96: (501, 4), 0x2C2E32D2: (460, 4)},
        ),
        (
            "PCMA",
            ("Dyx7iKCU5AiJVgclTHa2wjdB6GwL7RtvihVePyoJ", "x+rWLABtQ+BQGVnLII8eIdpdlApQp6SnXREVx/e5"),
            {0xED42A10F: (659, 10), 0x15CBA085: (609, 11)},
        ),
    ],
)
def test_calls_through_a_turn_server_open(
    codec: str, keys: tuple[str, ...], authenticated: dict[int, tuple[int, int]], captures: Path, tmp_path: Path
) -> None:
    ring = tmp_path / "keys.toml"
    lines = [f'[[srtp]]\ncrypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}"\n' for key in keys]
    ring.write_text("".join(lines))
    folder = captures / "public" / "veondigital__srtp_decoder" / "tests"
    report = audit([folder / f"WebRTC_{codec}_Turn_SDES_Call_1.pcap"], ring=read_key_ring(ring))
    audits = [stream.audit for stream in report.streams]
    assert all(one.failed == 0 and one.packets == one.authenticated for one in audits)
    found = {one.bound.stream.ssrc: (one.authenticated, one.rtcp.authenticated) for one in audits}
    assert found == authenticated
    assert np.all([one.rtcp.failed == 0 for one in audits])
