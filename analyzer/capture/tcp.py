# SPDX-License-Identifier: GPL-2.0-only
"""TCP streams put in order, one direction at a time (RFC 9293 §3.4, §3.10), with bounded memory and named gaps."""

from collections import OrderedDict
from dataclasses import field
from typing import NamedTuple

from analyzer.capture import scan
from analyzer.capture.columns import PacketBatch
from dissectors.grammar.late_dataclass import dataclass

MAX_STREAMS = 65_536
MAX_PENDING_OCTETS = 1 << 20  # of one direction, waiting for what is missing before them
MAX_PENDING_SEGMENTS = 4096
MAX_PENDING_TOTAL_OCTETS = 256 << 20  # of all directions together
REORDERING_NS = 100_000_000  # how long a segment may be captured after the one that acknowledges it
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_HALF = 1 << 31
_MASK = (1 << 32) - 1


class Direction(NamedTuple):
    """One direction of a connection, as the packet columns hold addresses."""

    src_hi: int
    src_lo: int
    src_port: int
    dst_hi: int
    dst_lo: int
    dst_port: int

    def reverse(self) -> "Direction":
        """The other direction of the same connection."""
        return Direction(self.dst_hi, self.dst_lo, self.dst_port, self.src_hi, self.src_lo, self.src_port)


class TcpChunk(NamedTuple):
    """Octets in stream order; `frame` is the one that made them deliverable.

    `connection` tells streams with the same ports apart, `from_start` whether the SYN of this direction was seen,
    `gap` how many octets before these were never captured.
    """

    direction: Direction
    connection: int
    data: bytes
    frame: int
    timestamp_ns: int
    gap: int
    from_start: bool


class Segment(NamedTuple):
    """What one captured segment says; `wire_octets` counts its data on the wire."""

    direction: Direction
    sequence: int
    acknowledgement: int
    bits: int
    data: bytes
    wire_octets: int
    frame: int
    timestamp_ns: int


class _Waiting(NamedTuple):
    data: bytes
    frame: int
    timestamp_ns: int


@dataclass(slots=True)
class _Stream:
    connection: int
    next: int | None = None  # sequence number of the next octet to deliver
    initial: int | None = None  # of the SYN
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    octets: int = 0
    gap: int = 0


class TcpReassembler:
    """Takes segments in capture order and gives chunks in stream order."""

    def __init__(self) -> None:
        self._streams: OrderedDict[Direction, _Stream] = OrderedDict()
        self._connections = 0
        self._waiting_octets = 0
        self.forgotten = 0  # directions let go of because MAX_STREAMS were open

    def feed(self, segment: Segment) -> list[TcpChunk]:
        """What this segment makes deliverable in its direction, and, by what it acknowledges, in the other."""
        chunks = self._acknowledged(segment) if segment.bits & _ACK else []
        stream = self._stream(segment)
        start = segment.sequence
        if segment.bits & _SYN:
            start = (start + 1) & _MASK
            if stream.next is None:
                stream.next, stream.initial = start, segment.sequence
        if stream.next is None:
            if not segment.wire_octets:
                return chunks
            stream.next = start
        self._keep(stream, start, segment)
        chunks += self._deliver(segment.direction, stream, segment)
        if self._is_over_limit(stream):
            chunks += self._skip(segment.direction, stream, segment, None)
        return chunks

    def _is_over_limit(self, stream: _Stream) -> bool:
        return (
            stream.octets > MAX_PENDING_OCTETS
            or len(stream.waiting) > MAX_PENDING_SEGMENTS
            or self._waiting_octets > MAX_PENDING_TOTAL_OCTETS
        )

    def finish(self) -> list[TcpChunk]:
        """Everything that still waits, with its gaps."""
        chunks: list[TcpChunk] = []
        for direction, stream in self._streams.items():
            while stream.waiting:
                chunks += self._skip(direction, stream, None, None)
        return chunks

    def _stream(self, segment: Segment) -> _Stream:
        stream = self._streams.get(segment.direction)
        reused = segment.bits & _SYN and stream is not None and stream.next is not None
        if stream is not None and not (reused and stream.initial != segment.sequence):
            return stream
        if reused and not segment.bits & _ACK:
            self._forget(segment.direction.reverse())
        other = self._streams.get(segment.direction.reverse())
        if other is None:
            self._connections += 1
        stream = _Stream(self._connections if other is None else other.connection)
        self._forget(segment.direction)
        self._streams[segment.direction] = stream
        if len(self._streams) > MAX_STREAMS:
            _, oldest = self._streams.popitem(last=False)
            self._waiting_octets -= oldest.octets
            self.forgotten += 1
        return stream

    def _forget(self, direction: Direction) -> None:
        stream = self._streams.pop(direction, None)
        if stream is not None:
            self._waiting_octets -= stream.octets

    def _count(self, stream: _Stream, octets: int) -> None:
        stream.octets += octets
        self._waiting_octets += octets

    def _keep(self, stream: _Stream, start: int, segment: Segment) -> None:
        """Set data aside under its sequence number, without what was delivered already."""
        if stream.next is None or not segment.data or segment.bits & _RST:
            return
        ahead = (start - stream.next) & _MASK
        data = segment.data
        if ahead >= _HALF:  # (partly) delivered before
            data = data[_MASK + 1 - ahead :]
            start = stream.next
        known = stream.waiting.get(start)
        if not data or (known is not None and len(known.data) >= len(data)):
            return
        self._count(stream, len(data) - (0 if known is None else len(known.data)))
        stream.waiting[start] = _Waiting(data, segment.frame, segment.timestamp_ns)

    def _deliver(self, direction: Direction, stream: _Stream, cause: Segment | None) -> list[TcpChunk]:
        chunks: list[TcpChunk] = []
        while stream.waiting and stream.next is not None:
            held = stream.waiting.pop(stream.next, None)
            if held is None and not self._trim(stream):
                break
            if held is None:
                continue
            self._count(stream, -len(held.data))
            late = cause is not None and cause.frame > held.frame
            frame = cause.frame if cause is not None and late else held.frame
            time_ns = cause.timestamp_ns if cause is not None and late else held.timestamp_ns
            from_start = stream.initial is not None
            chunks.append(TcpChunk(direction, stream.connection, held.data, frame, time_ns, stream.gap, from_start))
            stream.next = (stream.next + len(held.data)) & _MASK
            stream.gap = 0
        return chunks

    def _trim(self, stream: _Stream) -> bool:
        """Cut what overlaps delivered octets off the segments that wait; False if none begins before `next`."""
        if stream.next is None:
            return False
        old = [start for start in stream.waiting if (start - stream.next) & _MASK >= _HALF]
        for start in old:
            held = stream.waiting.pop(start)
            self._count(stream, -len(held.data))
            rest = held.data[(stream.next - start) & _MASK :]
            known = stream.waiting.get(stream.next)
            if len(rest) > (0 if known is None else len(known.data)):
                self._count(stream, len(rest) - (0 if known is None else len(known.data)))
                stream.waiting[stream.next] = held._replace(data=rest)
        return bool(old)

    def _acknowledged(self, segment: Segment) -> list[TcpChunk]:
        """The receiver has octets that the capture misses: nobody will send them again."""
        direction = segment.direction.reverse()
        stream = self._streams.get(direction)
        if stream is None or stream.next is None or not stream.waiting:
            return []
        chunks: list[TcpChunk] = []
        while stream.waiting and 0 < (segment.acknowledgement - stream.next) & _MASK < _HALF:
            first = min((start - stream.next) & _MASK for start in stream.waiting)
            since_ns = min(held.timestamp_ns for held in stream.waiting.values())
            if first >= (segment.acknowledgement - stream.next) & _MASK:
                break
            if segment.timestamp_ns - since_ns < REORDERING_NS:
                break
            chunks += self._skip(direction, stream, segment, first)
        return chunks

    def _skip(self, direction: Direction, stream: _Stream, cause: Segment | None, octets: int | None) -> list[TcpChunk]:
        """Give up on the octets before the first waiting segment."""
        if stream.next is None or not stream.waiting:
            return []
        if octets is None:
            octets = min((start - stream.next) & _MASK for start in stream.waiting)
        stream.gap += octets
        stream.next = (stream.next + octets) & _MASK
        return self._deliver(direction, stream, cause)


def read_segment(batch: PacketBatch, row: int) -> Segment:
    """The TCP segment in this row of a batch."""
    columns = batch.columns
    header = batch.octets(int(columns.header_offset[row]), 20)
    direction = Direction(
        int(columns.src_hi[row]),
        int(columns.src_lo[row]),
        int(columns.src_port[row]),
        int(columns.dst_hi[row]),
        int(columns.dst_lo[row]),
        int(columns.dst_port[row]),
    )
    return Segment(
        direction,
        scan.read32(header, 4),
        scan.read32(header, 8),
        header[13] & (_FIN | _SYN | _RST | _ACK),
        batch.payload(row),
        int(columns.wire_octets[row]),
        int(columns.frame[row]),
        int(columns.timestamp_ns[row]),
    )
