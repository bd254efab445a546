# SPDX-License-Identifier: GPL-2.0-only
"""User messages of SCTP associations, whole again where they were sent in pieces (RFC 9260 §6.9), in bounded memory."""

from collections import OrderedDict, deque
from dataclasses import field
from typing import NamedTuple

from analyzer.capture.columns import PacketBatch
from analyzer.capture.tcp import Direction
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sctp import BEGIN, END, DataChunk, parse_sctp

MAX_DIRECTIONS = 4096
MAX_PENDING_OCTETS = 1 << 20
REMEMBERED_CHUNKS = 4096  # by which a retransmission is known


class SctpMessage(NamedTuple):
    """One user message; `frame` is the one that completed it."""

    direction: Direction
    data: bytes
    frame: int
    timestamp_ns: int


@dataclass(slots=True)
class _Flow:
    """One direction of an association."""

    pieces: dict[int, DataChunk] = field(default_factory=dict)  # by TSN
    octets: int = 0
    seen: set[int] = field(default_factory=set)
    order: deque[int] = field(default_factory=deque)


class SctpReassembler:
    """Takes packets in capture order; `dropped` counts pieces whose message never became whole in the room there is."""

    def __init__(self) -> None:
        self._flows: OrderedDict[tuple[Direction, int], _Flow] = OrderedDict()
        self.dropped = 0
        self.unreadable = 0

    def feed_row(self, batch: PacketBatch, row: int) -> list[SctpMessage]:
        """The messages that the packet in this row completes."""
        columns = batch.columns
        try:
            packet = parse_sctp(batch.payload(row))
        except GrammarError:
            self.unreadable += 1
            return []
        self.unreadable += packet.is_cut
        direction = Direction(
            int(columns.src_hi[row]),
            int(columns.src_lo[row]),
            packet.source_port,
            int(columns.dst_hi[row]),
            int(columns.dst_lo[row]),
            packet.destination_port,
        )
        flow = self._flow((direction, packet.verification_tag))
        frame, time_ns = int(columns.frame[row]), int(columns.timestamp_ns[row])
        wholes = (self._add(flow, chunk) for chunk in packet.chunks)
        return [SctpMessage(direction, data, frame, time_ns) for data in wholes if data is not None]

    def _flow(self, key: tuple[Direction, int]) -> _Flow:
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = _Flow()
            if len(self._flows) > MAX_DIRECTIONS:
                _, oldest = self._flows.popitem(last=False)
                self.dropped += len(oldest.pieces)
        return flow

    def _add(self, flow: _Flow, chunk: DataChunk) -> bytes | None:
        """The message that this chunk completes, None where it is a repetition or more must come."""
        if chunk.tsn in flow.seen:
            return None
        flow.seen.add(chunk.tsn)
        flow.order.append(chunk.tsn)
        if len(flow.order) > REMEMBERED_CHUNKS:
            flow.seen.discard(flow.order.popleft())
        if chunk.is_whole:
            return chunk.data
        flow.pieces[chunk.tsn] = chunk
        flow.octets += len(chunk.data)
        if flow.octets > MAX_PENDING_OCTETS:
            self.dropped += len(flow.pieces)
            flow.pieces.clear()
            flow.octets = 0
            return None
        return _join(flow, chunk)


def _join(flow: _Flow, chunk: DataChunk) -> bytes | None:
    """The message round `chunk`, whose pieces have consecutive TSNs from BEGIN to END."""
    first = last = chunk.tsn
    while not flow.pieces[first].flags & BEGIN:
        first = (first - 1) & 0xFFFFFFFF
        if first not in flow.pieces or first == chunk.tsn:
            return None
    while not flow.pieces[last].flags & END:
        last = (last + 1) & 0xFFFFFFFF
        if last not in flow.pieces or last == chunk.tsn:
            return None
    count = ((last - first) & 0xFFFFFFFF) + 1
    parts = [flow.pieces.pop((first + step) & 0xFFFFFFFF) for step in range(count)]
    flow.octets -= sum(len(part.data) for part in parts)
    return b"".join(part.data for part in parts)
