# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions (RFC 8866, RFC 4566): lines kept as written, media descriptions with what they inherit."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.masking import mask_sdp_secrets
from dissectors.grammar.sdp_description import (
    MAX_LINES,
    Attribute,
    AttributeLines,
    MediaDescription,
    Origin,
    RtpMap,
    SessionDescription,
    is_ended_by_cr,
    line_texts,
    split_attribute,
    split_lines,
)
from dissectors.grammar.sip_headers import decode_text

__all__ = [
    "Attribute",
    "Line",
    "MediaDescription",
    "Origin",
    "RtpMap",
    "SessionDescription",
    "build_sdp",
    "make_sdp",
    "mask_sdp_secrets",
    "parse_line",
    "parse_sdp",
    "split_attribute",
]

_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_KNOWN_TYPES = frozenset("vosiuepcbtrzkam")
_NUMBERS = r"([0-9]{1,9})(?:/([0-9]{1,9}))?"
_PORT = re.compile(_NUMBERS)
MAX_PORT = 65535
_PRINTABLE = bytes(range(0x20, 0x7F))
# The order of RFC 8866 §5, but for lines that nobody asks for; each regular expression takes a level without its end.
_OTHERS = r"(?:\r\n[iuepbtrzk]=[^\r]*)*"
_CONNECTION = r"(?:\r\nc=[^ \r]+ [^ \r]+ ([^ \r/]+)(?:/[^ \r]*)?)?"
_ATTRIBUTES = r"(?:\r\na=[^\r]*)*"
_DIRECTION = re.compile(rf"\r\na=({'|'.join(sorted(_DIRECTIONS))})(?![^\r])")
_ORIGIN = " ".join([r"([^ \r]+)"] * 6)
_SESSION_LINES = re.compile(rf"v=0\r\no={_ORIGIN}\r\ns=([^\r]*){_OTHERS}{_CONNECTION}{_OTHERS}{_ATTRIBUTES}")
_MEDIA_LINES = re.compile(rf"([^ \r]+) {_NUMBERS} ([^ \r]+) ([^ \r][^\r]*){_OTHERS}{_CONNECTION}{_OTHERS}{_ATTRIBUTES}")


class Line(NamedTuple):
    """One line without its end: the letter before `=` and what stands behind it."""

    type: str
    value: str


def parse_line(octets: bytes) -> Line | None:
    """One line with or without its end; None when it has not the form `type=value` (RFC 8866 §5)."""
    text = decode_text(octets.rstrip(b"\r\n"))
    return Line(text[0], text[2:]) if text[1:2] == "=" and text[0].isalpha() else None


class _MediaLine(NamedTuple):
    """The words of an `m=` line."""

    type: str
    port: int
    port_count: int | None
    proto: str
    formats: tuple[str, ...]


class _Section:
    """The session level or one media section while its lines are being read."""

    __slots__ = ("address", "direction", "line_number", "lines", "media", "octets", "offset")

    def __init__(self, media: _MediaLine | None, line_number: int, offset: int) -> None:
        self.media = media
        self.line_number = line_number
        self.offset = offset
        self.lines: list[str] = []
        self.octets: list[int] | None = []
        self.address: str | None = None
        self.direction: str | None = None


def _parse_media_line(value: str, offset: int, defects: list[Defect]) -> _MediaLine:
    words = value.split()
    if len(words) < 4:
        defects.append(Defect("media-line-form", offset, "RFC 8866 §5.14"))
        words += [""] * (3 - len(words))
    port = _PORT.fullmatch(words[1])
    if port is None or int(port[1]) > MAX_PORT:
        defects.append(Defect("media-port", offset, "RFC 8866 §5.14", words[1][:16]))
    number = int(port[1]) if port is not None and int(port[1]) <= MAX_PORT else 0
    count = int(port[2]) if port is not None and port[2] else None
    return _MediaLine(words[0], number, count, words[2], tuple(words[3:]))


def _parse_connection(value: str, offset: int, defects: list[Defect]) -> str | None:
    """The address of a `c=` line, without TTL and count (RFC 8866 §5.7)."""
    words = value.split()
    if len(words) != 3:
        defects.append(Defect("connection-line-form", offset, "RFC 8866 §5.7"))
    return words[2].partition("/")[0] if len(words) >= 3 else None


def _parse_origin(value: str, offset: int, defects: list[Defect]) -> Origin | None:
    words = value.split()
    if len(words) != 6:
        defects.append(Defect("origin-line-form", offset, "RFC 8866 §5.2"))
    return Origin(*words[-6:]) if len(words) >= 6 else None


class _Reader:
    """What has been understood of a session description so far, line by line."""

    __slots__ = ("defects", "name", "origin", "sections", "version")

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self.sections = [_Section(None, 1, 0)]
        self.version: str | None = None
        self.origin: Origin | None = None
        self.name: str | None = None

    def read(self, kind: str, value: str, line_number: int, offset: int) -> None:
        """A line of the form `type=value` that is no `a=` line; `m=` opens a section."""
        if kind == "m":
            self.sections.append(_Section(_parse_media_line(value, offset, self.defects), line_number, offset))
        elif kind == "c":
            section = self.sections[-1]
            section.address = _parse_connection(value, offset, self.defects) or section.address
        elif kind == "o":
            self.origin = _parse_origin(value, offset, self.defects)
        elif kind == "v":
            self.version = value.strip()
        elif kind == "s":
            self.name = value
        elif kind not in _KNOWN_TYPES:
            self.defects.append(Defect("line-type-unknown", offset, "RFC 8866 §5", kind))

    def keep(self, text: str, octets: int) -> None:
        """Enter a line into the section it belongs to."""
        section = self.sections[-1]
        section.lines.append(text)
        if section.octets is not None:
            section.octets.append(octets)
        if text[:2] == "a=" and text[2:].strip() in _DIRECTIONS:
            section.direction = text[2:].strip()

    def description(self, raw: bytes) -> SessionDescription:
        """The whole, with what the media sections inherit from the session level."""
        session = self.sections[0]
        return SessionDescription(
            raw,
            self.version,
            self.origin,
            self.name,
            session.address,
            AttributeLines(session.lines, session.line_number, session.offset, session.octets),
            tuple(
                [
                    MediaDescription(
                        index,
                        *section.media,
                        section.address or session.address,
                        section.direction or session.direction or "sendrecv",
                        AttributeLines(section.lines, section.line_number, section.offset, section.octets),
                        section.line_number,
                        section.offset,
                    )
                    for index, section in enumerate(self.sections[1:])
                    if section.media is not None
                ]
            ),
            tuple(self.defects),
        )


def _parse_ordinary(data: bytes) -> SessionDescription | None:
    """The quick way through a description whose lines stand in the usual order; None where one needs a second look.

    Attributes wait until they are asked for, but for those that give a direction.
    """
    ends = data.count(b"\r\n")
    if data.translate(None, _PRINTABLE) != b"\r\n" * ends or data[-2:] != b"\r\n" or ends > MAX_LINES:
        return None
    if b"a= " in data or b" \r" in data:
        return None
    level, *sections = data[:-2].decode("ascii").split("\r\nm=")
    session = _SESSION_LINES.fullmatch(level)
    if session is None:
        return None
    *origin, name, address = session.groups()
    lines = level.split("\r\n")
    inherited = address, (_DIRECTION.findall(level) or ("sendrecv",))[-1]
    line_number, offset = len(lines) + 1, len(level) + 2
    media: list[MediaDescription] = []
    for section in sections:
        described = _ordinary_media(section, len(media), line_number, offset, inherited)
        if described is None:
            return None
        media.append(described)
        line_number, offset = line_number + 1 + section.count("\n"), offset + len(section) + 4
    attributes = AttributeLines(lines, 1, 0)
    return SessionDescription(data, "0", Origin(*origin), name, address, attributes, tuple(media), ())


def _ordinary_media(
    section: str, index: int, line_number: int, offset: int, inherited: tuple[str | None, str]
) -> MediaDescription | None:
    """One media section from behind its `m=`, with what it inherits: an address and a direction."""
    found = _MEDIA_LINES.fullmatch(section)
    if found is None:
        return None
    kind, number, count, proto, formats, address = found.groups()
    port = int(number)
    if port > MAX_PORT:
        return None
    first, *lines = section.split("\r\n")
    return MediaDescription(
        index,
        kind,
        port,
        int(count) if count else None,
        proto,
        tuple(formats.split()),
        address or inherited[0],
        (_DIRECTION.findall(section) or inherited)[-1],
        AttributeLines(lines, line_number + 1, offset + len(first) + 4),
        line_number,
        offset,
    )


def _parse_any(data: bytes) -> SessionDescription:
    """Line by line, with a defect for every oddity."""
    reader = _Reader()
    if is_ended_by_cr(data):
        reader.defects.append(Defect("line-ends-cr", data.index(b"\r"), "RFC 8866 §5"))
    lines = split_lines(data)
    if len(lines) > MAX_LINES:
        reader.defects.append(Defect("too-many-lines", len(data) - len(lines[-1]), "RFC 8866 §5", str(MAX_LINES)))
    offset = understood = 0
    for line_number, (raw, text) in enumerate(zip(lines, line_texts(data, lines), strict=True), 1):
        if text[:2] == "a=":
            understood += 1
        elif text[1:2] == "=" and text[0].isalpha():
            understood += 1
            reader.read(text[0], text[2:], line_number, offset)
        elif text.strip():
            reader.defects.append(Defect("line-form", offset, "RFC 8866 §5"))
        reader.keep(text, len(raw))
        offset += len(raw)
    if not understood:
        raise Malformed("no line of a session description", clause="RFC 8866 §5")
    if reader.version != "0":
        reader.defects.append(Defect("version", 0, "RFC 8866 §5.1", (reader.version or "absent")[:16]))
    if reader.origin is None:
        reader.defects.append(Defect("origin-missing", 0, "RFC 8866 §5.2"))
    if reader.name is None:
        reader.defects.append(Defect("session-name-missing", 0, "RFC 8866 §5.3"))
    return reader.description(data)


def parse_sdp(data: bytes) -> SessionDescription:
    """A session description (RFC 8866 §5); raises `Malformed` only when no line has the form `type=value`."""
    return _parse_ordinary(data) or _parse_any(data)


def build_sdp(description: SessionDescription) -> bytes:
    """The description's octets again, joined from its lines."""
    return b"".join(description.lines)


def make_sdp(lines: Iterable[str]) -> SessionDescription:
    """A description from lines without ends (`v=0`, `o=…`, …), written with CRLF."""
    return parse_sdp("".join(f"{line}\r\n" for line in lines).encode())
