# SPDX-License-Identifier: GPL-2.0-only
"""RTSP streams: the same pieces however the octets are cut, holes stepped over, tunnels in HTTP undone."""

import base64
import random

from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.rtsp_stream import MAX_LINE_OCTETS, PieceKind, RtspPiece, RtspStreamFramer

REQUEST = b"OPTIONS rtsp://host/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"
RESPONSE = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc"
POST = (
    b"POST /x HTTP/1.0\r\nx-sessioncookie: cookie1\r\nContent-Type: application/x-rtsp-tunnelled\r\n"
    b"Content-Length: 32767\r\n\r\n"
)
TUNNEL = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n"


def frame(channel: int, payload: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(payload).to_bytes(2, "big") + payload


RTP = frame(0, b"\x80\x60" + bytes(range(40)))
TRICKY = frame(2, b"\x80\x60RTSP/1.0 200 OK\r\n\r\n$\x00\x00\x05")
RTCP = frame(1, b"\x80\xc9\x00\x01" + bytes(4))
MIXED = REQUEST + RTP + RESPONSE + RTCP + TRICKY + b"\r\n" + RESPONSE
KINDS = "miMIIM".lower()


def read(stream: bytes, cuts: list[int]) -> tuple[list[RtspPiece], RtspStreamFramer]:
    framer, pieces, start = RtspStreamFramer(), [], 0
    for end in [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]:
        pieces += framer.feed(stream[start:end])
        start = end
    return [*pieces, *framer.flush()], framer


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_however_the_stream_is_cut(cuts: list[int]) -> None:
    pieces, framer = read(MIXED, cuts)
    assert [piece.kind.value[0] for piece in pieces] == list(KINDS)
    assert [piece.channel for piece in pieces] == [None, 0, None, 1, 2, None]
    assert pieces[4].data == TRICKY[4:]
    assert framer.defects == []
    assert framer.pending == 0


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_a_tunnel_in_http(cuts: list[int]) -> None:
    inside = base64.b64encode(REQUEST) + b"\r\n" + base64.b64encode(REQUEST + b"\r\n") + base64.b64encode(RTCP)
    pieces, framer = read(POST + inside, cuts)
    assert [piece.kind.value[0] for piece in pieces] == list("hmmi")
    assert pieces[1].data == REQUEST
    assert (framer.cookie, framer.is_tunnelled_post, framer.defects) == ("cookie1", True, [])
    pieces, framer = read(TUNNEL + RESPONSE + RTP, cuts)
    assert [piece.kind.value[0] for piece in pieces] == list("hmi")


def test_octets_behind_the_tunnel_are_counted() -> None:
    post = POST.replace(b"32767", str(len(base64.b64encode(REQUEST))).encode())
    pieces, framer = read(post + base64.b64encode(REQUEST) + b"QUJD", [])
    assert len(pieces) == 2
    assert [(one.code, one.detail) for one in framer.defects] == [("octets-after-post", "4")]


def test_a_stream_joined_in_its_middle() -> None:
    rng = random.Random(11)
    media = [frame(0, b"\x80\x60" + rng.randbytes(300)) for _ in range(50)]
    stream = b"".join(media) + RESPONSE
    for start in (1, 17, 200, 305, 1000):
        framer = RtspStreamFramer()
        pieces = framer.feed(stream[start:])
        whole = (len(stream) - start - len(RESPONSE)) // len(media[0])
        assert len(pieces) == whole + 1
        assert [one.code for one in framer.defects] == ["not-rtsp"]


def test_a_hole_costs_what_it_took_and_no_more() -> None:
    framer = RtspStreamFramer()
    pieces = framer.feed(REQUEST + RTP + RTP[:20])
    pieces += framer.skip(600)
    pieces += framer.feed(RTP[9:] + RTCP + RESPONSE)
    assert [piece.kind.value[0] for piece in pieces] == list("miim")
    assert [one.code for one in framer.defects] == ["not-rtsp", "stream-hole", "not-rtsp"]
    assert sum(int(one.detail) for one in framer.defects) == 20 + 600 + len(RTP) - 9


def test_what_is_no_rtsp_is_passed_over_in_bounded_memory() -> None:
    framer = RtspStreamFramer()
    for octets in (b"A" * MAX_LINE_OCTETS, bytes(range(256)) * 64, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        for _ in range(20):
            assert framer.feed(octets) == []
            assert framer.pending <= 2 * MAX_LINE_OCTETS
    assert framer.feed(b"\r\n" + REQUEST)[-1].kind is PieceKind.MESSAGE
