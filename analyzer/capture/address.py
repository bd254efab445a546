# SPDX-License-Identifier: GPL-2.0-only
"""Addresses and endpoints as text, from and to the two 64-bit halves the packet columns hold."""

import functools
import ipaddress

from analyzer.model.channel import split_interleaved

IPV4_MAPPED = 0xFFFF_0000_0000  # RFC 4291 §2.5.5.2: ::ffff:a.b.c.d
_LOW_HALF = 0xFFFF_FFFF_FFFF_FFFF


@functools.lru_cache(maxsize=65536)
def format_address(hi: int, lo: int) -> str:
    """The address whose upper and lower 64 bits are `hi` and `lo`: dotted for IPv4 (mapped), RFC 5952 text for IPv6."""
    hi, lo = int(hi), int(lo)
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFF_FFFF))
    return str(ipaddress.IPv6Address((hi << 64) | lo))


def format_endpoint(hi: int, lo: int, port: int) -> str:
    """`10.0.0.1:4000` or `[fe80::1]:4000`."""
    address = format_address(int(hi), int(lo))
    return f"[{address}]:{int(port)}" if ":" in address else f"{address}:{int(port)}"


def parse_address(text: str) -> tuple[int, int]:
    """The two halves of an address as the columns hold it; raises ValueError."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return 0, IPV4_MAPPED | int(address)
    return int(address) >> 64, int(address) & _LOW_HALF


def parse_endpoint(text: str) -> tuple[int, int, int]:
    """The inverse of `format_endpoint`: upper half, lower half, port, whatever channel; raises ValueError."""
    text, _ = split_interleaved(text)
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF or (":" in host) != bracketed:
        message = f"{text!r} is not an endpoint such as 10.0.0.1:4000 or [fe80::1]:4000"
        raise ValueError(message)
    hi, lo = parse_address(host[1:-1] if bracketed else host)
    return hi, lo, int(port)
