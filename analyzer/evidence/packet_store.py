# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of each media packet: columns by flow, in blocks, put aside where blocks are many.

The compiled pass codes packets (`packet_code`), the plain one keeps their records as they are. A flow's packets are
read again when somebody asks for that flow, a long one's in runs, so memory does not follow the capture.
Payloads stay where they are: of a packet the offset is kept.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from analyzer.capture.columns import Octets
from analyzer.capture.speed import at_hand, plain, view_plain
from analyzer.evidence import flow_scan, packet_code
from analyzer.evidence.spool import Spool
from analyzer.model.arrays import Column, Flows, Records, Words
from analyzer.model.arrays import Numbers as Cells

BLOCK_PACKETS = 1 << 18
FIRST_PACKETS = 1 << 10
ARENA_CHUNKS = 1 << 15
CACHE_OCTETS = 16 << 20
SKIPPED_PACKETS = 1 << 12
_UINT16_FLOWS = 1 << 16
_CODE = "analyzer.evidence.packet_code"
_PART = 4  # cells of a part: block, offset in the spool, packets, words of coded ones or 0

RECORD = [
    ("timestamp_ns", "i8"), ("payload_offset", "i8"), ("frame", "i8"), ("rtp_timestamp", "u4"),
    ("payload_octets", "i4"), ("wire_octets", "i4"), ("header_octets", "i4"), ("sequence_number", "i4"),
    ("payload_type", "i2"), ("marker", "i2"),
]  # fmt: skip
RECORD_OCTETS = sum(int(kind[1:]) for _, kind in RECORD)


class Facts(NamedTuple):
    """Packets of a flow as columns: the names and types of `RECORD`, in its order."""

    timestamp_ns: Column
    payload_offset: Column
    frame: Column
    rtp_timestamp: Column
    payload_octets: Column
    wire_octets: Column
    header_octets: Column
    sequence_number: Column
    payload_type: Column
    marker: Column


class Arena:
    """Where the compiled pass codes packets: chunks of words, what it knows of each flow's last packet."""

    def __init__(self) -> None:
        self.words: Words = np.zeros(ARENA_CHUNKS * flow_scan.CHUNK_WORDS, np.uint32)
        self.chained: Cells = np.zeros((ARENA_CHUNKS, 2), np.int64)
        self.active: Cells = np.zeros(ARENA_CHUNKS, np.int64)
        self.lasts: Cells = np.zeros((0, packet_code.LAST_CELLS), np.int64)

    def make_room(self, flows: int) -> None:
        """Let so many flows be coded."""
        if len(self.lasts) < flows:
            more = np.zeros((flows - len(self.lasts), packet_code.LAST_CELLS), np.int64)
            self.lasts = np.concatenate((self.lasts, more))


class PacketStore:
    """Packets by flow number; `sides` has the octets that stand in no file."""

    def __init__(self) -> None:
        self.sides = Spool()
        self._records: Records = np.zeros(FIRST_PACKETS, RECORD)
        self._flow_of: Flows = np.zeros(FIRST_PACKETS, np.int32)
        self._fill = 0
        self._arena: Arena | None = None
        self._coded: tuple[Any, Cells] | None = None  # what the compiled pass is at: its module and state
        self._blocks = Spool()
        self._octets: Octets = b""
        self._buffers: list[Octets] = []  # of each block, where its payloads lie
        self._parts: list[array[int]] = []  # of each flow, again and again the cells of a part
        self._cache: OrderedDict[tuple[int, int], Facts] = OrderedDict()
        self._cached_octets = 0

    def read_from(self, octets: Octets) -> None:
        """The packets that come now have their payloads in `octets`."""
        if octets is not self._octets:
            self.seal()
            self._octets = octets

    def add(self, records: Records, flow_of: Flows) -> None:
        """Add records that are at hand as arrays."""
        self._seal_coded()
        done = 0
        while done < len(records):
            self._make_room()
            some = min(len(records) - done, len(self._records) - self._fill)
            self._records[self._fill : self._fill + some] = records[done : done + some]
            self._flow_of[self._fill : self._fill + some] = flow_of[done : done + some]
            self._fill, done = self._fill + some, done + some

    def _make_room(self) -> None:
        """Let at least one more record be added."""
        if self._fill < len(self._records):
            return
        if len(self._records) < BLOCK_PACKETS:
            self._records = np.concatenate((self._records, np.zeros_like(self._records)))
            self._flow_of = np.concatenate((self._flow_of, np.zeros_like(self._flow_of)))
        else:
            self._seal_records()

    def arena(self, module: Any, state: Cells, flows: int) -> Arena:
        """Room for the compiled pass to code at least one more packet, of one of so many flows."""
        self._seal_records()
        if self._arena is None:
            self._arena = Arena()
        self._coded = (module, state)
        if state[flow_scan.F_CHUNKS] == ARENA_CHUNKS:
            self._seal_coded()
        self._arena.make_room(flows)
        return self._arena

    def seal(self) -> None:
        """Sort what has come since the last block by flow, each flow in its own order, and put it aside."""
        self._seal_records()
        self._seal_coded()

    def _seal_coded(self) -> None:
        arena = self._arena
        if self._coded is None or arena is None:
            return
        module, state = self._coded
        chunks, active = int(state[flow_scan.F_CHUNKS]), int(state[flow_scan.F_ACTIVE])
        if not active:
            return
        joined = np.empty(chunks * flow_scan.CHUNK_WORDS, np.uint32)
        parts = np.zeros((active, _PART), np.int64)
        module.join_chunks(arena.words, arena.chained, arena.lasts, arena.active, parts, joined)
        state[flow_scan.F_CHUNKS] = state[flow_scan.F_ACTIVE] = 0
        whole = int(parts[-1, 1] + parts[-1, 3])
        parts[:, 1] = parts[:, 1] * 4 + self._blocks.append(joined[:whole].copy().data.cast("B"))
        self._enter(parts)

    def _seal_records(self) -> None:
        if not self._fill:
            return
        flow_of, records = self._flow_of[: self._fill], self._records[: self._fill]
        self._fill = 0
        counts = np.bincount(flow_of)
        small = len(counts) <= _UINT16_FLOWS  # numbers of 16 bits are sorted by radix
        order = np.argsort(flow_of.astype(np.uint16) if small else flow_of, kind="stable")
        cells = records.view(np.int64).reshape(-1, RECORD_OCTETS // 8)  # moved much faster than records
        start = self._blocks.append(cells[order].data.cast("B"))
        present = np.flatnonzero(counts)
        parts = np.zeros((len(present), _PART), np.int64)
        parts[:, 0], parts[:, 2] = present, counts[present]
        parts[:, 1] = start + (np.cumsum(counts) - counts)[present] * RECORD_OCTETS
        self._enter(parts)

    def _enter(self, parts: Cells) -> None:
        """A block is put aside: its parts, each with the number of its flow first."""
        block = len(self._buffers)
        self._buffers.append(self._octets)
        flows = int(parts[:, 0].max()) + 1
        self._parts.extend(array("q") for _ in range(flows - len(self._parts)))
        for flow, offset, packets, words in parts.tolist():
            self._parts[flow].extend((block, offset, packets, words))

    def parts(self, flow: int) -> int:
        """How many sealed parts a flow has."""
        return len(self._parts[flow]) // _PART if flow < len(self._parts) else 0

    def packets(self, flow: int, parts: int) -> int:
        """How many packets the first `parts` parts of a flow have."""
        return sum(self._parts[flow][2 : _PART * parts : _PART])

    def is_in_order(self, flow: int) -> bool:
        """Whether all packets of a flow were coded, and each sequence number was a step forward."""
        arena = self._arena
        if arena is None or not all(self._parts[flow][3::_PART]):
            return False
        return bool(arena.lasts[flow, packet_code.L_ORDER] != packet_code.STEPPED_BACK)

    def steady_steps(self, flow: int, parts: int) -> int | None:
        """How many packets of a flow follow the one before closely; None unless these parts are all, and were coded."""
        arena = self._arena
        if arena is None or parts != self.parts(flow) or not all(self._parts[flow][3::_PART]):
            return None
        last = arena.lasts[flow]
        return None if last[packet_code.L_PACKETS] else int(last[packet_code.L_STEADY])

    def of_flow(self, flow: int, parts: int) -> Facts:
        """The packets of the first `parts` parts of a flow, in capture order."""
        key = (flow, parts)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            return found
        found = empty_facts(self.packets(flow, parts))
        for begin, part in self._iter_parts(flow, parts):
            part.read(found, begin, begin + part.packets)
        for column in found:
            column.flags.writeable = False
        self._cache[key] = found
        self._cached_octets += _octets(found)
        while self._cached_octets > CACHE_OCTETS and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached_octets -= _octets(oldest)
        return found

    def iter_spans(
        self, flow: int, parts: int, start: int, stop: int, packets: int
    ) -> Iterator[tuple[int, Facts, Octets]]:
        """Packets `start` to `stop`, at most `packets` at a time: the first's number, columns, where payloads lie."""
        packets = max(min(packets, stop - start), 1)
        facts, octets, first, row = empty_facts(packets), self._octets, start, 0
        for begin, part in self._iter_parts(flow, parts, start, stop):
            if row and part.octets is not octets:
                yield first, cut_facts(facts, 0, row), octets
                facts, first, row = empty_facts(packets), first + row, 0
            octets = part.octets
            part.skip(max(start - begin, 0))
            left = min(stop, begin + part.packets) - max(start, begin)
            while left:
                some = min(left, packets - row)
                part.read(facts, row, row + some)
                row, left = row + some, left - some
                if row == packets:
                    yield first, facts, octets
                    facts, first, row = empty_facts(packets), first + row, 0
        if row:
            yield first, cut_facts(facts, 0, row), octets

    def _iter_parts(
        self, flow: int, parts: int, start: int = 0, stop: int | None = None
    ) -> "Iterator[tuple[int, _RecordPart | _CodedPart]]":
        """The parts that hold packets `start` to `stop`, each with the number of its first packet."""
        table, begin = self._parts[flow], 0
        for place in range(0, _PART * parts, _PART):
            block, offset, packets, words = table[place : place + _PART]
            if begin + packets > start and (stop is None or begin < stop):
                stored = _Stored(self._blocks, offset, 4 * words or packets * RECORD_OCTETS)
                yield begin, (_CodedPart if words else _RecordPart)(packets, self._buffers[block], stored)
            begin += packets

    def buffer_runs(self, flow: int, parts: int) -> list[tuple[int, Octets]]:
        """Up to which packet (exclusive) the payloads of a flow lie in which octets."""
        runs: list[tuple[int, Octets]] = []
        packets = 0
        table = self._parts[flow]
        for place in range(0, _PART * parts, _PART):
            packets += table[place + 2]
            octets = self._buffers[table[place]]
            if runs and runs[-1][1] is octets:
                runs[-1] = (packets, octets)
            else:
                runs.append((packets, octets))
        return runs


class _Stored(NamedTuple):
    """Octets of a part in the spool."""

    spool: Spool
    offset: int
    octets: int

    def read(self, start: int, count: int) -> memoryview:
        """At most so many of them."""
        return memoryview(self.spool.read(self.offset + start, min(count, self.octets - start)))


class _RecordPart:
    """A flow's packets of one block as they were kept, read in order."""

    def __init__(self, packets: int, octets: Octets, stored: _Stored) -> None:
        self.packets = packets
        self.octets = octets  # where the payloads lie
        self._stored = stored
        self._next = 0

    def skip(self, count: int) -> None:
        """Go past the next `count` packets."""
        self._next += count

    def read(self, facts: Facts, row: int, stop: int) -> None:
        """The next packets into rows `row` to `stop`."""
        size = RECORD_OCTETS
        records = np.frombuffer(self._stored.read(size * self._next, size * (stop - row)), RECORD)
        for name, column in zip(Facts._fields, facts, strict=True):
            column[row:stop] = records[name]
        self._next += stop - row


class _CodedPart:
    """A flow's packets of one block as the compiled pass coded them, read in order."""

    def __init__(self, packets: int, octets: Octets, stored: _Stored) -> None:
        self.packets = packets
        self.octets = octets  # where the payloads lie
        self._stored = stored
        self._next = 0  # octet
        self._module: Any = at_hand(_CODE)
        self._is_plain = self._module is plain(_CODE)
        last = np.zeros(packet_code.LAST_CELLS, np.int64)
        self._last: Any = view_plain(last) if self._is_plain else last

    def skip(self, count: int) -> None:
        """Go past the next `count` packets."""
        for done in range(0, count, SKIPPED_PACKETS):
            some = min(count - done, SKIPPED_PACKETS)
            self.read(empty_facts(some), 0, some)

    def read(self, facts: Facts, row: int, stop: int) -> None:
        """The next packets into rows `row` to `stop`."""
        stored = self._stored.read(self._next, 4 * packet_code.MAX_PACKET_WORDS * (stop - row))
        words: Any = stored.cast("I") if self._is_plain else np.frombuffer(stored, np.uint32)
        columns = [view_plain(column) for column in facts] if self._is_plain else facts
        self._last[packet_code.L_AT] = 0
        self._module.decode_packets(words, self._last, row, stop, *columns)
        self._next += 4 * int(self._last[packet_code.L_AT])


def empty_facts(packets: int) -> Facts:
    """Columns for so many packets, in one piece: the heap gives the same one again and again, without new pages."""
    memory, columns, at = np.empty(packets * RECORD_OCTETS, np.uint8), [], 0
    for _, kind in RECORD:
        octets = packets * int(kind[1:])
        columns.append(memory[at : at + octets].view(kind))
        at += octets
    return Facts(*columns)


def cut_facts(facts: Facts, start: int, stop: int) -> Facts:
    """Rows `start` to `stop`."""
    return Facts(*(column[start:stop] for column in facts))


def _octets(facts: Facts) -> int:
    return len(facts.frame) * RECORD_OCTETS
