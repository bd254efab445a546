# SPDX-License-Identifier: GPL-2.0-only
"""HEP, in which capture agents send messages to Homer: versions 1 and 2 with fixed headers, 3 with chunks."""

import ipaddress
import zlib
from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed
from dissectors.grammar.sip import looks_like_sip

MAGIC = b"HEP3"
MAX_CHUNKS = 256
MAX_PAYLOAD_OCTETS = 1 << 20
IPV4_FAMILY, IPV6_FAMILY = 2, 10
_OTHER_IPV6_FAMILIES = (24, 28, 30)  # AF_INET6 of BSD and macOS, as agents there send it
_FIXED_HEADER, _TIME_HEADER = 8, 12
_NANOSECONDS = 1_000_000_000


class ChunkType(IntEnum):
    """Generic chunks, vendor 0 (HEP3 draft §4)."""

    ip_family = 1
    ip_protocol = 2
    ipv4_source = 3
    ipv4_destination = 4
    ipv6_source = 5
    ipv6_destination = 6
    source_port = 7
    destination_port = 8
    time_seconds = 9
    time_microseconds = 10
    protocol_type = 11
    capture_agent = 12
    keep_alive = 13
    payload = 15
    compressed_payload = 16


class ProtocolType(IntEnum):
    """What a payload is (HEP3 draft §4)."""

    sip = 1
    sdp = 3
    rtp = 4
    rtcp = 5


class HepPacket(NamedTuple):
    """A captured payload with the addresses, ports and time that the agent saw it with.

    `payload_offset` is where the payload stands in the datagram, -1 where it had to be decompressed. `protocol_type`
    is 0 and `timestamp_ns` None where nothing says them.
    """

    version: int
    ip_protocol: int
    source: ipaddress.IPv4Address | ipaddress.IPv6Address
    destination: ipaddress.IPv4Address | ipaddress.IPv6Address
    source_port: int
    destination_port: int
    timestamp_ns: int | None
    protocol_type: int
    payload: bytes
    payload_offset: int


def may_be_hep(data: bytes) -> bool:
    """Whether a datagram begins as HEP does: quick, and sure of version 3 only."""
    if data[:4] == MAGIC:
        return True
    return len(data) > 16 and data[0] in (1, 2) and data[1] in (16, 28, 40, 52) and data[2] in (2, 10, 24, 28, 30)


def parse_hep(data: bytes) -> HepPacket:
    """One HEP packet; raises `Malformed` and `Truncated`."""
    return _parse_chunks(data) if data[:4] == MAGIC else _parse_fixed(data)


def _parse_chunks(data: bytes) -> HepPacket:
    cursor = Cursor(data, 4)
    total = cursor.u16("HEP length")
    cursor = Cursor(data, 6, total)
    found: dict[int, tuple[int, bytes]] = {}
    for _ in range(MAX_CHUNKS):
        if cursor.left < 6:
            break
        vendor, kind, octets = cursor.u16("vendor"), cursor.u16("chunk type"), cursor.u16("chunk length")
        if octets < 6:
            raise Malformed("a chunk shorter than its header", offset=cursor.offset - 2, clause="HEP3 §3")
        at = cursor.offset
        value = cursor.take(octets - 6, "chunk")
        if vendor == 0:
            found.setdefault(kind, (at, value))
    return _join(found)


def _join(found: dict[int, tuple[int, bytes]]) -> HepPacket:
    def number(kind: ChunkType) -> int:
        return int.from_bytes(found[kind][1], "big") if kind in found else 0

    pairs = ((ChunkType.ipv4_source, ChunkType.ipv4_destination), (ChunkType.ipv6_source, ChunkType.ipv6_destination))
    pair = next((each for each in pairs if each[0] in found and each[1] in found), None)
    if pair is None:
        raise Malformed("no addresses in a HEP packet", clause="HEP3 §4")
    source, destination = (_address(found[kind][1]) for kind in pair)
    offset, payload = found.get(ChunkType.payload, (-1, b""))
    if ChunkType.compressed_payload in found and not payload:
        payload = _inflate(found[ChunkType.compressed_payload][1])
    time_ns = None
    if ChunkType.time_seconds in found:
        time_ns = number(ChunkType.time_seconds) * _NANOSECONDS + number(ChunkType.time_microseconds) * 1000
    return HepPacket(
        3,
        number(ChunkType.ip_protocol),
        source,
        destination,
        number(ChunkType.source_port) & 0xFFFF,
        number(ChunkType.destination_port) & 0xFFFF,
        time_ns,
        number(ChunkType.protocol_type),
        payload,
        offset,
    )


def _address(octets: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if len(octets) not in (4, 16):
        raise Malformed("an address of neither 4 nor 16 octets", clause="HEP3 §4")
    return ipaddress.IPv4Address(octets) if len(octets) == 4 else ipaddress.IPv6Address(octets)


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_PAYLOAD_OCTETS)
    except zlib.error as error:
        raise Malformed(f"compressed payload: {error}", clause="HEP3 §4") from error


def _parse_fixed(data: bytes) -> HepPacket:
    """Versions 1 and 2; what the length field covers differs between agents, so the payload tells where it begins."""
    cursor = Cursor(data)
    version, length, family, protocol = (cursor.u8("HEP header") for _ in range(4))
    ports = cursor.u16("source port"), cursor.u16("destination port")
    octets = 4 if family == IPV4_FAMILY else 16
    if version not in (1, 2) or (octets == 16 and family not in (IPV6_FAMILY, *_OTHER_IPV6_FAMILIES)):
        raise Malformed("not a HEP header", clause="HEP v1, v2")
    source, destination = (_address(cursor.take(octets, "address")) for _ in range(2))
    header = _FIXED_HEADER + 2 * octets
    starts = (header + _TIME_HEADER, header) if version == 2 else (header,)
    start = next((at for at in starts if looks_like_sip(data[at:])), None)
    if start is None or length < _FIXED_HEADER:
        raise Malformed("no SIP in a HEP packet", offset=header, clause="HEP v1, v2")
    time_ns = None
    if start > header:  # in the order of the agent's host, which is little-endian on all that we know
        seconds, micros = (int.from_bytes(data[at : at + 4], "little") for at in (header, header + 4))
        time_ns = seconds * _NANOSECONDS + micros * 1000 if micros < 1_000_000 else None
    return HepPacket(version, protocol, source, destination, *ports, time_ns, ProtocolType.sip, data[start:], start)
