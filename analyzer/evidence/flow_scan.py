# SPDX-License-Identifier: GPL-2.0-only
"""The pass that sorts media packets into flows: for each row of a batch the number of its flow and a record.

Compiled by Numba for large captures (`capture/speed.py`), so only integers, indexing and loops here. Flows are found
by open addressing with a secret factor, because whoever sends packets chooses the keys.
"""

from typing import Any

from analyzer.capture.scan import (
    C_DST_HI,
    C_DST_LO,
    C_DST_PORT,
    C_FRAME,
    C_HEADER_OCTETS,
    C_KIND,
    C_MARKER,
    C_PAYLOAD_OCTETS,
    C_PAYLOAD_OFFSET,
    C_PAYLOAD_TYPE,
    C_RTP_TIMESTAMP,
    C_SEQ,
    C_SRC_HI,
    C_SRC_LO,
    C_SRC_PORT,
    C_SSRC,
    C_TIMESTAMP_NS,
    C_TRANSPORT,
    C_WIRE_OCTETS,
    RTP_LIKE,
    SIP_LIKE,
    UDP,
)

KEY_CELLS = 7  # the fields of media.FlowKey, in order
K_FIRST_FRAME = 7  # beside them in the table of flows
FLOW_CELLS = 8
F_ROW, F_ROWS, F_FLOWS, F_MAX_FLOWS, F_FILL, F_UNKEPT, F_FACTOR, F_SIDE = 0, 1, 2, 3, 4, 5, 6, 7
STATE_CELLS = 8
EMPTY_SLOT = -1


def mix(value: int, cell: int, factor: int) -> int:
    """One more cell of a key into its hash; 64 bits that wrap round."""
    value = (value ^ cell) * factor
    return value ^ (value >> 29)


def same_key(keys: Any, flow: int, key: Any) -> bool:
    """Whether a flow has this key."""
    for cell in range(KEY_CELLS):  # noqa: SIM110 - compiled
        if keys[flow, cell] != key[cell]:
            return False
    return True


def find_slot(index: Any, keys: Any, key: Any, factor: int) -> int:
    """The slot of a key's flow, or the empty one where it belongs."""
    mask = len(index) - 1
    value = factor
    for cell in range(KEY_CELLS):
        value = mix(value, key[cell], factor)
    slot = (value >> 17) & mask
    while index[slot] != EMPTY_SLOT and not same_key(keys, index[slot], key):
        slot = (slot + 1) & mask
    return slot


def enter_flows(index: Any, keys: Any, flows: int, factor: int) -> None:
    """Enter the first `flows` keys in an empty index."""
    for flow in range(flows):
        index[find_slot(index, keys, keys[flow], factor)] = flow


def sort_packets(cols: Any, state: Any, index: Any, keys: Any, key: Any, records: Any, flow_of: Any) -> None:
    """Rows from `state[F_ROW]` on, until they end, `records` is full or `keys` has no room for a new flow."""
    factor, capacity = state[F_FACTOR], len(records)
    row = state[F_ROW]
    while row < state[F_ROWS]:
        kind = cols[C_KIND, row]
        if cols[C_TRANSPORT, row] != UDP or kind < RTP_LIKE or kind == SIP_LIKE:
            row += 1
            continue
        at = state[F_FILL]
        if at == capacity:
            break
        key[0] = kind
        key[1] = cols[C_SSRC, row] if kind == RTP_LIKE else 0
        key[2] = cols[C_SRC_HI, row]
        key[3] = cols[C_SRC_LO, row]
        key[4] = cols[C_DST_HI, row]
        key[5] = cols[C_DST_LO, row]
        key[6] = cols[C_SRC_PORT, row] * 65536 + cols[C_DST_PORT, row]
        slot = find_slot(index, keys, key, factor)
        flow = index[slot]
        if flow == EMPTY_SLOT:
            flow = state[F_FLOWS]
            if flow == state[F_MAX_FLOWS]:
                state[F_UNKEPT] += 1
                row += 1
                continue
            if flow == len(keys):
                break
            index[slot] = flow
            for cell in range(KEY_CELLS):
                keys[flow, cell] = key[cell]
            keys[flow, K_FIRST_FRAME] = cols[C_FRAME, row]
            state[F_FLOWS] = flow + 1
        offset = cols[C_PAYLOAD_OFFSET, row]
        record = records[at]
        record.timestamp_ns = cols[C_TIMESTAMP_NS, row]
        record.payload_offset = offset if offset >= 0 else offset - state[F_SIDE]
        record.rtp_timestamp = cols[C_RTP_TIMESTAMP, row]
        record.frame = cols[C_FRAME, row]
        record.payload_octets = cols[C_PAYLOAD_OCTETS, row]
        record.wire_octets = cols[C_WIRE_OCTETS, row]
        record.header_octets = cols[C_HEADER_OCTETS, row]
        record.sequence_number = cols[C_SEQ, row]
        record.payload_type = cols[C_PAYLOAD_TYPE, row]
        record.marker = cols[C_MARKER, row]
        flow_of[at] = flow
        state[F_FILL] = at + 1
        row += 1
    state[F_ROW] = row


def scatter(cells: Any, flow_of: Any, places: Any, ordered: Any) -> None:
    """Rows of cells sorted by flow, each flow in its own order; `places` says where each flow begins and is used up."""
    width = cells.shape[1]
    for row in range(len(flow_of)):
        place = places[flow_of[row]]
        places[flow_of[row]] = place + 1
        for cell in range(width):
            ordered[place, cell] = cells[row, cell]
