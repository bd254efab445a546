# SPDX-License-Identifier: GPL-2.0-only
"""The pass that sorts media packets into flows: each row of a batch is coded behind the packet before in its flow.

Compiled by Numba for large captures (`capture/speed.py`), so only integers, indexing and loops here. Flows are found
by open addressing with a secret factor, because whoever sends packets chooses the keys. What is coded of a flow lies
in chunks of one arena, chained, until the arena is full and each flow's chunks are joined.
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
from analyzer.evidence.packet_code import (
    BLOCK_CELLS,
    L_AT,
    L_END,
    L_FIRST_CHUNK,
    L_PACKETS,
    MAX_PACKET_WORDS,
    code_packet,
)

KEY_CELLS = 7  # the fields of media.FlowKey, in order
K_FIRST_FRAME = 7  # beside them in the table of flows
FLOW_CELLS = 8
F_ROW, F_ROWS, F_FLOWS, F_MAX_FLOWS, F_UNKEPT, F_FACTOR, F_SIDE, F_CHUNKS, F_ACTIVE = 0, 1, 2, 3, 4, 5, 6, 7, 8
STATE_CELLS = 9
EMPTY_SLOT = -1
NO_ROOM, UNKEPT = -1, -2
CHUNK_WORDS = 64


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


def read_key(cols: Any, row: int, key: Any) -> None:
    """What the packets of a row's flow share."""
    kind = cols[C_KIND, row]
    key[0] = kind
    key[1] = cols[C_SSRC, row] if kind == RTP_LIKE else 0
    key[2] = cols[C_SRC_HI, row]
    key[3] = cols[C_SRC_LO, row]
    key[4] = cols[C_DST_HI, row]
    key[5] = cols[C_DST_LO, row]
    key[6] = cols[C_SRC_PORT, row] * 65536 + cols[C_DST_PORT, row]


def code_row(cols: Any, row: int, frame: int, side: int, words: Any, last: Any) -> None:
    """A row's packet behind the one before in its flow; an offset into the batch's side is moved by `side`."""
    offset = cols[C_PAYLOAD_OFFSET, row]
    code_packet(
        words, last, cols[C_TIMESTAMP_NS, row], offset if offset >= 0 else offset - side, frame,
        cols[C_RTP_TIMESTAMP, row], cols[C_PAYLOAD_OCTETS, row], cols[C_WIRE_OCTETS, row], cols[C_HEADER_OCTETS, row],
        cols[C_SEQ, row], cols[C_PAYLOAD_TYPE, row], cols[C_MARKER, row],
    )  # fmt: skip


def take_chunk(state: Any, last: Any, chained: Any, active: Any, flow: int) -> None:
    """Go on coding a flow in the next chunk of the arena; one that had none yet begins anew."""
    chunk = state[F_CHUNKS]
    state[F_CHUNKS] = chunk + 1
    if last[L_PACKETS] == 0:
        for cell in range(BLOCK_CELLS):
            last[cell] = 0
        last[L_FIRST_CHUNK] = chunk
        active[state[F_ACTIVE]] = flow
        state[F_ACTIVE] += 1
    else:
        full = (last[L_END] - 1) // CHUNK_WORDS
        chained[full, 0] = chunk
        chained[full, 1] = last[L_AT] - full * CHUNK_WORDS
    last[L_AT] = chunk * CHUNK_WORDS
    last[L_END] = last[L_AT] + CHUNK_WORDS


def is_full(state: Any, last: Any, chained: Any, active: Any, flow: int) -> bool:
    """Whether the arena has no room for a further packet of a flow; a chunk more is taken where it has."""
    if last[L_PACKETS] == 0 or last[L_END] - last[L_AT] < MAX_PACKET_WORDS:
        if state[F_CHUNKS] == len(chained):
            return True
        take_chunk(state, last, chained, active, flow)
    return False


def take_row(
    cols: Any, row: int, frame: int, state: Any, index: Any, keys: Any, key: Any,
    lasts: Any, arena: Any, chained: Any, active: Any,
) -> int:  # fmt: skip
    """Code the media packet of a row, which is `frame`; returns its flow, UNKEPT where there are too many of them.

    NO_ROOM where the arena is full, or `keys` for a new flow.
    """
    read_key(cols, row, key)
    slot = find_slot(index, keys, key, state[F_FACTOR])
    flow = index[slot]
    if flow == EMPTY_SLOT:
        flow = state[F_FLOWS]
        if flow == state[F_MAX_FLOWS]:
            state[F_UNKEPT] += 1
            return UNKEPT
        if flow == len(keys):
            return NO_ROOM
        index[slot] = flow
        for cell in range(KEY_CELLS):
            keys[flow, cell] = key[cell]
        keys[flow, K_FIRST_FRAME] = frame
        state[F_FLOWS] = flow + 1
    if is_full(state, lasts[flow], chained, active, flow):
        return NO_ROOM
    code_row(cols, row, frame, state[F_SIDE], arena, lasts[flow])
    return flow  # type: ignore[no-any-return]


def code_packets(
    cols: Any, state: Any, index: Any, keys: Any, key: Any, lasts: Any, arena: Any, chained: Any, active: Any
) -> None:
    """Rows from `state[F_ROW]` on, until they end, the arena is full or `keys` has no room for a new flow."""
    row = state[F_ROW]
    while row < state[F_ROWS]:
        kind = cols[C_KIND, row]
        is_media = cols[C_TRANSPORT, row] == UDP and kind >= RTP_LIKE and kind != SIP_LIKE
        if is_media:
            taken = take_row(cols, row, cols[C_FRAME, row], state, index, keys, key, lasts, arena, chained, active)
            if taken == NO_ROOM:
                break
        row += 1
    state[F_ROW] = row


def join_chunks(arena: Any, chained: Any, lasts: Any, active: Any, parts: Any, joined: Any) -> None:
    """Each active flow's chunks back to back; `parts` gets a flow, where its words begin, packets, words a row."""
    at = 0
    for place in range(len(parts)):
        flow = active[place]
        last = lasts[flow]
        chunk, begin = last[L_FIRST_CHUNK], at
        final = (last[L_END] - 1) // CHUNK_WORDS
        while True:
            start = chunk * CHUNK_WORDS
            words = last[L_AT] - start if chunk == final else chained[chunk, 1]
            for word in range(words):
                joined[at + word] = arena[start + word]
            at += words
            if chunk == final:
                break
            chunk = chained[chunk, 0]
        parts[place, 0], parts[place, 1], parts[place, 2], parts[place, 3] = flow, begin, last[L_PACKETS], at - begin
        last[L_PACKETS] = 0
