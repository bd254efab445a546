# SPDX-License-Identifier: GPL-2.0-only
"""Media streams: grouping, payload access, loss, order and jitter, against tshark's own counts."""

import functools
import itertools
import random
import re
import subprocess
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.columns import PayloadKind
from analyzer.capture.source import open_capture
from analyzer.capture.speed import compiled, plain
from analyzer.evidence import media_statistics, media_table
from analyzer.evidence.media import PacketColumns
from analyzer.evidence.media_statistics import JitterMeter, is_plausible_rtp, stream_statistics
from analyzer.evidence.media_table import MediaTable, group_rows
from analyzer.evidence.sequence_counts import SequenceCounter, SequenceCounts


def table_of(path: Path, packets: int = 1 << 18) -> MediaTable:
    table = MediaTable()
    with open_capture(path) as capture:
        for batch in capture.batches(packets):
            table.feed(batch)
    return table


def streams_of(frames: list[bytes], tmp_path: Path, packets: int = 1 << 18) -> tuple[PacketColumns, ...]:
    path = tmp_path / "media.pcap"
    path.write_bytes(made.pcap(frames))
    return table_of(path, packets).flows(PayloadKind.RTP_LIKE)


def packet(sequence: int, ssrc: int = 1, port: int = 4000, body: bytes = bytes(20)) -> bytes:
    return made.ethernet(made.ipv4(made.udp(made.rtp(sequence, sequence * 160, ssrc, body), port, 4002)))


def test_streams_keep_their_packets_in_order(tmp_path: Path) -> None:
    frames = [packet(index, ssrc=index % 3, port=4000 + index % 2, body=bytes([index])) for index in range(60)]
    for packets in (1 << 18, 7):
        streams = streams_of(frames, tmp_path, packets)
        assert len(streams) == 6
        assert [stream.source for stream in streams[:2]] == ["10.0.0.1:4000", "10.0.0.1:4001"]
        for stream in streams:
            assert len(stream) == 10
            assert [stream.payload(i)[-1] for i in range(10)] == stream.sequence_number.tolist()
            assert [frame - 1 for frame in stream.frame.tolist()] == stream.sequence_number.tolist()
            assert stream.read_payloads()[3] == stream.payload(3)
            with pytest.raises(IndexError):
                stream.payload(10)


def test_fragmented_media_counts_like_other_media(tmp_path: Path) -> None:
    frames = []
    for index in range(6):
        datagram = made.udp(made.rtp(index, index * 160, 7, bytes([index]) * 100), 4000, 4002)
        frames.append(made.ethernet(made.ipv4(datagram[:64], identification=index, fragment=0x2000)))
        frames.append(made.ethernet(made.ipv4(datagram[64:], identification=index, fragment=8)))
        frames.append(packet(100 + index))
    for packets in (1 << 18, 1):
        (fragmented,) = (stream for stream in streams_of(frames, tmp_path, packets) if stream.ssrc == 7)
        assert fragmented.frame.tolist() == [2, 5, 8, 11, 14, 17]
        assert [fragmented.payload(i)[12:] for i in range(6)] == [bytes([i]) * 100 for i in range(6)]
        assert fragmented.payload_octets.tolist() == fragmented.wire_octets.tolist() == [112] * 6


def test_kinds_beside_rtp(tmp_path: Path) -> None:
    payloads = [
        made.rtp(1, second=200), b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), b"\x16\xfe\xfd" + bytes(12),
        b"\x10\x00\x00\x01ZRTP" + bytes(12),
    ]  # fmt: skip
    path = tmp_path / "media.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(payload))) for payload in payloads]))
    evidence = table_of(path).evidence()
    flows = (evidence.rtcp, evidence.stun, evidence.dtls, evidence.zrtp)
    assert [[flow.payload(0) for flow in kind] for kind in flows] == [[payload] for payload in payloads]
    assert evidence.streams == ()


def test_equal_keys_come_together_even_if_hashes_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    keys = tuple(chance.integers(0, 3, 500) for _ in range(7))
    for mixers in (media_table._MIXERS, (0,) * 7):
        monkeypatch.setattr(media_table, "_MIXERS", mixers)
        order, starts = group_rows(keys)
        rows = [tuple(int(column[row]) for column in keys) for row in order]
        groups = [order[a:b].tolist() for a, b in zip(starts, [*starts[1:], len(order)], strict=True)]
        assert len(groups) == len(set(rows))
        assert all(group == sorted(group) for group in groups)
        assert all(len({tuple(int(column[row]) for column in keys) for row in group}) == 1 for group in groups)


def test_the_number_of_flows_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_table, "MAX_FLOWS", 4)
    path = tmp_path / "media.pcap"
    path.write_bytes(made.pcap([packet(1, ssrc=ssrc) for ssrc in range(10)]))
    table = table_of(path)
    assert len(table.flows(PayloadKind.RTP_LIKE)) == 4
    assert table.defects[0].detail == "6 packets beyond 4 flows"


@pytest.mark.parametrize(
    ("sequence", "expected", "lost", "duplicates", "reordered", "restarts"),
    [
        (range(10), 10, 0, 0, 0, 0),
        ([0, 1, 2, 5, 6], 7, 2, 0, 0, 0),
        ([65534, 65535, 0, 2], 5, 1, 0, 0, 0),
        ([0, 30000, 60000, 24464], 90001, 89997, 0, 0, 0),
        ([0, 1, 1, 2], 3, -1, 1, 0, 0),
        ([9, 8], 2, 0, 0, 1, 0),
        ([0, 2, 1, 3], 4, 0, 0, 1, 0),
        ([65535, 1, 0, 65534, 2], 5, 0, 0, 2, 0),
        ([1000, 1001, 1002, 7, 8, 9], 6, 0, 0, 0, 1),
        ([1000, 1001, 1300, 1002, 1301], 302, 297, 0, 1, 0),
        ([(7 * i) & 0xFFFF for i in range(20000)], 7 * 19999 + 1, 7 * 19999 + 1 - 20000, 0, 0, 0),
    ],
)  # fmt: skip
def test_loss_and_order(
    sequence: list[int], expected: int, lost: int, duplicates: int, reordered: int, restarts: int, tmp_path: Path
) -> None:
    (stream,) = streams_of([packet(number) for number in sequence], tmp_path)
    told = stream_statistics(stream)
    assert (told.packets, told.expected, told.lost) == (len(sequence), expected, lost)
    assert (told.duplicates, told.reordered, told.restarts) == (duplicates, reordered, restarts)
    assert told.missing == lost + duplicates
    assert told.jitter is not None
    assert stream_statistics(stream, 0).jitter is None  # a clock that stands still, as an rtpmap may say
    assert (told.first_frame, told.last_frame) == (1, len(sequence))


def test_jitter_is_the_recurrence_of_the_rfc(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    for length in (1, 2, 63, 64, 65, 129, 1000):
        times = np.cumsum([chance.randint(10_000_000, 30_000_000) for _ in range(length)])
        stamps = np.array([(0xFFFFFF00 + 160 * index) & 0xFFFFFFFF for index in range(length)])
        jitter, wanted = 0.0, []
        for index in range(1, length):
            distance = (times[index] - times[index - 1]) / 1e6 - 160 / 8
            jitter += (abs(distance) - jitter) / 16
            wanted.append(jitter)
        wanted = wanted or [0.0]
        spread = (min(wanted), sum(wanted) / len(wanted), max(wanted))
        told = []
        for speed in (plain, functools.partial(compiled, allocates=False)):
            monkeypatch.setattr(media_statistics, "at_hand", speed)
            for size in (length, 1, 64):
                meter = JitterMeter(8000)
                for start in range(0, length, size):
                    meter.add(times[start : start + size], stamps[start : start + size])
                told.append(meter.spread())
        assert len(set(told)) == 1
        assert told[0] == pytest.approx(spread, rel=1e-12)


def test_a_restart_begins_a_run_of_its_own() -> None:
    counter = SequenceCounter()
    counter.add(np.array([60000, 60001, 3, 4, 5, 40000, 40001]))
    assert counter.finish() == (5542 + 2, 5542 + 2 - 7, 0, 0, 1)


def counted_at_once(numbers: list[int]) -> SequenceCounts:
    """The whole stream in one piece: numbers past 16 bits, cut where the sender started again."""
    extended = [numbers[0]]
    steps = [(b - a + 0x8000 & 0xFFFF) - 0x8000 for a, b in itertools.pairwise(numbers)]
    for step in steps:
        extended.append(extended[-1] + step)
    runs: list[list[int]] = [[extended[0]]]
    for place, step in enumerate(steps):
        if step < -100 and abs((*steps, 0)[place + 1]) <= 100:
            runs.append([])
        runs[-1].append(extended[place + 1])
    spans = [max(run) - min(run) + 1 for run in runs]
    fresh = [list(dict.fromkeys(run)) for run in runs]
    late = sum(number < max(run[: place + 1]) for run in fresh for place, number in enumerate(run))
    distinct = sum(map(len, fresh))
    return SequenceCounts(sum(spans), sum(spans) - distinct, len(numbers) - distinct, late, len(runs) - 1)


@given(
    st.lists(st.sampled_from([1, 1, 1, 2, 0, -1, -3, -101, -20000, 30000, 65000]), max_size=40),
    st.integers(0, 0xFFFF),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_sequence_numbers_are_counted_alike_in_pieces(steps: list[int], first: int, sizes: list[int]) -> None:
    numbers = [number & 0xFFFF for number in itertools.accumulate(steps, initial=first)]
    counter, start = SequenceCounter(), 0
    for size in itertools.cycle(sizes):
        counter.add(np.array(numbers[start : start + size]))
        start += size
        if start >= len(numbers):
            break
    assert counter.finish() == counted_at_once(numbers)


def test_what_is_no_stream(tmp_path: Path) -> None:
    chance = random.Random(2)
    noise = [made.ethernet(made.ipv4(made.udp(b"\x80" + chance.randbytes(199), 4000, 4002))) for _ in range(50)]
    noise += [packet(0x8180, ssrc=5, port=53) for _ in range(20)]
    streams = streams_of(noise + [packet(index, ssrc=9, port=6000) for index in range(0, 40, 2)], tmp_path)
    assert [stream.ssrc for stream in streams if is_plausible_rtp(stream)] == [9]


LINE = re.compile(
    r"^\s*(\S+)\s+(\S+)\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-F]+)\s+(.*?)\s+(\d+)\s+(-?\d+) \(\S+%\)"
    r"\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)",
    re.MULTILINE,
)
SIDE_BY_SIDE = [
    "baresip/udp_plain_pcmu", "baresip/udp_sdes_cm80_mand", "baresip/tls13_sdes_cm80_mand", "linphone/sdes_80",
    "linphone/zrtp", "ffmpeg/srtp_80", "gst_rtsp/savp_udp", "rtpengine/F8_128_HMAC_SHA1_80",
    "libsrtp/base_AES_CM_128_HMAC_SHA1_80.srtp", "libsrtp/loss_reorder_AES_CM_128_HMAC_SHA1_80.srtp",
    "libsrtp/tampered_AES_CM_128_HMAC_SHA1_80.srtp", "libsrtp/rekey_AES_CM_128_HMAC_SHA1_80.srtp",
]  # fmt: skip


@pytest.mark.captures
@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_streams_equal_tshark(name: str, captures: Path) -> None:
    path = captures / "peers" / f"{name}.pcap"
    streams = [stream for stream in table_of(path).flows(PayloadKind.RTP_LIKE) if is_plausible_rtp(stream)]
    ports = {stream.key.ports & 0xFFFF for stream in streams}
    decode = [word for port in sorted(ports) for word in ("-d", f"udp.port=={port},rtp")]
    told = subprocess.run(
        ["tshark", "-n", "-q", "-r", str(path), *decode, "-z", "rtp,streams"],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = {(line[3], line[4], line[5], line[6], int(line[7], 16)): line for line in LINE.finditer(told.stdout)}
    assert streams
    assert len(theirs) == len(streams)
    for stream in streams:
        line = theirs[(*stream.source.split(":"), *stream.destination.split(":"), stream.ssrc)]
        ours = stream_statistics(stream)
        assert (ours.packets, ours.lost) == (int(line[9]), int(line[10]))
        if ours.jitter is not None:
            assert ours.jitter[1:] == pytest.approx([float(line[i]) for i in (15, 16)], abs=0.001)
