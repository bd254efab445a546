# SPDX-License-Identifier: GPL-2.0-only
"""What a session description says (RFC 8866): media sections with what they inherit, attributes on demand."""

import re
from collections.abc import KeysView, Mapping, Sequence
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_headers import decode_text

MAX_LINES = 20_000
_NUMBER = re.compile(r"[0-9]{1,9}")
_RTPMAP = re.compile(r"([0-9]{1,3})[ \t]+([^ \t/]+)(?:/([0-9]{1,9})(?:/([0-9]{1,4}))?)?.*")


def runs_in_tls(proto: str) -> bool:
    """Whether a transport of SDP has TLS below it (RFC 8122 §4); `UDP/TLS` is DTLS (RFC 5764 §8)."""
    layers = proto.upper().split("/")
    return "TLS" in layers and "UDP" not in layers


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


def split_attribute(value: str) -> tuple[str, str | None]:
    """Name and value of what follows `a=`; a flag has the value None (RFC 8866 §5.13)."""
    name, colon, rest = value.partition(":")
    return name, rest if colon else None


class AttributeLines:
    """The `a=` lines of one level, read when they are asked for.

    `lines` are all lines of the level without their ends, `octets` the length of each with its end, or None where
    that is the text and CRLF; the first has the number `line_number` and stands at `offset`.
    """

    __slots__ = ("_by_name", "_line_number", "_lines", "_octets", "_offset")

    def __init__(self, lines: list[str], line_number: int, offset: int, octets: list[int] | None = None) -> None:
        self._lines = lines
        self._line_number = line_number
        self._offset = offset
        self._octets = octets
        self._by_name: dict[str, list[str | None]] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AttributeLines) and self.read() == other.read()

    def __hash__(self) -> int:
        return hash(self.read())

    def read(self) -> tuple[Attribute, ...]:
        """All of them in order."""
        found = []
        offset = self._offset
        for index, line in enumerate(self._lines):
            if line[:2] == "a=":
                found.append(Attribute(*split_attribute(line[2:]), self._line_number + index, offset))
            offset += len(line) + 2 if self._octets is None else self._octets[index]
        return tuple(found)

    @property
    def by_name(self) -> Mapping[str, Sequence[str | None]]:
        """The values of each name in order."""
        values = self._by_name
        if values is None:
            values = self._by_name = {}
            for name, colon, value in [line[2:].partition(":") for line in self._lines if line[:2] == "a="]:
                known = values.get(name)
                if known is None:
                    values[name] = [value if colon else None]
                else:
                    known.append(value if colon else None)
        return values


class _Level:
    """What the session level and the media sections have in common: attributes."""

    __slots__ = ()
    attribute_lines: AttributeLines

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """All `a=` lines of this level in order; made anew at each call."""
        return self.attribute_lines.read()

    @property
    def attribute_names(self) -> KeysView[str]:
        """The names of the attributes of this level."""
        return self.attribute_lines.by_name.keys()

    def attributes_named(self, names: frozenset[str]) -> tuple[Attribute, ...]:
        """The attributes of this level with one of these names, in order."""
        if names.isdisjoint(self.attribute_lines.by_name):
            return ()
        return tuple([attribute for attribute in self.attribute_lines.read() if attribute.name in names])

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute of this level; "" for a flag, None when absent."""
        values = self.attribute_lines.by_name.get(name)
        return None if values is None else values[0] or ""

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """All values of an attribute of this level, in order."""
        return tuple([value or "" for value in self.attribute_lines.by_name.get(name, ())])


class _MediaFields(NamedTuple):
    index: int  # type: ignore[assignment]  # tuple has a method of that name, which nobody wants here
    type: str
    port: int
    port_count: int | None
    proto: str
    formats: tuple[str, ...]
    connection_address: str | None
    direction: str
    attribute_lines: AttributeLines
    line_number: int
    offset: int


class MediaDescription(_MediaFields, _Level):
    """One `m=` section; `connection_address` and `direction` are its own or the session's (RFC 8866 §5.14)."""

    __slots__ = ()

    @property
    def is_in_tls(self) -> bool:
        """Whether the media runs in a TLS connection, as that of `TCP/TLS/RTP/AVP` does (RFC 8122 §4, RFC 7850 §3)."""
        return runs_in_tls(self.proto)

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


class _SessionFields(NamedTuple):
    raw: bytes
    version: str | None
    origin: Origin | None
    session_name: str | None
    connection_address: str | None
    attribute_lines: AttributeLines
    media: tuple[MediaDescription, ...]
    defects: tuple[Defect, ...]


class SessionDescription(_SessionFields, _Level):
    """One session description; equality is that of `raw`, its octets."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionDescription) and self.raw == other.raw

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"SessionDescription({len(self.raw)} octets, {len(self.media)} media sections)"

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The octets line by line with their ends."""
        return tuple(split_lines(self.raw))


def split_lines(data: bytes) -> list[bytes]:
    """The lines with their ends: CRLF, LF, or a lone CR where there is no LF at all; what passes `MAX_LINES` is one."""
    end = b"\r" if is_ended_by_cr(data) else b"\n"
    lines = data.split(end, MAX_LINES)
    last = lines.pop()
    lines = [line + end for line in lines]
    if last:
        lines.append(last)
    return lines


def is_ended_by_cr(data: bytes) -> bool:
    """Whether lines end with a lone CR."""
    return b"\n" not in data and b"\r" in data


def line_texts(data: bytes, lines: list[bytes]) -> list[str]:
    """The lines as text without their ends; the usual description is decoded in one go."""
    if data.isascii() and data[-2:] == b"\r\n" and data.count(b"\r") == len(lines) == data.count(b"\r\n"):
        return data.decode("ascii").split("\r\n")[:-1]
    return [decode_text(line.rstrip(b"\r\n")) for line in lines]
