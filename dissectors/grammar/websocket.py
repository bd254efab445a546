# SPDX-License-Identifier: GPL-2.0-only
"""SIP over WebSocket: the opening handshake passed, frames joined to messages (RFC 6455 §4, §5; RFC 7118; RFC 7692)."""

import re
import zlib
from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_stream import FramedMessage

MAX_HANDSHAKE_OCTETS = 64 * 1024
MAX_MESSAGE_OCTETS = 1 << 20
MAX_DEFECTS = 100
_UPGRADE = re.compile(rb"\r?\nupgrade[ \t]*:[^\r\n]*websocket", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STARTS = (b"GET ", b"HTTP/1.1 101")
_DEFLATE_END = b"\0\0\xff\xff"


class Opcode(IntEnum):
    """Frame opcodes (IANA "WebSocket Opcode")."""

    continuation = 0
    text = 1
    binary = 2
    close = 8
    ping = 9
    pong = 10


class WebSocketFrame(NamedTuple):
    """One frame; `payload` is unmasked, `octets` counts the whole frame."""

    fin: bool
    compressed: bool
    opcode: int
    payload: bytes
    octets: int


def may_be_upgrade(data: bytes) -> bool:
    """Whether a stream that begins with `data` may open a WebSocket: a GET request or a 101 response."""
    return any(data.startswith(start[: len(data)]) for start in _STARTS) and bool(data)


def parse_frame(data: bytes | bytearray, at: int = 0) -> WebSocketFrame | None:
    """The frame that begins at `at`, None while it is incomplete (RFC 6455 §5.2)."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    extended = {126: 2, 127: 8}.get(second & 127, 0)
    start = at + 2 + extended
    octets = int.from_bytes(data[at + 2 : start], "big") if extended else second & 127
    mask = bytes(data[start : start + 4]) if second & 128 else b""
    start += 4 if second & 128 else 0
    if len(data) < start + octets:
        return None
    payload = bytes(data[start : start + octets])
    if mask:
        payload = apply_mask(payload, mask)
    return WebSocketFrame(bool(first & 128), bool(first & 64), first & 15, payload, start + octets - at)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Mask or unmask (RFC 6455 §5.3)."""
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def frame_octets_wanted(data: bytes | bytearray) -> int:
    """Octets of payload that the frame at the front announces, 0 while it does not say so."""
    if len(data) < 10:
        return 0
    length = data[1] & 127
    extended = {126: 2, 127: 8}.get(length)
    return length if extended is None else int.from_bytes(data[2 : 2 + extended], "big")


def is_sip_frame(data: bytes) -> bool:
    """Whether a frame with SIP inside begins here, for streams of which the opening handshake was not captured."""
    if len(data) < 8 or data[0] not in (0x81, 0x82):
        return False
    length, masked = data[1] & 127, data[1] & 128
    start = 2 + {126: 2, 127: 8}.get(length, 0)
    head = data[start : start + 256]
    if masked:
        head = apply_mask(head[4:], head[:4])
    line = head.partition(b"\n")[0]
    return looks_like_sip(line)


class WebSocketFramer:
    """Cuts one direction of a stream into the messages that its frames carry; memory is bounded."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.defects: list[Defect] = []
        self.is_websocket = is_open
        self.is_over = False  # the stream turned out to be something else, or was closed
        self._buffer = bytearray()
        self._message = bytearray()
        self._is_compressed = False
        self._inflator = zlib.decompressobj(-zlib.MAX_WBITS)
        self._base = 0
        self._is_lost = False

    def feed(self, data: bytes, last_frame: int) -> list[FramedMessage]:
        """The messages that `data`, which ended with frame `last_frame`, completes."""
        if self.is_over:
            return []
        if self._is_lost:
            if not is_sip_frame(data):
                self._note("not-websocket", len(data))
                self._base += len(data)
                return []
            self._is_lost = False
        self._buffer += data
        if not self.is_websocket and not self._pass_handshake():
            return []
        return [FramedMessage(message, last_frame) for message in self._take_messages()]

    def skip(self, octets: int) -> list[FramedMessage]:
        """Steps over a hole of `octets` octets; reading goes on where a frame with SIP begins."""
        self._note("stream-hole", octets)
        self._base += len(self._buffer) + octets
        self._buffer.clear()
        self._message.clear()
        self._is_lost = True
        if not self.is_websocket:
            self.is_over = True
        return []

    def flush(self) -> list[FramedMessage]:
        """Nothing is handed out that is not whole; what is left is noted."""
        if self.is_websocket and (self._buffer or self._message):
            self._note("websocket-cut", len(self._buffer) + len(self._message))
            self._buffer.clear()
        return []

    def _note(self, code: str, octets: int) -> None:
        if len(self.defects) < MAX_DEFECTS:
            self.defects.append(Defect(code, self._base, "RFC 6455 §5", str(octets)))

    def _drop(self, octets: int) -> None:
        del self._buffer[:octets]
        self._base += octets

    def _pass_handshake(self) -> bool:
        end = _HEAD_END.search(self._buffer)
        if end is None:
            self.is_over = len(self._buffer) > MAX_HANDSHAKE_OCTETS
            return False
        self.is_websocket = _UPGRADE.search(self._buffer, 0, end.start()) is not None
        self.is_over = not self.is_websocket
        self._drop(end.end())
        return self.is_websocket

    def _take_messages(self) -> list[bytes]:
        messages: list[bytes] = []
        while not self.is_over and (frame := parse_frame(self._buffer)) is not None:
            self._drop(frame.octets)
            message = self._take_frame(frame)
            if message:
                messages.append(message)
        if max(len(self._buffer), len(self._message)) > MAX_MESSAGE_OCTETS or (
            self._buffer and frame_octets_wanted(self._buffer) > MAX_MESSAGE_OCTETS
        ):
            self._note("websocket-message-too-long", len(self._buffer))
            self._buffer.clear()
            self._message.clear()
            self._is_lost = True
        return messages

    def _take_frame(self, frame: WebSocketFrame) -> bytes | None:
        if frame.opcode >= Opcode.close:
            self.is_over = frame.opcode == Opcode.close
            return None
        if frame.opcode != Opcode.continuation:
            self._message.clear()
            self._is_compressed = frame.compressed
        self._message += frame.payload
        if not frame.fin:
            return None
        whole = bytes(self._message)
        self._message.clear()
        return self._inflate(whole) if self._is_compressed else whole

    def _inflate(self, data: bytes) -> bytes | None:
        """A message of permessage-deflate (RFC 7692 §7.2.2)."""
        try:
            return self._inflator.decompress(data + _DEFLATE_END, MAX_MESSAGE_OCTETS)
        except zlib.error:
            self._note("websocket-deflate", len(data))
            return None
