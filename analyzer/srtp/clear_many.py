# SPDX-License-Identifier: GPL-2.0-only
"""The clear/encrypted test over many short runs of packets at once, as `clear_test` would judge each of them.

Streams are tested in runs by the thousand; what is alike in all of them (one length, each packet once) is counted over
one array. A run that is not so goes the plain way.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp import clear_test
from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.codec_test import without_mki
from analyzer.srtp.columns import Numbers
from analyzer.srtp.framing import (
    FRAMES,
    MAX_RESIDUE_OCTETS,
    agreed_residue,
    encoding_of,
    frame_octets,
    timestamp_deltas,
)

Counts = NDArray[np.int64]


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
        judged = _judge([runs[place] for place in places], sample, coding)
        for place, clearness in zip(places, judged, strict=True):
            found[place] = clearness
    return [clearness for clearness in found if clearness is not None]


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
    if residue is None and not without_mki(run):
        return None
    size = (octets - clear_test.TRAILER_OCTETS) // 2 if residue is None else octets - residue
    return Sample(octets, size, residue) if size > 0 and size * len(run) < clear_test.MAX_OCTETS else None


def _judge(runs: Sequence[Sequence[bytes]], sample: Sample, coding: Coding) -> list[Clearness]:
    """Runs of payloads that are alike."""
    octets, size, trailer = sample
    table = np.frombuffer(b"".join([b"".join(run) for run in runs]), np.uint8).reshape(-1, octets)[:, :size]
    packets = np.array([len(run) for run in runs])
    run_of = np.repeat(np.arange(len(runs)), packets)
    chi_square = _chi_squares(table, run_of, packets * size)
    bits = _position_bits(table[:, : clear_test.POSITIONS], run_of, packets)
    encoding = encoding_of(coding.payload_type, coding.encoding)
    judged = []
    for place in range(len(runs)):
        enough = packets[place] * size >= clear_test.MIN_OCTETS
        if (enough and chi_square[place] > clear_test.CLEAR_CHI_SQUARE) or bits[place] > clear_test.POSITION_BITS:
            judged.append(Clearness.CLEAR)
        else:
            uniform = bool(enough and chi_square[place] < clear_test.UNIFORM_CHI_SQUARE)
            judged.append(clear_test.judge_codec(runs[place], encoding, trailer, uniform=uniform)[0])
    return judged


def _chi_squares(table: NDArray[np.uint8], run_of: Numbers, octets: Counts) -> NDArray[np.float64]:
    runs = len(octets)
    width: type[np.uint16 | np.int64] = np.uint16 if runs <= 256 else np.int64  # the narrower, the faster
    cells = np.add((run_of * 256)[:, None], table, dtype=width, casting="unsafe")
    counts = np.bincount(cells.ravel(), minlength=256 * runs).reshape(runs, 256)
    expected = octets[:, None] / 256
    squares: NDArray[np.float64] = ((counts - expected) ** 2).sum(axis=1) / expected[:, 0]
    return squares


def _position_bits(heads: NDArray[np.uint8], run_of: Numbers, packets: Counts) -> NDArray[np.float64]:
    """As `clear_test` measures the most constant of the first octets, for each run."""
    runs, places = len(packets), heads.shape[1]
    cells = (run_of[:, None] * places + np.arange(places)) * 256 + heads
    counts = np.bincount(cells.ravel(), minlength=256 * runs * places).reshape(runs, places, 256)
    octet = counts.max(axis=2).max(axis=1)
    nibble = counts.reshape(runs, places, 16, 16).sum(axis=3).max(axis=2).max(axis=1)
    pairs = zip(octet.tolist(), nibble.tolist(), packets.tolist(), strict=True)
    return np.array([clear_test.surprise_bits(most, half, size) for most, half, size in pairs])
