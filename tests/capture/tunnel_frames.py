# SPDX-License-Identifier: GPL-2.0-only
"""The same SIP message in every link layer and tunnel; by Scapy where it knows them, else octet by octet."""

import ipaddress
import struct
import zlib
from typing import Any

import capture_frames as made

MESSAGE = b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"
DATAGRAM = made.udp(MESSAGE, 5060, 5062)
PACKET = made.ipv4(DATAGRAM, source="10.9.8.7", destination="10.9.8.6")
PACKET_6 = made.ipv6(DATAGRAM, source="fd00::7", destination="fd00::6")
FRAME = made.ethernet(PACKET)
FRAME_6 = made.ethernet(PACKET_6)
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0"
OUTER = {"source": "192.0.2.1", "destination": "192.0.2.2"}


def outer(payload: bytes, protocol: int) -> bytes:
    return made.ethernet(made.ipv4(payload, protocol, **OUTER))


def over_udp(payload: bytes, port: int) -> bytes:
    return outer(made.udp(payload, 40000, port), 17)


def gre(ethertype: int, payload: bytes, bits: int = 0, fields: bytes = b"") -> bytes:
    return outer(struct.pack(">HH", bits, ethertype) + fields + payload, 47)


def mpls(payload: bytes, labels: int = 2) -> bytes:
    stack = [struct.pack(">I", (100 + n) << 12 | (n == labels - 1) << 8 | 64) for n in range(labels)]
    return b"".join(stack) + payload


def wlan(to_distribution: bool = True, qos: bool = False, protected: bool = False) -> bytes:
    control = bytes((0x88 if qos else 0x08, (1 if to_distribution else 2) | (0x40 if protected else 0)))
    return control + bytes(2) + bytes(range(18)) + bytes(2) + (bytes(2) if qos else b"") + SNAP + PACKET


def radiotap(frame: bytes, flags: int = 0) -> bytes:
    # TSFT and Flags present
    return struct.pack("<BBHIQB", 0, 0, 17, 0b11, 1, flags) + frame


def chunk(kind: int, value: bytes) -> bytes:
    return struct.pack(">HHH", 0, kind, 6 + len(value)) + value


def hep3(payload: bytes = MESSAGE, protocol: int = 17, six: bool = False, compressed: bool = False) -> bytes:
    texts = ("fd00::7", "fd00::6") if six else ("10.9.8.7", "10.9.8.6")
    ends: list[Any] = [ipaddress.ip_address(text) for text in texts]
    chunks = chunk(1, bytes((10 if six else 2,))) + chunk(2, bytes((protocol,)))
    chunks += b"".join(chunk((5 if six else 3) + n, end.packed) for n, end in enumerate(ends))
    chunks += chunk(7, struct.pack(">H", 5060)) + chunk(8, struct.pack(">H", 5062))
    chunks += chunk(9, struct.pack(">I", 1_600_000_000)) + chunk(10, struct.pack(">I", 5)) + chunk(11, b"\1")
    chunks += chunk(16, zlib.compress(payload)) if compressed else chunk(15, payload)
    return b"HEP3" + struct.pack(">H", 6 + len(chunks)) + chunks


def hep_fixed(version: int) -> bytes:
    ends = b"".join(ipaddress.ip_address(text).packed for text in ("10.9.8.7", "10.9.8.6"))
    time = struct.pack("<IIHH", 1_600_000_000, 5, 1, 0) if version == 2 else b""
    return bytes((version, 16 + len(time), 2, 17)) + struct.pack(">HH", 5060, 5062) + ends + time + MESSAGE


def l2tp(bits: int, fields: bytes, payload: bytes) -> bytes:
    return over_udp(struct.pack(">H", bits) + fields + payload, 1701)


def fragments(packet: bytes, size: int = 64) -> list[bytes]:
    """The IPv4 packet in fragments of `size` octets."""
    head, body = packet[:20], packet[20:]
    pieces = []
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        more = 0x2000 if at + size < len(body) else 0
        head = head[:2] + struct.pack(">H", 20 + len(piece)) + head[4:6] + struct.pack(">H", more | at // 8) + head[8:]
        pieces.append(head + piece)
    return pieces


def gtp_u(payload: bytes, bits: int = 0x30, fields: bytes = b"") -> bytes:
    return over_udp(struct.pack(">BBHI", bits, 255, len(fields) + len(payload), 7) + fields + payload, 2152)


ETHERNET: dict[str, bytes] = {
    "802.1Q": made.ethernet(PACKET, tags=[0x8100]),
    "QinQ": made.ethernet(PACKET, tags=[0x88A8, 0x8100]),
    "QinQ of old": made.ethernet(PACKET, tags=[0x9100, 0x8100]),
    "three tags": made.ethernet(PACKET, tags=[0x8100, 0x8100, 0x8100]),
    "IPv6": FRAME_6,
    "SNAP": bytes(12) + struct.pack(">H", len(SNAP + PACKET)) + SNAP + PACKET,
    "PPPoE": made.ethernet(struct.pack(">BBHH", 0x11, 0, 1, len(PACKET) + 2) + b"\0\x21" + PACKET, 0x8864),
    "PPPoE, IPv6": made.ethernet(struct.pack(">BBHH", 0x11, 0, 1, len(PACKET_6) + 2) + b"\0\x57" + PACKET_6, 0x8864),
    "MPLS": made.ethernet(mpls(PACKET), 0x8847),
    "MPLS, IPv6": made.ethernet(mpls(PACKET_6, 3), 0x8847),
    "MPLS pseudowire": made.ethernet(mpls(bytes(4) + FRAME), 0x8847),
    "VN-Tag": made.ethernet(bytes(4) + struct.pack(">H", 0x0800) + PACKET, 0x8926),
    "E-Tag": made.ethernet(bytes(6) + struct.pack(">H", 0x0800) + PACKET, 0x893F),
    "I-Tag": made.ethernet(bytes(4) + FRAME, 0x88E7),
    "GRE": gre(0x0800, PACKET),
    "GRE, IPv6": gre(0x86DD, PACKET_6),
    "GRE with all fields": gre(0x0800, PACKET, 0xB000, bytes(12)),
    "GRE, Ethernet (NVGRE)": gre(0x6558, FRAME, 0x2000, bytes(4)),
    "GRE, MPLS": gre(0x8847, mpls(PACKET)),
    "PPTP": gre(0x880B, b"\xff\x03\0\x21" + PACKET, 0x3081, struct.pack(">HHII", len(PACKET) + 4, 1, 1, 1)),
    "ERSPAN I": gre(0x88BE, FRAME),
    "ERSPAN II": gre(0x88BE, struct.pack(">HHI", 0x1000, 1, 0) + FRAME, 0x1000, bytes(4)),
    "ERSPAN III": gre(0x22EB, struct.pack(">HHIHH", 0x2000, 1, 0, 0, 0) + FRAME, 0x1000, bytes(4)),
    "ERSPAN III with subheader": gre(0x22EB, struct.pack(">HHIHHQ", 0x2000, 1, 0, 0, 1, 0) + FRAME, 0x1000, bytes(4)),
    "IP in IP": outer(PACKET, 4),
    "IPv6 in IPv4": outer(PACKET_6, 41),
    "IPv4 in IPv6": made.ethernet(made.ipv6(PACKET, 4)),
    "authentication header": outer(struct.pack(">BBHII", 17, 4, 0, 1, 1) + bytes(12) + DATAGRAM, 51),
    "EtherIP": outer(b"\x30\0" + FRAME, 97),
    "L2TPv3 over IP": outer(struct.pack(">I", 9) + FRAME, 115),
    "MPLS in IP": outer(mpls(PACKET), 137),
    "VXLAN": over_udp(b"\x08\0\0\0\0\0\7\0" + FRAME, 4789),
    "VXLAN, tagged": over_udp(b"\x08\0\0\0\0\0\7\0" + made.ethernet(PACKET, tags=[0x8100]), 4789),
    "VXLAN-GPE": over_udp(b"\x0c\0\0\1\0\0\7\0" + PACKET, 4790),
    "GENEVE": over_udp(struct.pack(">BBHI", 0, 0, 0x6558, 0x700) + FRAME, 6081),
    "GENEVE with options": over_udp(struct.pack(">BBHIII", 2, 0, 0x6558, 0x700, 1, 0) + FRAME, 6081),
    "GTP-U": gtp_u(PACKET),
    "GTP-U with sequence number": gtp_u(PACKET, 0x32, bytes(4)),
    "GTP-U with extension header": gtp_u(PACKET, 0x34, b"\0\0\0\x85" + b"\x01\x10\x01\0"),
    "L2TP": l2tp(0x4002, struct.pack(">HHH", 12 + len(PACKET), 1, 1), b"\xff\x03\0\x21" + PACKET),
    "L2TP, bare": l2tp(0x0002, struct.pack(">HH", 1, 1), b"\x21" + PACKET),
    "L2TP with offset": l2tp(0x0A02, struct.pack(">HHHHH", 1, 1, 0, 0, 2), b"xx\xff\x03\0\x21" + PACKET),
    "TZSP": over_udp(struct.pack(">BBH", 1, 0, 1) + b"\x0a\1\x10\1" + FRAME, 37008),
    "TZSP, 802.11": over_udp(struct.pack(">BBH", 1, 0, 0x12) + b"\1" + wlan(), 37008),
    "HEP3": over_udp(hep3(), 9060),
    "HEP3, IPv6": over_udp(hep3(six=True), 9063),
    "VXLAN in GRE in IPv6": made.ethernet(
        made.ipv6(struct.pack(">HH", 0, 0x0800) + made.ipv4(made.udp(b"\x08\0\0\0\0\0\7\0" + FRAME, 1, 4789)), 47)
    ),
    "IPv6 extension headers": made.ethernet(
        made.ipv6(b"\x3c\0\1\4" + bytes(4) + b"\x11\0\1\4" + bytes(4) + DATAGRAM, 0, "fd00::7", "fd00::6")
    ),
    "UDP-Lite": made.ethernet(made.ipv4(struct.pack(">HHHH", 5060, 5062, 8, 0) + MESSAGE, 136, "10.9.8.7", "10.9.8.6")),
}
# What tshark 4.0 does not open in its standard settings, by name.
NOT_BY_TSHARK = {"HEP3", "HEP3, IPv6", "L2TPv3 over IP", "MPLS pseudowire"}
LINKS: dict[str, tuple[int, bytes]] = {
    "Linux cooked": (113, bytes(14) + b"\x08\0" + PACKET),
    "Linux cooked v2": (276, b"\x08\0" + bytes(18) + PACKET),
    "BSD loopback": (0, b"\2\0\0\0" + PACKET),
    "OpenBSD loopback": (108, b"\0\0\0\2" + PACKET),
    "raw IP": (101, PACKET),
    "raw IPv6": (229, PACKET_6),
    "PPP": (9, b"\xff\x03\0\x21" + PACKET),
    "PPP, compressed": (9, b"\x21" + PACKET),
    "PPP in HDLC": (50, b"\xff\x03\0\x21" + PACKET),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + PACKET),
    "PPPoE": (51, struct.pack(">BBHH", 0x11, 0, 1, len(PACKET) + 2) + b"\0\x21" + PACKET),
    "PPP with direction": (204, b"\0\xff\x03\0\x21" + PACKET),
    "802.11": (105, wlan()),
    "802.11 with QoS": (105, wlan(False, qos=True)),
    "radiotap": (127, radiotap(wlan())),
    "radiotap with padding": (127, radiotap(wlan(qos=True)[:26] + bytes(2) + wlan(qos=True)[26:], 0x20)),
    "Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + wlan()),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 105) + wlan()),
    "frame relay": (107, b"\x18\x41\x03\xcc" + PACKET),
    "enc": (109, b"\2\0\0\0" + bytes(8) + PACKET),
    "IP over IEEE 1394": (138, bytes(16) + b"\x08\0" + PACKET),
    "nflog": (239, b"\2\0\0\0" + struct.pack("<HH", 6, 1) + bytes(4) + struct.pack("<HH", 4 + len(PACKET), 9) + PACKET),
}
SIX = ("[fd00::7]:5060", "[fd00::6]:5062")
ENDS = dict.fromkeys(
    ("IPv6", "PPPoE, IPv6", "MPLS, IPv6", "GRE, IPv6", "IPv6 in IPv4", "HEP3, IPv6", "IPv6 extension headers"), SIX
) | {"authentication header": ("192.0.2.1:5060", "192.0.2.2:5062")}
