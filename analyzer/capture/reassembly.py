# SPDX-License-Identifier: GPL-2.0-only
"""Puts whole datagrams back into the columns, in the row of the fragment that completed each."""

import numpy as np

from analyzer.capture import scan
from analyzer.capture.columns import Columns, Flag, Octets, Transport, empty_table, table_columns
from analyzer.capture.fragments import Datagram, FragmentKey, FragmentTable
from analyzer.capture.speed import view_plain

_COPIED = (
    "src_port", "dst_port", "transport", "kind", "detail", "payload_octets", "wire_octets",
    "ssrc", "seq", "rtp_timestamp", "payload_type", "marker", "header_octets",
)  # fmt: skip


class Defragmenter(FragmentTable):
    """Feeds the FRAGMENT rows of each batch to the table and rewrites the rows that complete a datagram."""

    def feed_batch(self, columns: Columns, buffer: Octets) -> bytes:
        """The octets of this batch's whole datagrams, to which negative offsets of the rewritten rows point."""
        side = bytearray()
        for row in np.flatnonzero(columns.transport == Transport.FRAGMENT).tolist():
            datagram = self._feed_row(columns, row, buffer)
            if datagram is not None:
                rewrite(columns, row, datagram, len(side))
                side += datagram.data
        return bytes(side)

    def _feed_row(self, columns: Columns, row: int, buffer: Octets) -> Datagram | None:
        at, start = int(columns.header_offset[row]), int(columns.payload_offset[row])
        octets, time_ns = int(columns.payload_octets[row]), int(columns.timestamp_ns[row])
        if int(columns.detail[row]) == 4:
            word = scan.read16(buffer, at + 6)
            offset, more = 8 * (word & 0x1FFF), bool(word & 0x2000)
            protocol, identification, version = buffer[at + 9], scan.read16(buffer, at + 4), 4
        else:
            word = scan.read16(buffer, at + 2)
            offset, more = word & 0xFFF8, bool(word & 1)
            protocol, identification, version = buffer[at], scan.read32(buffer, at + 4), 6
        key = FragmentKey(
            version,
            int(columns.src_hi[row]),
            int(columns.src_lo[row]),
            int(columns.dst_hi[row]),
            int(columns.dst_lo[row]),
            protocol if version == 4 else 0,  # RFC 8200 §4.5: addresses and identification only
            identification,
        )
        if octets < int(columns.wire_octets[row]):
            self.spoil(key, time_ns)
            return None
        return self.feed(key, offset, more, bytes(buffer[start : start + octets]), time_ns, protocol)


def rewrite(columns: Columns, row: int, datagram: Datagram, place: int) -> None:
    """Make `row` stand for the datagram, whose octets begin at `place` of the batch's side."""
    table = empty_table(1)
    end = len(datagram.data)
    scan.peel_transport(datagram.data, 0, end, end, datagram.protocol, view_plain(table), 0)
    one = table_columns(table, 1)
    for name in _COPIED:
        getattr(columns, name)[row] = getattr(one, name)[0]
    columns.header_offset[row] = -1 - place
    columns.payload_offset[row] = -1 - place - int(one.payload_offset[0])
    columns.flags[row] |= Flag.REASSEMBLED
