# SPDX-License-Identifier: GPL-2.0-only
"""RTSP out of a byte stream: messages, interleaved frames, and what comes through a tunnel in HTTP.

One direction of one connection at a time (RFC 2326 §10.12, RFC 7826 §14). A tunnel's requests come in a POST as base64,
its responses and media behind the response to a GET (application/x-rtsp-tunnelled; no RFC describes it).
"""

import binascii
import re
from enum import Enum
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.rtsp import is_rtsp_start_line, looks_like_rtsp
from dissectors.grammar.sip_headers import find_section_end
from dissectors.grammar.stream_defects import note_octets

DOLLAR = 0x24
FRAME_HEADER_OCTETS = 4
MAX_LINE_OCTETS = 8192
MAX_HEADER_OCTETS = 256 * 1024
MAX_BODY_OCTETS = 1024 * 1024
MAX_SNIFFED_CHANNEL = 31  # of a frame taken for one without knowing where the stream stands
_LINE_ENDS = b"\r\n"
_CONTENT_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*([0-9]{1,9})[ \t]*(?=\r?\n)", re.IGNORECASE)
_HTTP_LINE = re.compile(rb"(?:GET|POST) \S{1,4096} HTTP/1\.[01]|HTTP/1\.[01] [0-9]{3}(?: [^\r\n]*)?", re.IGNORECASE)
_COOKIE = re.compile(rb"\nx-sessioncookie[ \t]*:[ \t]*([^\r\n]{1,256}?)[ \t]*(?=\r?\n)", re.IGNORECASE)
_TUNNELLED = re.compile(rb"\n[^\r\n]*application/x-rtsp-tunnelled", re.IGNORECASE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]+")
_SYNC = re.compile(
    rb"[$]|RTSP/[0-9]\.[0-9] [0-9]{3}|[A-Z_]{3,32} (?:rtsp|[*/])[^\s]{0,2048} RTSP/[0-9]\.[0-9]"
    rb"|(?:GET|POST) /[^\s]{0,2048} HTTP/1\.[01]"
)


class PieceKind(Enum):
    """What a piece of the stream is."""

    MESSAGE = "message"
    INTERLEAVED = "interleaved"
    HTTP = "http"  # the header section that opens a tunnel


class RtspPiece(NamedTuple):
    """One message, one interleaved frame's payload with its channel, or the HTTP header section of a tunnel."""

    kind: PieceKind
    data: bytes
    channel: int | None = None


class RtspStreamFramer:
    """Cuts one direction of a stream into pieces; memory is bounded; a hole in the stream is stepped over.

    `defects` hold offsets into the stream (in a tunnel: into what the base64 says). `cookie` is the tunnel's.
    """

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self.cookie: str | None = None
        self.is_tunnelled_post = False
        self._buffer = bytearray()
        self._base = 0
        self._in_step = False  # whether the buffer is known to begin with a piece
        self._base64 = _Base64Stream()
        self._post_octets: int | None = None  # of the POST's body that are still to come

    @property
    def pending(self) -> int:
        """Octets that wait for the rest of their piece."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[RtspPiece]:
        """The pieces that `data` completes."""
        if self.is_tunnelled_post:
            data = self._decode(data)
        self._buffer += data
        return self._take_all()

    def flush(self) -> list[RtspPiece]:
        """What is left when the stream ends: a message cut short is handed out as it is."""
        pieces = self._take_all()
        rest = bytes(self._buffer)
        self._drop(len(rest))
        self._in_step = False
        if looks_like_rtsp(rest):
            return [*pieces, RtspPiece(PieceKind.MESSAGE, rest)]
        if rest.strip(_LINE_ENDS):
            self._note("not-rtsp", self._base - len(rest), len(rest))
        return pieces

    def skip(self, octets: int) -> list[RtspPiece]:
        """Steps over a hole of `octets` octets in the stream."""
        pieces = self.flush()
        self._note("stream-hole", self._base, octets)
        self._base += octets
        self._base64 = _Base64Stream(octets)
        return pieces

    def _decode(self, data: bytes) -> bytes:
        if self._post_octets is not None:
            if len(data) > self._post_octets:
                self._note("octets-after-post", self._base + len(self._buffer), len(data) - self._post_octets)
            data = data[: self._post_octets]
            self._post_octets -= len(data)
        decoded, odd = self._base64.feed(data)
        if odd:
            self._note("not-base64", self._base + len(self._buffer), odd)
        return decoded

    def _note(self, code: str, offset: int, octets: int) -> None:
        note_octets(self.defects, code, offset, octets, "RFC 2326 §10.12")

    def _drop(self, octets: int) -> None:
        del self._buffer[:octets]
        self._base += octets

    def _take_all(self) -> list[RtspPiece]:
        pieces: list[RtspPiece] = []
        at = 0
        while at < len(self._buffer):
            if self._buffer[at] in _LINE_ENDS:
                at += 1
                continue
            end, piece = self._take(at)
            if end is None:
                break
            if piece is not None:
                pieces.append(piece)
                self._in_step = True
            else:
                self._note("not-rtsp", self._base + at, end - at)
                self._in_step = False
            at = end
            if piece is not None and piece.kind is PieceKind.HTTP and self._begins_post(piece.data):
                self._begin_post(at)
                at = 0
        self._drop(at)
        return pieces

    def _take(self, at: int) -> tuple[int | None, RtspPiece | None]:
        """The piece at `at` and where it ends; no end where more must come, no piece where octets are passed over."""
        if self._buffer[at] == DOLLAR:
            return self._take_frame(at)
        return self._take_message(at)

    def _take_frame(self, at: int) -> tuple[int | None, RtspPiece | None]:
        have = len(self._buffer) - at
        if have < FRAME_HEADER_OCTETS:
            return None, None
        if not self._in_step and not self._is_plausible_frame(at):
            return self._next_candidate(at + 1), None
        end = at + FRAME_HEADER_OCTETS + int.from_bytes(self._buffer[at + 2 : at + 4], "big")
        if end > len(self._buffer):
            return None, None
        payload = bytes(self._buffer[at + FRAME_HEADER_OCTETS : end])
        return end, RtspPiece(PieceKind.INTERLEAVED, payload, self._buffer[at + 1])

    def _is_plausible_frame(self, at: int) -> bool:
        """Whether `$` begins a frame where nothing says so: a low channel, RTP or RTCP inside, a piece behind."""
        length = int.from_bytes(self._buffer[at + 2 : at + 4], "big")
        if self._buffer[at + 1] > MAX_SNIFFED_CHANNEL or length < 8:
            return False
        first = at + FRAME_HEADER_OCTETS
        if first < len(self._buffer) and self._buffer[first] & 0xC0 != 0x80:
            return False
        behind = first + length
        return behind >= len(self._buffer) or self._buffer[behind] in b"$R\r\n" or chr(self._buffer[behind]).isupper()

    def _take_message(self, at: int) -> tuple[int | None, RtspPiece | None]:
        line_end = self._buffer.find(b"\n", at, at + MAX_LINE_OCTETS)
        if line_end < 0:
            if len(self._buffer) - at >= MAX_LINE_OCTETS or not self._may_begin_line(at):
                return self._next_candidate(at + 1), None
            return None, None
        line = bytes(self._buffer[at:line_end]).removesuffix(b"\r")
        is_http = _HTTP_LINE.fullmatch(line) is not None
        if not is_http and not is_rtsp_start_line(line):
            return self._next_candidate(at + 1), None
        _, body = find_section_end(self._buffer, line_end)
        if body < 0:
            if len(self._buffer) - at > MAX_HEADER_OCTETS:
                self._note("header-section-too-long", self._base + at, len(self._buffer) - at)
                return len(self._buffer), None
            return None, None
        head = bytes(self._buffer[line_end:body])
        if is_http:
            return self._take_http(at, body, head)
        end = body + self._body_octets(at, head)
        if end > len(self._buffer):
            return None, None
        return end, RtspPiece(PieceKind.MESSAGE, bytes(self._buffer[at:end]))

    def _may_begin_line(self, at: int) -> bool:
        """Whether what is there of a line reads as one: it waits for its end only while it does."""
        return all(32 <= octet < 127 for octet in self._buffer[at : at + 64].rstrip(b"\r"))

    def _body_octets(self, at: int, head: bytes) -> int:
        length = _CONTENT_LENGTH.search(head)
        if length is None:
            return 0
        if int(length[1]) > MAX_BODY_OCTETS:
            self._note("content-length-too-large", self._base + at, int(length[1]))
            return 0
        return int(length[1])

    def _take_http(self, at: int, body: int, head: bytes) -> tuple[int | None, RtspPiece | None]:
        cookie = _COOKIE.search(head)
        if cookie is None and _TUNNELLED.search(head) is None:
            return self._next_candidate(body), None
        if cookie is not None:
            self.cookie = cookie[1].decode("latin-1")
        return body, RtspPiece(PieceKind.HTTP, bytes(self._buffer[at:body]))

    def _begins_post(self, head: bytes) -> bool:
        return head[:5].upper() == b"POST "

    def _begin_post(self, at: int) -> None:
        """What follows the header section is base64, also what is in the buffer already."""
        head, rest = bytes(self._buffer[:at]), bytes(self._buffer[at:])
        length = _CONTENT_LENGTH.search(head)
        self.is_tunnelled_post = True
        self._post_octets = int(length[1]) if length is not None and int(length[1]) > 0 else None
        self._drop(len(self._buffer))
        self._buffer += self._decode(rest)

    def _next_candidate(self, position: int) -> int:
        """Where a piece could begin from `position` on, else where the last line does; the buffer's end if nowhere."""
        found = _SYNC.search(self._buffer, position)
        if found is not None:
            return found.start()
        last_line = self._buffer.rfind(b"\n", position) + 1
        is_open = last_line > 0 and len(self._buffer) - last_line < MAX_LINE_OCTETS and self._may_begin_line(last_line)
        return last_line if is_open else len(self._buffer)


def opens_tunnel(data: bytes) -> bool:
    """Whether a stream that begins with these octets is one side of an RTSP tunnel in HTTP."""
    if data[:4].upper() not in (b"GET ", b"POST", b"HTTP"):
        return False
    head = data[:MAX_LINE_OCTETS]
    line = head.partition(b"\n")[0].removesuffix(b"\r")
    is_told = _COOKIE.search(head) is not None or _TUNNELLED.search(head) is not None
    return is_told and _HTTP_LINE.fullmatch(line) is not None


class _Base64Stream:
    """Base64 in pieces, padded anew for each message; `lost` octets before the first are not there."""

    def __init__(self, lost: int = 0) -> None:
        self._rest = b"A" * (lost % 4)

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The octets that `data` completes, and how many characters were no base64."""
        odd = sum(len(found[0]) for found in _NO_BASE64.finditer(data))
        symbols = self._rest + b"".join(_NO_BASE64.sub(b"", data).split())
        whole = len(symbols) - len(symbols) % 4
        self._rest = symbols[whole:]
        decoded = bytearray()
        for found in _BASE64.finditer(symbols[:whole]):
            chunk = found[0].rstrip(b"=")
            if len(chunk) % 4 == 1:
                odd += 1
                chunk = chunk[:-1]
            decoded += binascii.a2b_base64(chunk + b"=" * (-len(chunk) % 4))
        return bytes(decoded), odd
