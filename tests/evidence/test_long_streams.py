# SPDX-License-Identifier: GPL-2.0-only
"""A stream tells the same in pieces of any size as at once; what is asked of a long one takes memory for a piece."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.columns import PayloadKind
from analyzer.evidence.media import FlowKey, PacketColumns
from analyzer.evidence.media_slice import StreamSlice
from analyzer.evidence.media_statistics import is_plausible_rtp, stream_statistics
from analyzer.evidence.packet_facts import COLUMNS
from analyzer.evidence.packet_store import RECORD, PacketStore
from analyzer.evidence.packet_times import PacketTimes
from analyzer.keying.clear_runs import find_clear_runs, observed_tag_octets
from analyzer.keying.packet_kinds import PacketKinds
from analyzer.model.evidence import MediaStream, PacketFacts
from analyzer.model.frame_places import FramePlaces

Rows = list[dict[str, int]]


@dataclass(frozen=True)
class Cut:
    """A stream that gives its packets in pieces of `size`, whatever is asked for."""

    rows: Rows
    size: int

    def __len__(self) -> int:
        return len(self.rows)

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = 0) -> Iterator[PacketFacts]:
        stop = len(self.rows) if stop is None else stop
        for first in range(start, stop, self.size):
            some = self.rows[first : min(first + self.size, stop)]
            yield PacketFacts(first, *(np.array([row[name] for row in some], np.int64) for name in COLUMNS))


def stream_of(rows: Rows, size: int) -> MediaStream:
    return cast("MediaStream", Cut(rows, size))


@st.composite
def packets(draw: st.DrawFn) -> Rows:
    rows, time, number, stamp = [], 10**9, draw(st.integers(0, 0xFFFF)), 0
    kinds = draw(st.lists(st.tuples(st.sampled_from([0, 8, 101]), st.integers(20, 32)), min_size=1, max_size=12))
    for place in range(draw(st.integers(1, 60))):
        time += draw(st.sampled_from([20_000_000, 20_000_000, 0, -5_000_000, 90_000_000]))
        number += draw(st.sampled_from([1, 1, 1, 1, 2, 0, -1, -500]))
        stamp += draw(st.sampled_from([160, 160, 0, 2**31, -160]))
        payload_type, octets = draw(st.sampled_from(kinds))
        values = (place + 1, time, number & 0xFFFF, stamp & 0xFFFFFFFF, payload_type, octets, octets, 12)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


@given(packets(), st.integers(1, 20), st.sampled_from([None, 8000, 48000]))
def test_statistics_do_not_depend_on_the_pieces(rows: Rows, size: int, clock_rate: int | None) -> None:
    cut, whole = stream_of(rows, size), stream_of(rows, len(rows))
    assert stream_statistics(cut, clock_rate) == stream_statistics(whole, clock_rate)
    assert is_plausible_rtp(cut) == is_plausible_rtp(whole)


@given(packets(), st.integers(1, 20), st.data())
def test_packets_are_found_by_their_time(rows: Rows, size: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(rows)))
    times = np.maximum.accumulate(np.array([row["timestamp_ns"] for row in rows[:count]]))
    found = PacketTimes(stream_of(rows, size), count)
    assert (found.first, found.last) == (times[0], times[-1])
    for moment in {0, 2**62, *times.tolist(), *(times + 1).tolist()}:
        assert found.place(moment) == np.searchsorted(times, moment)


@given(packets(), st.integers(1, 20), st.sampled_from([0, 0, 5, 30]), st.integers(0, 2**60) | st.just(2**60 - 1))
def test_kinds_and_samples_do_not_depend_on_the_pieces(rows: Rows, size: int, early: int, seed: int) -> None:
    chosen = np.array([bool(seed >> place & 1) for place in range(len(rows))])
    few = len({row["wire_octets"] for row, own in zip(rows, chosen, strict=True) if own}) <= 8
    members: dict[tuple[int, bool, int], list[int]] = {}
    for place in np.flatnonzero(chosen).tolist():
        row = rows[place]
        key = row["payload_type"], place < early, row["wire_octets"] if few else 0
        members.setdefault(key, []).append(place)
    kinds = PacketKinds(stream_of(rows, size), chosen, early)
    asked: list[int] = []
    found = kinds.sample(lambda octets: asked.append(octets) or 3, 4)  # type: ignore[func-returns-value]
    middles = [int(np.median([rows[place]["payload_octets"] for place in own])) for _, own in sorted(members.items())]
    assert asked == middles
    for runs, (_, own) in zip(found.values(), sorted(members.items()), strict=True):
        pieces = [own[start : start + 3] for start in range(0, len(own), 3)]
        if len(pieces) > 4:
            pieces = [pieces[place] for place in np.linspace(0, len(pieces) - 1, 4, dtype=int)]
        assert [run.tolist() for run in runs] == pieces
    for mark, (_, own) in zip(found, sorted(members.items()), strict=True):
        flags = np.zeros(len(rows), np.bool_)
        kinds.flag({mark}, flags)
        assert np.flatnonzero(flags).tolist() == own


def long_stream(count: int) -> StreamSlice:
    """Packets of G.711 speech out of a random file, with loss and a wrap now and then."""
    records = np.zeros(count, RECORD)
    number = np.arange(count)
    records["frame"], records["timestamp_ns"], records["rtp_timestamp"] = number + 1, 20_000_000 * number, 160 * number
    records["payload_octets"] = records["wire_octets"] = 172
    records["header_octets"], records["payload_offset"] = 12, number % 3000
    records["sequence_number"] = (number + number // 1000) & 0xFFFF
    store = PacketStore()
    store.read_from(np.random.default_rng(1).bytes(4000))
    store.add(records, np.zeros(count, np.int32))
    store.seal()
    key = FlowKey(int(PayloadKind.RTP_LIKE), 1, 0, 0xFFFF00000001, 0, 0xFFFF00000002, 0x10FA00FA2)
    return StreamSlice(cast("MediaStream", PacketColumns(0, key, store, 0, FramePlaces(0))), 0, count)


QUESTIONS: dict[str, Any] = {
    "statistics": lambda stream: stream_statistics(stream, 8000),
    "plausible": is_plausible_rtp,
    "times": lambda stream: PacketTimes(stream).place(10**12),
    "kinds": lambda stream: find_clear_runs(stream, np.ones(len(stream), np.bool_), 50, {}),
    "tag": lambda stream: observed_tag_octets(stream, {}),
    "payload": lambda stream: stream.payload(len(stream) - 1),
    "payloads": lambda stream: stream.read_payloads(range(0, len(stream), 5000)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_of_a_long_stream_takes_memory_for_a_piece(question: str) -> None:
    peaks = []
    QUESTIONS[question](long_stream(100))
    for count in (20_000, 60_000):
        stream = long_stream(count)
        tracemalloc.start()
        QUESTIONS[question](stream)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    flags = 4 * 60_000  # a few flags of each packet
    assert peaks[1] < 1.2 * peaks[0] + flags, peaks
