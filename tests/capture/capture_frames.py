# SPDX-License-Identifier: GPL-2.0-only
"""Packets and capture files put together by hand, octet by octet."""

import ipaddress
import struct
from collections.abc import Iterable

START = 1_700_000_000


def udp(payload: bytes, source: int = 5060, destination: int = 5060) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(
    payload: bytes, sequence: int, acknowledgement: int = 0, bits: int = 0x18, ports: tuple[int, int] = (5060, 5060)
) -> bytes:
    return struct.pack(">HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, acknowledgement, 0x50, bits, 65535, 0, 0) + payload


def ipv4(
    payload: bytes, protocol: int = 17, source: str = "10.0.0.1", destination: str = "10.0.0.2",
    identification: int = 1, fragment: int = 0,
) -> bytes:  # fmt: skip
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    head = struct.pack(">BBHHHBBH", 0x45, 0xB8, 20 + len(payload), identification, fragment, 64, protocol, 0)
    return head + addresses + payload


def ipv6(payload: bytes, protocol: int = 17, source: str = "fe80::1", destination: str = "fe80::2") -> bytes:
    addresses = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(destination).packed
    return struct.pack(">IHBB", 0x6000_0000, len(payload), protocol, 64) + addresses + payload


def ethernet(payload: bytes, ethertype: int | None = None, tags: Iterable[int] = ()) -> bytes:
    if ethertype is None:
        ethertype = 0x86DD if payload[0] >> 4 == 6 else 0x0800
    vlan = b"".join(struct.pack(">HH", tag, 7) for tag in tags)
    return bytes(12) + vlan + struct.pack(">H", ethertype) + payload


def rtp(
    sequence: int, timestamp: int = 0, ssrc: int = 0x1234, body: bytes = bytes(20), first: int = 0x80, second: int = 0
) -> bytes:
    return struct.pack(">BBHII", first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + body


def pcap(
    frames: Iterable[bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1, snaplen: int = 262144,
    step_us: int = 20_000,
) -> bytes:  # fmt: skip
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for index, frame in enumerate(frames):
        seconds, micros = divmod(index * step_us, 1_000_000)
        fraction = micros * (1000 if magic == 0xA1B23C4D else 1)
        data = frame[:snaplen]
        out.append(struct.pack(order + "IIII", START + seconds, fraction, len(data), len(frame)))
        out.append(bytes(8) if magic == 0xA1B2CD34 else b"")
        out.append(data)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + total + body + total


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link: int = 1, snaplen: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def enhanced(frame: bytes, ticks: int, index: int = 0, order: str = "<", wire: int | None = None) -> bytes:
    head = struct.pack(
        order + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) if wire is None else wire
    )
    return block(6, head + frame, order)


def simple(frame: bytes, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(frame)) + frame, order)


def statistics(index: int, dropped: int, system: int, order: str = "<") -> bytes:
    options = option(5, struct.pack(order + "Q", dropped), order) + option(7, struct.pack(order + "Q", system), order)
    return block(5, struct.pack(order + "III", index, 0, 0) + options, order)
