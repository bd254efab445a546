# SPDX-License-Identifier: GPL-2.0-only
"""Media found in packets: RTP streams and the RTCP, STUN, DTLS and ZRTP beside them, kept as columns."""

import bisect
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import Column, Octets, PacketBatch, PayloadKind, Transport
from analyzer.model.evidence import DatagramFlow, MediaEvidence, MediaStream
from dissectors.grammar.defects import Defect

MAX_FLOWS = 200_000
_MIXERS = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
    0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53, 0x27D4EB2F165667C5,
)  # fmt: skip


class FlowKey(NamedTuple):
    """What the packets of one flow share; `ssrc` is 0 unless `kind` is RTP_LIKE."""

    kind: int
    ssrc: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    ports: int


class _Kept(NamedTuple):
    """What is kept of each packet."""

    frame: Column
    timestamp_ns: Column
    sequence_number: Column
    rtp_timestamp: Column
    payload_type: Column
    marker: Column
    payload_offset: Column
    payload_octets: Column
    wire_octets: Column
    header_octets: Column


_WIDTHS = _Kept(*(np.dtype(name) for name in ("i8", "i8", "i4", "i8", "i2", "i1", "i8", "i4", "i4", "i4")))  # type: ignore[arg-type]


class _Part(NamedTuple):
    """A run of packets of one flow within the columns of one batch."""

    kept: _Kept
    start: int
    stop: int
    buffer: Octets
    side: bytes


@dataclass(slots=True)
class _Flow:
    key: FlowKey
    parts: list[_Part] = field(default_factory=list)


class PacketColumns:
    """The packets of one flow in capture order: `frame`, `timestamp_ns`, `sequence_number`, `rtp_timestamp`,
    `payload_type`, `marker`, `payload_octets`, `wire_octets`, `header_octets`, one integer array each.

    The four RTP columns are 0 in flows that aren't RTP; `header_octets` is 0 where an RTP header is broken.
    """

    def __init__(self, capture: int, key: FlowKey, parts: tuple[_Part, ...]) -> None:
        self.capture = capture
        self.key = key
        self.source = format_endpoint(key.src_hi, key.src_lo, key.ports >> 16)
        self.destination = format_endpoint(key.dst_hi, key.dst_lo, key.ports & 0xFFFF)
        self._parts = parts
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + part.stop - part.start)

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1; 0 in flows that aren't RTP."""
        return self.key.ssrc

    def _column(self, name: str) -> Column:
        return np.concatenate([getattr(part.kept, name)[part.start : part.stop] for part in self._parts])

    @functools.cached_property
    def frame(self) -> Column:
        """Frame numbers."""
        return self._column("frame")

    @functools.cached_property
    def timestamp_ns(self) -> Column:
        """Capture times, nanoseconds since 1970."""
        return self._column("timestamp_ns")

    @functools.cached_property
    def sequence_number(self) -> Column:
        """RTP sequence numbers as sent, 16 bits."""
        return self._column("sequence_number")

    @functools.cached_property
    def rtp_timestamp(self) -> Column:
        """RTP time stamps as sent, 32 bits."""
        return self._column("rtp_timestamp")

    @functools.cached_property
    def payload_type(self) -> Column:
        """RTP payload types, or RTCP packet types."""
        return self._column("payload_type")

    @functools.cached_property
    def marker(self) -> Column:
        """RTP marker bits."""
        return self._column("marker")

    @functools.cached_property
    def payload_octets(self) -> Column:
        """Octets of UDP payload, as captured."""
        return self._column("payload_octets")

    @functools.cached_property
    def wire_octets(self) -> Column:
        """Octets of UDP payload, as sent."""
        return self._column("wire_octets")

    @functools.cached_property
    def header_octets(self) -> Column:
        """Octets of the RTP header with CSRC list and extension; 0 where it is broken."""
        return self._column("header_octets")

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index`, as captured."""
        if not 0 <= index < self._starts[-1]:
            message = f"packet {index} of {len(self)}"
            raise IndexError(message)
        place = bisect.bisect_right(self._starts, index) - 1
        part = self._parts[place]
        row = part.start + index - self._starts[place]
        offset, octets = part.kept.payload_offset.item(row), part.kept.payload_octets.item(row)
        if offset < 0:
            return part.side[-1 - offset : -1 - offset + octets]
        return bytes(part.buffer[offset : offset + octets])

    def payloads(self) -> Iterator[bytes]:
        """All payloads in order."""
        return (self.payload(index) for index in range(len(self)))


class MediaTable:
    """Takes the batches of one capture in order and sorts their media packets into flows, without touching each."""

    def __init__(self, capture: int = 0) -> None:
        self.capture = capture
        self.unkept = 0  # packets of flows beyond MAX_FLOWS
        self._flows: dict[FlowKey, _Flow] = {}

    def feed(self, batch: PacketBatch) -> None:
        """Add a batch."""
        columns = batch.columns
        rows = np.flatnonzero((columns.transport == Transport.UDP) & (columns.kind >= PayloadKind.RTP_LIKE))
        rows = rows[columns.kind[rows] != PayloadKind.SIP_LIKE]
        if not len(rows):
            return
        keys = _key_columns(batch, rows)
        order, starts = group_rows(keys)
        rows = rows[order]
        kept = _keep(batch, rows)
        stops = np.append(starts[1:], len(rows)).tolist()
        firsts = [column[order[starts]].tolist() for column in keys]
        for start, stop, *values in zip(starts.tolist(), stops, *firsts, strict=True):
            flow = self._flow(FlowKey(*values))
            if flow is None:
                self.unkept += stop - start
            else:
                flow.parts.append(_Part(kept, start, stop, batch.buffer, batch.side))

    def _flow(self, key: FlowKey) -> _Flow | None:
        flow = self._flows.get(key)
        if flow is None and len(self._flows) < MAX_FLOWS:
            flow = self._flows[key] = _Flow(key)
        return flow

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Packets that were not kept because a limit was reached."""
        if not self.unkept:
            return ()
        return (Defect("too-many-media-flows", 0, "", f"{self.unkept} packets beyond {MAX_FLOWS} flows"),)

    def flows(self, kind: PayloadKind) -> tuple[PacketColumns, ...]:
        """The flows of one kind, by their first frame."""
        found = [
            PacketColumns(self.capture, flow.key, tuple(flow.parts))
            for flow in self._flows.values()
            if flow.key.kind == kind
        ]
        return tuple(sorted(found, key=lambda flow: (int(flow.frame[0]), flow.key)))

    def dtls(self) -> tuple[DatagramFlow, ...]:
        """The DTLS flows seen so far."""
        return cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.DTLS))

    def zrtp(self) -> tuple[DatagramFlow, ...]:
        """The ZRTP flows seen so far."""
        return cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.ZRTP))

    def evidence(self) -> MediaEvidence:
        """All that was seen so far, as the later stages take it."""
        return MediaEvidence(
            streams=cast("tuple[MediaStream, ...]", self.flows(PayloadKind.RTP_LIKE)),
            rtcp=cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.RTCP_LIKE)),
            dtls=self.dtls(),
            zrtp=self.zrtp(),
            stun=cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.STUN)),
        )


def _key_columns(batch: PacketBatch, rows: Column) -> tuple[Column, ...]:
    columns = batch.columns
    kind = columns.kind[rows]
    ssrc = np.where(kind == PayloadKind.RTP_LIKE, columns.ssrc[rows], 0)
    ports = (columns.src_port[rows] << 16) | columns.dst_port[rows]
    addresses = (columns.src_hi[rows], columns.src_lo[rows], columns.dst_hi[rows], columns.dst_lo[rows])
    return kind, ssrc, *addresses, ports


def group_rows(keys: tuple[Column, ...]) -> tuple[Column, Column]:
    """An order that brings equal keys together, each group in its own order, and where each group starts.

    Sorted by a hash of the keys and then checked; keys that collide are sorted in full.
    """
    mixed: npt.NDArray[np.uint64] = np.zeros(len(keys[0]), dtype=np.uint64)
    for column, factor in zip(keys, _MIXERS, strict=True):
        mixed ^= column.astype(np.uint64, copy=False)
        mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    ordered = mixed[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    starts = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    if all(np.array_equal(column[order], column[order[starts]][group]) for column in keys):
        return order, starts
    order = np.lexsort(keys)
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    for column in keys:
        new[1:] |= column[order][1:] != column[order][:-1]
    return order, np.flatnonzero(new)


def _keep(batch: PacketBatch, rows: Column) -> _Kept:
    columns: Any = batch.columns
    names = ("frame", "timestamp_ns", "seq", *_Kept._fields[3:])
    return _Kept(*(getattr(columns, name)[rows].astype(width) for name, width in zip(names, _WIDTHS, strict=True)))
