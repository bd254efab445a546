# SPDX-License-Identifier: GPL-2.0-only
"""SIP over TCP: the same messages come out however the stream was cut."""

import random

import pytest

from dissectors.grammar.sip import make_sip, parse_sip
from dissectors.grammar.sip_stream import MAX_BODY_OCTETS, MAX_HEADER_OCTETS, SipStreamFramer


def message(number: int, body: bytes = b"") -> bytes:
    headers = [("Call-ID", str(number)), ("Content-Type", "application/sdp")]
    return make_sip("INVITE sip:a@b SIP/2.0", headers, body).raw


MESSAGES = [message(1), message(2, b"v=0\r\n" * 40), message(3, b"\r\n\r\nSIP/2.0 200 OK\r\n\r\n"), message(4, b"x")]
WITHOUT_LENGTH = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 5\r\n\r\n"
BODY_WITHOUT_LENGTH = b"OPTIONS sip:a@b SIP/2.0\r\nc: text/plain\r\n\r\nhello\r\nworld\r\n"


def frame_all(pieces: list[bytes]) -> tuple[list[bytes], SipStreamFramer]:
    framer = SipStreamFramer()
    found = [framed.data for number, piece in enumerate(pieces) for framed in framer.feed(piece, number)]
    return found + [framed.data for framed in framer.flush()], framer


def codes(framer: SipStreamFramer) -> list[str]:
    return [defect.code for defect in framer.defects]


@pytest.mark.parametrize("octets", [1, 2, 3, 7, 64, 1460, 10_000])
def test_the_cut_of_the_stream_does_not_matter(octets: int) -> None:
    stream = b"\r\n\r\n".join(MESSAGES)
    found, framer = frame_all([stream[at : at + octets] for at in range(0, len(stream), octets)])
    assert found == MESSAGES
    assert framer.defects == []
    assert framer.pending == 0


def test_random_cuts() -> None:
    rng = random.Random(7)
    stream = b"".join(MESSAGES * 20)
    cuts = sorted(rng.sample(range(1, len(stream)), 300))
    found, _ = frame_all([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)])
    assert found == MESSAGES * 20


def test_a_message_has_the_frame_of_its_last_octet() -> None:
    framer = SipStreamFramer()
    first, second = MESSAGES[1], MESSAGES[3]
    assert framer.feed(first[:30], 10) == []
    assert framer.feed(first[30:] + second + first[:5], 11) == [(first, 11), (second, 11)]
    assert framer.pending == 5
    assert framer.feed(first[5:], 12) == [(first, 12)]


def test_keep_alives_alone_are_nothing() -> None:
    found, framer = frame_all([b"\r\n\r\n", b"\r\n"])
    assert (found, framer.defects, framer.pending) == ([], [], 0)


def test_garbage_is_stepped_over_and_counted_once() -> None:
    garbage = b"tail of an unseen message\r\na=sendrecv\r\n"
    found, framer = frame_all([garbage[:9], garbage[9:], MESSAGES[0]])
    assert found == [MESSAGES[0]]
    assert [(d.code, d.offset, d.detail) for d in framer.defects] == [("not-sip", 0, str(len(garbage)))]


def test_without_content_length_and_type_there_is_no_body() -> None:
    found, framer = frame_all([WITHOUT_LENGTH])
    assert found == [WITHOUT_LENGTH]
    assert codes(framer) == ["content-length-missing"]


def test_without_content_length_the_body_ends_at_the_next_start_line() -> None:
    framer = SipStreamFramer()
    assert framer.feed(BODY_WITHOUT_LENGTH, 1) == []
    assert framer.feed(MESSAGES[0], 2) == [(BODY_WITHOUT_LENGTH, 1), (MESSAGES[0], 2)]
    assert codes(framer) == ["content-length-missing"]


def test_without_content_length_the_last_body_ends_with_the_stream() -> None:
    found, _ = frame_all([BODY_WITHOUT_LENGTH])
    assert found == [BODY_WITHOUT_LENGTH]


@pytest.mark.parametrize("kept", [10, 60, len(MESSAGES[1]) - 1])
def test_a_message_cut_by_the_end_is_handed_out(kept: int) -> None:
    found, framer = frame_all([MESSAGES[0], MESSAGES[1][:kept]])
    assert found[0] == MESSAGES[0]
    if kept > 30:
        assert found[1] == MESSAGES[1][:kept]
        assert parse_sip(found[1]).defects
    else:
        assert codes(framer) == ["not-sip"]


def test_a_hole_in_the_stream_is_noted_and_reading_goes_on() -> None:
    framer = SipStreamFramer()
    framer.feed(MESSAGES[1][:90], 1)
    assert [framed.data for framed in framer.skip(1000)] == [MESSAGES[1][:90]]
    assert framer.feed(b"0 0\r\n" + MESSAGES[3], 2) == [(MESSAGES[3], 2)]
    assert [(d.code, d.offset) for d in framer.defects] == [("stream-hole", 90), ("not-sip", 1090)]


@pytest.mark.parametrize(
    "endless",
    [
        b"A" * 50_000,
        b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 8_000,
        b"x\r\n" * 10_000,
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Type: a\r\nContent-Length: 999999999\r\n\r\n" + b"z\n" * 10_000,
    ],
)
def test_memory_is_bounded(endless: bytes) -> None:
    framer = SipStreamFramer()
    for number in range(60):
        framer.feed(endless, number)
        assert framer.pending <= MAX_BODY_OCTETS + MAX_HEADER_OCTETS
    assert framer.defects
