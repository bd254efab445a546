# SPDX-License-Identifier: GPL-2.0-only
"""TCP streams come out in order, whatever happened to their segments."""

import random

from analyzer.capture.tcp import MAX_PENDING_OCTETS, Direction, Segment, TcpChunk, TcpReassembler

THERE = Direction(0, 0xFFFF0A000001, 5060, 0, 0xFFFF0A000002, 5061)
SYN, ACK = 2, 16
TEXT = bytes(range(256)) * 8


def segment(
    frame: int, sequence: int, data: bytes = b"", bits: int = ACK, direction: Direction = THERE, ack: int = 0
) -> Segment:
    return Segment(direction, sequence & 0xFFFFFFFF, ack & 0xFFFFFFFF, bits, data, len(data), frame, frame * 10**9)


def run(segments: list[Segment]) -> list[TcpChunk]:
    tcp = TcpReassembler()
    chunks = [chunk for one in segments for chunk in tcp.feed(one)]
    return chunks + tcp.finish()


def text(chunks: list[TcpChunk], direction: Direction = THERE) -> bytes:
    return b"".join(chunk.data for chunk in chunks if chunk.direction == direction)


def test_shuffled_repeated_overlapping_segments_round_a_wrap() -> None:
    for seed in range(60):
        chance = random.Random(seed)
        initial = chance.choice((1, 0xFFFFFFFF, 0xFFFFFC00))
        pieces = [(0, b"", SYN)]
        for start in range(0, len(TEXT), 100):
            pieces.append((start, TEXT[start : start + chance.randint(100, 160)], ACK))
            if chance.random() < 0.3:
                back = chance.randint(0, start)
                pieces.append((back, TEXT[back : back + chance.randint(1, 300)], ACK))
        body = pieces[1:]
        for index in range(len(body) - 1):
            if chance.random() < 0.4:
                body[index], body[index + 1] = body[index + 1], body[index]
        stream = [segment(1, initial, bits=SYN)]
        stream += [segment(frame, initial + 1 + start, data, bits) for frame, (start, data, bits) in enumerate(body, 2)]
        chunks = run(stream)
        assert text(chunks) == TEXT, seed
        assert all(chunk.gap == 0 and chunk.from_start for chunk in chunks)
        assert [chunk.frame for chunk in chunks] == sorted(chunk.frame for chunk in chunks)


def test_the_frame_is_the_one_that_completed() -> None:
    chunks = run([segment(1, 9, bits=SYN), segment(2, 13, b"def"), segment(3, 10, b"abc")])
    assert [(chunk.data, chunk.frame) for chunk in chunks] == [(b"abc", 3), (b"def", 3)]


def test_a_stream_joined_in_its_middle() -> None:
    chunks = run([segment(1, 5000), segment(2, 5000, b"abc"), segment(3, 5003, b"def")])
    assert text(chunks) == b"abcdef"
    assert not chunks[0].from_start


def test_zero_window_probes_and_keep_alives() -> None:
    chunks = run(
        [
            segment(1, 9, bits=SYN),
            segment(2, 10, b"a"),
            segment(3, 10, b"abc"),
            segment(4, 12, b"?"),
            segment(5, 13, b"d"),
        ]
    )
    assert text(chunks) == b"abcd"


def test_a_hole_that_was_acknowledged_is_a_gap() -> None:
    back = THERE.reverse()
    stream = [segment(1, 9, bits=SYN), segment(2, 10, b"abc"), segment(3, 18, b"xyz")]
    tcp = TcpReassembler()
    chunks = [chunk for one in stream for chunk in tcp.feed(one)]
    assert text(chunks) == b"abc"
    chunks += tcp.feed(segment(4, 1, direction=back, ack=21))
    assert [(chunk.data, chunk.gap, chunk.frame) for chunk in chunks] == [(b"abc", 0, 2), (b"xyz", 5, 4)]


def test_what_waits_at_the_end_comes_with_its_gap() -> None:
    chunks = run([segment(1, 9, bits=SYN), segment(2, 20, b"xyz"), segment(3, 30, b"end")])
    assert [(chunk.data, chunk.gap) for chunk in chunks] == [(b"xyz", 10), (b"end", 7)]


def test_memory_is_bounded() -> None:
    tcp = TcpReassembler()
    tcp.feed(segment(1, 9, bits=SYN))
    delivered = 0
    for index in range(2000):
        delivered += sum(len(chunk.data) for chunk in tcp.feed(segment(index + 2, 1000 + index * 1000, bytes(1000))))
    assert delivered >= 2_000_000 - MAX_PENDING_OCTETS - 1000


def test_ports_used_again_are_another_connection() -> None:
    first = [segment(1, 100, bits=SYN), segment(2, 101, b"one")]
    second = [segment(3, 90000, bits=SYN), segment(4, 90001, b"two")]
    chunks = run(first + second)
    assert [chunk.data for chunk in chunks] == [b"one", b"two"]
    assert chunks[0].connection != chunks[1].connection
