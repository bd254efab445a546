# SPDX-License-Identifier: GPL-2.0-only
"""What is known of each packet of a flow, by how it differs from the packet before: three words, not twelve.

A packet is a word of marks with the steps of frame and sequence number, a word of the step in time, one of the step in
the file, and further words only where the marks announce them: where a step is too wide, or what the packet before
lets expect does not hold. Words have 32 bits. What was coded is decoded to the same values.

Compiled by Numba for large captures (`capture/speed.py`), so only integers, indexing and loops here.
"""

from typing import Any

# What is remembered of the packet before, and where its flow is coded; the last three of all of the flow.
(
    L_TIME, L_OFFSET, L_FRAME, L_STAMP, L_OCTETS, L_WIRE, L_HEADER, L_SEQUENCE, L_TYPE, L_STAMP_STEP,
    L_AT, L_END, L_PACKETS, L_FIRST_CHUNK, L_ORDER, L_BEFORE, L_STEADY,
) = range(17)  # fmt: skip
LAST_CELLS = 17
BLOCK_CELLS = 14  # that begin anew where a flow is put aside
STEPPED_BACK = 2  # in `L_ORDER`: a sequence number was no step forward
STEADY_STEP = 16  # sequence numbers between packets that follow each other, at most; `L_STEADY` counts such steps

MARKER, SHAPE, LENGTH, SEQUENCE, STAMP, WIDE_TIME, WIDE_FRAME, WIDE_OFFSET = 1, 2, 4, 8, 16, 32, 64, 128
MAX_PACKET_WORDS = 3 + 1 + 1 + 2 + 1 + 1 + 3
LOW = 0xFFFFFFFF


def wide(high: int, low: int) -> int:
    """Two words as the number of 64 bits that they are, which may be negative."""
    return ((high - ((high & 0x80000000) << 1)) << 32) | low


def code_packet(
    words: Any, last: Any, time: int, offset: int, frame: int, stamp: int, octets: int, wire: int, header: int,
    sequence: int, kind: int, marker: int,
) -> None:  # fmt: skip
    """A packet behind what was coded of its flow, at `last[L_AT]`; `last` becomes this packet."""
    start = last[L_AT]
    at = start + 3
    marks = MARKER if marker else 0
    frame_step, sequence_step = frame - last[L_FRAME], (sequence - last[L_SEQUENCE]) & 0xFFFF
    time_step, offset_step = time - last[L_TIME], offset - last[L_OFFSET]
    if not 0 <= time_step <= LOW:
        marks |= WIDE_TIME
        words[at] = (time >> 32) & LOW
        time_step = time & LOW
        at += 1
    if not 0 <= offset_step <= LOW:
        marks |= WIDE_OFFSET
        words[at] = (offset >> 32) & LOW
        offset_step = offset & LOW
        at += 1
    if not 0 <= frame_step <= 0xFFFF:
        marks |= WIDE_FRAME
        words[at] = (frame >> 32) & LOW
        words[at + 1] = frame & LOW
        frame_step = 0
        at += 2
    ahead = (sequence - last[L_BEFORE]) & 0xFFFF
    if last[L_ORDER] == 0:
        last[L_ORDER] = 1
    elif 0 < ahead <= STEADY_STEP:
        last[L_STEADY] += 1
    elif (ahead - 1) & 0x8000:
        last[L_ORDER] = STEPPED_BACK
    last[L_BEFORE] = sequence
    if sequence_step > 255:
        marks |= SEQUENCE
        words[at] = sequence
        sequence_step = 0
        at += 1
    stamp_step = (stamp - last[L_STAMP]) & LOW
    if stamp_step != last[L_STAMP_STEP]:
        marks |= STAMP
        words[at] = stamp
        at += 1
    if kind != last[L_TYPE] or header != last[L_HEADER] or octets > 0xFFFF or wire > 0xFFFF:
        marks |= SHAPE
        words[at] = octets
        words[at + 1] = wire
        words[at + 2] = header << 8 | kind
        at += 3
    elif octets != last[L_OCTETS] or wire != last[L_WIRE]:
        marks |= LENGTH
        words[at] = octets << 16 | wire
        at += 1
    words[start] = marks | frame_step << 8 | sequence_step << 24
    words[start + 1] = time_step
    words[start + 2] = offset_step
    last[L_TIME], last[L_OFFSET], last[L_FRAME], last[L_STAMP] = time, offset, frame, stamp
    last[L_OCTETS], last[L_WIRE], last[L_HEADER], last[L_TYPE] = octets, wire, header, kind
    last[L_SEQUENCE], last[L_STAMP_STEP], last[L_AT] = sequence, stamp_step, at
    last[L_PACKETS] += 1


def decode_packets(
    words: Any, last: Any, row: int, stop: int, times: Any, offsets: Any, frames: Any, stamps: Any, payloads: Any,
    wires: Any, headers: Any, sequences: Any, kinds: Any, markers: Any,
) -> None:  # fmt: skip
    """The next packets of a flow into the rows from `row` to `stop` of its columns."""
    at, time, offset, frame = last[L_AT], last[L_TIME], last[L_OFFSET], last[L_FRAME]
    stamp, step, octets, wire = last[L_STAMP], last[L_STAMP_STEP], last[L_OCTETS], last[L_WIRE]
    header, sequence, kind = last[L_HEADER], last[L_SEQUENCE], last[L_TYPE]
    for place in range(row, stop):
        first, time_step, offset_step = words[at] | 0, words[at + 1] | 0, words[at + 2] | 0
        at += 3
        if first & WIDE_TIME:
            time = wide(words[at] | 0, time_step)
            at += 1
        else:
            time += time_step
        if first & WIDE_OFFSET:
            offset = wide(words[at] | 0, offset_step)
            at += 1
        else:
            offset += offset_step
        if first & WIDE_FRAME:
            frame = wide(words[at] | 0, words[at + 1] | 0)
            at += 2
        else:
            frame += (first >> 8) & 0xFFFF
        sequence = (sequence + (first >> 24)) & 0xFFFF
        if first & SEQUENCE:
            sequence = words[at] | 0
            at += 1
        if first & STAMP:
            step = ((words[at] | 0) - stamp) & LOW
            at += 1
        stamp = (stamp + step) & LOW
        if first & SHAPE:
            octets, wire, header = words[at] | 0, words[at + 1] | 0, (words[at + 2] | 0) >> 8
            kind = words[at + 2] & 255
            at += 3
        elif first & LENGTH:
            octets, wire = (words[at] | 0) >> 16, words[at] & 0xFFFF
            at += 1
        times[place] = time
        offsets[place] = offset
        frames[place] = frame
        stamps[place] = stamp
        payloads[place] = octets
        wires[place] = wire
        headers[place] = header
        sequences[place] = sequence
        kinds[place] = kind
        markers[place] = first & MARKER
    last[L_AT], last[L_TIME], last[L_OFFSET], last[L_FRAME] = at, time, offset, frame
    last[L_STAMP], last[L_STAMP_STEP], last[L_OCTETS], last[L_WIRE] = stamp, step, octets, wire
    last[L_HEADER], last[L_SEQUENCE], last[L_TYPE] = header, sequence, kind
