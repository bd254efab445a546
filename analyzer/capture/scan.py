# SPDX-License-Identifier: GPL-2.0-only
"""The one pass over a capture: walks records, peels headers, fills columns.

Runs as plain Python over `bytes` and memoryviews, and compiled by Numba over arrays (`speed.py`): so only integers,
indexing and loops here, no exceptions, and no intermediate value of 2⁶³ or more that isn't stored at once.
Peeling follows RFC 791, RFC 8200, RFC 768, RFC 9293, RFC 3550 §5.1 and the pcapng and pcap drafts of the IETF opsawg.
"""

from analyzer.capture.columns import Octets, Table

State = Octets  # int64 cells, indexed by the names below
S_OFFSET, S_END, S_FRAME, S_ROWS, S_CAPACITY, S_STATUS = 0, 1, 2, 3, 4, 5
S_BIG, S_LINK, S_SCALE, S_HEADER, S_LIMIT, S_INTERFACES, S_COMMENT = 6, 7, 8, 9, 10, 11, 12
STATE_CELLS = 13

END, FULL, SHORT, DAMAGED, BLOCK, COMMENT = 0, 1, 2, 3, 4, 5  # why a scan stopped

I_LINK, I_MULTIPLIER, I_DIVISOR, I_SHIFT, I_OFFSET, I_SNAPLEN = 0, 1, 2, 3, 4, 5
INTERFACE_CELLS = 6

# the fields of columns.Columns, in order
C_FRAME, C_TIMESTAMP_NS, C_SRC_HI, C_SRC_LO, C_DST_HI, C_DST_LO = 0, 1, 2, 3, 4, 5
C_SRC_PORT, C_DST_PORT, C_TRANSPORT, C_KIND, C_FLAGS, C_TOS = 6, 7, 8, 9, 10, 11
C_DETAIL, C_HEADER_OFFSET, C_PAYLOAD_OFFSET, C_PAYLOAD_OCTETS, C_WIRE_OCTETS, C_SSRC = 12, 13, 14, 15, 16, 17
C_SEQ, C_RTP_TIMESTAMP, C_PAYLOAD_TYPE, C_MARKER, C_HEADER_OCTETS = 18, 19, 20, 21, 22
COLUMNS = 23
UDP_LITE = 136  # `detail` of a row of transport UDP

UNREAD_LINK, NOT_IP, BROKEN, FRAGMENT, OTHER, CONTROL, TCP, UDP = 0, 1, 2, 3, 4, 5, 6, 17  # columns.Transport
UNKNOWN, EMPTY, RTP_LIKE, RTCP_LIKE, STUN, DTLS, ZRTP, SIP_LIKE, TURN_CHANNEL = 0, 1, 2, 3, 4, 5, 6, 7, 8
SNAPPED, NO_TIME = 1, 2  # columns.Flag

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE = 0x0800, 0x86DD, 0x8864
MAX_VLAN_TAGS = 8
MAX_EXTENSION_HEADERS = 16
MAX_TIME_NS = 1 << 62


def read16(buf: Octets, at: int) -> int:
    """Two octets, network order; by arithmetic, as shifts of an octet are unsigned in Numba and mix badly."""
    return buf[at] * 256 + buf[at + 1]  # type: ignore[no-any-return]


def read32(buf: Octets, at: int) -> int:
    """Four octets, network order."""
    return buf[at] * 16777216 + buf[at + 1] * 65536 + buf[at + 2] * 256 + buf[at + 3]  # type: ignore[no-any-return]


def signed64(high: int, low: int) -> int:
    """Two 32-bit halves as the 64-bit cell that holds them, without passing 2⁶³."""
    return ((high - ((high & 0x80000000) << 1)) << 32) | low


def file32(buf: Octets, at: int, big: int) -> int:
    """Four octets in the file's order."""
    if big:
        return read32(buf, at)
    return buf[at] + buf[at + 1] * 256 + buf[at + 2] * 65536 + buf[at + 3] * 16777216  # type: ignore[no-any-return]


def file16(buf: Octets, at: int, big: int) -> int:
    """Two octets in the file's order."""
    return read16(buf, at) if big else buf[at] + buf[at + 1] * 256


def is_token(octet: int) -> bool:
    """Whether an octet may stand in a SIP method (RFC 3261 §25.1 token)."""
    if 48 <= octet <= 57 or 65 <= octet <= 90 or 97 <= octet <= 122:
        return True
    # - . ! % * _ + ` ' ~
    return octet in (45, 46, 33, 37, 42, 95, 43, 96, 39, 126)


def is_blank(octet: int) -> bool:
    """Whether an octet separates the words of a start line, strictly (space) or loosely."""
    return octet == 32 or octet == 9 or 11 <= octet <= 13


def is_sip_version(buf: Octets, at: int, end: int) -> bool:
    """Whether `SIP/` stands here in any case."""
    return (
        end - at >= 4
        and (buf[at] | 32) == 115
        and (buf[at + 1] | 32) == 105
        and (buf[at + 2] | 32) == 112
        and buf[at + 3] == 47
    )


def is_sip_scheme(buf: Octets, at: int, end: int) -> bool:
    """Whether `sip:`, `sips:` or `tel:` stands here in any case."""
    if end - at < 4:
        return False
    first = buf[at] | 32
    second = buf[at + 1] | 32
    third = buf[at + 2] | 32
    if first == 116:
        return second == 101 and third == 108 and buf[at + 3] == 58  # type: ignore[no-any-return]
    if first != 115 or second != 105 or third != 112:
        return False
    return buf[at + 3] == 58 or (end - at >= 5 and (buf[at + 3] | 32) == 115 and buf[at + 4] == 58)


def looks_like_sip(buf: Octets, at: int, end: int) -> bool:
    """A start line of RFC 3261 §7.1/§7.2, after any blank lines: a prefilter that would rather say yes."""
    while at < end and (buf[at] == 13 or buf[at] == 10):
        at += 1
    if is_sip_version(buf, at, end):
        return True
    space = at
    while space < end and is_token(buf[space] | 0):
        space += 1
    if space == at or space >= end or not is_blank(buf[space] | 0):
        return False
    while space < end and is_blank(buf[space] | 0):
        space += 1
    if is_sip_scheme(buf, space, end):
        return True
    while space < end and buf[space] != 10:
        if is_blank(buf[space] | 0) and is_sip_version(buf, space + 1, end):
            return True
        space += 1
    return False


def classify_binary(buf: Octets, at: int, end: int) -> int:
    """The kind of a payload that isn't text, by its first octets (RFC 7983 §7, RFC 5761 §4, RFC 6189 §5)."""
    octets = end - at
    first = buf[at]
    if first >= 128:
        if first > 191 or octets < 8:
            return UNKNOWN
        if 192 <= buf[at + 1] <= 223:
            return RTCP_LIKE
        return RTP_LIKE if octets >= 12 else UNKNOWN
    if first < 4:
        return STUN if octets >= 20 and read32(buf, at + 4) == 0x2112A442 else UNKNOWN
    if first == 16:
        return ZRTP if octets >= 12 and read32(buf, at + 4) == 0x5A525450 else UNKNOWN
    if 20 <= first <= 25:
        return DTLS if octets >= 13 and buf[at + 1] == 254 else UNKNOWN
    if 64 <= first <= 79:
        padding = octets - 4 - read16(buf, at + 2) if octets >= 4 else -1  # RFC 8656 §12.5: none needed over UDP
        return TURN_CHANNEL if 0 <= padding < 4 else UNKNOWN
    return UNKNOWN


def rtp_header_octets(buf: Octets, at: int, end: int) -> int:
    """Fixed header, CSRC list and extension together (RFC 3550 §5.1, §5.3.1); 0 where they run past the end."""
    header = 12 + 4 * (buf[at] & 15)
    if buf[at] & 16:
        if end - at < header + 4:
            return 0
        header += 4 + 4 * read16(buf, at + header + 2)
    return header if header <= end - at else 0


def peel_payload(buf: Octets, at: int, end: int, cols: Table, n: int) -> None:
    """Classify a UDP payload and, for RTP and RTCP, note its header."""
    if at >= end:
        cols[C_KIND, n] = EMPTY
        return
    kind = UNKNOWN
    if buf[at] < 128:
        kind = SIP_LIKE if looks_like_sip(buf, at, end) else classify_binary(buf, at, end)
    else:
        kind = classify_binary(buf, at, end)
    cols[C_KIND, n] = kind
    if kind == RTP_LIKE:
        cols[C_PAYLOAD_TYPE, n] = buf[at + 1] & 127
        cols[C_MARKER, n] = buf[at + 1] // 128
        cols[C_SEQ, n] = read16(buf, at + 2)
        cols[C_RTP_TIMESTAMP, n] = read32(buf, at + 4)
        cols[C_SSRC, n] = read32(buf, at + 8)
        cols[C_HEADER_OCTETS, n] = rtp_header_octets(buf, at, end)
    elif kind == RTCP_LIKE:
        cols[C_PAYLOAD_TYPE, n] = buf[at + 1]
        cols[C_SSRC, n] = read32(buf, at + 4)


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


def peel_record(buf: Octets, at: int, captured: int, wire: int, link: int, state: State, cols: Table) -> None:
    """One captured packet into the next row; counts the frame."""
    n = state[S_ROWS]
    state[S_FRAME] += 1
    cols[C_FRAME, n] = state[S_FRAME]
    if captured < wire:
        cols[C_FLAGS, n] |= SNAPPED
    peel_link(buf, at, at + captured, at + max(wire, captured), link, cols, n)
    state[S_ROWS] = n + 1


def scan_pcap(buf: Octets, state: State, interfaces: Octets, cols: Table) -> None:  # noqa: ARG001
    """Classic pcap records from `state[S_OFFSET]` until the batch is full, the octets end or a record is senseless."""
    big, link, scale, header = state[S_BIG], state[S_LINK], state[S_SCALE], state[S_HEADER]
    end, capacity = state[S_END], state[S_CAPACITY]
    at = state[S_OFFSET]
    status = FULL
    while state[S_ROWS] < capacity:
        if end - at < header:
            status = END if at == end else SHORT
            break
        captured = file32(buf, at + 8, big)
        if captured > state[S_LIMIT]:
            status = DAMAGED
            break
        if captured > end - at - header:
            status = SHORT
            break
        n = state[S_ROWS]
        cols[C_TIMESTAMP_NS, n] = file32(buf, at, big) * 1_000_000_000 + file32(buf, at + 4, big) * scale
        peel_record(buf, at + header, captured, file32(buf, at + 12, big), link, state, cols)
        at += header + captured
    state[S_OFFSET] = at
    state[S_STATUS] = status


def set_time(high: int, low: int, interfaces: Octets, index: int, cols: Table, n: int) -> None:
    """A pcapng time stamp in its interface's unit (if_tsresol, if_tsoffset) as nanoseconds since 1970."""
    nanoseconds = -1
    if high < 1 << 31:
        ticks = (high << 32) | low
        shift = interfaces[index, I_SHIFT]
        multiplier = interfaces[index, I_MULTIPLIER]
        if shift:
            seconds = ticks >> shift
            fraction = ticks - (seconds << shift)
            if shift > 30:
                fraction >>= shift - 30
                shift = 30
            if seconds < 4_000_000_000:
                nanoseconds = seconds * 1_000_000_000 + ((fraction * 1_000_000_000) >> shift)
        elif ticks <= MAX_TIME_NS // multiplier:
            nanoseconds = ticks * multiplier // interfaces[index, I_DIVISOR]
    if 0 <= nanoseconds <= MAX_TIME_NS:
        cols[C_TIMESTAMP_NS, n] = nanoseconds + interfaces[index, I_OFFSET]
    else:
        cols[C_FLAGS, n] |= NO_TIME


def scan_packet_block(
    buf: Octets, at: int, total: int, kind: int, state: State, interfaces: Octets, cols: Table
) -> int:
    """An Enhanced, Simple or (obsolete) Packet Block; DAMAGED if its lengths contradict each other."""
    big = state[S_BIG]
    n = state[S_ROWS]
    index, start = 0, at + 28
    if kind == 3:
        if total < 16:
            return DAMAGED
        start = at + 12
        wire = file32(buf, at + 8, big)
        captured = min(wire, total - 16)
        if state[S_INTERFACES] > 0 and interfaces[0, I_SNAPLEN] > 0:
            captured = min(captured, interfaces[0, I_SNAPLEN])
    else:
        if total < 32:
            return DAMAGED
        captured = file32(buf, at + 20, big)
        wire = file32(buf, at + 24, big)
        if captured > total - 32:
            return DAMAGED
        index = file32(buf, at + 8, big) if kind == 6 else file16(buf, at + 8, big)
    link = 0xFFFF
    if index < state[S_INTERFACES]:
        link = interfaces[index, I_LINK]
        if kind != 3:
            set_time(file32(buf, at + 12, big), file32(buf, at + 16, big), interfaces, index, cols, n)
    if kind == 3 or link == 0xFFFF:
        cols[C_FLAGS, n] |= NO_TIME
    peel_record(buf, start, captured, wire, link, state, cols)
    return FULL


def has_comment(buf: Octets, at: int, total: int, big: int) -> bool:
    """Whether an Enhanced Packet Block has a comment among its options (pcapng §3.5)."""
    place, end = at + 28 + file32(buf, at + 20, big) + (-file32(buf, at + 20, big) & 3), at + total - 4
    while end - place >= 4:
        code = file16(buf, place, big)
        if code <= 1:
            return code == 1
        octets = file16(buf, place + 2, big)
        place += 4 + octets + (-octets & 3)
    return False


def scan_pcapng(buf: Octets, state: State, interfaces: Octets, cols: Table) -> None:
    """pcapng packet blocks from `state[S_OFFSET]`; any other block stops the scan with BLOCK for the caller to read.

    A packet with a comment stops it with COMMENT, its block at `state[S_COMMENT]`.
    """
    big, end, capacity = state[S_BIG], state[S_END], state[S_CAPACITY]
    at = state[S_OFFSET]
    status = FULL
    while state[S_ROWS] < capacity:
        if end - at < 12:
            status = END if at == end else SHORT
            break
        kind = file32(buf, at, big)
        if kind == 0x0A0D0D0A:
            status = BLOCK
            break
        total = file32(buf, at + 4, big)
        if total < 12 or total & 3 or total > state[S_LIMIT]:
            status = DAMAGED
            break
        if total > end - at:
            status = SHORT
            break
        if file32(buf, at + total - 4, big) != total:
            status = DAMAGED
            break
        if kind not in (2, 3, 6):
            status = BLOCK
            break
        if scan_packet_block(buf, at, total, kind, state, interfaces, cols) == DAMAGED:
            status = DAMAGED
            break
        at += total
        if kind == 6 and total > 36 + file32(buf, at - total + 20, big) and has_comment(buf, at - total, total, big):
            state[S_COMMENT] = at - total
            status = COMMENT
            break
    state[S_OFFSET] = at
    state[S_STATUS] = status


def seems_pcap_record(buf: Octets, at: int, seconds: int, state: State) -> bool:
    """Whether three records in a row, or all up to the end, could begin here, within a day of `seconds` (or −1)."""
    big, end, header = state[S_BIG], state[S_END], state[S_HEADER]
    for link in range(3):
        if at == end and link > 0:
            return True
        if end - at < header:
            return False
        captured = file32(buf, at + 8, big)
        wire = file32(buf, at + 12, big)
        apart = file32(buf, at, big) - seconds if seconds >= 0 else 0
        seconds = file32(buf, at, big)
        if captured == 0 or captured > end - at - header or captured > wire or wire > state[S_LIMIT]:
            return False
        if file32(buf, at + 4, big) * state[S_SCALE] >= 1_000_000_000 or apart < -86400 or apart > 86400:
            return False
        at += header + captured
    return True


def seems_block(buf: Octets, at: int, big: int, end: int) -> bool:
    """Whether a pcapng packet or section block with equal lengths at both ends could begin here."""
    kind = file32(buf, at, big)
    total = file32(buf, at + 4, big)
    if kind == 0x0A0D0D0A:
        return file32(buf, at + 8, big) == 0x1A2B3C4D
    if kind not in (1, 2, 3, 5, 6) or total < 16 or total & 3 or total > end - at:
        return False
    return file32(buf, at + total - 4, big) == total


def find_record(buf: Octets, state: State, limit: int, seconds: int, is_pcapng: int) -> int:
    """The next offset after a damaged record where records seem to go on, before `limit`; -1 if none."""
    at = state[S_OFFSET] + 1
    while at < limit and state[S_END] - at >= 16:
        if is_pcapng:
            if seems_block(buf, at, state[S_BIG], state[S_END]):
                return at  # type: ignore[no-any-return]
            at += 1
        else:
            if seems_pcap_record(buf, at, seconds, state):
                return at  # type: ignore[no-any-return]
            at += 1
    return -1
