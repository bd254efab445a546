# SPDX-License-Identifier: GPL-2.0-only
"""Loss, order and timing of an RTP stream, in one pass over its packets (RFC 3550 §6.4.1, Appendix A.1, A.3, A.8)."""

from typing import Any, NamedTuple

import numpy as np

from analyzer.capture.speed import at_hand, plain
from analyzer.evidence.jitter import JITTER_CELLS
from analyzer.evidence.media import PacketColumns
from analyzer.evidence.packet_code import STEADY_STEP
from analyzer.evidence.sequence_counts import SequenceCounts, count_sequence, sequence_steps
from analyzer.model.arrays import Column
from analyzer.model.evidence import MediaStream, PacketFacts
from dissectors.grammar.late_dataclass import dataclass

MIN_PLAUSIBLE_PACKETS = 4
MIN_CONSECUTIVE = 0.8  # of the steps between packets of a plausible stream
_JITTER = "analyzer.evidence.jitter"

# RFC 3551 §6 and the IANA registry of RTP payload types
STATIC_CLOCK_RATES = {
    0: 8000, 3: 8000, 4: 8000, 5: 8000, 6: 16000, 7: 8000, 8: 8000, 9: 8000, 10: 44100, 11: 44100, 12: 8000,
    13: 8000, 14: 90000, 15: 8000, 16: 11025, 17: 22050, 18: 8000, 25: 90000, 26: 90000, 28: 90000, 31: 90000,
    32: 90000, 33: 90000, 34: 90000,
}  # fmt: skip


class Spread(NamedTuple):
    """Least, mean and greatest of a measure, in milliseconds."""

    least: float
    mean: float
    greatest: float


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """What a receiver of this stream at the capture point would have counted.

    `expected` and `lost` follow RFC 3550 A.3 (a duplicate counts as received, so `lost` may be negative), summed over
    the runs between `restarts`; `missing` counts sequence numbers never seen. `jitter` is None without a clock rate.
    """

    packets: int
    expected: int
    lost: int
    missing: int
    duplicates: int
    reordered: int
    restarts: int
    payload_types: tuple[int, ...]
    first_frame: int
    last_frame: int
    first_time_ns: int
    last_time_ns: int
    jitter: Spread | None


def stream_statistics(stream: MediaStream, clock_rate: int | None = None) -> StreamStatistics:
    """Statistics of a stream; `clock_rate` (Hz) is taken from the static payload type where it isn't given."""
    found = _Passage(clock_rate)
    for facts in stream.iter_facts():
        found.add(facts)
    is_timed = clock_rate is not None or len(found.payload_types) == 1
    counts = SequenceCounts(found.expected, found.expected - len(stream), 0, 0, 0)
    if not found.goes_up:
        counts = count_sequence(stream)
    return StreamStatistics(
        packets=len(stream),
        expected=counts.expected,
        lost=counts.expected - len(stream),
        missing=counts.missing,
        duplicates=counts.duplicates,
        reordered=counts.reordered,
        restarts=counts.restarts,
        payload_types=tuple(sorted(found.payload_types)),
        first_frame=found.first[0],
        last_frame=found.last[0],
        first_time_ns=found.first[1],
        last_time_ns=found.last[1],
        jitter=found.jitter.spread() if found.jitter is not None and is_timed else None,
    )


class _Passage:
    """What is counted while a stream goes by; `first` and `last` are frame and time of a packet.

    `expected` holds where the numbers go up from packet to packet, `jitter` where the clock of the first packet's
    payload type is that of the others.
    """

    def __init__(self, clock_rate: int | None) -> None:
        self.first = self.last = (0, 0)
        self.payload_types: set[int] = set()
        self.expected = 1
        self.goes_up = True
        self.jitter: JitterMeter | None = None
        self._clock_rate = clock_rate
        self._last: Column = np.zeros(0, np.int64)

    def add(self, facts: PacketFacts) -> None:
        """The next packets."""
        self.last = int(facts.frame[-1]), int(facts.timestamp_ns[-1])
        if facts.first == 0:
            self.first = int(facts.frame[0]), int(facts.timestamp_ns[0])
            static = STATIC_CLOCK_RATES.get(int(facts.payload_type[0]))
            rate = static if self._clock_rate is None else self._clock_rate
            self.jitter = JitterMeter(rate) if rate else None
        self.payload_types.update(np.flatnonzero(np.bincount(facts.payload_type)).tolist())
        numbers = facts.sequence_number
        steps = sequence_steps(np.concatenate((self._last, numbers)) if len(self._last) else numbers)
        self.goes_up = self.goes_up and bool((steps > 0).all())
        self.expected += int(steps.sum())
        self._last = numbers[-1:]
        if self.jitter is not None:
            self.jitter.add(facts.timestamp_ns, facts.rtp_timestamp)


class JitterMeter:
    """Interarrival jitter in milliseconds over all packets but the first (RFC 3550 A.8)."""

    def __init__(self, clock_rate: int) -> None:
        self._tick_ms = 1000 / clock_rate
        self._state = np.zeros(JITTER_CELLS)
        self._last: tuple[Column, Column] | None = None
        self._module: Any = at_hand(_JITTER)

    def add(self, timestamp_ns: Column, rtp_timestamp: Column) -> None:
        """The next packets."""
        if self._last is not None:
            timestamp_ns = np.concatenate((self._last[0], timestamp_ns))
            rtp_timestamp = np.concatenate((self._last[1], rtp_timestamp))
        self._last = timestamp_ns[-1:], rtp_timestamp[-1:]
        times = np.ascontiguousarray(timestamp_ns, np.int64)
        stamps = np.ascontiguousarray(rtp_timestamp, np.int64)
        if self._module is plain(_JITTER):
            self._module.measure_jitter(times.tolist(), stamps.tolist(), self._tick_ms, self._state)
        else:
            self._module.measure_jitter(times, stamps, self._tick_ms, self._state)

    def spread(self) -> Spread:
        """What came out."""
        _, total, least, greatest, count = self._state.tolist()
        return Spread(least, total / count if count else 0.0, greatest)


def is_plausible_rtp(stream: MediaStream) -> bool:
    """Whether an unannounced flow behaves as RTP: packets whose sequence numbers mostly go on in small steps."""
    if len(stream) < MIN_PLAUSIBLE_PACKETS:
        return False
    counted = stream.steady_steps if isinstance(stream, PacketColumns) else None
    return (_count_steady(stream) if counted is None else counted) >= MIN_CONSECUTIVE * (len(stream) - 1)


def _count_steady(stream: MediaStream) -> int:
    last: Column = np.zeros(0, np.int64)
    steady = 0
    for facts in stream.iter_facts():
        steps = sequence_steps(np.concatenate((last, facts.sequence_number)))
        steady += int(np.count_nonzero((steps > 0) & (steps <= STEADY_STEP)))
        last = facts.sequence_number[-1:]
    return steady
