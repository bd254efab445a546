# SPDX-License-Identifier: GPL-2.0-only
"""The usual packets of a capture, many at a time: what `scan` would find, where its plain pass would take longer.

Usual are records without options, and in them UDP over IPv4 without IP options, in one piece. Every other packet is
peeled by `scan`, and it goes on at the first record that needs a closer look.
"""

import struct
from typing import Any, NamedTuple

import numpy as np

from analyzer.capture import payload_kind, peeling, records, scan
from analyzer.capture.columns import Octets, Table
from analyzer.model.arrays import Column

_WORDS = {0: struct.Struct("<I").unpack_from, 1: struct.Struct(">I").unpack_from}
_BLOCK_HEADS = {0: struct.Struct("<II12xI").unpack_from, 1: struct.Struct(">II12xI").unpack_from}
_PACKET_BLOCK, _BLOCK_OCTETS = 6, 32  # an Enhanced Packet Block, and what it has beside the packet
_IP_OCTETS, _UDP_OCTETS, _RTP_OCTETS = 20, 8, 12
_METHODS = (
    *("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY"),
    *("SUBSCRIBE", "MESSAGE", "PUBLISH"),
)
_SIP_STARTS = (b"SIP/2.0 ", *[f"{method} sip:".encode() for method in _METHODS])
_SIP_START_OCTETS = max(map(len, _SIP_STARTS))


class _Records(NamedTuple):
    """Packets by where they stand: `start` and `stop` count octets of the capture, `wire_stop` what was cut off too."""

    start: Column
    stop: Column
    wire_stop: Column
    link: Column


def scan_ordinary(buf: Octets, state: memoryview, interfaces: Table, table: Table, *, is_pcapng: bool) -> None:
    """Fill rows from `state[S_OFFSET]` on, as far as the records are usual ones."""
    first, heads = int(state[scan.S_ROWS]), (_walk_pcapng if is_pcapng else _walk_pcap)(buf, state)
    if not heads:
        return
    octets = np.frombuffer(buf, np.uint8)
    begins = np.array(heads, np.int64)
    rows = table[:, first : first + len(heads)]
    records = (_read_blocks if is_pcapng else _read_records)(octets, begins, state, interfaces, rows)
    rows[scan.C_FRAME] = np.arange(1, len(heads) + 1) + state[scan.S_FRAME]
    state[scan.S_FRAME] += len(heads)
    state[scan.S_ROWS] += len(heads)
    usual = _peel(octets, records, rows)
    cells = memoryview(table)
    _classify_text(buf, _classify_binary(octets, rows, np.flatnonzero(usual)), first, cells)
    left = np.flatnonzero(~usual)
    places = (column[left].tolist() for column in records)
    for row, start, stop, wire_stop, link in zip(left.tolist(), *places, strict=True):
        peeling.peel_link(buf, start, stop, wire_stop, link, cells, first + row)


def _walk_pcap(buf: Octets, state: memoryview) -> list[int]:
    """Where the next records begin, up to one that is cut or too long."""
    at, end, header = int(state[scan.S_OFFSET]), int(state[scan.S_END]), int(state[scan.S_HEADER])
    limit, room = int(state[scan.S_LIMIT]), int(state[scan.S_CAPACITY] - state[scan.S_ROWS])
    read = _WORDS[int(state[scan.S_BIG])]
    heads: list[int] = []
    while len(heads) < room and end - at >= header:
        (captured,) = read(buf, at + 8)
        if captured > limit or captured > end - at - header:
            break
        heads.append(at)
        at += header + captured
    state[scan.S_OFFSET] = at
    return heads


def _read_records(octets: Any, heads: Column, state: memoryview, _: Table, rows: Table) -> _Records:
    fields = _words(octets, heads, 4, int(state[scan.S_BIG]))
    rows[scan.C_TIMESTAMP_NS] = fields[0] * 1_000_000_000 + fields[1] * state[scan.S_SCALE]
    captured, wire = fields[2], fields[3]
    rows[scan.C_FLAGS] = np.where(captured < wire, scan.SNAPPED, 0)
    start = heads + state[scan.S_HEADER]
    link = np.full(len(heads), state[scan.S_LINK])
    return _Records(start, start + captured, start + np.maximum(captured, wire), link)


def _walk_pcapng(buf: Octets, state: memoryview) -> list[int]:
    """Where the next packet blocks begin, up to another block, one with options, or one whose lengths make no sense."""
    at, end, limit = int(state[scan.S_OFFSET]), int(state[scan.S_END]), int(state[scan.S_LIMIT])
    room = int(state[scan.S_CAPACITY] - state[scan.S_ROWS])
    read, read_word = _BLOCK_HEADS[int(state[scan.S_BIG])], _WORDS[int(state[scan.S_BIG])]
    heads: list[int] = []
    while len(heads) < room and end - at >= _BLOCK_OCTETS:
        kind, total, captured = read(buf, at)
        if kind != _PACKET_BLOCK or total > limit or total > end - at:
            break
        if total != _BLOCK_OCTETS + captured + (-captured & 3) or read_word(buf, at + total - 4) != (total,):
            break
        heads.append(at)
        at += total
    state[scan.S_OFFSET] = at
    return heads


def _read_blocks(octets: Any, heads: Column, state: memoryview, interfaces: Table, rows: Table) -> _Records:
    _, _, index, high, low, captured, wire = _words(octets, heads, 7, int(state[scan.S_BIG]))
    rows[scan.C_FLAGS] = np.where(captured < wire, scan.SNAPPED, 0)
    link = np.full(len(heads), 0xFFFF)
    for interface in np.unique(index).tolist():
        own = np.flatnonzero(index == interface)
        if interface < state[scan.S_INTERFACES]:
            link[own] = interfaces[interface, scan.I_LINK]
            _set_times(high[own], low[own], interfaces, interface, rows, own)
    rows[scan.C_FLAGS, np.flatnonzero(link == 0xFFFF)] |= scan.NO_TIME
    start = heads + 28
    return _Records(start, start + captured, start + np.maximum(captured, wire), link)


def _set_times(high: Column, low: Column, interfaces: Table, interface: int, rows: Table, own: Column) -> None:
    """As `records.set_time`, for the packets `own` of one interface."""
    multiplier, divisor = int(interfaces[interface, scan.I_MULTIPLIER]), int(interfaces[interface, scan.I_DIVISOR])
    ticks = ((high & 0x7FFFFFFF) << 32) | low
    usual = (high < 1 << 31) & (ticks <= scan.MAX_TIME_NS // multiplier)
    if interfaces[interface, scan.I_SHIFT] or not usual.all():
        for row, upper, lower in zip(own.tolist(), high.tolist(), low.tolist(), strict=True):
            records.set_time(upper, lower, interfaces, interface, rows, row)
        return
    rows[scan.C_TIMESTAMP_NS, own] = ticks * multiplier // divisor + interfaces[interface, scan.I_OFFSET]


def _words(octets: Any, places: Column, count: int, big: int) -> Column:
    """`count` words of 32 bits from each place on, one row for each."""
    found = octets[places[:, None] + np.arange(4 * count)].view(">u4" if big else "<u4")
    return np.ascontiguousarray(found.T.astype(np.int64))


def _peel(octets: Any, records: _Records, rows: Table) -> Column:
    """Fill the rows of the usual packets, all but what their payloads are; which those are."""
    header = np.select([records.link == 1, records.link == 113, records.link == 276], [14, 16, 20], -1)
    usual = (header >= 0) & (records.stop - records.start >= header + _IP_OCTETS + _UDP_OCTETS)
    found = np.flatnonzero(usual)
    start, header = records.start[found], header[found]
    network = start + header
    type_at = np.where(header == 20, start, network - 2)
    ip = octets[network[:, None] + np.arange(_IP_OCTETS + _UDP_OCTETS)]
    total, length = _pair(ip, 2), _pair(ip, 24)
    fits = (octets[type_at] == 8) & (octets[type_at + 1] == 0)  # EtherType 0x0800
    fits &= (ip[:, 0] == 0x45) & (_pair(ip, 6) & 0x3FFF == 0) & (ip[:, 9] == scan.UDP)
    fits &= (total >= _IP_OCTETS + _UDP_OCTETS) & (length >= _UDP_OCTETS)
    usual[found] = fits
    found, ip, network, total, length = found[fits], ip[fits], network[fits], total[fits], length[fits]
    udp = network + _IP_OCTETS
    payload = udp + _UDP_OCTETS
    wire_stop = np.minimum(np.minimum(records.wire_stop[found], network + total), udp + length)
    addresses = np.ascontiguousarray(ip[:, 12:20]).view(">u4").astype(np.int64) | 0xFFFF00000000
    for column, values in (
        (scan.C_TRANSPORT, scan.UDP),
        (scan.C_TOS, ip[:, 1]),
        (scan.C_SRC_LO, addresses[:, 0]),
        (scan.C_DST_LO, addresses[:, 1]),
        (scan.C_SRC_PORT, _pair(ip, 20)),
        (scan.C_DST_PORT, _pair(ip, 22)),
        (scan.C_HEADER_OFFSET, udp),
        (scan.C_PAYLOAD_OFFSET, payload),
        (scan.C_PAYLOAD_OCTETS, np.minimum(records.stop[found], wire_stop) - payload),
        (scan.C_WIRE_OCTETS, wire_stop - payload),
    ):
        rows[column, found] = values
    return usual


def _classify_binary(octets: Any, rows: Table, found: Column) -> list[tuple[int, int, int]]:
    """What the payloads are that are empty or begin as RTP and RTCP do; of each other one its row and its place."""
    at, size = rows[scan.C_PAYLOAD_OFFSET, found], rows[scan.C_PAYLOAD_OCTETS, found]
    rows[scan.C_KIND, found[size <= 0]] = scan.EMPTY
    found, at, size = found[size > 0], at[size > 0], size[size > 0]
    first = octets[at]
    others = first < 128
    texts = list(zip(found[others].tolist(), at[others].tolist(), (at + size)[others].tolist(), strict=True))
    media = (first >= 128) & (first <= 191) & (size >= 8)
    found, at, size = found[media], at[media], size[media]
    second = octets[at + 1].astype(np.int64)
    is_rtcp = (second >= 192) & (second <= 223)
    rtcp, rtp = np.flatnonzero(is_rtcp), np.flatnonzero(~is_rtcp & (size >= _RTP_OCTETS))
    _fill_rtcp(rows, found[rtcp], _words(octets, at[rtcp], 2, 1), second[rtcp])
    _fill_rtp(octets, rows, found[rtp], at[rtp])
    return texts


def _fill_rtcp(rows: Table, found: Column, words: Column, second: Column) -> None:
    rows[scan.C_KIND, found] = scan.RTCP_LIKE
    rows[scan.C_PAYLOAD_TYPE, found] = second
    rows[scan.C_SSRC, found] = words[1]


def _fill_rtp(octets: Any, rows: Table, found: Column, at: Column) -> None:
    head, rtp_timestamp, ssrc = _words(octets, at, 3, 1)
    rows[scan.C_KIND, found] = scan.RTP_LIKE
    rows[scan.C_PAYLOAD_TYPE, found] = (head >> 16) & 127
    rows[scan.C_MARKER, found] = (head >> 23) & 1
    rows[scan.C_SEQ, found] = head & 0xFFFF
    rows[scan.C_RTP_TIMESTAMP, found] = rtp_timestamp
    rows[scan.C_SSRC, found] = ssrc
    rows[scan.C_HEADER_OCTETS, found] = _RTP_OCTETS
    longer = np.flatnonzero(head & 0x1F000000)  # an extension, or contributing sources
    stop = at + rows[scan.C_PAYLOAD_OCTETS, found]
    buf = memoryview(octets)
    for row, *place in zip(found[longer].tolist(), at[longer].tolist(), stop[longer].tolist(), strict=True):
        rows[scan.C_HEADER_OCTETS, row] = payload_kind.rtp_header_octets(buf, *place)


def _classify_text(buf: Octets, texts: list[tuple[int, int, int]], first: int, cells: Table) -> None:
    """Whether the payloads of these rows are SIP or one of the protocols beside media."""
    for row, at, stop in texts:
        if bytes(buf[at : min(stop, at + _SIP_START_OCTETS)]).startswith(_SIP_STARTS):
            cells[scan.C_KIND, first + row] = scan.SIP_LIKE
        else:
            payload_kind.peel_payload(buf, at, stop, cells, first + row)


def _pair(octets: Any, at: int) -> Column:
    """Two octets of each row, network order."""
    pair: Column = octets[:, at].astype(np.int64) * 256 + octets[:, at + 1]
    return pair
