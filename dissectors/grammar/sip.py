# SPDX-License-Identifier: GPL-2.0-only
"""SIP messages (RFC 3261): start line, headers, body; everything kept as it was spelled."""

import functools
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from dissectors.grammar.content_coding import Decoded, decode_content, is_coded
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import NameAddr, parse_name_addr, split_header_list
from dissectors.grammar.sip_body import BodyPart, BodyParts, media_type, parse_body
from dissectors.grammar.sip_headers import (
    SINGLE,
    Header,
    decode_text,
    find_plain_value,
    find_section_end,
    long_name,
    parse_headers,
    split_ordinary_section,
)
from dissectors.grammar.sip_start_line import (
    REMEMBERED,
    WORD,
    looks_like_sip,
    ordinary_start_line,
    parse_start_line,
)

__all__ = [
    "BodyPart",
    "Header",
    "NameAddr",
    "SdpBody",
    "SipMessage",
    "build_sip",
    "first_sdp",
    "looks_like_sip",
    "make_sip",
    "pack_sip",
    "parse_name_addr",
    "parse_sip",
    "split_header_list",
    "unpack_sip",
]

MAX_CSEQ = 2**31 - 1
_ADDRESS = re.compile(rf'(?:"[^"\\<>]*"[ \t]*|[A-Za-z0-9\-.!%*_+`\'~ \t]*)<([^<>"\s]+)>(?:;tag=({WORD}))?')
_CSEQ = re.compile(rf"([0-9]+)[ \t]+({WORD})")
_BRANCH = ";branch="
_DIGITS = re.compile(r"[0-9]{1,18}")

_MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))
MIKEY_TYPE = "application/mikey"
_USUAL_CONTENT_TYPES = {" application/sdp": "application/sdp", "application/sdp": "application/sdp"}  # one text for all
_MANDATORY_IN_REQUESTS = _MANDATORY | {"max-forwards"}


class SdpBody(NamedTuple):
    """The session description a message carries and its offset within the message.

    `is_coded` says that the octets on the wire are not these: they were compressed or encoded.
    """

    content: bytes
    offset: int
    is_coded: bool = False


class _Section(NamedTuple):
    """The header section `data[start:end]`: the long names that stand in it, and those that stand more than once."""

    data: bytes
    start: int
    end: int
    names: frozenset[str]
    repeated: frozenset[str]

    def value(self, name: str) -> str | None:
        """The first value of a long name."""
        if name not in self.names:
            return None
        if name not in self.repeated:
            plain = find_plain_value(self.data, self.start, self.end, name)
            if plain is not None:
                return plain
        ordinary = split_ordinary_section(decode_text(self.data[self.start : self.end]))
        if ordinary is not None:
            value = ordinary.value(name)
            return None if value is None else value.strip(" \t")
        headers = parse_headers(self.data, self.start, self.end).headers
        return next(header.value for header in headers if long_name(header.name) == name)

    def offset(self, name: str) -> int:
        """Where the last field of this name begins; only asked for when there is a defect to place."""
        found = self.start
        for header in parse_headers(self.data, self.start, self.end).headers:
            if long_name(header.name) == name:
                found = header.offset
        return found


class _Address(NamedTuple):
    """URI and tag of From or To."""

    uri: str | None
    tag: str | None


class SipMessage(NamedTuple):
    """One SIP message as received; equality is equality of `raw`.

    `method` and `request_uri` belong to requests, `status` and `reason` to responses. `body` ends where
    Content-Length says. Offsets, also those of `defects`, count octets of `raw`. Implements RFC 3261 §7.
    """

    raw: bytes
    method: str | None
    request_uri: str | None
    status: int | None
    reason: str | None
    body_offset: int
    body_end: int
    cseq_number: int | None
    cseq_method: str | None
    from_uri: str | None
    from_tag: str | None
    to_uri: str | None
    to_tag: str | None
    call_id: str | None  # RFC 3261 §20.8
    via: str | None  # the topmost
    content_type_value: str | None  # as spelled, with its parameters
    section: _Section
    defects: tuple[Defect, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SipMessage) and self.raw == other.raw

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        what = f"{self.method} {self.request_uri}" if self.method else f"{self.status} {self.reason}"
        return f"SipMessage({what!r}, call_id={self.call_id!r}, {len(self.raw)} octets)"

    @property
    def headers(self) -> tuple[Header, ...]:
        """All header fields: order, spelling, repeats and folding kept; made anew at each call."""
        return parse_headers(self.raw, self.section.start, self.section.end).headers

    @property
    def header_names(self) -> frozenset[str]:
        """The long names of its headers, each once."""
        return self.section.names

    @property
    def body(self) -> bytes:
        """The octets of the body."""
        return self.raw[self.body_offset : self.body_end]

    def header(self, name: str) -> str | None:
        """The first value of a header, by long or compact name in any case."""
        return self.section.value(long_name(name))

    def header_values(self, name: str) -> tuple[str, ...]:
        """The values of all header fields of this name, in order; comma lists are not split."""
        wanted = long_name(name)
        if wanted not in self.section.repeated:
            value = self.section.value(wanted)
            return () if value is None else (value,)
        return tuple(header.value for header in self.headers if long_name(header.name) == wanted)

    @property
    def branch(self) -> str | None:
        """The branch of the topmost Via (RFC 3261 §8.1.1.7)."""
        value = self.via
        if value is None:
            return None
        start = value.find(_BRANCH)
        if start >= 0 and '"' not in value and "," not in value and value.find(" ", start) < 0:
            return value[start + len(_BRANCH) :].partition(";")[0]
        members = split_header_list(value)
        return parse_name_addr(members[0]).param("branch") if members else None

    @property
    def contact_uri(self) -> str | None:
        """The URI of the first Contact."""
        members = split_header_list(self.header("contact") or "")
        return parse_name_addr(members[0]).uri if members else None

    @property
    def user_agent(self) -> str | None:
        """User-Agent, or Server in responses (RFC 3261 §20.35, §20.41)."""
        return self.header("user-agent") or self.header("server")

    @property
    def content_type(self) -> str | None:
        """The lower-cased media type of the body."""
        value = self.content_type_value
        return None if value is None else media_type(value)

    def unpack_body(self) -> BodyParts:
        """The leaves of the body with the defects found on the way (RFC 2046 §5.1)."""
        if self.body_end <= self.body_offset:
            return BodyParts((), ())
        return parse_body(self.raw, self.body_offset, self.body_end, self.content_type_value or "")

    def body_parts(self) -> tuple[BodyPart, ...]:
        """The leaves of the body; a single body is one part, no body is none."""
        return self.unpack_body().parts

    def decode_body(self) -> Decoded:
        """The body without its content codings (RFC 3261 §20.12)."""
        return decode_content(self.body, self.header("content-encoding"), offset=self.body_offset)

    def sdp(self) -> SdpBody | None:
        """The first `application/sdp` part; a body without Content-Type counts when it starts with `v=`."""
        if "content-encoding" in self.section.names and is_coded(self.header("content-encoding")):
            return self._coded_sdp()
        if self.content_type_value == "application/sdp":
            return SdpBody(self.body, self.body_offset) if self.body_end > self.body_offset else None
        return first_sdp(self.body_parts())

    def mikey_parts(self) -> tuple[bytes, ...]:
        """The `application/mikey` leaves of the body, taken out of their encodings (RFC 3830 §10.1)."""
        content_type = self.content_type or ""
        if content_type != MIKEY_TYPE and not content_type.startswith("multipart/"):
            return ()
        parts = (part for part in self.body_parts() if part.content_type == MIKEY_TYPE)
        found = (part.decode().content if part.is_coded else part.content for part in parts)
        return tuple(content for content in found if content)

    def _coded_sdp(self) -> SdpBody | None:
        content = self.decode_body().content
        if not content:
            return None
        parts = parse_body(content, 0, len(content), self.content_type_value or "").parts
        found = first_sdp(parts)
        return None if found is None else SdpBody(found.content, self.body_offset, is_coded=True)


def first_sdp(parts: Iterable[BodyPart]) -> SdpBody | None:
    """The session description among the leaves of a body, taken out of its encoding."""
    for part in parts:
        if part.content_type not in ("application/sdp", ""):
            continue
        content = part.decode().content if part.is_coded else part.content
        if content is not None and (part.content_type or content[:2] == b"v="):
            return SdpBody(content, part.offset, part.is_coded)
    return None


def _parse_address(value: str | None, name: str, section: _Section, defects: list[Defect]) -> _Address:
    if value is None:
        return _Address(None, None)
    ordinary = _ordinary_address(value)
    if ordinary is not None:
        return ordinary
    address = parse_name_addr(value.strip(" \t"))
    if address.defects:
        offset = section.offset(name)
        defects.extend(defect._replace(offset=offset, detail=name) for defect in address.defects)
    return _Address(address.uri, address.param("tag"))


@functools.lru_cache(maxsize=REMEMBERED)
def _ordinary_address(value: str) -> _Address | None:
    found = _ADDRESS.fullmatch(value.strip(" \t"))
    return None if found is None else _Address(found[1], found[2])


def _parse_cseq(
    value: str | None, method: str | None, section: _Section, defects: list[Defect]
) -> tuple[int | None, str | None]:
    if value is None:
        return None, None
    ordinary = _ordinary_cseq(value)
    if ordinary is not None and (method is None or ordinary[1] == method):
        return ordinary
    found = _CSEQ.fullmatch(value.strip(" \t"))
    if found is None:
        defects.append(Defect("cseq-form", section.offset("cseq"), "RFC 3261 §20.16", value[:64]))
        return None, None
    number = int(found[1]) if _DIGITS.fullmatch(found[1]) else None
    if number is None or number > MAX_CSEQ:
        defects.append(Defect("cseq-too-large", section.offset("cseq"), "RFC 3261 §8.1.1.5", found[1][:64]))
    if method is not None and found[2] != method:
        defects.append(Defect("cseq-method-differs", section.offset("cseq"), "RFC 3261 §8.1.1.5", found[2]))
    return number, found[2]


@functools.lru_cache(maxsize=REMEMBERED)
def _ordinary_cseq(value: str) -> tuple[int, str] | None:
    found = _CSEQ.fullmatch(value.strip(" \t"))
    if found is None or not _DIGITS.fullmatch(found[1]) or int(found[1]) > MAX_CSEQ:
        return None
    return int(found[1]), found[2]


def _check_headers(section: _Section, is_request: bool, defects: list[Defect]) -> None:
    """Mandatory headers that are absent (RFC 3261 §8.1.1) and single ones that stand twice (§7.3.1)."""
    wanted = _MANDATORY_IN_REQUESTS if is_request else _MANDATORY
    missing = sorted(wanted.difference(section.names))
    defects.extend(Defect("missing-header", section.start, "RFC 3261 §8.1.1", name) for name in missing)
    repeated = [name for name in SINGLE if name in section.repeated]
    defects.extend(Defect("repeated-header", section.offset(name), "RFC 3261 §7.3.1", name) for name in repeated)


def _body_end(length: str | None, body_offset: int, end: int, defects: list[Defect]) -> int:
    """Where the body ends (RFC 3261 §18.3); a length that can't be right is a defect."""
    if length is None:
        return end
    length = length.strip(" \t")
    if not _DIGITS.fullmatch(length):
        defects.append(Defect("content-length-form", body_offset, "RFC 3261 §20.14", length[:64]))
        return end
    wanted = body_offset + int(length)
    if wanted > end:
        defects.append(Defect("body-shorter-than-content-length", end, "RFC 3261 §18.3", f"{wanted - end} missing"))
        return end
    if wanted < end:
        defects.append(Defect("octets-after-body", wanted, "RFC 3261 §18.3", str(end - wanted)))
    return wanted


def parse_sip(data: bytes) -> SipMessage:
    """One SIP message from one datagram or one framed piece of a stream (RFC 3261 §7).

    Empty lines before the start line are skipped (§7.5). Raises `Malformed` when the first line is no SIP start
    line; everything else that is wrong is a defect of the message.
    """
    return _parse_ordinary(data) or _parse_any(data)


def _parse_ordinary(data: bytes) -> SipMessage | None:
    """The quick way through a message without any oddity; None where something needs a second look."""
    start, end = data.find(b"\r\n") + 2, data.find(b"\r\n\r\n") + 2
    if end < start:
        return None
    start_line = ordinary_start_line(data[: start - 2])
    ordinary = split_ordinary_section(decode_text(data[start:end]))
    if start_line is None or ordinary is None:
        return None
    values, shape = ordinary
    first = shape.first
    method, request_uri, status, reason = start_line
    if not shape.is_plain or (method is not None and "max-forwards" not in first):
        return None
    cseq_field, from_field, to_field, call_id_field, via_field = shape.mandatory
    cseq = _ordinary_cseq(values[cseq_field])
    sender, recipient = _ordinary_address(values[from_field]), _ordinary_address(values[to_field])
    if cseq is None or sender is None or recipient is None or (method is not None and cseq[1] != method):
        return None
    content_type = None
    body_offset, body_end = end + 2, len(data)
    if "content-type" in first:
        content_type = values[first["content-type"]]
        content_type = _USUAL_CONTENT_TYPES.get(content_type) or content_type.strip(" \t")
    elif body_end > body_offset:
        return None
    if "content-length" in first and values[first["content-length"]].strip(" \t") != str(body_end - body_offset):
        return None
    return SipMessage(
        *(data, method, request_uri, status, reason, body_offset, body_end, *cseq, *sender, *recipient),
        values[call_id_field].strip(" \t"),
        values[via_field].strip(" \t"),
        content_type,
        _Section(data, start, end, shape.names, shape.repeated),
        (),
    )


def _parse_any(data: bytes) -> SipMessage:
    """Step by step, with a defect for every oddity."""
    start = 0 if data[:1] not in (b"\r", b"\n") else len(data) - len(data.lstrip(b"\r\n"))
    defects: list[Defect] = []
    line = parse_start_line(data, start, defects)
    headers_start = min(line.end + 1, len(data))
    headers_end, body_offset = find_section_end(data, line.end)
    if headers_end < 0:
        defects.append(Defect("header-section-without-end", len(data), "RFC 3261 §7"))
        headers_end = body_offset = len(data)
    scan = parse_headers(data, headers_start, headers_end)
    defects.extend(scan.defects)
    names = [long_name(header.name) for header in scan.headers if header.name]
    first = {long_name(header.name): header.value for header in reversed(scan.headers) if header.name}
    repeated = frozenset(name for name, count in Counter(names).items() if count > 1)
    section = _Section(data, headers_start, headers_end, frozenset(first), repeated)
    _check_headers(section, line.method is not None, defects)
    cseq_number, cseq_method = _parse_cseq(first.get("cseq"), line.method, section, defects)
    body_end = _body_end(first.get("content-length"), body_offset, len(data), defects)
    if body_end > body_offset and "content-type" not in first:
        defects.append(Defect("body-without-content-type", body_offset, "RFC 3261 §20.15"))
    sender = _parse_address(first.get("from"), "from", section, defects)
    recipient = _parse_address(first.get("to"), "to", section, defects)
    return SipMessage(
        *(data, line.method, line.request_uri, line.status, line.reason, body_offset, body_end),
        *(cseq_number, cseq_method, *sender, *recipient),
        *(first.get("call-id"), first.get("via"), first.get("content-type"), section, tuple(defects)),
    )


def pack_sip(message: SipMessage) -> tuple[Any, ...]:
    """What was understood of a message, without its octets, as plain values: `unpack_sip` need not parse it again."""
    section, defects = message.section, message.defects
    known = (*message[1:16], section.start, section.end, section.names, section.repeated)
    return (*known, tuple(map(tuple, defects))) if defects else known


def unpack_sip(raw: bytes, packed: tuple[Any, ...]) -> SipMessage:
    """The message of these octets, from what `pack_sip` made of it."""
    defects = tuple(Defect(*each) for each in packed[19]) if len(packed) > 19 else ()
    return SipMessage._make((raw, *packed[:15], _Section(raw, *packed[15:19]), defects))


def build_sip(message: SipMessage) -> bytes:
    """The message's octets again: start line, its headers in order, the empty line, body and what follows it."""
    headers = message.headers
    start = headers[0].offset if headers else message.body_offset
    end = headers[-1].offset + len(headers[-1].raw) if headers else start
    return message.raw[:start] + b"".join(header.raw for header in headers) + message.raw[end:]


def make_sip(start_line: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> SipMessage:
    """A message from parts; Content-Length is added unless it is given. Raises `Malformed` for a wrong start line."""
    fields = list(headers)
    if not any(long_name(name) == "content-length" for name, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    return parse_sip("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
