# SPDX-License-Identifier: GPL-2.0-only
"""Where in a stream the payload is clear, and how many octets follow the codec's frames (SRT-001, SRT-002)."""

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.model.evidence import MediaStream
from analyzer.srtp.clear_many import Coding, classify_alike, classify_runs
from analyzer.srtp.clear_test import Clearness
from analyzer.srtp.framing import FRAMES, classify_tag_length, encoding_of, timestamp_deltas
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import RtpMap

RUN_PACKETS = 64
RUN_OCTETS = 8192  # short packets tell in longer runs
MAX_RUNS = 16
MAX_LENGTHS = 8
TAG_SAMPLE_PACKETS = 512
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClearRuns:
    """Packets proved clear after and before the answer; `not_clear`: what was tested is proved to be no clear codec."""

    clear: int = 0
    clear_early: int = 0
    not_clear: bool = False
    numbers: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    def clear_flags(self, size: int) -> Flags:
        """Which packets of the stream are proved clear, early ones too."""
        flags = np.zeros(size, dtype=np.bool_)
        flags[self.numbers] = True
        return flags


def find_clear_runs(stream: MediaStream, unproved: Flags, early: Flags, rtpmap: dict[int, RtpMap]) -> ClearRuns:
    """Test the unproved packets in runs of one payload type and one length.

    A tag that appears or vanishes changes the length, so a stream that turns clear half-way has a kind of its own
    there. Of many runs of a kind `MAX_RUNS` evenly spread ones are tested; when some are clear and none is not, the
    kind is.
    """
    clear: list[Numbers] = []
    encrypted = 0
    for kind in _kinds(stream, unproved, early):
        runs = _sample_runs(kind, _middling(stream.payload_octets[kind]))
        verdicts = _test(stream, runs, rtpmap)
        if Clearness.CLEAR in verdicts and Clearness.NOT_CLEAR not in verdicts:
            clear.append(kind)
        else:
            tested = zip(verdicts, runs, strict=True)
            clear += [run for verdict, run in tested if verdict is Clearness.CLEAR]
        encrypted += verdicts.count(Clearness.NOT_CLEAR)
    numbers = np.concatenate([np.zeros(0, np.int64), *clear])
    before = int(early[numbers].sum())
    return ClearRuns(len(numbers) - before, before, encrypted > 0 and not clear, numbers)


def _kinds(stream: MediaStream, unproved: Flags, early: Flags) -> list[Numbers]:
    """Numbers of the packets that share payload type, side of the answer and, where few lengths occur, length."""
    types = np.asarray(stream.payload_type, np.int64)
    lengths = np.asarray(stream.wire_octets, np.int64)
    if not unproved.any():
        return []
    if all((column == column[0]).all() for column in (types, lengths, early)):
        return [np.flatnonzero(unproved)]
    few = len(np.unique(lengths[unproved])) <= MAX_LENGTHS
    marks = (types << 33) | (early.astype(np.int64) << 32) | (lengths if few else 0)
    return [np.flatnonzero(unproved & (marks == mark)) for mark in np.unique(marks[unproved]).tolist()]


def _middling(lengths: Numbers) -> int:
    """The median, rounded down."""
    ordered = np.sort(lengths)
    return int(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


def _sample_runs(kind: Numbers, octets: int) -> list[Numbers]:
    """Runs of a kind of which the middling packet has so many octets."""
    packets = max(RUN_PACKETS, -(-RUN_OCTETS // max(octets, 1)))
    runs = [kind[start : start + packets] for start in range(0, len(kind), packets)]
    if len(runs) <= MAX_RUNS:
        return runs
    return [runs[place] for place in np.linspace(0, len(runs) - 1, MAX_RUNS, dtype=np.int64).tolist()]


def _test(stream: MediaStream, runs: Sequence[Numbers], rtpmap: dict[int, RtpMap]) -> list[Clearness]:
    """Whether the packets of each run are clear; packets without a payload do not count."""
    chosen = runs[0] if len(runs) == 1 else np.concatenate(runs)
    packets = np.array([len(run) for run in runs])
    headers = np.asarray(stream.header_octets, np.int64)[chosen]
    captured = np.asarray(stream.payload_octets, np.int64)[chosen]
    numbers = np.asarray(stream.sequence_number, np.int64)[chosen]
    stamps = np.asarray(stream.rtp_timestamp, np.int64)[chosen]
    payload_type = int(stream.payload_type[chosen[0]])
    mapped = rtpmap.get(payload_type)
    coding = Coding(payload_type) if mapped is None else Coding(payload_type, mapped.encoding, mapped.channels)
    filled = (headers > 0) & (captured > headers)
    datagrams = stream.read_payloads((chosen if filled.all() else chosen[filled]).tolist())
    table = _table(datagrams, headers, captured)
    alike = None if table is None else classify_alike(table, packets, coding, numbers, stamps)
    if alike is not None:
        return alike
    payloads = [datagram[start:] for datagram, start in zip(datagrams, headers[filled].tolist(), strict=True)]
    cuts = np.concatenate(([0], np.cumsum(filled)[np.cumsum(packets) - 1]))
    pieces = [slice(start, stop) for start, stop in pairwise(cuts.tolist())]
    numbers, stamps = numbers[filled], stamps[filled]
    return classify_runs(
        [payloads[piece] for piece in pieces],
        coding,
        [numbers[piece] for piece in pieces],
        [stamps[piece] for piece in pieces],
    )


def _table(datagrams: Sequence[bytes], headers: Numbers, captured: Numbers) -> NDArray[np.uint8] | None:
    """The payloads as rows, where all packets have one length, and headers of one length; else None."""
    octets, header = int(captured[0]), int(headers[0])
    if not 0 < header < octets or (captured != octets).any() or (headers != header).any():
        return None
    joined = b"".join(datagrams)
    return (
        None
        if len(joined) != octets * len(captured)
        else np.frombuffer(joined, np.uint8).reshape(-1, octets)[:, header:]
    )


def observed_tag_octets(stream: MediaStream, rtpmap: dict[int, RtpMap]) -> int | None:
    """Octets behind the codec's frames of the commonest payload type, None where the sizes do not tell."""
    types: Any = stream.payload_type[:TAG_SAMPLE_PACKETS]
    payload_type = int(np.bincount(types).argmax())
    mapped = rtpmap.get(payload_type)
    name, channels = (None, 1) if mapped is None else (mapped.encoding, mapped.channels)
    if encoding_of(payload_type, name) not in FRAMES:
        return None
    own = np.flatnonzero(types == payload_type)
    deltas = timestamp_deltas(
        np.asarray(stream.sequence_number[:TAG_SAMPLE_PACKETS], np.int64),
        np.asarray(stream.rtp_timestamp[:TAG_SAMPLE_PACKETS], np.int64),
    )
    headers = np.asarray(stream.header_octets[:TAG_SAMPLE_PACKETS], np.int64)[own]
    captured = np.asarray(stream.payload_octets[:TAG_SAMPLE_PACKETS], np.int64)[own]
    lengths = np.asarray(stream.wire_octets[own], np.int64) - np.where(headers > 0, headers, captured)
    return classify_tag_length(lengths, name, deltas[own], payload_type=payload_type, channels=channels)
