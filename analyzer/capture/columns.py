# SPDX-License-Identifier: GPL-2.0-only
"""What the capture stage hands on: packets as columns, in bounded batches."""

import enum
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from analyzer.model.arrays import Column
from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.late_dataclass import dataclass

Octets = Any  # bytes, mmap, memoryview, or a uint8 array inside the compiled pass: indexing gives an integer
Table = Any  # int64 cells [column, packet]: an array, or a memoryview for the plain pass

RTSP_PORTS = (554, 8554)  # IANA: rtsp, rtsp-alt
BATCH_PACKETS = 16_384  # a table of 3 MB: most of it is still in the cache of a core when streams are sorted out


class Transport(enum.IntEnum):
    """What a frame carries; UDP and TCP have their IANA protocol numbers."""

    UNREAD_LINK = 0  # `detail` is the link type
    NOT_IP = 1  # `detail` is the EtherType
    DAMAGED = 2  # a header is cut or contradicts itself
    FRAGMENT = 3  # an IP fragment that completes nothing; `detail` is the IP version
    OTHER = 4  # `detail` is the IP protocol number
    CONTROL = 5  # a link's or tunnel's own message, which carries no packet
    TCP = 6
    UDP = 17
    SCTP = 132


# Of datagrams, by the protocol that was seen: a capture agent that saw TCP does not say whether TLS was on it.
DATAGRAM_TRANSPORTS = {0: "UDP", 17: "UDP", 136: "UDP-Lite"}


class PayloadKind(enum.IntEnum):
    """What a UDP payload looks like by its first octets (RFC 7983 §7, RFC 5761 §4); a prefilter, not a verdict."""

    UNKNOWN = 0
    EMPTY = 1
    RTP_LIKE = 2
    RTCP_LIKE = 3
    STUN = 4
    DTLS = 5
    ZRTP = 6
    SIP_LIKE = 7
    TURN_CHANNEL = 8


class Flag(enum.IntFlag):
    """Bits of the `flags` column."""

    SNAPPED = 1  # fewer octets captured than were on the wire
    NO_TIME = 2  # the record carries no usable time stamp
    REASSEMBLED = 4  # from IP fragments: the octets are in the batch's `side`
    HEP = 8  # told by a capture agent; `detail` is the IP protocol that the agent saw


class Columns(NamedTuple):
    """One row per frame; the RTP columns are 0 unless `kind` is RTP_LIKE (`ssrc` also for RTCP_LIKE)."""

    frame: Column
    timestamp_ns: Column
    src_hi: Column
    src_lo: Column
    dst_hi: Column
    dst_lo: Column
    src_port: Column
    dst_port: Column
    transport: Column
    kind: Column
    flags: Column
    tos: Column
    detail: Column
    header_offset: Column
    payload_offset: Column
    payload_octets: Column
    wire_octets: Column
    ssrc: Column
    seq: Column
    rtp_timestamp: Column
    payload_type: Column
    marker: Column
    header_octets: Column


COLUMNS = len(Columns._fields)
_ADDRESSES = ("src_hi", "src_lo", "dst_hi", "dst_lo")
_UINT64 = (1 << 64) - 1
_STAGGER = 24  # cells that keep equal rows of different columns out of one cache set


def plain_cells(*shape: int) -> memoryview:
    """Zeroed int64 cells that need no NumPy; `view_cells` gives them as an array."""
    return memoryview(bytearray(8 * math.prod(shape))).cast("q", shape)


def view_cells(cells: Table) -> Column:
    """Cells as an array, without copying."""
    return np.frombuffer(cells, np.int64).reshape(cells.shape)


def empty_table(capacity: int) -> Table:
    """A zeroed table that holds `capacity` packets, one row of cells per column."""
    return np.zeros((COLUMNS, capacity + _STAGGER), dtype=np.int64)


def table_columns(table: Table, packets: int) -> Columns:
    """The columns of the first `packets` packets, without copying: addresses unsigned, all else int64."""
    columns = Columns(*table[:, :packets])
    return columns._replace(**{name: getattr(columns, name).view(np.uint64) for name in _ADDRESSES})


class PlainTable(NamedTuple):
    """The first `packets` rows of a table of plain cells, for readers that need no arrays."""

    cells: memoryview
    packets: int

    def column(self, name: str) -> list[int]:
        """One column; that of an address as 64 unsigned bits."""
        at = Columns._fields.index(name)
        numbers = [self.cells[at, row] for row in range(self.packets)]
        return [number & _UINT64 for number in numbers] if name in _ADDRESSES else numbers

    @property
    def holds_only_sip(self) -> bool:
        """Whether all packets look like SIP over UDP, away from the ports of other signalling."""
        usual = ({Transport.UDP}, {PayloadKind.SIP_LIKE})
        ports = {*self.column("src_port"), *self.column("dst_port")}
        return (set(self.column("transport")), set(self.column("kind"))) == usual and ports.isdisjoint(RTSP_PORTS)


class Sieved(NamedTuple):
    """Packets among those of a batch that were sorted into flows already and stand in no row; the times are theirs."""

    packets: int = 0
    media_packets: int = 0  # those that are RTP_LIKE
    snapped: int = 0
    first_time_ns: int = 0
    last_time_ns: int = 0


NOTHING_SIEVED = Sieved()


@dataclass(frozen=True, slots=True)
class PacketBatch:
    """A run of frames in capture order.

    Offsets count octets of `buffer`; a negative offset `-1 - p` points at octet `p` of `side`, where the
    datagrams lie that were put together from IP fragments. Such a datagram stands in the row of the frame that
    completed it; its other fragments stay rows of transport FRAGMENT.
    `archive` has the octets of `buffer` for whoever wants them long after this batch: None where `buffer` has itself.
    `table` has the columns as cells where the compiled pass filled them. `secrets` stood in the capture up to here.
    `sieved` counts packets of which no row tells.
    Every column of `Columns` is also an attribute of the batch. `filled` has them; as `PlainTable` where all packets
    are SIP over UDP, few enough for arrays not to pay.
    """

    filled: Columns | PlainTable
    buffer: Octets
    side: bytes = b""
    archive: Octets | None = None
    table: Table | None = None
    secrets: tuple[KeyLogSecret, ...] = ()
    sieved: Sieved = NOTHING_SIEVED

    def __len__(self) -> int:
        return self.filled.packets if isinstance(self.filled, PlainTable) else len(self.filled.frame)

    @property
    def columns(self) -> Columns:
        """The columns as arrays."""
        if isinstance(self.filled, PlainTable):
            return table_columns(view_cells(self.filled.cells), self.filled.packets)
        return self.filled

    @property
    def holds_only_sip(self) -> bool:
        """Whether it is known that all packets look like SIP over UDP."""
        return isinstance(self.filled, PlainTable)

    @property
    def times_ns(self) -> tuple[int, int]:
        """The earliest and the latest time of its packets; there must be some."""
        if isinstance(self.filled, PlainTable):
            times = self.filled.column("timestamp_ns")
            return min(times), max(times)
        return int(self.filled.timestamp_ns.min()), int(self.filled.timestamp_ns.max())

    def cells_of_kind(self, kind: PayloadKind, names: Sequence[str]) -> list[list[int]]:
        """The cells of these columns in the rows of a kind, as lists: single cells of an array are slow to read."""
        if isinstance(self.filled, PlainTable):
            rows = [row for row, found in enumerate(self.filled.column("kind")) if found == kind]
            return [[column[row] for row in rows] for column in map(self.filled.column, names)]
        places = np.flatnonzero(self.filled.kind == kind)
        return [getattr(self.filled, name)[places].tolist() for name in names]

    def __getattr__(self, name: str) -> Column:
        if name in Columns._fields:
            column: Column = getattr(self.columns, name)
            return column
        raise AttributeError(name)

    def octets(self, offset: int, count: int) -> bytes:
        """`count` octets at a column's `offset`, wherever they lie."""
        if offset < 0:
            return self.side[-1 - offset : -1 - offset + count]
        return bytes(self.buffer[offset : offset + count])

    def payload(self, row: int) -> bytes:
        """The captured transport payload of one row."""
        return self.octets(int(self.columns.payload_offset[row]), int(self.columns.payload_octets[row]))

    def rows_of(self, transport: Transport) -> Iterator[int]:
        """The rows with this transport, in order."""
        return iter(np.flatnonzero(self.columns.transport == transport).tolist())
