# SPDX-License-Identifier: GPL-2.0-only
"""Bodies of SIP messages: one part, or the leaves of nested multiparts (RFC 3261 §7.4, RFC 2046 §5.1)."""

import re
from typing import NamedTuple

from dissectors.grammar.content_coding import Decoded, decode_content, is_coded
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import parse_params
from dissectors.grammar.sip_headers import Header, find_section_end, long_name, parse_headers

MAX_PARTS = 256
MAX_NESTING = 8
DEFAULT_CONTENT_TYPE = "text/plain"


class BodyPart(NamedTuple):
    """One leaf of a body: lower-cased media type, its own headers, its octets and their offset in the message."""

    content_type: str
    headers: tuple[Header, ...]
    content: bytes
    offset: int

    def header(self, name: str) -> str | None:
        """The first value of one of the part's own headers, by long or compact name in any case."""
        wanted = long_name(name)
        return next((header.value for header in self.headers if long_name(header.name) == wanted), None)

    @property
    def is_coded(self) -> bool:
        """Whether `content` is compressed or encoded."""
        return bool(self.headers) and is_coded(*self._codings)

    def decode(self) -> Decoded:
        """The content without its content codings and its transfer encoding."""
        return decode_content(self.content, *self._codings, offset=self.offset)

    @property
    def _codings(self) -> tuple[str | None, str | None]:
        return self.header("content-encoding"), self.header("content-transfer-encoding")


class BodyParts(NamedTuple):
    """The leaves of a body in order, and what was odd on the way to them."""

    parts: tuple[BodyPart, ...]
    defects: tuple[Defect, ...]


class _Region(NamedTuple):
    """Octets still to be unpacked: `data[start:end]` at one depth of nesting."""

    content_type: str
    headers: tuple[Header, ...]
    start: int
    end: int
    depth: int


def media_type(content_type: str) -> str:
    """The lower-cased `type/subtype` of a Content-Type value, without parameters."""
    return "".join(content_type.partition(";")[0].split()).lower()


def _boundary(content_type: str) -> str | None:
    for name, value in parse_params(content_type.partition(";")[2]):
        if name.lower() == "boundary" and value:
            return value
    return None


def _section(data: bytes, start: int, end: int, depth: int) -> _Region:
    """One part between two delimiters: headers, an empty line, content."""
    if data[start : start + 1] == b"\n" or data[start : start + 2] == b"\r\n":
        return _Region(DEFAULT_CONTENT_TYPE, (), data.index(b"\n", start) + 1, end, depth)
    headers_end, body_start = find_section_end(data[:end], start)
    if headers_end < 0:
        headers_end = body_start = end
    headers = parse_headers(data, start, headers_end).headers
    types = [header.value for header in headers if long_name(header.name) == "content-type"]
    return _Region(types[0] if types else DEFAULT_CONTENT_TYPE, headers, body_start, end, depth)


def _delimiters(boundary: str) -> re.Pattern[bytes]:
    text = re.escape(boundary.encode("utf-8", "backslashreplace"))
    return re.compile(rb"(?:^|\r?\n)--" + text + rb"(--)?[ \t]*(?:\r?\n|\Z)")


def _unpack(data: bytes, region: _Region, boundary: str, defects: list[Defect]) -> list[_Region]:
    """The parts of one multipart, delimiters and preamble dropped."""
    parts: list[_Region] = []
    body = data[region.start : region.end]
    start: int | None = None
    for found in _delimiters(boundary).finditer(body):
        if start is not None:
            parts.append(_section(data, start, max(start, region.start + found.start()), region.depth + 1))
        # The line end of one delimiter may open the next one: an empty part.
        start = region.start + found.end()
        if found[1]:
            return parts
        if len(parts) >= MAX_PARTS:
            defects.append(Defect("too-many-body-parts", start, "RFC 2046 §5.1", str(MAX_PARTS)))
            return parts
    defects.append(Defect("multipart-without-end", region.start, "RFC 2046 §5.1.1"))
    if start is not None:
        parts.append(_section(data, start, region.end, region.depth + 1))
    return parts


def parse_body(data: bytes, start: int, end: int, content_type: str) -> BodyParts:
    """Unpack `data[start:end]` of the given Content-Type value into its leaves; at most `MAX_NESTING` levels deep."""
    defects: list[Defect] = []
    leaves: list[BodyPart] = []
    waiting = [_Region(content_type, (), start, end, 0)]
    while waiting and len(leaves) < MAX_PARTS:
        region = waiting.pop()
        kind = media_type(region.content_type)
        if kind.startswith("multipart/"):
            boundary = _boundary(region.content_type)
            if boundary is not None and region.depth < MAX_NESTING:
                waiting.extend(reversed(_unpack(data, region, boundary, defects)))
                continue
            code = "multipart-without-boundary" if boundary is None else "multipart-too-deep"
            defects.append(Defect(code, region.start, "RFC 2046 §5.1.1"))
        leaves.append(BodyPart(kind, region.headers, data[region.start : region.end], region.start))
    return BodyParts(tuple(leaves), tuple(defects))
