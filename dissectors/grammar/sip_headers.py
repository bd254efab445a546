# SPDX-License-Identifier: GPL-2.0-only
"""Header fields of SIP and MIME: one per logical line, octets kept (RFC 3261 §7.3)."""

import functools
import re
from collections import Counter
from typing import NamedTuple

from dissectors.grammar.defects import Defect

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")  # RFC 3261 §7.3.1
MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))
_REMEMBERED_OCTETS = 4096
_BLANKS = (b" ", b"\t")  # at the start of a line that continues the one before
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]*")


class Header(NamedTuple):
    """One header field: `name` as spelled on the wire, `value` unfolded and stripped, `raw` with its line end.

    `offset` counts octets of the message. A line that is no header field has the name "".
    """

    name: str
    value: str
    raw: bytes
    offset: int


class HeaderScan(NamedTuple):
    """The header fields of a section, in order and without gaps, and what is odd about them."""

    headers: tuple[Header, ...]
    defects: tuple[Defect, ...]


_USUAL = (
    *("Accept", "Allow", "Allow-Events", "Call-ID", "Contact", "Content-Length", "Content-Type", "CSeq", "Expires"),
    *("From", "Max-Forwards", "Min-SE", "P-Asserted-Identity", "Proxy-Authorization", "RAck", "Reason"),
    *("Record-Route", "Require", "Route", "RSeq", "Server", "Session-Expires", "Subject", "Supported", "To"),
    *("User-Agent", "Via"),
)
# Spellings that need no further thought: compact forms and usual names, as RFC 3261 and as lower case spell them.
_LONG = {spelling: long for short, long in _COMPACT.items() for spelling in (short, short.upper())} | {
    spelling: name.lower() for name in _USUAL for spelling in (name, name.lower())
}
_LINE_STARTS = {name.lower(): f"\n{name}:".encode() for name in _USUAL}


def long_name(name: str) -> str:
    """The lower-cased long form of a header name (`i`, `CALL-ID` → `call-id`); RFC 3261 §7.3.3 and IANA's table."""
    return _LONG.get(name) or name.lower()


def decode_text(octets: bytes) -> str:
    """UTF-8 text; an octet that is not UTF-8 shows as `\\xNN`, so that every output can carry the text."""
    return octets.decode("utf-8", "backslashreplace")


def _logical_line_end(data: bytes, start: int, end: int) -> int:
    """Where the line at `start`, with its continuation lines, ends."""
    position = start
    while True:
        found = data.find(b"\n", position, end)
        if found < 0:
            return end
        position = found + 1
        if position >= end or data[position] not in b" \t":
            return position


def _parse_header(raw: bytes, offset: int, defects: list[Defect]) -> Header:
    text = decode_text(raw)
    name, colon, value = text.partition(":")
    if not colon or text[0] in " \t":
        defects.append(Defect("line-is-no-header", offset, "RFC 3261 §7.3.1"))
        return Header("", _FOLD.sub(" ", text).strip(), raw, offset)
    name = name.rstrip(" \t")
    if not _NAME.fullmatch(name):
        defects.append(Defect("header-name-not-token", offset, "RFC 3261 §7.3.1", name[:64]))
    value = value.strip(" \t\r\n")
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    if "\r" in value:
        defects.append(Defect("bare-cr", offset, "RFC 3261 §7.3.1"))
    return Header(name, value, raw, offset)


def parse_headers(data: bytes, start: int, end: int) -> HeaderScan:
    """Header fields of `data[start:end]`; their `raw` octets joined are exactly that region; never raises."""
    headers: list[Header] = []
    defects: list[Defect] = []
    while start < end:
        line_end = _logical_line_end(data, start, end)
        headers.append(_parse_header(data[start:line_end], start, defects))
        start = line_end
    return HeaderScan(tuple(headers), tuple(defects))


class SectionShape(NamedTuple):
    """What all header sections have in common whose fields have the same names in the same order.

    `first` tells for each long name which field is its first.
    """

    first: dict[str, int]
    names: frozenset[str]
    repeated: frozenset[str]
    is_plain: bool  # all of the mandatory ones are there, and none of those that stand once stands twice


class OrdinarySection(NamedTuple):
    """The values, not stripped, of a header section of plain fields: nothing folded, CRLF, every name a token."""

    names: tuple[str, ...]  # as spelled
    values: tuple[str, ...]
    shape: SectionShape

    def value(self, name: str) -> str | None:
        """The first value of a long name."""
        field = self.shape.first.get(name)
        return None if field is None else self.values[field]


def split_ordinary_section(text: str) -> OrdinarySection | None:
    """The quick way through the usual header section; None unless each line is one plain field."""
    lines = text.split("\r\n")
    if lines.pop() or not lines or len(lines) != text.count("\n") or len(lines) != text.count("\r"):
        return None
    names, colons, values = zip(*[line.partition(":") for line in lines], strict=True)
    if "" in colons:
        return None
    shape = _remembered_shape(names) if len(text) < _REMEMBERED_OCTETS else _shape(names)
    return None if shape is None else OrdinarySection(names, values, shape)


def _shape(names: tuple[str, ...]) -> SectionShape | None:
    if not all(map(_NAME.fullmatch, names)):
        return None
    long_names = [long_name(name) for name in names]
    first = {name: field for field, name in reversed(list(enumerate(long_names)))}
    repeated = frozenset(name for name, count in Counter(long_names).items() if count > 1)
    return SectionShape(first, frozenset(first), repeated, first.keys() >= MANDATORY and repeated.isdisjoint(SINGLE))


_remembered_shape = functools.lru_cache(maxsize=4096)(_shape)  # the messages of one program have few shapes


def find_plain_value(data: bytes, start: int, end: int, name: str) -> str | None:
    """The value of a header that stands once in `data[start:end]`, by its long name, where it is written as usual.

    None where it is not, be it spelled otherwise, folded or without CRLF. The octet before `start` is the line end of
    the start line.
    """
    line_start = _LINE_STARTS.get(name)
    found = -1 if line_start is None else data.find(line_start, start - 1, end)
    if line_start is None or found < 0:
        return None
    value_start, line_end = found + len(line_start), data.find(b"\n", found + len(line_start), end)
    value = data[value_start:line_end]
    if line_end < 0 or value[-1:] != b"\r" or value.count(b"\r") > 1 or data[line_end + 1 : line_end + 2] in _BLANKS:
        return None
    return decode_text(value[:-1]).strip(" \t")


def find_section_end(data: bytes | bytearray, start: int) -> tuple[int, int]:
    """Where the header section ends and where the body starts; (-1, -1) when there is no empty line.

    `start` is the line end (`\\n`) before the first header. CRLF and bare LF are both understood.
    """
    crlf = data.find(b"\n\r\n", start)
    bare = data.find(b"\n\n", start, crlf + 2 if crlf >= 0 else len(data))
    if bare >= 0:
        return bare + 1, bare + 2
    return (crlf + 1, crlf + 3) if crlf >= 0 else (-1, -1)
