# SPDX-License-Identifier: GPL-2.0-only
"""What the capture stage hands on: packets as columns, in bounded batches."""

import enum
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.late_dataclass import dataclass

Octets = Any  # bytes, mmap, memoryview, or a uint8 array inside the compiled pass: indexing gives an integer
Column = npt.NDArray[Any]
Table = Any  # int64 cells [column, packet]: an array, or a memoryview for the plain pass

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
_STAGGER = 24  # cells that keep equal rows of different columns out of one cache set


def empty_table(capacity: int) -> Table:
    """A zeroed table that holds `capacity` packets, one row of cells per column."""
    return np.zeros((COLUMNS, capacity + _STAGGER), dtype=np.int64)


def table_columns(table: Table, packets: int) -> Columns:
    """The columns of the first `packets` packets, without copying: addresses unsigned, all else int64."""
    columns = Columns(*table[:, :packets])
    return columns._replace(**{name: getattr(columns, name).view(np.uint64) for name in _ADDRESSES})


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
    Every column of `Columns` is also an attribute of the batch.
    """

    columns: Columns
    buffer: Octets
    side: bytes = b""
    archive: Octets | None = None
    table: Table | None = None
    secrets: tuple[KeyLogSecret, ...] = ()
    sieved: Sieved = NOTHING_SIEVED

    def __len__(self) -> int:
        return len(self.columns.frame)

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
