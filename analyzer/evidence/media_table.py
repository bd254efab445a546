# SPDX-License-Identifier: GPL-2.0-only
"""Media found in packets: RTP streams and the RTCP, STUN, DTLS and ZRTP beside them, sorted into flows."""

import os
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

from analyzer.capture.columns import Octets, PacketBatch, PayloadKind, Table, Transport
from analyzer.capture.speed import compiled
from analyzer.evidence import flow_scan
from analyzer.evidence.copies import IdentifiedStream, StreamOnce, find_originals
from analyzer.evidence.media import FlowKey, PacketColumns
from analyzer.evidence.packet_store import RECORD, Arena, PacketStore
from analyzer.model.arrays import Column, Records
from analyzer.model.arrays import Numbers as Cells
from analyzer.model.evidence import DatagramFlow, MediaEvidence, MediaStream
from analyzer.model.frame_places import FramePlaces
from dissectors.grammar.defects import Defect

MAX_FLOWS = 200_000
FIRST_FLOWS = 256
_FLOW_SCAN = "analyzer.evidence.flow_scan"
_SLOTS_PER_FLOW = 4
_COPIED = (
    "timestamp_ns", "payload_offset", "rtp_timestamp", "frame", "payload_octets", "wire_octets", "header_octets",
    "sequence_number", "payload_type", "marker",
)  # fmt: skip
_NAMES = {"sequence_number": "seq"}
Sieving = Callable[[tuple[Cells, ...], tuple[Any, ...]], bool]
_MIXERS = (
    0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
    0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53, 0x27D4EB2F165667C5,
)  # fmt: skip


class MediaTable:
    """Takes the batches of one capture in order and sorts their media packets into flows, without touching each."""

    def __init__(self, capture: int = 0, places: FramePlaces | None = None) -> None:
        self.capture = capture
        self._places = places or FramePlaces(capture)
        self._is_fed = False  # until then there are no arrays, for which NumPy would have to be loaded
        self._indexed = 0
        self._numbers: dict[FlowKey, int] = {}  # of the plain pass
        self._copies = 0

    def feed(self, batch: PacketBatch) -> None:
        """Add a batch."""
        self._read_from(batch.buffer if batch.archive is None else batch.archive)
        self._state[flow_scan.F_SIDE] = self._store.sides.append(batch.side)
        if batch.table is None:
            self._feed_plain(batch)
        else:
            self._feed_compiled(batch.table, len(batch))

    def _begin(self) -> None:
        self._is_fed = True
        self._store = PacketStore()
        self._keys: Cells = np.zeros((FIRST_FLOWS, flow_scan.FLOW_CELLS), np.int64)
        self._state: Cells = np.zeros(flow_scan.STATE_CELLS, np.int64)
        self._state[flow_scan.F_FACTOR] = int.from_bytes(os.urandom(8), "big") >> 2 | 1
        self._index: Cells = np.zeros(0, np.int64)  # of the compiled pass
        self._key_cells: Cells = np.zeros(flow_scan.KEY_CELLS, np.int64)

    def _read_from(self, octets: Octets) -> None:
        """The packets that come now have their payloads in `octets`."""
        if not self._is_fed:
            self._begin()
        self._store.read_from(octets)
        self._state[flow_scan.F_MAX_FLOWS] = MAX_FLOWS

    def _feed_compiled(self, table: Table, packets: int) -> None:
        state = self._state
        state[flow_scan.F_ROW], state[flow_scan.F_ROWS] = 0, packets
        while state[flow_scan.F_ROW] < packets:
            module, flows, arena = self._make_room()
            module.code_packets(table, *flows, arena.lasts, arena.words, arena.chained, arena.active)
            self._indexed = self._flows

    def sieve(self, octets: Octets, run: Sieving) -> None:
        """Let a compiled pass sort out packets of `octets` by itself, again and again until it is done.

        `run` is given the flows as they are coded and the room for them; it says whether it needs more.
        """
        self._read_from(octets)
        goes_on = True
        while goes_on:
            _, flows, arena = self._make_room()
            goes_on = run(flows, (arena.lasts, arena.words, arena.chained, arena.active))
            self._indexed = self._flows

    def _make_room(self) -> tuple[Any, tuple[Cells, ...], Arena]:
        """The compiled pass, what it knows of flows, where it codes them: with room for one packet of a new flow."""
        module: Any = compiled(_FLOW_SCAN, allocates=False)
        self._make_room_for_flows(module)
        arena = self._store.arena(module, self._state, len(self._keys))
        return module, (self._state, self._index, self._keys, self._key_cells), arena

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
        unkept = int(self._state[flow_scan.F_UNKEPT]) if self._is_fed else 0
        if not unkept:
            return ()
        return (Defect("too-many-media-flows", 0, "", f"{unkept} packets beyond {MAX_FLOWS} flows"),)

    def flows(self, kind: PayloadKind) -> tuple[PacketColumns, ...]:
        """The flows of one kind, by their first frame."""
        if not self._is_fed:
            return ()
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
    mixed: Column = np.zeros(len(keys[0]), dtype=np.uint64)
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
