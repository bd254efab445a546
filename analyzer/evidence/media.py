# SPDX-License-Identifier: GPL-2.0-only
"""Media found in packets: RTP streams and the RTCP, STUN, DTLS and ZRTP beside them, kept as columns."""

import bisect
import functools
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import Column, Octets, PacketBatch, PayloadKind, Table, Transport
from analyzer.capture.octets import join_spans, read_spans
from analyzer.capture.speed import compiled
from analyzer.errors import CaptureError
from analyzer.evidence import flow_scan
from analyzer.evidence.copies import IdentifiedStream, StreamOnce, find_originals
from analyzer.evidence.packet_store import RECORD, Facts, PacketStore, Records
from analyzer.model.channel import interleaved_suffix
from analyzer.model.evidence import RUN_PACKETS, DatagramFlow, MediaEvidence, MediaStream, PacketRun
from analyzer.model.frame_places import FramePlaces
from dissectors.grammar.defects import Defect

MAX_FLOWS = 200_000
FIRST_FLOWS = 256
_FLOW_SCAN = "analyzer.evidence.flow_scan"
_SLOTS_PER_FLOW = 4
SHORTER = "the capture has become shorter while it was read"
HEADERS_OCTETS = 28  # an IPv4 header without options, and UDP's
_COPIED = (
    "timestamp_ns", "payload_offset", "rtp_timestamp", "frame", "payload_octets", "wire_octets", "header_octets",
    "sequence_number", "payload_type", "marker",
)  # fmt: skip
_NAMES = {"sequence_number": "seq"}
Cells = npt.NDArray[np.int64]
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


class PacketColumns:
    """The packets of one flow in capture order: `frame`, `timestamp_ns`, `sequence_number`, `rtp_timestamp`,
    `payload_type`, `marker`, `payload_octets`, `wire_octets`, `header_octets`, one integer array each.

    The four RTP columns are 0 in flows that aren't RTP; `header_octets` is 0 where an RTP header is broken. Columns
    are read when they are asked for and not kept: hold on to one that is used often.
    """

    def __init__(self, capture: int, key: FlowKey, store: PacketStore, flow: int, places: FramePlaces) -> None:
        self.capture = capture
        self.ref = places.ref
        self.key = key
        channel = interleaved_suffix((key.ports >> 32) - 1)
        self.source = format_endpoint(key.src_hi, key.src_lo, key.ports >> 16 & 0xFFFF) + channel
        self.destination = format_endpoint(key.dst_hi, key.dst_lo, key.ports & 0xFFFF) + channel
        self._store = store
        self._flow = flow
        self._parts = store.parts(flow)
        self._packets = store.packets(flow, self._parts)

    def __len__(self) -> int:
        return self._packets

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1; 0 in flows that aren't RTP."""
        return self.key.ssrc

    @property
    def facts(self) -> Facts:
        """All columns side by side."""
        return self._store.of_flow(self._flow, self._parts)

    @property
    def frame(self) -> Column:
        """Frame numbers."""
        return self.facts.frame

    @property
    def timestamp_ns(self) -> Column:
        """Capture times, nanoseconds since 1970."""
        return self.facts.timestamp_ns

    @property
    def sequence_number(self) -> Column:
        """RTP sequence numbers as sent, 16 bits."""
        return self.facts.sequence_number

    @property
    def rtp_timestamp(self) -> Column:
        """RTP time stamps as sent, 32 bits."""
        return self.facts.rtp_timestamp.astype(np.int64)  # differences may be negative

    @property
    def payload_type(self) -> Column:
        """RTP payload types, or RTCP packet types."""
        return self.facts.payload_type

    @property
    def marker(self) -> Column:
        """RTP marker bits."""
        return self.facts.marker

    @property
    def payload_octets(self) -> Column:
        """Octets of UDP payload, as captured."""
        return self.facts.payload_octets

    @property
    def wire_octets(self) -> Column:
        """Octets of UDP payload, as sent."""
        return self.facts.wire_octets

    @property
    def header_octets(self) -> Column:
        """Octets of the RTP header with CSRC list and extension; 0 where it is broken."""
        return self.facts.header_octets

    @functools.cached_property
    def _buffers(self) -> list[tuple[int, Octets]]:
        return self._store.buffer_runs(self._flow, self._parts)

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index`, as captured."""
        if not 0 <= index < self._packets:
            message = f"packet {index} of {len(self)}"
            raise IndexError(message)
        facts = self.facts
        offset, count = facts.payload_offset.item(index), facts.payload_octets.item(index)
        stops = [stop for stop, _ in self._buffers]
        return self._one_payload(self._buffers[bisect.bisect_right(stops, index)][1], offset, count)

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The payloads of these packets, or of all, in order."""
        facts = self.facts
        chosen = np.arange(self._packets) if indices is None else np.fromiter(indices, np.int64)
        offsets = facts.payload_offset[chosen]
        octets = facts.payload_octets[chosen].astype(np.int64)
        if len(self._buffers) == 1 and not (offsets < 0).any():
            return read_spans(self._buffers[0][1], offsets, octets)
        stops = [stop for stop, _ in self._buffers]
        return [
            self._one_payload(self._buffers[bisect.bisect_right(stops, index)][1], offset, count)
            for index, offset, count in zip(chosen.tolist(), offsets.tolist(), octets.tolist(), strict=True)
        ]

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """Packets `start` to `stop`, at most `packets` at a time: memory follows the run, not the stream."""
        stop = self._packets if stop is None else min(stop, self._packets)
        for first, facts, buffer in self._store.iter_spans(self._flow, self._parts, start, stop, packets):
            yield self._run(first, facts, buffer)

    def _run(self, first: int, facts: Facts, buffer: Octets) -> PacketRun:
        places, octets = facts.payload_offset, facts.payload_octets.astype(np.int64)
        if (places < 0).any():
            pairs = zip(places.tolist(), octets.tolist(), strict=True)
            joined = memoryview(b"".join([self._one_payload(buffer, offset, count) for offset, count in pairs]))
        else:
            joined = join_spans(buffer, places, octets)
        if len(joined) != octets.sum():
            raise CaptureError(SHORTER)
        return PacketRun(
            first, facts.frame, facts.timestamp_ns, facts.sequence_number, facts.rtp_timestamp.astype(np.int64),
            facts.payload_type, octets, facts.wire_octets, facts.header_octets, np.cumsum(octets) - octets,
            joined,
        )  # fmt: skip

    def join_payloads(self, indices: Column) -> memoryview:
        """The payloads of these packets one behind the other; raises `CaptureError` where the file has lost them."""
        facts = self.facts
        offsets, octets = facts.payload_offset[indices], facts.payload_octets[indices].astype(np.int64)
        if len(self._buffers) == 1 and not (offsets < 0).any():
            joined = join_spans(self._buffers[0][1], offsets, octets)
        else:
            joined = memoryview(b"".join(self.read_payloads(indices)))
        if len(joined) != octets.sum():
            raise CaptureError(SHORTER)
        return joined

    @property
    def is_in_order(self) -> bool:
        """Whether each sequence number is a step forward."""
        if self._store.is_in_order(self._flow):
            return True
        numbers = self.sequence_number
        return not ((numbers[1:] - numbers[:-1] - 1) & 0x8000).any()

    def identifications(self, indices: Column) -> Column:
        """The identifications of these packets' IPv4 headers; −1 where none stands right before UDP."""
        facts = self.facts
        places, stops = facts.payload_offset[indices] - HEADERS_OCTETS, [stop for stop, _ in self._buffers]
        found = np.full(len(places), -1, np.int64)
        for place, (index, offset) in enumerate(zip(indices.tolist(), places.tolist(), strict=True)):
            if offset >= 0:
                buffer = self._buffers[bisect.bisect_right(stops, index)][1]
                header = bytes(buffer[offset : offset + HEADERS_OCTETS])
                if header[:1] == b"\x45" and header[9:10] == b"\x11":
                    found[place] = int.from_bytes(header[4:6], "big")
        return found

    def _one_payload(self, buffer: Octets, offset: int, count: int) -> bytes:
        if offset < 0:
            return self._store.sides.read(-1 - offset, count)
        return bytes(buffer[offset : offset + count])


class MediaTable:
    """Takes the batches of one capture in order and sorts their media packets into flows, without touching each."""

    def __init__(self, capture: int = 0, places: FramePlaces | None = None) -> None:
        self.capture = capture
        self._places = places or FramePlaces(capture)
        self._store = PacketStore()
        self._keys: Cells = np.zeros((FIRST_FLOWS, flow_scan.FLOW_CELLS), np.int64)
        self._state: Cells = np.zeros(flow_scan.STATE_CELLS, np.int64)
        self._state[flow_scan.F_FACTOR] = secrets.randbits(62) | 1
        self._index: Cells = np.zeros(0, np.int64)  # of the compiled pass
        self._indexed = 0
        self._numbers: dict[FlowKey, int] = {}  # of the plain pass
        self._copies = 0

    def feed(self, batch: PacketBatch) -> None:
        """Add a batch."""
        self._store.read_from(batch.buffer if batch.archive is None else batch.archive)
        self._state[flow_scan.F_SIDE] = self._store.sides.append(batch.side)
        self._state[flow_scan.F_MAX_FLOWS] = MAX_FLOWS
        if batch.table is None:
            self._feed_plain(batch)
        else:
            self._feed_compiled(batch.table, len(batch))

    def _feed_compiled(self, table: Table, packets: int) -> None:
        module: Any = compiled(_FLOW_SCAN, allocates=False)
        state = self._state
        state[flow_scan.F_ROW], state[flow_scan.F_ROWS] = 0, packets
        key = np.zeros(flow_scan.KEY_CELLS, np.int64)
        while state[flow_scan.F_ROW] < packets:
            self._make_room_for_flows(module)
            arena = self._store.arena(module, state, len(self._keys))
            module.code_packets(
                table, state, self._index, self._keys, key,
                arena.lasts, arena.words, arena.chained, arena.active,
            )  # fmt: skip
            self._indexed = self._flows

    def _make_room_for_flows(self, module: Any) -> None:
        """Room for one more flow, and an index that holds all flows there are."""
        if self._flows == len(self._keys):
            self._keys = np.concatenate((self._keys, np.zeros_like(self._keys)))
        if len(self._index) != _SLOTS_PER_FLOW * len(self._keys) or self._indexed != self._flows:
            self._index = np.full(_SLOTS_PER_FLOW * len(self._keys), flow_scan.EMPTY_SLOT, np.int64)
            module.enter_flows(self._index, self._keys, self._flows, self._state[flow_scan.F_FACTOR])

    def _feed_plain(self, batch: PacketBatch) -> None:
        columns = batch.columns
        rows = np.flatnonzero((columns.transport == Transport.UDP) & (columns.kind >= PayloadKind.RTP_LIKE))
        rows = rows[columns.kind[rows] != PayloadKind.SIP_LIKE]
        if not len(rows):
            return
        keys = _key_columns(batch, rows)
        order, starts = group_rows(keys)
        counts = np.diff(np.append(starts, len(rows)))
        firsts = order[starts]
        flows = np.empty(len(starts), np.int32)
        for group in np.argsort(firsts).tolist():  # flows are numbered as they come
            first = firsts[group]
            key = FlowKey(*(int(column[first]) for column in keys))
            flows[group] = self._number(key, int(columns.frame[rows[first]]))
        flow_of = np.empty(len(rows), np.int32)
        flow_of[order] = np.repeat(flows, counts)
        kept = flow_of >= 0
        self._state[flow_scan.F_UNKEPT] += len(rows) - np.count_nonzero(kept)
        records = _records(batch, rows[kept], int(self._state[flow_scan.F_SIDE]))
        self._store.add(records, flow_of[kept])

    def _number(self, key: FlowKey, frame: int) -> int:
        """The number of a flow, which may be new; −1 where there are too many."""
        for flow in range(len(self._numbers), self._flows):  # entered by the compiled pass
            self._numbers[self._key(flow)] = flow
        flow = self._numbers.setdefault(key, self._flows)
        if flow == self._flows:
            if flow == MAX_FLOWS:
                del self._numbers[key]
                return -1
            if flow == len(self._keys):
                self._keys = np.concatenate((self._keys, np.zeros_like(self._keys)))
            self._keys.view(np.uint64)[flow] = (*key, frame)
            self._state[flow_scan.F_FLOWS] = flow + 1
        return flow

    @property
    def _flows(self) -> int:
        return int(self._state[flow_scan.F_FLOWS])

    def _key(self, flow: int) -> FlowKey:
        return FlowKey(*self._keys.view(np.uint64)[flow, : flow_scan.KEY_CELLS].tolist())

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Packets that were not kept because a limit was reached."""
        unkept = int(self._state[flow_scan.F_UNKEPT])
        if not unkept:
            return ()
        return (Defect("too-many-media-flows", 0, "", f"{unkept} packets beyond {MAX_FLOWS} flows"),)

    def flows(self, kind: PayloadKind) -> tuple[PacketColumns, ...]:
        """The flows of one kind, by their first frame."""
        self._store.seal()
        keys = self._keys[: self._flows]
        found = np.flatnonzero(keys[:, 0] == kind).tolist()
        columns = [PacketColumns(self.capture, self._key(flow), self._store, flow, self._places) for flow in found]
        order = sorted(
            range(len(found)), key=lambda place: (keys[found[place], flow_scan.K_FIRST_FRAME], columns[place].key)
        )
        return tuple(columns[place] for place in order)

    def dtls(self) -> tuple[DatagramFlow, ...]:
        """The DTLS flows seen so far."""
        return cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.DTLS))

    def zrtp(self) -> tuple[DatagramFlow, ...]:
        """The ZRTP flows seen so far."""
        return cast("tuple[DatagramFlow, ...]", self.flows(PayloadKind.ZRTP))

    @property
    def copies(self) -> int:
        """Packets that two taps gave twice, as far as `evidence` was asked for."""
        return self._copies

    def _without_copies(self, kind: PayloadKind) -> Iterator[PacketColumns | StreamOnce]:
        """The flows of a kind, each packet once."""
        for flow in self.flows(kind):
            originals = None if flow.is_in_order else find_originals(cast("IdentifiedStream", flow))
            if originals is not None:
                self._copies += len(flow) - len(originals)
            yield flow if originals is None else StreamOnce(cast("MediaStream", flow), originals)

    def evidence(self) -> MediaEvidence:
        """All that was seen so far, as the later stages take it; what two taps captured counts once."""
        self._copies = 0
        return MediaEvidence(
            streams=cast("tuple[MediaStream, ...]", tuple(self._without_copies(PayloadKind.RTP_LIKE))),
            rtcp=cast("tuple[DatagramFlow, ...]", tuple(self._without_copies(PayloadKind.RTCP_LIKE))),
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


def _records(batch: PacketBatch, rows: Column, side: int) -> Records:
    """The records of these rows; offsets into the batch's side get `side` added."""
    columns: Any = batch.columns
    records = np.zeros(len(rows), RECORD)
    for name in _COPIED:
        records[name] = getattr(columns, _NAMES.get(name, name))[rows]
    offsets = records["payload_offset"]
    offsets[offsets < 0] -= side
    return records
