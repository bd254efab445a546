# SPDX-License-Identifier: GPL-2.0-only
"""From the link layer down to the payload of UDP and TCP: headers into the cells of a row.

Runs as plain Python and compiled (`speed.py`), within the limits that `records.py` names. Follows RFC 791, RFC 8200,
RFC 768 and RFC 9293.
"""

from analyzer.capture.columns import Octets, Table
from analyzer.capture.payload_kind import peel_payload
from analyzer.capture.scan import (
    BROKEN,
    C_DETAIL,
    C_DST_HI,
    C_DST_LO,
    C_DST_PORT,
    C_HEADER_OFFSET,
    C_PAYLOAD_OCTETS,
    C_PAYLOAD_OFFSET,
    C_SRC_HI,
    C_SRC_LO,
    C_SRC_PORT,
    C_TOS,
    C_TRANSPORT,
    C_WIRE_OCTETS,
    FRAGMENT,
    NOT_IP,
    OTHER,
    TCP,
    UDP,
    UNREAD_LINK,
    read16,
    read32,
    signed64,
)

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE = 0x0800, 0x86DD, 0x8864
MAX_VLAN_TAGS = 8
MAX_EXTENSION_HEADERS = 16


def peel_transport(buf: Octets, at: int, end: int, wire_end: int, protocol: int, cols: Table, n: int) -> None:
    """UDP and TCP headers; `wire_end` is where the IP payload ended on the wire."""
    cols[C_HEADER_OFFSET, n] = at
    cols[C_PAYLOAD_OFFSET, n] = at
    if protocol != UDP and protocol != TCP:
        cols[C_TRANSPORT, n] = OTHER
        cols[C_DETAIL, n] = protocol
        cols[C_PAYLOAD_OCTETS, n] = end - at
        cols[C_WIRE_OCTETS, n] = wire_end - at
        return
    cols[C_TRANSPORT, n] = BROKEN
    cols[C_DETAIL, n] = protocol
    if end - at >= 4:
        cols[C_SRC_PORT, n] = read16(buf, at)
        cols[C_DST_PORT, n] = read16(buf, at + 2)
    header = 8
    if protocol == UDP:
        if end - at < 8:
            return
        length = read16(buf, at + 4)
        if 0 < length < 8:
            return
        if length:
            wire_end = min(wire_end, at + length)
    else:
        if end - at < 20:
            return
        header = 4 * (buf[at + 12] // 16)
        if header < 20 or header > end - at:
            return
    cols[C_TRANSPORT, n] = protocol
    cols[C_DETAIL, n] = 0
    end = min(end, wire_end)
    cols[C_PAYLOAD_OFFSET, n] = at + header
    cols[C_PAYLOAD_OCTETS, n] = end - at - header
    cols[C_WIRE_OCTETS, n] = wire_end - at - header
    if protocol == UDP:
        peel_payload(buf, at + 8, end, cols, n)


def mark_fragment(at: int, start: int, end: int, wire_end: int, version: int, cols: Table, n: int) -> None:
    """A row for an IP fragment whose header is at `at` and whose data begins at `start`."""
    cols[C_TRANSPORT, n] = FRAGMENT
    cols[C_DETAIL, n] = version
    cols[C_HEADER_OFFSET, n] = at
    cols[C_PAYLOAD_OFFSET, n] = start
    cols[C_PAYLOAD_OCTETS, n] = end - start
    cols[C_WIRE_OCTETS, n] = wire_end - start


def peel_ipv4(buf: Octets, at: int, end: int, wire_end: int, cols: Table, n: int) -> None:
    """An IPv4 header (RFC 791 §3.1)."""
    cols[C_TRANSPORT, n] = BROKEN
    if end - at < 20:
        return
    header = 4 * (buf[at] & 15)
    total = read16(buf, at + 2)
    cols[C_TOS, n] = buf[at + 1]
    cols[C_SRC_LO, n] = 0xFFFF00000000 | read32(buf, at + 12)
    cols[C_DST_LO, n] = 0xFFFF00000000 | read32(buf, at + 16)
    if header < 20 or header > end - at or (total != 0 and total < header):
        return
    if total:  # 0: segmentation offload, the frame's own length counts
        wire_end = min(wire_end, at + total)
    end = min(end, wire_end)
    if read16(buf, at + 6) & 0x3FFF:
        mark_fragment(at, at + header, end, wire_end, 4, cols, n)
        return
    peel_transport(buf, at + header, end, wire_end, buf[at + 9] | 0, cols, n)


def peel_ipv6(buf: Octets, at: int, end: int, wire_end: int, cols: Table, n: int) -> None:
    """An IPv6 header and its extension headers (RFC 8200 §3, §4)."""
    cols[C_TRANSPORT, n] = BROKEN
    if end - at < 40:
        return
    cols[C_TOS, n] = (read16(buf, at) >> 4) & 255
    cols[C_SRC_HI, n] = signed64(read32(buf, at + 8), read32(buf, at + 12))
    cols[C_SRC_LO, n] = signed64(read32(buf, at + 16), read32(buf, at + 20))
    cols[C_DST_HI, n] = signed64(read32(buf, at + 24), read32(buf, at + 28))
    cols[C_DST_LO, n] = signed64(read32(buf, at + 32), read32(buf, at + 36))
    length = read16(buf, at + 4)
    protocol = buf[at + 6] | 0
    if length:
        wire_end = min(wire_end, at + 40 + length)
    end = min(end, wire_end)
    at += 40
    for _ in range(MAX_EXTENSION_HEADERS):
        if protocol == 44:
            if end - at < 8:
                return
            if read16(buf, at + 2) & 0xFFF9:
                mark_fragment(at, at + 8, end, wire_end, 6, cols, n)
                return
            protocol = buf[at]
            at += 8
        elif protocol in (0, 43, 60, 51, 135, 139, 140):
            if end - at < 8:
                return
            step = 4 * (buf[at + 1] + 2) if protocol == 51 else 8 * (buf[at + 1] + 1)
            protocol = buf[at]
            at += step
            if at > end:
                return
        else:
            peel_transport(buf, at, end, wire_end, protocol, cols, n)
            return


def mark_unread(at: int, end: int, wire_end: int, transport: int, detail: int, cols: Table, n: int) -> None:
    """A row for what this pass does not read, with all that a closer look needs (`tunnels.py`)."""
    cols[C_TRANSPORT, n] = transport
    cols[C_DETAIL, n] = detail
    cols[C_HEADER_OFFSET, n] = at
    cols[C_PAYLOAD_OFFSET, n] = at
    cols[C_PAYLOAD_OCTETS, n] = end - at
    cols[C_WIRE_OCTETS, n] = wire_end - at


def peel_network(buf: Octets, at: int, end: int, wire_end: int, ethertype: int, cols: Table, n: int) -> None:
    """What an EtherType announces, after any VLAN tags (IEEE 802.1Q, 802.1ad)."""
    for _ in range(MAX_VLAN_TAGS):
        if ethertype not in (0x8100, 0x88A8, 0x9100):
            break
        if end - at < 4:
            cols[C_TRANSPORT, n] = BROKEN
            return
        ethertype = read16(buf, at + 2)
        at += 4
    if ethertype == ETHERTYPE_PPPOE and end - at >= 8:  # RFC 2516 §4: a session frame, then PPP's protocol number
        protocol = read16(buf, at + 6)
        if protocol == 0x0021 or protocol == 0x0057:
            ethertype = ETHERTYPE_IPV4 if protocol == 0x0021 else ETHERTYPE_IPV6
            wire_end = min(wire_end, at + 6 + read16(buf, at + 4))
            at += 8
            end = min(end, wire_end)
            if at > end:
                cols[C_TRANSPORT, n] = BROKEN
                return
    if ethertype == ETHERTYPE_IPV4:
        peel_ipv4(buf, at, end, wire_end, cols, n)
    elif ethertype == ETHERTYPE_IPV6:
        peel_ipv6(buf, at, end, wire_end, cols, n)
    else:
        mark_unread(at, end, wire_end, NOT_IP, ethertype, cols, n)


def link_header_octets(link: int) -> int:
    """Octets before the network layer for a LINKTYPE_ number; -1 for one that isn't read."""
    if link == 1:
        return 14
    if link == 113:
        return 16
    if link == 276:
        return 20
    if link in (0, 108):
        return 4
    return 0 if link in (12, 14, 101, 228, 229) else -1


def peel_link(buf: Octets, at: int, end: int, wire_end: int, link: int, cols: Table, n: int) -> None:
    """The link layer named by its LINKTYPE_ number: Ethernet, Linux cooked v1 and v2, BSD loopback, raw IP."""
    header = link_header_octets(link)
    if header < 0:
        mark_unread(at, end, wire_end, UNREAD_LINK, min(link, 0xFFFF), cols, n)
        return
    if end - at <= header:
        cols[C_TRANSPORT, n] = BROKEN
        return
    ethertype = ETHERTYPE_IPV6 if buf[at + header] // 16 == 6 else ETHERTYPE_IPV4
    if header == 20:
        ethertype = read16(buf, at)
    elif header > 4:
        ethertype = read16(buf, at + header - 2)
    elif header == 4:
        word = read32(buf, at)  # in the order of the writer's host
        family = word if word < 256 else word // 16777216
        if family not in (2, 10, 24, 28, 30):
            ethertype = 0xFF00 | family
    peel_network(buf, at + header, end, wire_end, ethertype, cols, n)
