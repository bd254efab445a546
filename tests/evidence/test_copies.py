# SPDX-License-Identifier: GPL-2.0-only
"""A packet that two taps saw counts once; one that was sent twice counts twice."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import capture_frames as made
import pytest

import analyzer.capture.source as source
from analyzer.api import audit
from analyzer.capture.source import open_capture
from analyzer.evidence.media_statistics import StreamStatistics, stream_statistics
from analyzer.evidence.media_table import MediaTable
from analyzer.model.evidence import MediaEvidence

PACKETS = 40
LOST = (7, 8, 20)


def frame(number: int, identification: int | None = None, ttl_change: bool = False) -> bytes:
    identification = 100 + number if identification is None else identification
    datagram = made.ipv4(made.udp(made.rtp(number, 160 * number), 4000, 5000), identification=identification)
    if ttl_change:
        datagram = datagram[:8] + bytes([datagram[8] - 1]) + datagram[9:]
    return made.ethernet(datagram)


def evidence_of(path: Path) -> tuple[MediaEvidence, int]:
    table = MediaTable()
    with open_capture(path) as capture:
        for batch in capture.batches(16):
            table.feed(batch)
    return table.evidence(), table.copies


def told(tmp_path: Path, frames: list[tuple[int, bytes]]) -> tuple[StreamStatistics, int, list[bytes]]:
    """What the only stream of these frames (each with its time in microseconds) counts."""
    path = tmp_path / "x.pcap"
    records = (
        struct.pack("<IIII", 10 + time_us // 1_000_000, time_us % 1_000_000, len(octets), len(octets)) + octets
        for time_us, octets in frames
    )
    path.write_bytes(made.pcap([]) + b"".join(records))
    evidence, copies = evidence_of(path)
    (stream,) = evidence.streams
    return stream_statistics(stream), copies, stream.read_payloads()


def sent(copy: Callable[[int], list[tuple[int, bytes]]]) -> list[tuple[int, bytes]]:
    """A stream with losses; `copy` gives what else is captured of a packet: microseconds later, and the frame."""
    frames = []
    for number in range(PACKETS):
        if number not in LOST:
            frames.append((20_000 * number, frame(number)))
            frames += [(20_000 * number + later, octets) for later, octets in copy(number)]
    return sorted(frames, key=lambda each: each[0])


@pytest.mark.parametrize("threshold", [1 << 60, -1])
def test_two_taps_hide_no_loss(threshold: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "COMPILE_OCTETS", threshold)
    once = told(tmp_path, sent(lambda _: []))
    twice = told(tmp_path, sent(lambda number: [(40, frame(number, ttl_change=True))]))
    assert (once[1], twice[1]) == (0, PACKETS - len(LOST))
    assert twice[2] == once[2]
    assert (twice[0].lost, twice[0].duplicates, twice[0].packets) == (3, 0, PACKETS - 3)
    assert twice[0].jitter == once[0].jitter


def other_octets(number: int) -> bytes:
    datagram = made.udp(made.rtp(number, 160 * number, body=b"x" * 20), 4000, 5000)
    return made.ethernet(made.ipv4(datagram, identification=100 + number))


@pytest.mark.parametrize(
    ("later_us", "copy"),
    [
        pytest.param(40, lambda number: frame(number, 9000 + number), id="sent-again"),
        pytest.param(15_000, frame, id="much-later"),
        pytest.param(40, other_octets, id="other-octets"),
    ],
)
def test_what_was_sent_twice_is_a_duplicate(later_us: int, copy: Callable[[int], bytes], tmp_path: Path) -> None:
    frames = sent(lambda number: [] if number % 9 else [(later_us, copy(number))])
    statistics, copies, _ = told(tmp_path, frames)
    assert copies == 0
    assert statistics.duplicates == len([number for number in range(0, PACKETS, 9) if number not in LOST])


def test_identifications_that_tell_nothing_need_nearly_all_packets_twice(tmp_path: Path) -> None:
    def alike(every: int) -> list[tuple[int, bytes]]:
        return [
            (20_000 * number + 40 * again, frame(number, 0))
            for number in range(PACKETS)
            for again in range(1 if number % every else 2)
        ]

    assert told(tmp_path, alike(1))[1] == PACKETS
    assert told(tmp_path, alike(4))[1] == 0


@pytest.mark.tool("mergecap")
def test_a_capture_merged_with_itself_reads_as_it_does_alone(captures: Path, tmp_path: Path) -> None:
    path, merged = captures / "peers" / "baresip" / "udp_sdes_cm80_mand.pcap", tmp_path / "merged.pcap"
    subprocess.run(["mergecap", "-w", str(merged), str(path), str(path)], check=True, capture_output=True)
    one, two = audit([path]), audit([merged])
    streams = [
        [
            (each.packets, each.lost, each.authenticated, each.failed, each.jitter_seconds, each.wire)
            for call in report.calls
            for media in call.media
            for each in media.streams
        ]
        for report in (one, two)
    ]
    assert streams[0] == streams[1]
    assert streams[0]
    assert [media.verdict for call in one.calls for media in call.media] == [
        media.verdict for call in two.calls for media in call.media
    ]
    assert any("copies of media packets" in note for note in two.notes)
    assert not any("copies of media packets" in note for note in one.notes)
