# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of each media packet: a record, sorted by flow in blocks, and put aside where blocks are many.

A flow's records are read again when somebody asks for that flow, so memory follows the flows and the longest of them,
not the capture. Payloads stay where they are: a record holds their offset.
"""

import mmap
from array import array
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analyzer.capture.columns import Octets
from analyzer.evidence.spool import Spool

BLOCK_PACKETS = 1 << 18
FIRST_PACKETS = 1 << 10
CACHE_OCTETS = 16 << 20
_UINT16_FLOWS = 1 << 16
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

RECORD = np.dtype(
    [
        ("timestamp_ns", "i8"), ("payload_offset", "i8"), ("frame", "i8"), ("rtp_timestamp", "u4"),
        ("payload_octets", "i4"), ("wire_octets", "i4"), ("header_octets", "i4"), ("sequence_number", "i4"),
        ("payload_type", "i2"), ("marker", "i2"),
    ]
)  # fmt: skip
Flows = npt.NDArray[np.int32]
Records = npt.NDArray[np.void]


class PacketStore:
    """Records of packets by flow number; `buffers` are where the payloads of each block lie."""

    def __init__(self) -> None:
        self.records: Records = np.zeros(FIRST_PACKETS, RECORD)
        self.flow_of: Flows = np.zeros(FIRST_PACKETS, np.int32)
        self.fill = 0
        self.scatter: Callable[..., None] | None = None  # the compiled way to sort
        self.sides = Spool()
        self._blocks = Spool()
        self._octets: Octets = b""
        self._buffers: list[Octets] = []
        self._parts: list[array[int]] = []  # of each flow: block, offset in the spool, packets; again and again
        self._cache: OrderedDict[tuple[int, int], Records] = OrderedDict()
        self._cached_octets = 0

    def read_from(self, octets: Octets) -> None:
        """The packets that come now have their payloads in `octets`."""
        if octets is not self._octets:
            self.seal()
            self._octets = octets

    def make_room(self) -> None:
        """Let at least one more record be added."""
        if self.fill < len(self.records):
            return
        if len(self.records) < BLOCK_PACKETS:
            self.records = np.concatenate((self.records, np.zeros_like(self.records)))
            self.flow_of = np.concatenate((self.flow_of, np.zeros_like(self.flow_of)))
        else:
            self.seal()

    def add(self, records: Records, flow_of: Flows) -> None:
        """Add records that are at hand as arrays."""
        done = 0
        while done < len(records):
            self.make_room()
            some = min(len(records) - done, len(self.records) - self.fill)
            self.records[self.fill : self.fill + some] = records[done : done + some]
            self.flow_of[self.fill : self.fill + some] = flow_of[done : done + some]
            self.fill, done = self.fill + some, done + some

    def seal(self) -> None:
        """Sort what has come since the last block by flow, each flow in its own order, and put it aside."""
        if not self.fill:
            return
        flow_of, records = self.flow_of[: self.fill], self.records[: self.fill]
        counts = np.bincount(flow_of)
        begins = np.cumsum(counts) - counts
        start = self._blocks.append(self._sorted(records, flow_of, begins).data.cast("B"))
        present = np.flatnonzero(counts)
        block = len(self._buffers)
        self._buffers.append(self._octets)
        self._parts.extend(array("q") for _ in range(len(counts) - len(self._parts)))
        offsets = start + begins * RECORD.itemsize
        for flow, offset, count in zip(
            present.tolist(), offsets[present].tolist(), counts[present].tolist(), strict=True
        ):
            self._parts[flow].extend((block, offset, count))
        self.fill = 0

    def _sorted(self, records: Records, flow_of: Flows, begins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The records as cells of 64 bits, which are moved much faster than records."""
        cells = records.view(np.int64).reshape(-1, RECORD.itemsize // 8)
        if self.scatter is None:
            small = len(begins) <= _UINT16_FLOWS  # numbers of 16 bits are sorted by radix
            return cells[np.argsort(flow_of.astype(np.uint16) if small else flow_of, kind="stable")]
        ordered = np.empty_like(cells)
        self.scatter(cells, flow_of, begins.copy(), ordered)
        return ordered

    def parts(self, flow: int) -> int:
        """How many sealed parts a flow has."""
        return len(self._parts[flow]) // 3 if flow < len(self._parts) else 0

    def packets(self, flow: int, parts: int) -> int:
        """How many packets the first `parts` parts of a flow have."""
        return sum(self._parts[flow][2 : 3 * parts : 3])

    def of_flow(self, flow: int, parts: int) -> Records:
        """The records of the first `parts` parts of a flow, in capture order."""
        key = (flow, parts)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            return found
        table = self._parts[flow]
        # Mapped, not from the heap: what is let go of leaves no holes there.
        found = np.frombuffer(mmap.mmap(-1, self.packets(flow, parts) * RECORD.itemsize, flags=_PRIVATE), RECORD)
        octets, start = found.view(np.uint8).data, 0
        for place in range(0, 3 * parts, 3):
            stop = start + table[place + 2] * RECORD.itemsize
            self._blocks.read_into(table[place + 1], octets[start:stop])
            start = stop
        found.flags.writeable = False
        self._cache[key] = found
        self._cached_octets += found.nbytes
        while self._cached_octets > CACHE_OCTETS and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached_octets -= oldest.nbytes
        return found

    def read_span(self, flow: int, parts: int, start: int, stop: int) -> Records:
        """The records of packets `start` to `stop` of a flow, which nobody keeps."""
        found = np.empty(stop - start, RECORD)
        octets, size = found.view(np.uint8).data, RECORD.itemsize
        table, before = self._parts[flow], 0
        for place in range(0, 3 * parts, 3):
            first, last = max(start, before), min(stop, before + table[place + 2])
            if first < last:
                begin = table[place + 1] + (first - before) * size
                self._blocks.read_into(begin, octets[(first - start) * size : (last - start) * size])
            before += table[place + 2]
        return found

    def buffer_runs(self, flow: int, parts: int) -> list[tuple[int, Octets]]:
        """Up to which packet (exclusive) the payloads of a flow lie in which octets."""
        runs: list[tuple[int, Octets]] = []
        packets = 0
        table = self._parts[flow]
        for place in range(0, 3 * parts, 3):
            packets += table[place + 2]
            octets = self._buffers[table[place]]
            if runs and runs[-1][1] is octets:
                runs[-1] = (packets, octets)
            else:
                runs.append((packets, octets))
        return runs
