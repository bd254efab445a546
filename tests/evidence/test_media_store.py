# SPDX-License-Identifier: GPL-2.0-only
"""However a capture is cut into batches, sorted and put aside, every flow has the same packets."""

import itertools
import random
from pathlib import Path
from typing import Any, cast

import capture_frames as made
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer.capture.source as source
from analyzer.capture.columns import PayloadKind
from analyzer.capture.source import open_capture
from analyzer.evidence import media, media_table, packet_store
from analyzer.evidence.capture_points import ShiftedFlow
from analyzer.evidence.media import PacketColumns
from analyzer.evidence.media_slice import StreamSlice
from analyzer.evidence.media_table import MediaTable
from analyzer.evidence.packet_facts import facts_at
from analyzer.evidence.packet_store import PacketStore
from analyzer.evidence.spool import Spool
from analyzer.model.evidence import MediaStream

COLUMNS = (
    "frame", "timestamp_ns", "sequence_number", "rtp_timestamp", "payload_type", "marker", "payload_octets",
    "wire_octets", "header_octets",
)  # fmt: skip
BODIES = [
    made.rtp(1), made.rtp(2, 2**32 - 1, ssrc=2**32 - 1, first=0x9F, body=bytes(90)), made.rtp(3, second=201), b"",
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), b"\x10\x00\x00\x01ZRTP1234", b"\x16\xfe\xfd" + bytes(12),
]  # fmt: skip


def told(path: Path, packets: int) -> list[object]:
    """Everything that the flows of a capture say."""
    table = MediaTable()
    with open_capture(path) as capture:
        for batch in capture.batches(packets):
            table.feed(batch)
    return [
        (
            kind.name,
            flow.key,
            [getattr(flow, name).tolist() for name in COLUMNS],
            flow.read_payloads(),
            [flow.payload(index) for index in range(len(flow))],
            [in_runs(flow, 5), in_runs(flow, 1 << 20), in_runs(flow, 3, 2, 8)],
        )
        for kind in PayloadKind
        for flow in table.flows(kind)
    ] + [table.defects]


def rows_of(facts: Any) -> list[tuple[object, ...]]:
    return list(zip(*(getattr(facts, name).tolist() for name in COLUMNS if name != "marker"), strict=True))


def in_runs(flow: PacketColumns, packets: int, start: int = 0, stop: int | None = None) -> list[tuple[object, ...]]:
    """The packets as the runs of a flow tell them, which must be what its columns tell."""
    found: list[tuple[object, ...]] = []
    for run in flow.iter_runs(start, stop, packets):
        assert run.first == start + len(found)
        assert len(run) <= packets
        ends = (run.offsets + run.payload_octets).tolist()
        payloads = [bytes(run.octets[begin:end]) for begin, end in zip(run.offsets.tolist(), ends, strict=True)]
        columns = [getattr(run, name).tolist() for name in COLUMNS if name != "marker"]
        found += zip(*columns, payloads, strict=True)
    whole = [getattr(flow, name).tolist() for name in COLUMNS if name != "marker"]
    assert found == list(zip(*whole, flow.read_payloads(), strict=True))[start:stop]
    facts = list(flow.iter_facts(start, stop, packets))
    assert [each.first for each in facts] == list(itertools.accumulate(map(len, facts[:-1]), initial=start))[
        : len(facts)
    ]
    assert [row[:-1] for row in found] == [row for each in facts for row in rows_of(each)]
    some = [place for place in range(len(flow)) if place % 5 != 2]
    assert rows_of(facts_at(cast("MediaStream", flow), np.array(some, int))) == [rows_of(flow)[place] for place in some]
    assert flow.read_payloads(some[::-1]) == [flow.payload(place) for place in some[::-1]]
    return found


def frames_of(seed: int, count: int) -> list[bytes]:
    chance = random.Random(seed)
    frames = []
    for index in range(count):
        datagram = made.udp(chance.choice(BODIES) + chance.randbytes(chance.randint(0, 30)), chance.randint(1, 3), 9)
        if chance.random() < 0.1 and len(datagram) > 24:
            frames.append(made.ethernet(made.ipv4(datagram[:16], identification=index, fragment=0x2000)))
            frames.append(made.ethernet(made.ipv4(datagram[16:], identification=index, fragment=2)))
        elif chance.random() < 0.3:
            frames.append(made.ethernet(made.ipv6(datagram, source=chance.choice(["ff00::1", "::1"]))))
        else:
            frames.append(made.ethernet(made.ipv4(datagram)))
    return frames


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 1 << 30), packets=st.integers(1, 90), block=st.sampled_from([1024, 2048]), aside=st.booleans()
)
def test_batches_blocks_and_speeds_change_nothing(
    seed: int, packets: int, block: int, aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap(frames_of(seed, 80)))
    with monkeypatch.context() as patched:
        patched.setattr(source, "COMPILE_OCTETS", 1 << 60)
        whole = told(path, 1 << 18)
        patched.setattr(packet_store, "FIRST_PACKETS", 4)
        patched.setattr(packet_store, "BLOCK_PACKETS", 16 if block == 1024 else 4)
        patched.setattr(packet_store, "ARENA_CHUNKS", 3 if block == 1024 else 7)
        patched.setattr(packet_store, "CACHE_OCTETS", 200)
        patched.setattr(media_table, "FIRST_FLOWS", 1)
        if aside:
            patched.setattr(packet_store, "Spool", lambda: Spool(100))
        patched.setattr(media, "HELD_PACKETS", 3)
        assert told(path, packets) == whole
        patched.setattr(source, "COMPILE_OCTETS", -1)
        assert told(path, packets) == whole
        assert told(path, 1 << 18) == whole


def test_runs_of_a_slice_count_in_the_slice(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(made.rtp(n)))) for n in range(20)]))
    table = MediaTable()
    for batch in open_capture(path).batches():
        table.feed(batch)
    (flow,) = table.flows(PayloadKind.RTP_LIKE)
    runs = list(StreamSlice(cast("MediaStream", flow), 5, 17).iter_runs(1, 99, 4))
    assert [run.first for run in runs] == [1, 5, 9]
    assert [number for run in runs for number in run.sequence_number.tolist()] == list(range(6, 17))
    shifted = ShiftedFlow(cast("MediaStream", flow), 7)
    assert [run.timestamp_ns.tolist() for run in shifted.iter_runs(0, 3)] == [(flow.timestamp_ns[:3] - 7).tolist()]


def test_both_speeds_may_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap(frames_of(1, 200)))
    monkeypatch.setattr(source, "COMPILE_OCTETS", 1 << 60)
    whole = told(path, 1 << 18)
    monkeypatch.setattr(media_table, "FIRST_FLOWS", 2)
    table = MediaTable()
    plain = list(open_capture(path).batches(10))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    compiled = list(open_capture(path).batches(10))
    for place, (one, other) in enumerate(zip(plain, compiled, strict=True)):
        table.feed(other if place % 3 else one)
    flows = [flow for kind in PayloadKind for flow in table.flows(kind)]
    assert [flow.key for flow in flows] == [flow[1] for flow in whole[:-1]]
    assert [flow.read_payloads() for flow in flows] == [flow[3] for flow in whole[:-1]]


@pytest.mark.parametrize("threshold", [1 << 60, -1])
def test_flows_beyond_the_limit_are_the_later_ones(
    threshold: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "COMPILE_OCTETS", threshold)
    monkeypatch.setattr(media_table, "MAX_FLOWS", 3)
    path = tmp_path / "x.pcap"
    frames = [made.ethernet(made.ipv4(made.udp(made.rtp(n, ssrc=n % 5)))) for n in range(20)]
    path.write_bytes(made.pcap(frames))
    table = MediaTable()
    for batch in open_capture(path).batches(4):
        table.feed(batch)
    assert [flow.ssrc for flow in table.flows(PayloadKind.RTP_LIKE)] == [0, 1, 2]
    assert table.defects[0].detail == "8 packets beyond 3 flows"


def test_what_no_file_takes_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analyzer.evidence.spool.os.pwrite", refuse)
    spool = Spool(10)
    places = [spool.append(bytes([n]) * 8) for n in range(5)]
    assert [spool.read(place, 8) for place in places] == [bytes([n]) * 8 for n in range(5)]
    assert spool.read(places[3] + 2, 3) == b"\x03" * 3


def test_an_empty_store_has_no_parts() -> None:
    assert PacketStore().parts(7) == 0
