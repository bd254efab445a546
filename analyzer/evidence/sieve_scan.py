# SPDX-License-Identifier: GPL-2.0-only
"""The pass over a capture that is nearly all media: packets are sorted into flows as it goes and take no row.

Rows stay for everything else. A row of which a closer look may make a media packet closes the sieve until the batch
ends: then all behind it take rows, so that every flow has its packets in their order.

Runs at two speeds (`capture/speed.py`), so only integers, indexing and loops here.
"""

from typing import Any

from analyzer.capture.layers import CONTROL, NOTHING, TRANSPORT, UDP_PORT, next_layer
from analyzer.capture.records import scan_pcap, scan_pcapng
from analyzer.capture.scan import (
    C_DETAIL,
    C_DST_HI,
    C_DST_LO,
    C_DST_PORT,
    C_FLAGS,
    C_FRAME,
    C_KIND,
    C_PAYLOAD_OCTETS,
    C_PAYLOAD_OFFSET,
    C_SRC_HI,
    C_SRC_LO,
    C_SRC_PORT,
    C_SSRC,
    C_TIMESTAMP_NS,
    C_TRANSPORT,
    COLUMNS,
    COMMENT,
    DTLS,
    FRAGMENT,
    FULL,
    NO_TIME,
    NOT_IP,
    OTHER,
    RTCP_LIKE,
    RTP_LIKE,
    S_BIG,
    S_CAPACITY,
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
    SNAPPED,
    STUN,
    UDP,
    UDP_LITE,
    UNKNOWN,
    ZRTP,
    read16,
    read32,
)
from analyzer.capture.tunnels import DATA_INDICATION, SEND_INDICATION, is_odd
from analyzer.capture.usual import ETHERNET, HEADERS_OCTETS, usual_pcap_record, usual_pcapng_block, usual_rtp_octets
from analyzer.evidence.flow_scan import F_FACTOR, NO_ROOM, UNKEPT, is_full, take_row
from analyzer.evidence.packet_code import LOW, code_packet

V_STOP, V_CAPACITY, V_PCAPNG, V_BEFORE, V_OPEN, V_WAITING = 0, 1, 2, 3, 4, 5
V_PACKETS, V_MEDIA, V_SNAPPED, V_FIRST_NS, V_LAST_NS, V_TIME_NS = 6, 7, 8, 9, 10, 11
SIEVE_CELLS = 12
ROWS_WHEN_CLOSED = 2048
FIRST_OF_HEP = (0x48, 1, 2)
KNOWN_SLOTS, KNOWN_CELLS = 1 << 14, 8


def is_media(cols: Any, row: int) -> bool:
    """Whether a row is a media packet that nobody has to look at again; STUN may relay something."""
    kind = cols[C_KIND, row]
    if cols[C_TRANSPORT, row] != UDP or cols[C_FLAGS, row] & NO_TIME:
        return False
    return kind == RTP_LIKE or kind == RTCP_LIKE or kind == DTLS or kind == ZRTP  # type: ignore[no-any-return]


def may_hold_media(buf: Any, cols: Any, row: int) -> bool:
    """Whether a row is, or a closer look (`capture/reassembly.py`) may make of it, a media packet for later."""
    transport, at, detail = cols[C_TRANSPORT, row], cols[C_PAYLOAD_OFFSET, row], cols[C_DETAIL, row]
    if transport == FRAGMENT or cols[C_FLAGS, row] & NO_TIME:
        return True
    if not is_odd(cols, row):
        return False
    if transport == UDP and cols[C_KIND, row] == STUN:
        return read16(buf, at) in (SEND_INDICATION, DATA_INDICATION)
    end = at + cols[C_PAYLOAD_OCTETS, row]
    if transport == UDP and cols[C_KIND, row] == UNKNOWN:
        is_hep = end - at > 16 and buf[at] in FIRST_OF_HEP
        ports = leads_on(buf, at, end, UDP_PORT + cols[C_DST_PORT, row])
        return is_hep or ports or leads_on(buf, at, end, UDP_PORT + cols[C_SRC_PORT, row])
    if transport == NOT_IP:
        return leads_on(buf, at, end, detail)
    return transport != OTHER or detail == UDP_LITE or leads_on(buf, at, end, TRANSPORT + detail)


def leads_on(buf: Any, at: int, end: int, kind: int) -> bool:
    """Whether a layer carries something that may be read further (`capture/layers.py`)."""
    inner = next_layer(buf, at, end, kind)[1]
    return inner not in (kind, NOTHING, CONTROL)


def count_packet(cols: Any, row: int, sieve: Any) -> None:
    """Account for a packet that was sorted out, and empty its row for the next one."""
    time_ns = cols[C_TIMESTAMP_NS, row]
    sieve[V_PACKETS] += 1
    sieve[V_MEDIA] += cols[C_KIND, row] == RTP_LIKE
    sieve[V_SNAPPED] += (cols[C_FLAGS, row] & SNAPPED) != 0
    sieve[V_FIRST_NS] = min(sieve[V_FIRST_NS], time_ns)
    sieve[V_LAST_NS] = max(sieve[V_LAST_NS], time_ns)
    for cell in range(COLUMNS):
        cols[cell, row] = 0


def slot_of(source: int, destination: int, ports: int, ssrc: int, factor: int, slots: int) -> int:
    """Where the flow of a usual packet stands in `known`; 64 bits that wrap round."""
    value = ((ssrc * factor + ports) * factor + destination) * factor + source
    return (value >> 31) & (slots - 1)


def remember(cols: Any, row: int, flow: int, factor: int, known: Any) -> None:
    """Let the usual packets of a flow be known by what they share: the flow that stood in the slot is forgotten."""
    source, destination = cols[C_SRC_LO, row], cols[C_DST_LO, row]
    if cols[C_KIND, row] != RTP_LIKE or source >> 32 != 0xFFFF or destination >> 32 != 0xFFFF:
        return
    if cols[C_SRC_HI, row] != 0 or cols[C_DST_HI, row] != 0:
        return
    source, destination = source & LOW, destination & LOW
    ports, ssrc = cols[C_SRC_PORT, row] * 65536 + cols[C_DST_PORT, row], cols[C_SSRC, row]
    slot = slot_of(source, destination, ports, ssrc, factor, len(known))
    known[slot, 0], known[slot, 1], known[slot, 2], known[slot, 3] = source, destination, ports, ssrc
    known[slot, 4] = flow


def take_usual(
    buf: Any, state: Any, interfaces: Any, sieve: Any, flows: Any, known: Any,
    lasts: Any, arena: Any, chained: Any, active: Any,
) -> None:  # fmt: skip
    """Sort out packets as long as they are usual ones of known flows and there is room for them."""
    at, frame, stop, end = state[S_OFFSET], state[S_FRAME], sieve[V_STOP], state[S_END]
    big, scale, header, count = state[S_BIG], state[S_SCALE], state[S_HEADER], state[S_INTERFACES]
    before, factor, is_pcapng = sieve[V_BEFORE], flows[F_FACTOR], sieve[V_PCAPNG]
    first_ns, last_ns, time_ns, begin = sieve[V_FIRST_NS], sieve[V_LAST_NS], sieve[V_TIME_NS], frame
    if not is_pcapng and state[S_LINK] != ETHERNET:
        return
    while at < stop:
        if is_pcapng:
            start, captured, record_ns, following = usual_pcapng_block(buf, at, end, big, interfaces, count)
        else:
            start, captured, record_ns, following = usual_pcap_record(buf, at, end, big, scale, header)
        if start < 0 or captured > state[S_LIMIT] or following - at > state[S_LIMIT]:
            break
        octets = usual_rtp_octets(buf, start, captured)
        if octets == 0:
            break
        rtp = start + HEADERS_OCTETS
        source, destination, ports = read32(buf, rtp - 16), read32(buf, rtp - 12), read32(buf, rtp - 8)
        ssrc = read32(buf, rtp + 8)
        slot = slot_of(source, destination, ports, ssrc, factor, len(known))
        if known[slot, 2] != ports or known[slot, 3] != ssrc:
            break
        if known[slot, 0] != source or known[slot, 1] != destination:
            break
        flow = known[slot, 4]
        last = lasts[flow]
        if is_full(flows, last, chained, active, flow):
            break
        frame += 1
        time_ns = record_ns
        first_ns, last_ns = min(first_ns, time_ns), max(last_ns, time_ns)
        code_packet(
            arena, last, time_ns, rtp, frame + before, read32(buf, rtp + 4), octets, octets, 12 + 4 * (buf[rtp] & 15),
            read16(buf, rtp + 2), buf[rtp + 1] & 127, buf[rtp + 1] // 128,
        )  # fmt: skip
        at = following
    state[S_OFFSET], state[S_FRAME] = at, frame
    sieve[V_PACKETS] += frame - begin
    sieve[V_MEDIA] += frame - begin
    sieve[V_FIRST_NS], sieve[V_LAST_NS], sieve[V_TIME_NS] = first_ns, last_ns, time_ns


def take_waiting(
    state: Any, cols: Any, sieve: Any, flows: Any, index: Any, keys: Any, key: Any, known: Any,
    lasts: Any, arena: Any, chained: Any, active: Any,
) -> None:  # fmt: skip
    """Sort out the packet that waits in the last row, if there is room for it."""
    row = state[S_ROWS] - 1
    frame = cols[C_FRAME, row] + sieve[V_BEFORE]
    flow = take_row(cols, row, frame, flows, index, keys, key, lasts, arena, chained, active)
    if flow == NO_ROOM:
        return
    if flow != UNKEPT:
        remember(cols, row, flow, flows[F_FACTOR], known)
    count_packet(cols, row, sieve)
    state[S_ROWS] = row
    sieve[V_WAITING] = 0


def judge_row(buf: Any, cols: Any, row: int, sieve: Any) -> None:
    """Let the packet of a row wait to be sorted out; or it stays, and may close the sieve."""
    sieve[V_TIME_NS] = cols[C_TIMESTAMP_NS, row]
    if not sieve[V_OPEN]:
        return
    if is_media(cols, row):
        sieve[V_WAITING] = 1
    elif may_hold_media(buf, cols, row):
        sieve[V_OPEN] = 0
        sieve[V_CAPACITY] = min(sieve[V_CAPACITY], row + ROWS_WHEN_CLOSED)


def sieve_records(
    buf: Any, state: Any, interfaces: Any, cols: Any, sieve: Any, flows: Any, index: Any, keys: Any, key: Any,
    known: Any, lasts: Any, arena: Any, chained: Any, active: Any,
) -> None:  # fmt: skip
    """Records until offset `sieve[V_STOP]`, until so many rows are taken, or something stops the scan.

    Leaves a packet waiting in the last row where its flow has no room (`take_row`), to be called again with room.
    """
    state[S_STATUS] = state[S_STATUS] if sieve[V_WAITING] else FULL
    while True:
        if sieve[V_WAITING]:
            take_waiting(state, cols, sieve, flows, index, keys, key, known, lasts, arena, chained, active)
        if sieve[V_WAITING] or state[S_STATUS] == COMMENT:
            return
        if sieve[V_OPEN]:
            take_usual(buf, state, interfaces, sieve, flows, known, lasts, arena, chained, active)
        row = state[S_ROWS]
        if row >= sieve[V_CAPACITY] or state[S_OFFSET] >= sieve[V_STOP]:
            state[S_STATUS] = FULL
            return
        state[S_CAPACITY] = row + 1
        if sieve[V_PCAPNG]:
            scan_pcapng(buf, state, interfaces, cols)
        else:
            scan_pcap(buf, state, interfaces, cols)
        if state[S_ROWS] == row:
            return
        judge_row(buf, cols, row, sieve)
