# SPDX-License-Identifier: GPL-2.0-only
"""The clear/encrypted test over many short runs of packets at once, as `clear_test` would judge each of them.

Streams are tested in runs by the thousand; what is alike in all of them (one length, each packet once) is counted over
one array. A run that is not so goes the plain way.
"""

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.speed import at_hand, plain
from analyzer.srtp import clear_test
from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.codec_test import without_mki
from analyzer.srtp.columns import Numbers, distinct
from analyzer.srtp.framing import (
    FRAMES,
    MAX_RESIDUE_OCTETS,
    MIN_PACKETS,
    agreed_residue,
    encoding_of,
    frame_octets,
    timestamp_deltas,
)
from dissectors.grammar.codec_framing import FRAMINGS

Counts = NDArray[np.int64]
Octets = NDArray[np.uint8]
_COUNTS = "analyzer.srtp.octet_counts"


class Coding(NamedTuple):
    """What a payload type stands for."""

    payload_type: int
    encoding: str | None = None
    channels: int = 1


class Sample(NamedTuple):
    """Of payloads of `octets` octets the first `size` count; `trailer` stand behind the frames, None if unclear."""

    octets: int
    size: int
    trailer: int | None


def classify_runs(
    runs: Sequence[Sequence[bytes]],
    coding: Coding,
    sequence_numbers: Sequence[Numbers],
    rtp_timestamps: Sequence[Numbers],
) -> list[Clearness]:
    """What `classify_payloads` says of each run of payloads with its sequence numbers and time stamps."""
    found: list[Clearness | None] = [None] * len(runs)
    alike: dict[Sample, list[int]] = {}
    expected = _expected_octets(coding, sequence_numbers, rtp_timestamps)
    for place, (run, numbers, stamps) in enumerate(zip(runs, sequence_numbers, rtp_timestamps, strict=True)):
        sample = _sample_octets(run, numbers, expected[place])
        if sample is None:
            found[place] = classify_payloads(
                run, coding.payload_type, coding.encoding,
                sequence_numbers=numbers, rtp_timestamps=stamps, channels=coding.channels,
            ).clearness  # fmt: skip
        else:
            alike.setdefault(sample, []).append(place)
    for sample, places in alike.items():
        some = [runs[place] for place in places]
        table = np.frombuffer(b"".join([b"".join(run) for run in some]), np.uint8).reshape(-1, sample.octets)
        judged = _judge(table, np.array([len(run) for run in some]), sample, coding)
        for place, clearness in zip(places, judged, strict=True):
            found[place] = clearness
    return [clearness for clearness in found if clearness is not None]


def classify_alike(
    table: Octets, packets: Counts, coding: Coding, sequence_numbers: Numbers, rtp_timestamps: Numbers
) -> list[Clearness] | None:
    """The same for runs whose payloads all have one length: a row of `table` each, `packets` of them in each run.

    None where a run is empty, shows a packet twice or packets of several frame sizes: `classify_runs` tells those.
    """
    run_of = np.repeat(np.arange(len(packets)), packets)
    marks = np.sort(run_of << 16 | sequence_numbers)
    if not packets.all() or (marks[1:] == marks[:-1]).any():
        return None
    octets = table.shape[1]
    ticks = timestamp_deltas(sequence_numbers, rtp_timestamps)
    residues = _alike_residues(octets, packets, coding, run_of, ticks)
    if residues is None:
        return None
    stops = np.cumsum(packets)
    alike: dict[Sample, list[int]] = {}
    for place, residue in enumerate(residues):
        stop, count = int(stops[place]), int(packets[place])
        sample = _sample(octets, count, residue, functools.partial(_rows, table[stop - count : stop]))
        if sample is None:
            return None
        alike.setdefault(sample, []).append(place)
    found = [Clearness.UNKNOWN] * len(packets)
    for sample, places in alike.items():
        rows = table if len(alike) == 1 else table[np.isin(run_of, places)]
        for place, clearness in zip(places, _judge(rows, packets[places], sample, coding), strict=True):
            found[place] = clearness
    return found


def _alike_residues(
    octets: int, packets: Counts, coding: Coding, run_of: Numbers, ticks: Numbers
) -> list[int | None] | None:
    """`agreed_residue` of each run; None where its packets have frames of several sizes."""
    name = encoding_of(coding.payload_type, coding.encoding)
    nothing: list[int | None] = [None] * len(packets)
    if name not in FRAMES:
        return nothing
    ticks[np.cumsum(packets) - 1] = 0  # the next packet is of another run
    expected = frame_octets(ticks, name, coding.channels)
    known = (expected > 0) & (octets >= expected - MAX_RESIDUE_OCTETS)
    frames = distinct(expected[known])
    if len(frames) > 1:
        return None
    if not frames or not 0 <= octets - frames[0] <= MAX_RESIDUE_OCTETS:
        return nothing
    enough = np.bincount(run_of[known], minlength=len(packets)) >= MIN_PACKETS
    return [octets - frames[0] if told else None for told in enough.tolist()]


def _rows(table: Octets) -> list[bytes]:
    """The payloads of a table, each by itself."""
    octets, joined = table.shape[1], table.tobytes()
    return [joined[start : start + octets] for start in range(0, len(joined), octets)]


def _expected_octets(
    coding: Coding, sequence_numbers: Sequence[Numbers], rtp_timestamps: Sequence[Numbers]
) -> list[Numbers | None]:
    """Of each packet of each run the octets that its frames take, 0 where that isn't known; None for other codecs."""
    name = encoding_of(coding.payload_type, coding.encoding)
    if name not in FRAMES:
        return [None] * len(sequence_numbers)
    ends = np.cumsum([len(numbers) for numbers in sequence_numbers])
    ticks = timestamp_deltas(np.concatenate(sequence_numbers), np.concatenate(rtp_timestamps))
    ticks[ends[ends > 0] - 1] = 0  # the next packet is of another run
    return list(np.split(frame_octets(ticks, name, coding.channels), ends[:-1]))


def _sample_octets(run: Sequence[bytes], numbers: Numbers, expected: Numbers | None) -> Sample | None:
    """How much of each payload of a run is looked at; None for a run whose packets are not alike."""
    lengths = set(map(len, run))
    if len(lengths) != 1 or len(set(numbers.tolist())) != len(run):
        return None
    (octets,) = lengths
    residue = None
    if expected is not None:
        known = (expected > 0) & (octets >= expected - MAX_RESIDUE_OCTETS)
        residue = agreed_residue(octets - expected[known])
    return _sample(octets, len(run), residue, lambda: run)


def _sample(octets: int, packets: int, residue: int | None, payloads: Callable[[], Sequence[bytes]]) -> Sample | None:
    """What counts of so many `payloads` of one length; None where they have to be looked at one by one."""
    if residue is None and not without_mki(payloads()):
        return None
    size = (octets - clear_test.TRAILER_OCTETS) // 2 if residue is None else octets - residue
    return Sample(octets, size, residue) if size > 0 and size * packets < clear_test.MAX_OCTETS else None


def _judge(table: Octets, packets: Counts, sample: Sample, coding: Coding) -> list[Clearness]:
    """Runs of so many payloads each that are alike, a row of the table each."""
    size = sample.size
    chi_square, bits = measure_runs(table[:, :size], packets)
    encoding = encoding_of(coding.payload_type, coding.encoding)
    judged = []
    for place, (start, stop) in enumerate(pairwise([0, *np.cumsum(packets).tolist()])):
        enough = (stop - start) * size >= clear_test.MIN_OCTETS
        if (enough and chi_square[place] > clear_test.CLEAR_CHI_SQUARE) or bits[place] > clear_test.POSITION_BITS:
            judged.append(Clearness.CLEAR)
            continue
        uniform = enough and chi_square[place] < clear_test.UNIFORM_CHI_SQUARE
        payloads = () if encoding not in FRAMINGS else _rows(table[start:stop])
        judged.append(clear_test.judge_codec(payloads, encoding, sample.trailer, uniform=uniform)[0])
    return judged


def measure_runs(heads: Octets, packets: Counts) -> tuple[list[float], list[float]]:
    """Of each run the chi-square and the surprise of its most constant first octet, as `clear_test` has them."""
    module: Any = at_hand(_COUNTS)
    count = _count_octets if module is plain(_COUNTS) else functools.partial(_count_compiled, module)
    squares, octets, nibbles = (column.tolist() for column in count(heads, packets))
    sizes = packets.tolist()
    width = heads.shape[1]
    chi_square = [256 * square / (size * width) - size * width for square, size in zip(squares, sizes, strict=True)]
    bits = [clear_test.surprise_bits(*most) for most in zip(octets, nibbles, sizes, strict=True)]
    return chi_square, bits


def _count_compiled(module: Any, heads: Octets, packets: Counts) -> tuple[Counts, Counts, Counts]:
    runs, places = len(packets), min(heads.shape[1], clear_test.POSITIONS)
    squares, octets, nibbles = (np.empty(runs, np.int64) for _ in range(3))
    counts = np.empty(256 * (places + 1), np.int64)
    module.count_octets(np.array(heads, order="C"), packets, heads.shape[1], places, counts, squares, octets, nibbles)
    return squares, octets, nibbles


def _count_octets(heads: Octets, packets: Counts) -> tuple[Counts, Counts, Counts]:
    """As `octet_counts.count_octets` counts."""
    runs = len(packets)
    run_of = np.repeat(np.arange(runs), packets)
    width: type[np.uint16 | np.int64] = np.uint16 if runs <= 256 else np.int64  # the narrower, the faster
    cells = np.add((run_of * 256)[:, None], heads, dtype=width, casting="unsafe")
    squares = (np.bincount(cells.ravel(), minlength=256 * runs).reshape(runs, 256) ** 2).sum(axis=1)
    first = heads[:, : clear_test.POSITIONS]
    places = first.shape[1]
    cells = (run_of[:, None] * places + np.arange(places)) * 256 + first
    counts = np.bincount(cells.ravel(), minlength=256 * runs * places).reshape(runs, places, 256)
    nibbles = counts.reshape(runs, places, 16, 16).sum(axis=3).max(axis=2).max(axis=1)
    return squares, counts.max(axis=2).max(axis=1), nibbles
