# SPDX-License-Identifier: GPL-2.0-only
"""SIP over SCTP (RFC 4168): bundled, in pieces, repeated, cut; where tshark finds it."""

import random
import struct
import subprocess
from pathlib import Path

import pytest

from analyzer.capture.source import open_capture
from analyzer.evidence.packets import SignallingDatagram, SignallingReader
from tests.capture import capture_frames as made

MESSAGES = [
    b"OPTIONS sip:%d@example.com SIP/2.0\r\nCSeq: %d OPTIONS\r\nContent-Length: 0\r\n\r\n" % (n, n) for n in range(4)
]


def chunk(tsn: int, data: bytes, flags: int = 3, stream: int = 1, number: int = 0) -> bytes:
    body = struct.pack(">IHHI", tsn, stream, number, 0) + data
    return struct.pack(">BBH", 0, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


def packet(*chunks: bytes) -> bytes:
    return made.ethernet(made.ipv4(struct.pack(">HHII", 5060, 5062, 7, 0) + b"".join(chunks), 132))


def read(frames: list[bytes], path: Path) -> tuple[list[SignallingDatagram], list[str]]:
    path.write_bytes(made.pcap(frames))
    reader = SignallingReader()
    with open_capture(path) as capture:
        found = [message for batch in capture.batches(2) for message in reader.feed(batch)] + reader.finish()
        return found, [defect.code for defect in (*capture.defects, *reader.defects)]


def test_bundled_in_pieces_and_repeated(tmp_path: Path) -> None:
    long = MESSAGES[3]
    pieces = [long[:30], long[30:60], long[60:]]
    parts = [chunk(12 + n, piece, (2, 0, 1)[n], number=3) for n, piece in enumerate(pieces)]
    heartbeat = struct.pack(">BBHHH", 4, 0, 8, 1, 4)
    frames = [
        packet(heartbeat, chunk(10, MESSAGES[0]), chunk(11, MESSAGES[1], number=1)),
        packet(chunk(11, MESSAGES[1], number=1)),
        packet(parts[2]),
        packet(parts[0], parts[1]),
        packet(chunk(15, b"no SIP at all")),
        packet(chunk(16, MESSAGES[2], number=4)),
    ]
    found, defects = read(frames, tmp_path / "sctp.pcap")
    assert [(message.frame, message.data) for message in found] == [
        (1, MESSAGES[0]), (1, MESSAGES[1]), (4, long), (6, MESSAGES[2])
    ]  # fmt: skip
    assert {(message.source, message.destination, message.transport) for message in found} == {
        ("10.0.0.1:5060", "10.0.0.2:5062", "SCTP")
    }
    assert defects == []


@pytest.mark.tool("tshark")
def test_frames_are_tsharks(tmp_path: Path) -> None:
    pieces = [chunk(12, MESSAGES[3][:30], 2, number=3), chunk(13, MESSAGES[3][30:], 1, number=3)]
    path = tmp_path / "sctp.pcap"
    found, _ = read([packet(chunk(10, MESSAGES[0])), packet(pieces[0]), packet(pieces[1])], path)
    command = ["tshark", "-r", str(path), "-Y", "sip", "-T", "fields", "-e", "frame.number", "-e", "sip.CSeq.seq"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [str(message.frame) for message in found] == told[::2]
    assert told[1::2] == ["0", "3"]


def test_cut_and_mutated_packets_raise_nothing(tmp_path: Path) -> None:
    _, defects = read([packet(chunk(1, MESSAGES[0])[:40])], tmp_path / "cut.pcap")
    assert defects == ["sctp-unreadable"]
    pick = random.Random(3)
    frames = []
    for _ in range(2000):
        octets = bytearray(packet(chunk(pick.randrange(9), MESSAGES[0], pick.randrange(4)), chunk(5, MESSAGES[1])))
        octets[34 + pick.randrange(40)] = pick.randrange(256)
        frames.append(bytes(octets))
    found, _ = read(frames, tmp_path / "mutated.pcap")
    assert found
