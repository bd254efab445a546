# SPDX-License-Identifier: GPL-2.0-only
"""What the pass leaves for a closer look, row by row: tunnels peeled, fragments put together, HEP opened.

A datagram that was put together stands in the row of the fragment that completed it, its octets in the batch's side.
"""

from typing import Any

import numpy as np

from analyzer.capture import payload_kind, peeling, scan, tunnels
from analyzer.capture.address import parse_address
from analyzer.capture.columns import (
    COLUMNS,
    Columns,
    Flag,
    Octets,
    PayloadKind,
    Table,
    Transport,
    empty_table,
    plain_cells,
    table_columns,
    view_cells,
)
from analyzer.capture.fragments import Datagram, FragmentKey, FragmentTable
from analyzer.capture.speed import compiled, view_array, view_plain
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.hep import HepPacket, may_be_hep, parse_hep

COMPILED_ROWS = 20_000  # of one batch: fewer are done before the compiled functions are there
MAX_NESTED_FRAGMENTS = 4
_TUNNELS = "analyzer.capture.tunnels"
_ODD_KINDS = (PayloadKind.UNKNOWN, PayloadKind.TURN_CHANNEL, PayloadKind.STUN)
_READ = (Transport.TCP, Transport.SCTP, Transport.DAMAGED, Transport.FRAGMENT, Transport.CONTROL)
_RTP_COLUMNS = ("ssrc", "seq", "rtp_timestamp", "payload_type", "marker", "header_octets")
_COPIED = ("src_port", "dst_port", "transport", "kind", "detail", "payload_octets", "wire_octets", *_RTP_COLUMNS)


class Unwrapper(FragmentTable):
    """Finishes the rows of each batch; `defects` counts by code what could not be put together."""

    def __init__(self) -> None:
        super().__init__()
        self._work = plain_cells(COLUMNS, 1)

    def feed_batch(self, table: Table, columns: Columns, buffer: Octets, *, fast: bool) -> bytes:
        """The octets of this batch's whole datagrams, to which negative offsets of the rewritten rows point."""
        odd = _odd_rows(columns)
        if len(odd):
            sctp = odd[(columns.transport[odd] == Transport.OTHER) & (columns.detail[odd] == Transport.SCTP)]
            columns.transport[sctp] = Transport.SCTP
            self._peel(table, odd.tolist(), len(columns.frame), buffer, fast=fast)
        side = bytearray()
        rows = np.flatnonzero(columns.transport == Transport.FRAGMENT)
        if len(odd):
            unknown = (columns.transport[odd] == Transport.UDP) & (columns.payload_octets[odd] > 16)
            rows = np.union1d(rows, odd[unknown])
        cells = view_plain(table)
        for row in rows.tolist():
            if int(columns.transport[row]) == Transport.FRAGMENT:
                self._join(cells, columns, row, buffer, side)
            else:
                open_hep(columns, row, buffer, side)
        return bytes(side)

    def _peel(self, table: Table, odd: list[int], rows: int, buffer: Octets, *, fast: bool) -> None:
        if fast and len(odd) > COMPILED_ROWS:
            module: Any = compiled(_TUNNELS, allocates=False)
            module.peel_rows(view_array(buffer), table, rows, view_cells(self._work))
            return
        cells = view_plain(table)
        for row in odd:
            tunnels.peel_row(buffer, cells, row, self._work, 0)

    def _join(self, cells: Table, columns: Columns, row: int, buffer: Octets, side: bytearray) -> None:
        """Feed a fragment; a datagram that is whole may be a tunnel, and hold a fragment of another one."""
        for _ in range(MAX_NESTED_FRAGMENTS):
            octets = side if columns.header_offset[row] < 0 else buffer
            datagram = self._feed_row(columns, row, octets)
            if datagram is None:
                return
            rewrite(columns, row, datagram, len(side))
            side += datagram.data
            tunnels.peel_row(side, cells, row, self._work, 1)
            if columns.transport[row] == Transport.UDP and columns.kind[row] == PayloadKind.UNKNOWN:
                open_hep(columns, row, buffer, side)
            if columns.transport[row] != Transport.FRAGMENT:
                return
        self.defects["fragment-nested-too-deep"] += 1

    def _feed_row(self, columns: Columns, row: int, buffer: Octets) -> Datagram | None:
        at, start = int(columns.header_offset[row]), int(columns.payload_offset[row])
        if at < 0:
            at, start = -1 - at, -1 - start
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


def _odd_rows(columns: Columns) -> Any:
    """Rows that the pass did not understand (`tunnels.is_odd`)."""
    transport, kind = columns.transport, columns.kind
    odd = (transport != Transport.UDP) | np.isin(kind, _ODD_KINDS)
    rows = np.flatnonzero(odd)
    return rows[~np.isin(transport[rows], _READ)] if len(rows) else rows


def rewrite(columns: Columns, row: int, datagram: Datagram, place: int) -> None:
    """Make `row` stand for the datagram, whose octets begin at `place` of the batch's side."""
    table = empty_table(1)
    end = len(datagram.data)
    peeling.peel_transport(datagram.data, 0, end, end, datagram.protocol, view_plain(table), 0)
    one = table_columns(table, 1)
    for name in _COPIED:
        getattr(columns, name)[row] = getattr(one, name)[0]
    columns.header_offset[row] = -1 - place - int(one.header_offset[0])
    columns.payload_offset[row] = -1 - place - int(one.payload_offset[0])
    columns.flags[row] |= Flag.REASSEMBLED


def open_hep(columns: Columns, row: int, buffer: Octets, side: bytearray) -> None:
    """Make `row` stand for the message in a HEP packet, with the addresses and the time that the agent saw."""
    offset, octets = int(columns.payload_offset[row]), int(columns.payload_octets[row])
    if offset < 0:
        data = bytes(side[-1 - offset : -1 - offset + octets])
    else:
        data = bytes(buffer[offset : offset + 4])
        if may_be_hep(data + bytes(16)) or data[:1] in (b"\x01", b"\x02"):
            data = bytes(buffer[offset : offset + octets])
    if not may_be_hep(data):
        return
    try:
        hep = parse_hep(data)
    except GrammarError:
        return
    _place(columns, row, hep, offset, side)


def _place(columns: Columns, row: int, hep: HepPacket, offset: int, side: bytearray) -> None:
    table = empty_table(1)
    end = len(hep.payload)
    payload_kind.peel_payload(hep.payload, 0, end, view_plain(table), 0)
    one = table_columns(table, 1)
    for name in ("kind", *_RTP_COLUMNS):
        getattr(columns, name)[row] = getattr(one, name)[0]
    columns.src_hi[row], columns.src_lo[row] = parse_address(str(hep.source))
    columns.dst_hi[row], columns.dst_lo[row] = parse_address(str(hep.destination))
    columns.src_port[row], columns.dst_port[row] = hep.source_port, hep.destination_port
    columns.payload_octets[row] = columns.wire_octets[row] = end
    columns.detail[row] = hep.ip_protocol
    columns.flags[row] |= Flag.HEP
    if hep.timestamp_ns is not None and 0 < hep.timestamp_ns < scan.MAX_TIME_NS:
        columns.timestamp_ns[row] = hep.timestamp_ns
        columns.flags[row] &= ~int(Flag.NO_TIME)
    if hep.payload_offset < 0:
        columns.payload_offset[row] = -1 - len(side)
        side += hep.payload
    elif offset < 0:
        columns.payload_offset[row] = offset - hep.payload_offset
    else:
        columns.payload_offset[row] = offset + hep.payload_offset
