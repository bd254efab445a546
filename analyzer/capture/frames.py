# SPDX-License-Identifier: GPL-2.0-only
"""UDP datagrams as whole Ethernet frames, for captures that this program writes itself."""

import functools
import ipaddress
import struct
from typing import NamedTuple

from analyzer.capture.address import format_address, parse_endpoint

# Locally administered addresses: nobody's hardware (IEEE 802, the U/L bit).
DESTINATION_MAC = bytes.fromhex("020000000002")
SOURCE_MAC = bytes.fromhex("020000000001")
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
UDP = 17
IPV6_OCTETS = 16
HOP_LIMIT = 64
MAX_UDP_PAYLOAD_OCTETS = 65_507


class _Endpoint(NamedTuple):
    address: bytes
    port: int


@functools.lru_cache(maxsize=256)
def _endpoint(text: str) -> _Endpoint:
    high, low, port = parse_endpoint(text)
    return _Endpoint(ipaddress.ip_address(format_address(high, low)).packed, port)


def build_udp_frame(source: str, destination: str, payload: bytes) -> bytes:
    """Ethernet, IP and UDP round `payload`; endpoints are `address:port`, both of one family. Raises ValueError."""
    if len(payload) > MAX_UDP_PAYLOAD_OCTETS:
        raise ValueError(f"{len(payload)} octets do not fit a datagram")
    sender, receiver = _endpoint(source), _endpoint(destination)
    if len(sender.address) != len(receiver.address):
        raise ValueError(f"{source} and {destination} are of different families")
    length = 8 + len(payload)
    pseudo = sender.address + receiver.address + struct.pack(">IHH", length, 0, UDP)
    header = struct.pack(">HHH", sender.port, receiver.port, length)
    checksum = _checksum(pseudo + header + bytes(2) + payload) or 0xFFFF
    datagram = header + struct.pack(">H", checksum) + payload
    if len(sender.address) == IPV6_OCTETS:
        packet = struct.pack(">IHBB", 0x60000000, length, UDP, HOP_LIMIT) + sender.address + receiver.address + datagram
        return DESTINATION_MAC + SOURCE_MAC + struct.pack(">H", ETHERTYPE_IPV6) + packet
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0, HOP_LIMIT, UDP, 0) + sender.address + receiver.address
    head = head[:10] + struct.pack(">H", _checksum(head)) + head[12:]
    return DESTINATION_MAC + SOURCE_MAC + struct.pack(">H", ETHERTYPE_IPV4) + head + datagram


def _checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    number = int.from_bytes(octets, "big") << 8 * (len(octets) % 2)
    # 65536 is 1 modulo 65535, so the number is as much as the sum of its words; that sum is zero of zeros only.
    total = number % 0xFFFF or (0xFFFF if number else 0)
    return ~total & 0xFFFF
