# SPDX-License-Identifier: GPL-2.0-only
"""One step through a rare link layer or a tunnel: from where a header begins to where what it carries begins.

Runs at two speeds as `records.py` does. A kind of layer is an EtherType, or one of the numbers below, which no
EtherType has. `next_layer` gives the offset and the kind of what is inside; the same kind again means that it goes no
further.
"""

from analyzer.capture.columns import Octets
from analyzer.capture.scan import read16, read32

Layer = tuple[int, int]  # offset, kind

IPV4, IPV6, ETHERNET, PPP, MPLS, MPLS_MULTICAST, PPPOE = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8847, 0x8848, 0x8864
ERSPAN_2, ERSPAN_3, VN_TAG, E_TAG, I_TAG = 0x88BE, 0x22EB, 0x8926, 0x893F, 0x88E7
NOTHING, CONTROL, IP, ERSPAN_2_HEADER, PSEUDOWIRE = -1, 0x10000, 0x10001, 0x10002, 0x10003
WLAN, WLAN_PADDED = 0x10004, 0x10005
TRANSPORT, LINK, UDP_PORT = 0x20000, 0x30000, 0x50000  # plus a protocol number, a LINKTYPE_, a port
UNREAD: Layer = (0, NOTHING)

MAX_MPLS_LABELS = 16
MAX_FIELDS = 32
VXLAN, VXLAN_OF_LINUX, VXLAN_GPE, GENEVE, MPLS_IN_UDP = 4789, 8472, 4790, 6081, 6635
GTP_U, GTP_V0_U, L2TP, TZSP = 2152, 3386, 1701, 37008


def little16(buf: Octets, at: int) -> int:
    """Two octets, little-endian."""
    return buf[at] + buf[at + 1] * 256  # type: ignore[no-any-return]


def next_layer(buf: Octets, at: int, end: int, kind: int) -> Layer:
    """What the layer of `kind` that begins at `at` carries; NOTHING where the octets can't be that."""
    if kind >= UDP_PORT:
        return enter_udp_port(buf, at, end, kind - UDP_PORT)
    if kind >= LINK:
        return enter_link(buf, at, end, kind - LINK)
    if kind >= TRANSPORT:
        return enter_protocol(buf, at, end, kind - TRANSPORT)
    if kind > 0xFFFF:
        return enter_named(buf, at, end, kind)
    return enter_ethertype(buf, at, end, kind)


def enter_named(buf: Octets, at: int, end: int, kind: int) -> Layer:
    """The layers that have no number of their own."""
    if kind == IP:
        if at < end and buf[at] // 16 == 4:
            return at, IPV4
        return (at, IPV6) if at < end and buf[at] // 16 == 6 else UNREAD
    if kind == ERSPAN_2_HEADER:
        return (at + 8, ETHERNET) if end - at > 8 else UNREAD
    if kind == PSEUDOWIRE:
        return enter_pseudowire(buf, at, end)
    if kind in (WLAN, WLAN_PADDED):
        return enter_wlan(buf, at, end, kind == WLAN_PADDED)
    return at, kind


def enter_ethertype(buf: Octets, at: int, end: int, kind: int) -> Layer:
    """What an EtherType announces beyond IP and the usual VLAN tags; a length of 802.3 leads to LLC (IEEE 802.2)."""
    if kind == ETHERNET:
        return (at + 14, read16(buf, at + 12)) if end - at >= 14 else UNREAD
    if kind in (MPLS, MPLS_MULTICAST):
        return enter_mpls(buf, at, end)
    if kind == PPP:
        return enter_ppp(buf, at, end)
    if kind == PPPOE:
        return (at + 6, PPP) if end - at > 6 else UNREAD
    if kind == ERSPAN_3:
        return enter_erspan_3(buf, at, end)
    if kind < 1536:
        return enter_llc(buf, at, end)
    octets = 0
    if kind == 0x9200 or kind == 0x9300:  # VLAN tags of old
        octets = 4
    elif kind == VN_TAG:
        octets = 6
    elif kind == E_TAG:  # IEEE 802.1BR
        octets = 8
    elif kind == I_TAG:  # IEEE 802.1ah
        return (at + 4, ETHERNET) if end - at > 4 else UNREAD
    if octets == 0 or end - at < octets:
        return at, kind
    return at + octets, read16(buf, at + octets - 2)


def enter_llc(buf: Octets, at: int, end: int) -> Layer:
    """LLC with SNAP (RFC 1042), or with IP's own access point; other access points have no packets for us."""
    if end - at >= 8 and buf[at] == 0xAA and buf[at + 1] == 0xAA and buf[at + 2] == 3:
        return at + 8, read16(buf, at + 6)
    if end - at >= 4 and buf[at] == 6 and buf[at + 1] == 6 and buf[at + 2] == 3:
        return at + 3, IP
    return at, CONTROL  # spanning tree and other talk of bridges


def enter_mpls(buf: Octets, at: int, end: int) -> Layer:
    """A label stack (RFC 3032), then IP, or an Ethernet pseudowire with or without control word (RFC 4448 §4.6)."""
    for _ in range(MAX_MPLS_LABELS):
        if end - at < 5:
            return UNREAD
        at += 4
        if buf[at - 2] & 1:
            if buf[at] // 16 == 4 or buf[at] // 16 == 6:
                return at, IP
            if buf[at] // 16 == 0 and end - at > 18 and read16(buf, at + 16) in (IPV4, IPV6, 0x8100, 0x88A8, 0x0806):
                return at + 4, ETHERNET
            return at, ETHERNET
    return UNREAD


def enter_ppp(buf: Octets, at: int, end: int) -> Layer:
    """PPP with or without address and control, its protocol number compressed or not (RFC 1661 §2, §6.5, §6.6)."""
    if end - at >= 2 and buf[at] == 0xFF and buf[at + 1] == 3:
        at += 2
    if end - at < 2:
        return UNREAD
    protocol = buf[at] | 0
    at += 1
    if not protocol & 1:
        protocol = protocol * 256 + buf[at]
        at += 1
    if protocol == 0x21 or protocol == 0x57:
        return at, IP
    if protocol == 0x281 or protocol == 0x283:
        return at, MPLS
    return (at, CONTROL) if protocol >= 0x4000 else UNREAD


def enter_wlan(buf: Octets, at: int, end: int, is_padded: int) -> Layer:
    """IEEE 802.11 §9.2: data frames that are not encrypted; `is_padded`: the header fills a multiple of four octets."""
    if end - at < 2 or buf[at] & 3:
        return UNREAD
    kind = (buf[at] // 4) & 3
    subtype = buf[at] // 16
    if kind != 2 or subtype & 4:  # management, control, and data frames without data
        return at, CONTROL
    header = 30 if buf[at + 1] & 3 == 3 else 24
    if buf[at + 1] & 0x40:
        return UNREAD
    if subtype & 8:
        if end - at < header + 2 or buf[at + header] & 0x80:  # several frames in one (A-MSDU)
            return UNREAD
        header += 6 if buf[at + 1] & 0x80 else 2
    if is_padded:
        header += -header & 3
    return (at + header, 0) if end - at > header else UNREAD


def enter_radiotap(buf: Octets, at: int, end: int) -> Layer:
    """The radiotap header (little-endian; radiotap.org); of its fields only Flags matters, which tells of padding."""
    if end - at < 8:
        return UNREAD
    length = little16(buf, at + 2)
    if length < 8 or length > end - at:
        return UNREAD
    word = at + 4
    while buf[word + 3] & 0x80 and word + 8 <= at + length:
        word += 4
    field = word + 4
    if buf[at + 4] & 1:
        field += 8 + (-(field - at) & 7)
    is_padded = buf[at + 4] & 2 and field < at + length and buf[field] & 0x20
    return at + length, WLAN_PADDED if is_padded else WLAN


def enter_nflog(buf: Octets, at: int, end: int) -> Layer:
    """A packet logged by Linux's netfilter: attributes in the order of the writer's host, of which 9 is the packet."""
    at += 4
    for _ in range(MAX_FIELDS):
        if end - at < 4:
            return UNREAD
        length, kind = little16(buf, at), little16(buf, at + 2)
        if kind > 255:
            length, kind = read16(buf, at), read16(buf, at + 2)
        if kind == 9:
            return at + 4, IP
        if length < 4:
            return UNREAD
        at += length + (-length & 3)
    return UNREAD


def enter_link(buf: Octets, at: int, end: int, link: int) -> Layer:
    """The link layers that are rare, by their LINKTYPE_ numbers (tcpdump.org)."""
    if end - at < 8:
        return UNREAD
    if link == 127:
        return enter_radiotap(buf, at, end)
    if link == 192:  # per-packet information
        length, inner = little16(buf, at + 2), little16(buf, at + 4)
        return (at + length, LINK + inner) if 8 <= length < end - at and inner != 192 else UNREAD
    if link == 239:
        return enter_nflog(buf, at, end)
    if link == 9 or link == 50 or link == 104:
        if link == 104 or ((buf[at] == 0x0F or buf[at] == 0x8F) and buf[at + 1] == 0):  # Cisco's HDLC
            return at + 4, read16(buf, at + 2)
        return at, PPP
    if link == 107:  # frame relay, two octets of address (RFC 2427)
        return (at + 4, IP) if buf[at + 2] == 3 and buf[at + 3] == 0xCC else (at + 4, read16(buf, at + 2))
    return enter_fixed_link(buf, at, end, link)


def enter_fixed_link(buf: Octets, at: int, end: int, link: int) -> Layer:
    """Link layers whose header is always as long."""
    if link == 1:
        return at, ETHERNET
    if link == 12 or link == 14 or link == 101 or link == 228 or link == 229:
        return at, IP
    if link == 105:
        return at, WLAN
    if link == 119:  # Prism
        return at + 144, WLAN
    if link == 163:  # AVS
        return at + min(read32(buf, at + 4), end - at), WLAN
    if link == 51:
        return at, PPPOE
    if link == 204:  # PPP with direction
        return at + 1, PPP
    if link == 166:  # PPP of pppd: the direction stands in the place of the address
        return at + 2, PPP
    if link == 109:  # OpenBSD's enc
        return at + 12, IP
    if link == 138 and end - at > 18:  # Apple's IP over IEEE 1394
        return at + 18, read16(buf, at + 16)
    return UNREAD


def enter_erspan_3(buf: Octets, at: int, end: int) -> Layer:
    """ERSPAN type III, with or without its platform's subheader (draft-foschiano-erspan §4.3)."""
    if end - at <= 12:
        return UNREAD
    word = read16(buf, at + 10)
    return at + (20 if word & 1 else 12), IP if (word >> 10) & 31 == 2 else ETHERNET


def enter_gre(buf: Octets, at: int, end: int) -> Layer:
    """GRE (RFC 2784, RFC 2890); a routing field (RFC 1701) is refused; version 1 is PPTP's (RFC 2637 §4.1)."""
    if end - at < 4:
        return UNREAD
    bits, ethertype = read16(buf, at), read16(buf, at + 2)
    start = at + 4 + (4 if bits & 0x1000 else 0)
    if bits & 7 == 1:
        start += 4 + (4 if bits & 0x80 else 0)
        return (start, PPP) if start < end else (at, CONTROL)
    if bits & 0x4007:
        return UNREAD
    start += (4 if bits & 0x8000 else 0) + (4 if bits & 0x2000 else 0)
    if start >= end:
        return (at, CONTROL) if start == end else UNREAD  # a keep-alive
    if ethertype == ERSPAN_2:
        return start, ERSPAN_2_HEADER if bits & 0x1000 else ETHERNET  # type I has no header
    return start, ethertype


def enter_protocol(buf: Octets, at: int, end: int, protocol: int) -> Layer:
    """What an IP protocol number announces beyond UDP and TCP."""
    if protocol == 4 or protocol == 41:
        return at, IP
    if protocol == 47:
        return enter_gre(buf, at, end)
    if protocol == 51 and end - at > 8:  # authentication header, which hides nothing (RFC 4302)
        header = 4 * (buf[at + 1] + 2)
        return (at + header, TRANSPORT + buf[at]) if header < end - at else UNREAD
    if protocol == 97 and end - at > 2:  # EtherIP (RFC 3378)
        return at + 2, ETHERNET
    if protocol == 115 and end - at > 4:
        return (at + 4, PSEUDOWIRE) if read32(buf, at) != 0 else (at, CONTROL)
    if protocol == 137:
        return at, MPLS
    return at, TRANSPORT + protocol


def enter_gtp_u(buf: Octets, at: int, end: int) -> Layer:
    """GTP-U (3GPP TS 29.281 §5): a G-PDU after its options and extension headers; other messages are control."""
    if buf[at] & 0xF0 != 0x30 or read16(buf, at + 2) + 8 > end - at + 65536:
        return UNREAD
    if buf[at + 1] != 255:
        return (at, CONTROL) if buf[at + 1] in (1, 2, 26, 31, 254) else UNREAD
    following = 0
    if buf[at] & 7:
        if end - at < 12:
            return UNREAD
        following = buf[at + 11] if buf[at] & 4 else 0
        at += 4
    at += 8
    for _ in range(MAX_FIELDS):
        if following == 0:
            return at, IP
        octets = 4 * buf[at] if at < end else 0
        if octets == 0 or octets > end - at:
            return UNREAD
        following = buf[at + octets - 1]
        at += octets
    return UNREAD


def enter_l2tp(buf: Octets, at: int, end: int) -> Layer:
    """L2TP over UDP, version 2 with PPP (RFC 2661 §3.1) or version 3 (RFC 3931 §4.1.2)."""
    bits = read16(buf, at)
    if bits & 15 == 3:
        return (at, CONTROL) if bits & 0x8000 else (at + 8, PSEUDOWIRE)
    if bits & 15 != 2:
        return UNREAD
    if bits & 0x8000:
        return at, CONTROL
    at += (8 if bits & 0x4000 else 6) + (4 if bits & 0x0800 else 0)
    if bits & 0x0200:
        at += 2 + (read16(buf, at) if end - at >= 2 else 0)
    return (at, PPP) if at < end else UNREAD


def enter_pseudowire(buf: Octets, at: int, end: int) -> Layer:
    """An Ethernet frame after a cookie and a sublayer of which only the control channel would tell the lengths."""
    for skipped in (0, 4, 8, 12):
        start = at + skipped
        if end - start > 38:
            ethertype = read16(buf, start + 12)
            place = start + 14
            if ethertype == 0x8100:
                ethertype = read16(buf, start + 16)
                place = start + 18
            if ethertype == IPV4 and buf[place] == 0x45 and 20 <= read16(buf, place + 2) <= end - place:
                return start, ETHERNET
            if ethertype == IPV6 and buf[place] // 16 == 6:
                return start, ETHERNET
    return UNREAD


def enter_tzsp(buf: Octets, at: int, end: int) -> Layer:
    """TZSP, as the sniffers of routers send it: tagged fields, then a frame."""
    if buf[at] != 1 or buf[at + 1] > 1:
        return UNREAD
    inner = read16(buf, at + 2)
    link = 1
    if inner == 0x12:
        link = 105
    elif inner == 0x77:
        link = 119
    elif inner == 0x7F:
        link = 163
    elif inner != 1:
        return UNREAD
    at += 4
    for _ in range(MAX_FIELDS):
        if end - at < 2:
            return UNREAD
        if buf[at] == 1:
            return at + 1, LINK + link
        at += 1 if buf[at] == 0 else 2 + buf[at + 1]
    return UNREAD


def enter_vxlan(buf: Octets, at: int, end: int, is_generic: int) -> Layer:
    """VXLAN (RFC 7348 §5), or its extension that names the inner protocol (draft-ietf-nvo3-vxlan-gpe §3.1)."""
    if end - at <= 8 or not buf[at] & 8 or buf[at + 7]:
        return UNREAD
    if is_generic and buf[at] & 4 and (buf[at + 3] == 1 or buf[at + 3] == 2):
        return at + 8, IP
    return at + 8, ETHERNET


def enter_udp_port(buf: Octets, at: int, end: int, port: int) -> Layer:
    """A tunnel over UDP, by the port that IANA or habit gives it; NOTHING where the octets contradict that."""
    if end - at < 8:
        return UNREAD
    if port in (VXLAN, VXLAN_OF_LINUX, VXLAN_GPE):
        return enter_vxlan(buf, at, end, port == VXLAN_GPE)
    if port == GENEVE:  # RFC 8926 §3.4
        header = 8 + 4 * (buf[at] & 0x3F)
        return (at + header, read16(buf, at + 2)) if not buf[at] & 0xC0 and end - at > header else UNREAD
    if port == GTP_U:
        return enter_gtp_u(buf, at, end)
    if port == GTP_V0_U:  # 3GPP TS 09.60 §6
        return (at + 20, IP) if buf[at] & 0xF0 == 0x10 and buf[at + 1] == 255 else UNREAD
    if port == L2TP:
        return enter_l2tp(buf, at, end)
    if port == TZSP:
        return enter_tzsp(buf, at, end)
    return (at, MPLS) if port == MPLS_IN_UDP else UNREAD
