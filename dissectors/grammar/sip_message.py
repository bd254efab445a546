# SPDX-License-Identifier: GPL-2.0-only
"""A SIP message as a value, and what its headers and body say (RFC 3261 §7)."""

from collections.abc import Iterable
from typing import NamedTuple

from dissectors.grammar.content_coding import Decoded, decode_content, is_coded
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import parse_name_addr, split_header_list
from dissectors.grammar.sip_body import BodyPart, BodyParts, media_type, parse_body
from dissectors.grammar.sip_headers import (
    Header,
    decode_text,
    find_plain_value,
    long_name,
    parse_headers,
    split_ordinary_section,
)

MIKEY_TYPE = "application/mikey"
_BRANCH = ";branch="


class SdpBody(NamedTuple):
    """The session description a message carries and its offset within the message.

    `is_coded` says that the octets on the wire are not these: they were compressed or encoded.
    """

    content: bytes
    offset: int
    is_coded: bool = False


class HeaderSection(NamedTuple):
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
    section: HeaderSection
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
