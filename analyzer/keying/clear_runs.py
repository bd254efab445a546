# SPDX-License-Identifier: GPL-2.0-only
"""Where in a stream the payload is clear, and how many octets follow the codec's frames (SRT-001, SRT-002)."""

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.packet_facts import facts_at, first_facts
from analyzer.keying.packet_kinds import PacketKinds
from analyzer.model.evidence import MediaStream
from analyzer.srtp.clear_many import Coding, classify_alike, classify_runs
from analyzer.srtp.clear_test import Clearness
from analyzer.srtp.framing import FRAMES, classify_tag_length, encoding_of, timestamp_deltas
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import RtpMap

RUN_PACKETS = 64
RUN_OCTETS = 8192  # short packets tell in longer runs
MAX_RUNS = 16
TAG_SAMPLE_PACKETS = 512
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClearRuns:
    """Packets proved clear after and before the answer; `not_clear`: what was tested is proved to be no clear codec.

    `flags` are empty where none is clear.
    """

    clear: int = 0
    clear_early: int = 0
    not_clear: bool = False
    flags: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))

    def clear_flags(self, size: int) -> Flags:
        """Which packets of the stream are proved clear, early ones too."""
        return self.flags if len(self.flags) else np.zeros(size, dtype=np.bool_)


def find_clear_runs(stream: MediaStream, unproved: Flags, early: int, rtpmap: dict[int, RtpMap]) -> ClearRuns:
    """Test the unproved packets in runs of one payload type and one length; the first `early` came before the answer.

    A tag that appears or vanishes changes the length, so a stream that turns clear half-way has a kind of its own
    there. Of many runs of a kind `MAX_RUNS` evenly spread ones are tested; when some are clear and none is not, the
    kind is.
    """
    kinds = PacketKinds(stream, unproved, early)
    flags = np.zeros(0, np.bool_)
    clear: set[int] = set()
    encrypted = False
    for mark, runs in kinds.sample(_run_packets, MAX_RUNS).items():
        verdicts = _test(stream, runs, rtpmap)
        is_clear = Clearness.CLEAR in verdicts
        encrypted = encrypted or Clearness.NOT_CLEAR in verdicts
        flags = np.zeros(len(stream), np.bool_) if is_clear and not len(flags) else flags
        if is_clear and Clearness.NOT_CLEAR not in verdicts:
            clear.add(mark)
        for verdict, run in zip(verdicts, runs, strict=True):
            if verdict is Clearness.CLEAR:
                flags[run] = True
    if clear:
        kinds.flag(clear, flags)
    before = int(flags[:early].sum())
    return ClearRuns(int(flags.sum()) - before, before, encrypted and not len(flags), flags)


def _run_packets(octets: int) -> int:
    """How many packets a run has of a kind of which the middling one has so many octets."""
    return max(RUN_PACKETS, -(-RUN_OCTETS // max(octets, 1)))


def _test(stream: MediaStream, runs: Sequence[Numbers], rtpmap: dict[int, RtpMap]) -> list[Clearness]:
    """Whether the packets of each run are clear; packets without a payload do not count."""
    chosen = runs[0] if len(runs) == 1 else np.concatenate(runs)
    packets = np.array([len(run) for run in runs])
    facts = facts_at(stream, chosen)
    headers, captured = (np.asarray(each, np.int64) for each in (facts.header_octets, facts.payload_octets))
    numbers, stamps = (np.asarray(each, np.int64) for each in (facts.sequence_number, facts.rtp_timestamp))
    payload_type = int(facts.payload_type[0])
    mapped = rtpmap.get(payload_type)
    coding = Coding(payload_type) if mapped is None else Coding(payload_type, mapped.encoding, mapped.channels)
    filled = (headers > 0) & (captured > headers)
    joined = stream.join_payloads(chosen if filled.all() else chosen[filled])
    table = _table(joined, headers, captured)
    alike = None if table is None else classify_alike(table, packets, coding, numbers, stamps)
    if alike is not None:
        return alike
    stops = np.cumsum(captured[filled])
    starts = stops - captured[filled] + headers[filled]
    payloads = [bytes(joined[start:stop]) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    cuts = np.concatenate(([0], np.cumsum(filled)[np.cumsum(packets) - 1]))
    pieces = [slice(start, stop) for start, stop in pairwise(cuts.tolist())]
    numbers, stamps = numbers[filled], stamps[filled]
    return classify_runs(
        [payloads[piece] for piece in pieces],
        coding,
        [numbers[piece] for piece in pieces],
        [stamps[piece] for piece in pieces],
    )


def _table(joined: memoryview, headers: Numbers, captured: Numbers) -> NDArray[np.uint8] | None:
    """The payloads as rows, where all packets have one length, and headers of one length; else None."""
    octets, header = int(captured[0]), int(headers[0])
    if not 0 < header < octets or (captured != octets).any() or (headers != header).any():
        return None
    return np.frombuffer(joined, np.uint8).reshape(-1, octets)[:, header:]


def observed_tag_octets(stream: MediaStream, rtpmap: dict[int, RtpMap]) -> int | None:
    """Octets behind the codec's frames of the commonest payload type, None where the sizes do not tell."""
    facts = first_facts(stream, TAG_SAMPLE_PACKETS)
    types = np.asarray(facts.payload_type, np.int64)
    payload_type = int(np.bincount(types).argmax())
    mapped = rtpmap.get(payload_type)
    name, channels = (None, 1) if mapped is None else (mapped.encoding, mapped.channels)
    if encoding_of(payload_type, name) not in FRAMES:
        return None
    own = np.flatnonzero(types == payload_type)
    deltas = timestamp_deltas(np.asarray(facts.sequence_number, np.int64), np.asarray(facts.rtp_timestamp, np.int64))
    headers, captured = facts.header_octets[own], facts.payload_octets[own]
    lengths = facts.wire_octets[own] - np.where(headers > 0, headers, captured)
    return classify_tag_length(lengths, name, deltas[own], payload_type=payload_type, channels=channels)
