# SPDX-License-Identifier: GPL-2.0-only
"""The one pass over a capture: walks records, peels headers, fills columns.

Runs as plain Python over `bytes` and memoryviews, and compiled by Numba over arrays (`speed.py`): so only integers,
indexing and loops here, no exceptions, and no intermediate value of 2⁶³ or more that isn't stored at once.
Records are those of the pcapng and pcap drafts of the IETF opsawg.
"""

from analyzer.capture.columns import Octets, Table
from analyzer.capture.peeling import peel_link
from analyzer.capture.scan import (
    BLOCK,
    C_FLAGS,
    C_FRAME,
    C_TIMESTAMP_NS,
    COMMENT,
    DAMAGED,
    END,
    FULL,
    I_DIVISOR,
    I_LINK,
    I_MULTIPLIER,
    I_OFFSET,
    I_SHIFT,
    I_SNAPLEN,
    MAX_TIME_NS,
    NO_TIME,
    S_BIG,
    S_CAPACITY,
    S_COMMENT,
    S_END,
    S_FRAME,
    S_HEADER,
    S_INTERFACES,
    S_LIMIT,
    S_LINK,
    S_OFFSET,
    S_ROWS,
    S_SCALE,
    S_STATUS,
    SHORT,
    SNAPPED,
    State,
    file16,
    file32,
)


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
