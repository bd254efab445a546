# SPDX-License-Identifier: GPL-2.0-only
"""Rows that the one pass over a capture left unread, peeled down to the packet inside.

Runs at two speeds as `records.py` does, over nothing but those rows, so the usual packet pays nothing.
"""

from analyzer.capture.columns import Octets, Table
from analyzer.capture.layers import CONTROL as CONTROL_LAYER
from analyzer.capture.layers import IPV4, IPV6, LINK, NOTHING, TRANSPORT, UDP_PORT, next_layer
from analyzer.capture.payload_kind import peel_payload
from analyzer.capture.peeling import peel_network, peel_transport
from analyzer.capture.scan import (
    C_DETAIL,
    C_DST_LO,
    C_DST_PORT,
    C_FLAGS,
    C_HEADER_OFFSET,
    C_KIND,
    C_PAYLOAD_OCTETS,
    C_PAYLOAD_OFFSET,
    C_SRC_HI,
    C_SRC_PORT,
    C_TOS,
    C_TRANSPORT,
    C_WIRE_OCTETS,
    COLUMNS,
    CONTROL,
    NOT_IP,
    OTHER,
    STUN,
    TURN_CHANNEL,
    UDP,
    UDP_LITE,
    UNKNOWN,
    UNREAD_LINK,
    read16,
)

MAX_LAYERS = 32  # headers between two IP headers
MAX_TUNNELS = 8
MAX_ATTRIBUTES = 32
SEND_INDICATION, DATA_INDICATION, DATA_ATTRIBUTE = 0x16, 0x17, 0x13  # RFC 8656 §17, §18
STAYS, NEW_ADDRESSES, SAME_ADDRESSES = 0, 1, 2  # what peeling made of a row


def is_odd(cols: Table, n: int) -> bool:
    """Whether a row may hold more than the pass understood."""
    transport = cols[C_TRANSPORT, n]
    if transport == UDP:
        kind = cols[C_KIND, n]
        return kind == UNKNOWN or kind == TURN_CHANNEL or kind == STUN  # type: ignore[no-any-return]
    return transport == NOT_IP or transport == UNREAD_LINK or transport == OTHER  # type: ignore[no-any-return]


def is_whole_ip(buf: Octets, at: int, end: int, wire_end: int, kind: int) -> bool:
    """Whether an IP packet stands here that fits what surrounds it; VLAN tags are taken on trust."""
    if kind == IPV4:
        return end - at >= 20 and buf[at] >= 0x45 and 20 <= read16(buf, at + 2) <= wire_end - at
    if kind == IPV6:
        return end - at >= 40 and buf[at] // 16 == 6 and 0 < read16(buf, at + 4) <= wire_end - at - 40
    return kind in (0x8100, 0x88A8, 0x9100)


def peel_inside(buf: Octets, at: int, end: int, wire_end: int, kind: int, cols: Table, n: int) -> int:
    """Fill row `n` with what the layer of `kind` at `at` carries in the end; STAYS where it isn't that, or unknown.

    A layer that only its port speaks for must carry a packet that fits it, or be a control message itself.
    """
    is_guess = kind >= UDP_PORT
    for depth in range(MAX_LAYERS):
        start, inner = next_layer(buf, at, end, kind)
        if inner == NOTHING or start > end:
            return STAYS
        if inner == CONTROL_LAYER:
            cols[C_TRANSPORT, n] = CONTROL
            return STAYS if is_guess and depth > 0 else NEW_ADDRESSES
        if inner == kind:
            break
        at, kind = start, inner
    if kind < 0x10000:
        if is_guess and not is_whole_ip(buf, at, end, wire_end, kind):
            return STAYS
        peel_network(buf, at, end, wire_end, kind, cols, n)
        return NEW_ADDRESSES
    if TRANSPORT <= kind < LINK:
        peel_transport(buf, at, end, wire_end, kind - TRANSPORT, cols, n)
        return SAME_ADDRESSES
    return STAYS


def peel_udp_lite(buf: Octets, at: int, end: int, wire_end: int, cols: Table, n: int) -> int:
    """UDP-Lite (RFC 3828 §3.1): as UDP, but its length field says how much the checksum covers."""
    if end - at < 8:
        return STAYS
    cols[C_TRANSPORT, n] = UDP
    cols[C_DETAIL, n] = UDP_LITE
    cols[C_SRC_PORT, n] = read16(buf, at)
    cols[C_DST_PORT, n] = read16(buf, at + 2)
    cols[C_HEADER_OFFSET, n] = at
    cols[C_PAYLOAD_OFFSET, n] = at + 8
    cols[C_PAYLOAD_OCTETS, n] = end - at - 8
    cols[C_WIRE_OCTETS, n] = wire_end - at - 8
    peel_payload(buf, at + 8, end, cols, n)
    return SAME_ADDRESSES


def find_relayed(buf: Octets, at: int, end: int) -> tuple[int, int]:
    """Where the datagram begins and ends that a Send or Data indication relays (RFC 8656 §11); (0, 0) without one."""
    if end - at < 20 or buf[at] != 0 or (buf[at + 1] != SEND_INDICATION and buf[at + 1] != DATA_INDICATION):
        return 0, 0
    end = min(end, at + 20 + read16(buf, at + 2))
    at += 20
    for _ in range(MAX_ATTRIBUTES):
        if end - at < 4:
            break
        octets = read16(buf, at + 2)
        if read16(buf, at) == DATA_ATTRIBUTE:
            return at + 4, min(end, at + 4 + octets)
        at += 4 + (octets + 3) // 4 * 4
    return 0, 0


def peel_relayed(buf: Octets, at: int, end: int, cols: Table, n: int, work: Table) -> int:
    """What a client and its TURN server send each other for a peer, on their own addresses (RFC 8656 §11, §12.4)."""
    if cols[C_KIND, n] == TURN_CHANNEL:
        start, wire_end = at + 4, at + 4 + read16(buf, at + 2)
        stop = min(end, wire_end)
    else:
        start, stop = find_relayed(buf, at, end)
        wire_end = stop
    if start >= stop:
        return STAYS
    work[C_TRANSPORT, 0] = UDP
    work[C_SRC_PORT, 0] = cols[C_SRC_PORT, n]
    work[C_DST_PORT, 0] = cols[C_DST_PORT, n]
    work[C_HEADER_OFFSET, 0] = start
    work[C_PAYLOAD_OFFSET, 0] = start
    work[C_PAYLOAD_OCTETS, 0] = stop - start
    work[C_WIRE_OCTETS, 0] = wire_end - start
    peel_payload(buf, start, stop, work, 0)
    # Checks between client and peer prove nothing of the path to the server.
    return STAYS if work[C_KIND, 0] == UNKNOWN or work[C_KIND, 0] == STUN else SAME_ADDRESSES


def peel_once(buf: Octets, at: int, cols: Table, n: int, work: Table) -> int:
    """What row `n`, whose payload begins at `at`, carries, into the only row of `work`."""
    end = at + cols[C_PAYLOAD_OCTETS, n]
    wire_end = max(end, at + cols[C_WIRE_OCTETS, n])
    transport, detail = cols[C_TRANSPORT, n], cols[C_DETAIL, n]
    for field in range(COLUMNS):
        work[field, 0] = 0
    if transport == UDP and cols[C_KIND, n] != UNKNOWN:
        return peel_relayed(buf, at, end, cols, n, work)
    if transport == UDP:
        done = peel_inside(buf, at, end, wire_end, UDP_PORT + cols[C_DST_PORT, n], work, 0)
        return done or peel_inside(buf, at, end, wire_end, UDP_PORT + cols[C_SRC_PORT, n], work, 0)
    if transport == OTHER and detail == UDP_LITE:
        return peel_udp_lite(buf, at, end, wire_end, work, 0)
    kind = detail
    if transport == OTHER:
        kind = TRANSPORT + detail
    elif transport == UNREAD_LINK:
        kind = LINK + detail
    done = peel_inside(buf, at, end, wire_end, kind, work, 0)
    return done if work[C_TRANSPORT, 0] != transport or work[C_DETAIL, 0] != detail else STAYS


def peel_row(buf: Octets, cols: Table, n: int, work: Table, in_side: int) -> None:
    """Peel one row until it is understood, or nothing more can be peeled.

    With `in_side` the row's offsets are `-1 - p`, and `buf` is the batch's side.
    """
    for _ in range(MAX_TUNNELS):
        if not is_odd(cols, n):
            return
        at = cols[C_PAYLOAD_OFFSET, n]
        done = peel_once(buf, -1 - at if in_side else at, cols, n, work)
        if done == STAYS:
            return
        if in_side:
            work[C_HEADER_OFFSET, 0] = -1 - work[C_HEADER_OFFSET, 0]
            work[C_PAYLOAD_OFFSET, 0] = -1 - work[C_PAYLOAD_OFFSET, 0]
        first = C_SRC_HI if done == NEW_ADDRESSES else C_DST_LO + 1
        for field in range(first, COLUMNS):
            if field != C_FLAGS and (field != C_TOS or done == NEW_ADDRESSES):
                cols[field, n] = work[field, 0]


def peel_rows(buf: Octets, cols: Table, rows: int, work: Table) -> None:
    """Peel every row of the first `rows` that the pass did not understand."""
    for n in range(rows):
        if is_odd(cols, n):
            peel_row(buf, cols, n, work, 0)
