# SPDX-License-Identifier: GPL-2.0-only
"""Loss, order and timing of an RTP stream from its columns (RFC 3550 §6.4.1, Appendix A.1, A.3, A.8)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.capture.columns import Column
from analyzer.capture.speed import at_hand, plain
from analyzer.model.evidence import MediaStream
from dissectors.grammar.late_dataclass import dataclass

MAX_MISORDER = 100  # RFC 3550 A.1: further back, and the sender has started again
MIN_PLAUSIBLE_PACKETS = 4
MIN_CONSECUTIVE = 0.8  # of the steps between packets of a plausible stream
MAX_STEP = 16  # sequence numbers between consecutive packets of a plausible stream
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


class SequenceCounts(NamedTuple):
    """Sequence numbers of a stream; the fields are those of `StreamStatistics`."""

    expected: int
    missing: int
    duplicates: int
    reordered: int
    restarts: int


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
    counts = count_sequence(stream.sequence_number)
    types = tuple(np.flatnonzero(np.bincount(stream.payload_type, minlength=1)).tolist())
    if clock_rate is None and len(types) == 1:
        clock_rate = STATIC_CLOCK_RATES.get(types[0])
    times, frames = stream.timestamp_ns, stream.frame
    return StreamStatistics(
        packets=len(stream),
        expected=counts.expected,
        lost=counts.expected - len(stream),
        missing=counts.missing,
        duplicates=counts.duplicates,
        reordered=counts.reordered,
        restarts=counts.restarts,
        payload_types=types,
        first_frame=int(frames[0]),
        last_frame=int(frames[-1]),
        first_time_ns=int(times[0]),
        last_time_ns=int(times[-1]),
        jitter=jitter_spread(times, stream.rtp_timestamp, clock_rate) if clock_rate else None,
    )


def count_sequence(sequence_number: Column) -> SequenceCounts:
    """What the sequence numbers of a stream show; those of most streams go up from packet to packet."""
    steps = sequence_steps(sequence_number)
    if (steps > 0).all():
        expected = int(steps.sum()) + 1
        return SequenceCounts(expected, expected - len(sequence_number), 0, 0, 0)
    runs = sequence_runs(sequence_number)
    expected = missing = duplicates = reordered = 0
    for run in runs:
        span = int(run.max() - run.min()) + 1
        expected += span
        distinct, first = np.unique(run, return_index=True)
        missing += span - len(distinct)
        duplicates += len(run) - len(distinct)
        fresh = run[np.sort(first)]
        reordered += int(np.count_nonzero(fresh < np.maximum.accumulate(fresh)))
    return SequenceCounts(expected, missing, duplicates, reordered, len(runs) - 1)


def sequence_steps(sequence_number: Column) -> npt.NDArray[np.int64]:
    """From each packet to the next, the signed distance modulo 2¹⁶, −32768 … 32767."""
    numbers: npt.NDArray[np.int64] = sequence_number.astype(np.int64)
    steps = numbers[1:] - numbers[:-1]
    return ((steps + 0x8000) & 0xFFFF) - 0x8000


def sequence_runs(sequence_number: Column) -> list[npt.NDArray[np.int64]]:
    """Sequence numbers extended past 16 bits (RFC 3550 A.1), cut where the sender started again further back."""
    steps = sequence_steps(sequence_number)
    extended = np.concatenate(([0], np.cumsum(steps))) + int(sequence_number[0])
    back = steps < -MAX_MISORDER
    if not back.any():
        return [extended]
    stays = np.append(np.abs(steps[1:]) <= MAX_MISORDER, True)  # what follows goes on from there: no straggler
    return np.split(extended, np.flatnonzero(back & stays) + 1)


def jitter_spread(timestamp_ns: Column, rtp_timestamp: Column, clock_rate: int) -> Spread:
    """Interarrival jitter in milliseconds over all packets but the first (RFC 3550 A.8)."""
    spread = np.zeros(3)
    module: Any = at_hand(_JITTER)
    times = np.ascontiguousarray(timestamp_ns, np.int64)
    stamps = np.ascontiguousarray(rtp_timestamp, np.int64)
    if module is plain(_JITTER):
        module.measure_jitter(times.tolist(), stamps.tolist(), 1000 / clock_rate, spread)
    else:
        module.measure_jitter(times, stamps, 1000 / clock_rate, spread)
    return Spread(*spread.tolist())


def is_plausible_rtp(stream: MediaStream) -> bool:
    """Whether an unannounced flow behaves as RTP: packets whose sequence numbers mostly go on in small steps."""
    if len(stream) < MIN_PLAUSIBLE_PACKETS:
        return False
    steps = sequence_steps(stream.sequence_number)
    steady = np.count_nonzero((steps > 0) & (steps <= MAX_STEP))
    return bool(steady >= MIN_CONSECUTIVE * len(steps))
