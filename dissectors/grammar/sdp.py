# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions (RFC 8866, RFC 4566): lines kept as written, media descriptions with what they inherit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.masking import mask_sdp_secrets
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

MAX_LINES = 20_000
_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_KNOWN_TYPES = frozenset("vosiuepcbtrzkam")
_NUMBER = re.compile(r"[0-9]{1,9}")
_PORT = re.compile(r"([0-9]{1,9})(?:/([0-9]{1,9}))?")
_RTPMAP = re.compile(r"([0-9]{1,3})[ \t]+([^ \t/]+)(?:/([0-9]{1,9})(?:/([0-9]{1,4}))?)?.*")


class Line(NamedTuple):
    """One line without its end: the letter before `=` and what stands behind it."""

    type: str
    value: str


class Attribute(NamedTuple):
    """One `a=` line; `value` is None for a flag. Lines count from 1, `offset` counts octets of the description."""

    name: str
    value: str | None
    line_number: int
    offset: int


class Origin(NamedTuple):
    """The `o=` line (RFC 8866 §5.2), words as spelled."""

    username: str
    session_id: str
    session_version: str
    net_type: str
    address_type: str
    address: str


class RtpMap(NamedTuple):
    """One `rtpmap`: encoding as spelled, clock rate in Hz, channels (1 unless stated); RFC 8866 §6.6."""

    encoding: str
    clock_rate: int | None
    channels: int


def _first(attributes: tuple[Attribute, ...], name: str) -> str | None:
    for attribute in attributes:
        if attribute.name == name:
            return attribute.value if attribute.value is not None else ""
    return None


def _values(attributes: tuple[Attribute, ...], name: str) -> tuple[str, ...]:
    return tuple(attribute.value or "" for attribute in attributes if attribute.name == name)


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` section; `connection_address` and `direction` are its own or the session's (RFC 8866 §5.14)."""

    index: int
    type: str
    port: int
    port_count: int | None
    proto: str
    formats: tuple[str, ...]
    connection_address: str | None
    direction: str
    attributes: tuple[Attribute, ...] = field(repr=False)
    line_number: int
    offset: int

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute of this section; "" for a flag, None when absent."""
        return _first(self.attributes, name)

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """All values of an attribute of this section, in order."""
        return _values(self.attributes, name)

    @property
    def rtcp_mux(self) -> bool:
        """RTP and RTCP share the port (RFC 5761 §5.1.1)."""
        return self.attribute("rtcp-mux") is not None

    @property
    def rtcp_port(self) -> int | None:
        """The port stated by `a=rtcp` (RFC 3605 §2.1)."""
        words = (self.attribute("rtcp") or "").split()
        return int(words[0]) if words and _NUMBER.fullmatch(words[0]) else None

    @property
    def rtcp_address(self) -> str | None:
        """The address stated by `a=rtcp`, when it states one (RFC 3605 §2.1)."""
        words = (self.attribute("rtcp") or "").split()
        return words[3] if len(words) >= 4 else None

    @property
    def rtpmap(self) -> dict[int, RtpMap]:
        """Encodings by payload type; lines that can't be read are left out (RFC 8866 §6.6)."""
        maps: dict[int, RtpMap] = {}
        for value in self.attribute_values("rtpmap"):
            if (found := _RTPMAP.fullmatch(value.strip())) is not None:
                rate = int(found[3]) if found[3] else None
                maps.setdefault(int(found[1]), RtpMap(found[2], rate, int(found[4] or 1)))
        return maps

    @property
    def ptime(self) -> int | None:
        """Milliseconds of media per packet (RFC 8866 §6.4)."""
        value = (self.attribute("ptime") or "").strip()
        return int(value) if _NUMBER.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """One session description; `lines` are its octets line by line with their ends, equality is that of `raw`."""

    raw: bytes = field(repr=False)
    lines: tuple[bytes, ...] = field(compare=False, repr=False)
    version: str | None = field(compare=False)
    origin: Origin | None = field(compare=False)
    session_name: str | None = field(compare=False)
    connection_address: str | None = field(compare=False)
    attributes: tuple[Attribute, ...] = field(compare=False, repr=False)
    media: tuple[MediaDescription, ...] = field(compare=False)
    defects: tuple[Defect, ...] = field(compare=False)

    def attribute(self, name: str) -> str | None:
        """The first value of a session-level attribute; "" for a flag, None when absent."""
        return _first(self.attributes, name)

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """All values of a session-level attribute, in order."""
        return _values(self.attributes, name)


def parse_line(octets: bytes) -> Line | None:
    """One line with or without its end; None when it has not the form `type=value` (RFC 8866 §5)."""
    text = decode_text(octets.rstrip(b"\r\n"))
    return Line(text[0], text[2:]) if text[1:2] == "=" and text[0].isalpha() else None


def split_attribute(value: str) -> tuple[str, str | None]:
    """Name and value of what follows `a=`; a flag has the value None (RFC 8866 §5.13)."""
    name, colon, rest = value.partition(":")
    return name, rest if colon else None


class _MediaLine(NamedTuple):
    """The words of an `m=` line and where it stands."""

    type: str
    port: int
    port_count: int | None
    proto: str
    formats: tuple[str, ...]
    line_number: int
    offset: int


class _Section:
    """The session level or one media section while its lines are being read."""

    __slots__ = ("address", "attributes", "direction", "line")

    def __init__(self, line: _MediaLine | None) -> None:
        self.line = line
        self.address: str | None = None
        self.direction: str | None = None
        self.attributes: list[Attribute] = []


def _parse_media_line(value: str, line_number: int, offset: int, defects: list[Defect]) -> _MediaLine:
    words = value.split()
    if len(words) < 4:
        defects.append(Defect("media-line-form", offset, "RFC 8866 §5.14"))
        words += [""] * (3 - len(words))
    port = _PORT.fullmatch(words[1])
    if port is None or int(port[1]) > 65535:
        defects.append(Defect("media-port", offset, "RFC 8866 §5.14", words[1][:16]))
    number = int(port[1]) if port is not None and int(port[1]) <= 65535 else 0
    count = int(port[2]) if port is not None and port[2] else None
    return _MediaLine(words[0], number, count, words[2], tuple(words[3:]), line_number, offset)


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


def _split_lines(data: bytes, defects: list[Defect]) -> list[bytes]:
    """The lines with their ends: CRLF, LF, or a lone CR where there is no LF at all."""
    if b"\n" not in data and b"\r" in data:
        defects.append(Defect("line-ends-cr", data.index(b"\r"), "RFC 8866 §5"))
        return [line + b"\r" for line in data.split(b"\r")[:-1]] + ([last] if (last := data.split(b"\r")[-1]) else [])
    lines = data.split(b"\n", MAX_LINES)
    last = lines.pop()
    lines = [line + b"\n" for line in lines]
    if last:
        lines.append(last)
    if len(lines) > MAX_LINES:
        defects.append(Defect("too-many-lines", len(data) - len(last), "RFC 8866 §5", str(MAX_LINES)))
    return lines


def _texts(data: bytes, lines: list[bytes]) -> list[str]:
    """The lines as text without their ends; the usual description is decoded in one go."""
    if data.isascii() and data[-2:] == b"\r\n" and data.count(b"\r") == len(lines) == data.count(b"\r\n"):
        return data.decode("ascii").split("\r\n")[:-1]
    return [decode_text(line.rstrip(b"\r\n")) for line in lines]


class _Reader:
    """What has been understood of a session description so far, line by line."""

    __slots__ = ("attributes", "defects", "name", "origin", "sections", "version")

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self.sections = [_Section(None)]
        self.attributes = self.sections[0].attributes  # of the section that is being read
        self.version: str | None = None
        self.origin: Origin | None = None
        self.name: str | None = None

    def flag(self, name: str) -> None:
        """An `a=` line without value."""
        name = name.strip()
        if name in _DIRECTIONS:
            self.sections[-1].direction = name

    def other(self, kind: str, value: str, line_number: int, offset: int) -> None:
        """Any line that is no `a=` line."""
        if kind == "m":
            self.sections.append(_Section(_parse_media_line(value, line_number, offset, self.defects)))
            self.attributes = self.sections[-1].attributes
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

    def media(self) -> tuple[MediaDescription, ...]:
        """The media sections with what they inherit from the session level."""
        session = self.sections[0]
        return tuple(
            MediaDescription(
                index=index,
                type=section.line.type,
                port=section.line.port,
                port_count=section.line.port_count,
                proto=section.line.proto,
                formats=section.line.formats,
                connection_address=section.address or session.address,
                direction=section.direction or session.direction or "sendrecv",
                attributes=tuple(section.attributes),
                line_number=section.line.line_number,
                offset=section.line.offset,
            )
            for index, section in enumerate(self.sections[1:])
            if section.line is not None
        )


def parse_sdp(data: bytes) -> SessionDescription:
    """A session description (RFC 8866 §5); raises `Malformed` only when no line has the form `type=value`."""
    reader = _Reader()
    lines = _split_lines(data, reader.defects)
    offset = understood = 0
    for line_number, (raw, text) in enumerate(zip(lines, _texts(data, lines), strict=True), 1):
        if text[:2] == "a=":
            understood += 1
            name, value = split_attribute(text[2:])
            reader.attributes.append(Attribute(name, value, line_number, offset))
            if value is None:
                reader.flag(name)
        elif text[1:2] == "=" and text[0].isalpha():
            understood += 1
            reader.other(text[0], text[2:], line_number, offset)
        elif text.strip():
            reader.defects.append(Defect("line-form", offset, "RFC 8866 §5"))
        offset += len(raw)
    if not understood:
        raise Malformed("no line of a session description", clause="RFC 8866 §5")
    if reader.version != "0":
        reader.defects.append(Defect("version", 0, "RFC 8866 §5.1", (reader.version or "absent")[:16]))
    if reader.origin is None:
        reader.defects.append(Defect("origin-missing", 0, "RFC 8866 §5.2"))
    if reader.name is None:
        reader.defects.append(Defect("session-name-missing", 0, "RFC 8866 §5.3"))
    return SessionDescription(
        raw=data,
        lines=tuple(lines),
        version=reader.version,
        origin=reader.origin,
        session_name=reader.name,
        connection_address=reader.sections[0].address,
        attributes=tuple(reader.sections[0].attributes),
        media=reader.media(),
        defects=tuple(reader.defects),
    )


def build_sdp(description: SessionDescription) -> bytes:
    """The description's octets again, joined from its lines."""
    return b"".join(description.lines)


def make_sdp(lines: Iterable[str]) -> SessionDescription:
    """A description from lines without ends (`v=0`, `o=…`, …), written with CRLF."""
    return parse_sdp("".join(f"{line}\r\n" for line in lines).encode())
