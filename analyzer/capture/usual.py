# SPDX-License-Identifier: GPL-2.0-only
"""The usual record of a capture of media, told at a glance: Ethernet, IPv4 without options, UDP and RTP, uncut.

What is usual is read as `records.py` and `peeling.py` read it; of anything else nothing is said, and they look at it.
Runs at two speeds as they do.
"""

from analyzer.capture.columns import Octets
from analyzer.capture.scan import (
    I_DIVISOR,
    I_LINK,
    I_MULTIPLIER,
    I_OFFSET,
    I_SHIFT,
    MAX_TIME_NS,
    file32,
    read16,
)

ETHERNET = 1
Record = tuple[int, int, int, int]  # where the frame begins, its octets, its time, where the next record begins
UNUSUAL: Record = (-1, 0, 0, 0)
IP_OCTETS, UDP_OCTETS, RTP_OCTETS = 20, 8, 12
HEADERS_OCTETS = 14 + IP_OCTETS + UDP_OCTETS  # before RTP


def usual_pcap_record(buf: Octets, at: int, end: int, big: int, scale: int, header: int) -> Record:
    """A record at `at` that holds the whole packet."""
    if end - at < header:
        return UNUSUAL
    captured = file32(buf, at + 8, big)
    start = at + header
    if captured > end - start or captured != file32(buf, at + 12, big):
        return UNUSUAL
    time_ns = file32(buf, at, big) * 1_000_000_000 + file32(buf, at + 4, big) * scale
    return start, captured, time_ns, start + captured


def usual_pcapng_block(buf: Octets, at: int, end: int, big: int, interfaces: Octets, count: int) -> Record:
    """An Enhanced Packet Block at `at` without options that holds the whole packet, from an Ethernet interface."""
    if end - at < 32 or file32(buf, at, big) != 6:
        return UNUSUAL
    total, captured = file32(buf, at + 4, big), file32(buf, at + 20, big)
    padded = captured + (-captured & 3)
    if total != padded + 32 or total > end - at or file32(buf, at + total - 4, big) != total:
        return UNUSUAL
    index, high = file32(buf, at + 8, big), file32(buf, at + 12, big)
    if captured != file32(buf, at + 24, big) or index >= count or high >= 1 << 31:
        return UNUSUAL
    ticks, multiplier = (high << 32) | file32(buf, at + 16, big), interfaces[index, I_MULTIPLIER]
    if interfaces[index, I_LINK] != ETHERNET or interfaces[index, I_SHIFT] or ticks > MAX_TIME_NS // multiplier:
        return UNUSUAL
    time_ns = ticks * multiplier // interfaces[index, I_DIVISOR]
    if time_ns > MAX_TIME_NS:
        return UNUSUAL
    return at + 28, captured, time_ns + interfaces[index, I_OFFSET], at + total


def usual_rtp_octets(buf: Octets, at: int, captured: int) -> int:
    """The octets of RTP in an Ethernet frame that holds IPv4, UDP and RTP without header extension; 0 in any other."""
    ip = at + 14
    if captured < HEADERS_OCTETS + RTP_OCTETS or buf[at + 12] != 8 or buf[at + 13] != 0:
        return 0
    if buf[ip] != 0x45 or buf[ip + 9] != 17 or read16(buf, ip + 6) & 0x3FFF:
        return 0
    total, octets = read16(buf, ip + 2), read16(buf, ip + IP_OCTETS + 4) - UDP_OCTETS
    if total > captured - 14 or octets != total - IP_OCTETS - UDP_OCTETS or octets < RTP_OCTETS:
        return 0
    first, second = buf[at + HEADERS_OCTETS] | 0, buf[at + HEADERS_OCTETS + 1] | 0
    if first < 128 or first > 191 or first & 16 or 192 <= second <= 223:
        return 0
    return octets if RTP_OCTETS + 4 * (first & 15) <= octets else 0
