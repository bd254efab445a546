# SPDX-License-Identifier: GPL-2.0-only
"""SIP messages out of a byte stream (RFC 3261 §7.5, §18.3): Content-Length framing, keep-alives, resynchronisation."""

import re
from collections import deque
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_headers import find_section_end
from dissectors.grammar.stream_defects import note_octets

MAX_LINE_OCTETS = 64 * 1024
MAX_HEADER_OCTETS = 256 * 1024
MAX_BODY_OCTETS = 4 * 1024 * 1024
_CONTENT_LENGTH = re.compile(
    rb"\n(?:content-length|l)[ \t]*:[ \t]*(?:\r?\n[ \t]+)?([0-9]{1,9})[ \t]*(?=\r?\n)", re.IGNORECASE
)
_CONTENT_TYPE = re.compile(rb"\n(?:content-type|c)[ \t]*:", re.IGNORECASE)
_LINE_ENDS = b"\r\n"


class FramedMessage(NamedTuple):
    """The octets of one message and the frame that brought the last of them."""

    data: bytes
    frame: int


class SipStreamFramer:
    """Cuts one direction of a stream into SIP messages; memory is bounded, no octet is searched twice at one stage.

    `defects` hold offsets into the stream. What comes out still has to go through `parse_sip`.
    """

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self._buffer = bytearray()
        self._base = 0
        self._marks: deque[tuple[int, int]] = deque()
        self._forget()

    def _forget(self) -> None:
        """Nothing is known about the message at the front of the buffer."""
        self._searched = 0
        self._line_end: int | None = None
        self._body_offset: int | None = None
        self._size: int | None = None

    @property
    def pending(self) -> int:
        """Octets that wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes, last_frame: int) -> list[FramedMessage]:
        """The messages that `data`, which ended with frame `last_frame`, completes."""
        self._buffer += data
        self._marks.append((self._base + len(self._buffer), last_frame))
        return self._take_all(at_end=False)

    def flush(self) -> list[FramedMessage]:
        """What is left when the stream ends: a message cut short is handed out as it is."""
        messages = self._take_all(at_end=True)
        self._marks.clear()
        return messages

    def skip(self, octets: int) -> list[FramedMessage]:
        """Steps over a hole of `octets` octets in the stream; what waits is handed out as it is."""
        messages = self.flush()
        self._note("stream-hole", self._base, octets)
        self._base += octets
        return messages

    def _note(self, code: str, offset: int, octets: int) -> None:
        note_octets(self.defects, code, offset, octets, "RFC 3261 §18.3")

    def _drop(self, octets: int) -> None:
        del self._buffer[:octets]
        self._base += octets
        while self._marks and self._marks[0][0] <= self._base:
            self._marks.popleft()
        self._forget()

    def _drop_garbage(self, octets: int) -> None:
        self._note("not-sip", self._base, octets)
        self._drop(octets)

    def _emit(self, octets: int) -> FramedMessage:
        end = self._base + octets
        frame = next(frame for mark, frame in self._marks if mark >= end)
        message = FramedMessage(bytes(self._buffer[:octets]), frame)
        self._drop(octets)
        return message

    def _take_all(self, at_end: bool) -> list[FramedMessage]:
        messages: list[FramedMessage] = []
        while self._buffer:
            if self._buffer[0] in _LINE_ENDS:
                self._drop(len(self._buffer) - len(self._buffer.lstrip(_LINE_ENDS)))
                continue
            before = len(self._buffer)
            size = self._message_size(at_end)
            if size is not None:
                messages.append(self._emit(size))
            elif len(self._buffer) == before:
                break
        return messages

    def _message_size(self, at_end: bool) -> int | None:
        """Octets of the message at the front; None when more must come, or when octets were dropped instead."""
        if self._line_end is None and not self._find_start_line(at_end):
            return None
        if self._body_offset is None and not self._find_body():
            return len(self._buffer) if at_end and self._line_end is not None else None
        if self._size is None:
            self._size = self._find_size(at_end)
        if self._size is None or self._size <= len(self._buffer):
            return self._size
        return len(self._buffer) if at_end else None

    def _find_start_line(self, at_end: bool) -> bool:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if at_end and looks_like_sip(bytes(self._buffer)):
                self._line_end = len(self._buffer)
                return True
            if at_end or len(self._buffer) > MAX_LINE_OCTETS:
                self._drop_garbage(len(self._buffer))
            return False
        if looks_like_sip(bytes(self._buffer[:end])):
            self._line_end = self._searched = end
            return True
        found, position = self._next_start_line(end + 1)
        self._drop_garbage(position if found is None else found)
        return False

    def _next_start_line(self, position: int) -> tuple[int | None, int]:
        """The first start line from `position` (the beginning of a line) on, and where to go on searching."""
        while (end := self._buffer.find(b"\n", position)) >= 0:
            if looks_like_sip(bytes(self._buffer[position:end])):
                return position, position
            position = end + 1
        return None, position

    def _find_body(self) -> bool:
        _, body = find_section_end(self._buffer, self._searched)
        if body >= 0:
            self._body_offset = self._searched = body
            return True
        # The last three octets may be the beginning of the empty line.
        self._searched = max(self._searched, len(self._buffer) - 3)
        if len(self._buffer) > MAX_HEADER_OCTETS:
            self._note("header-section-too-long", self._base, MAX_HEADER_OCTETS)
            self._drop_garbage(len(self._buffer))
        return False

    def _find_size(self, at_end: bool) -> int | None:
        """Octets of the message, of which the body may still be missing."""
        body = self._body_offset or 0
        head = bytes(self._buffer[self._line_end : body])
        length = _CONTENT_LENGTH.search(head)
        if length is not None and int(length[1]) <= MAX_BODY_OCTETS:
            return body + int(length[1])
        size = self._unstated_size(body, at_end) if _CONTENT_TYPE.search(head) else body
        if size is not None:
            self._note("content-length-missing" if length is None else "content-length-too-large", self._base, size)
        return size

    def _unstated_size(self, body: int, at_end: bool) -> int | None:
        """A body without a usable length ends before the next start line, or with the stream."""
        found, self._searched = self._next_start_line(self._searched)
        if found is not None:
            return found
        return len(self._buffer) if at_end or len(self._buffer) - body > MAX_BODY_OCTETS else None
