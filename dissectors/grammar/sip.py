# SPDX-License-Identifier: GPL-2.0-only
"""SIP messages read and written (RFC 3261): start line, headers, body; everything kept as it was spelled."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dissectors.grammar.content_length import LengthClauses, find_body_end
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import NameAddr, parse_name_addr, split_header_list
from dissectors.grammar.sip_body import BodyPart
from dissectors.grammar.sip_fields import ordinary_address, ordinary_cseq, parse_address, parse_cseq
from dissectors.grammar.sip_headers import (
    MANDATORY,
    SINGLE,
    Header,
    decode_text,
    find_section_end,
    long_name,
    parse_headers,
)
from dissectors.grammar.sip_layouts import Layouts
from dissectors.grammar.sip_message import HeaderSection, SdpBody, SipMessage, first_sdp
from dissectors.grammar.sip_start_line import looks_like_sip, ordinary_start_line, parse_start_line

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


_LENGTH = LengthClauses("RFC 3261 §20.14", "RFC 3261 §18.3", "RFC 3261 §18.3")
_USUAL_CONTENT_TYPES = {" application/sdp": "application/sdp", "application/sdp": "application/sdp"}  # one text for all
_MANDATORY_IN_REQUESTS = MANDATORY | {"max-forwards"}
_LAYOUTS = Layouts()


def _check_headers(section: HeaderSection, is_request: bool, defects: list[Defect]) -> None:
    """Mandatory headers that are absent (RFC 3261 §8.1.1) and single ones that stand twice (§7.3.1)."""
    wanted = _MANDATORY_IN_REQUESTS if is_request else MANDATORY
    missing = sorted(wanted.difference(section.names))
    defects.extend(Defect("missing-header", section.start, "RFC 3261 §8.1.1", name) for name in missing)
    repeated = [name for name in SINGLE if name in section.repeated]
    defects.extend(Defect("repeated-header", section.offset(name), "RFC 3261 §7.3.1", name) for name in repeated)


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
    if start_line is None:
        return None
    method, request_uri, status, reason = start_line
    body_offset, body_end = end + 2, len(data)
    ordinary = _LAYOUTS.read(decode_text(data[start:end]), (method or status, body_end > body_offset))
    if ordinary is None:
        return None
    (cseq_text, from_text, to_text, call_id, via, content_type, length), shape = ordinary
    if method is not None and "max-forwards" not in shape.names:
        return None
    cseq, sender, recipient = ordinary_cseq(cseq_text), ordinary_address(from_text), ordinary_address(to_text)
    if cseq is None or sender is None or recipient is None or (method is not None and cseq[1] != method):
        return None
    if content_type is not None:
        content_type = _USUAL_CONTENT_TYPES.get(content_type) or content_type.strip(" \t")
    elif body_end > body_offset:
        return None
    if length is not None and length.strip(" \t") != str(body_end - body_offset):
        return None
    return SipMessage(
        *(data, method, request_uri, status, reason, body_offset, body_end, *cseq, *sender, *recipient),
        call_id.strip(" \t"),
        via.strip(" \t"),
        content_type,
        HeaderSection(data, start, end, shape.names, shape.repeated),
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
    section = HeaderSection(data, headers_start, headers_end, frozenset(first), repeated)
    _check_headers(section, line.method is not None, defects)
    cseq_number, cseq_method = parse_cseq(first.get("cseq"), line.method, section, defects)
    length, body_end = first.get("content-length"), len(data)
    if length is not None:
        body_end = find_body_end(length, body_offset, len(data), _LENGTH, defects)
    if body_end > body_offset and "content-type" not in first:
        defects.append(Defect("body-without-content-type", body_offset, "RFC 3261 §20.15"))
    sender = parse_address(first.get("from"), "from", section, defects)
    recipient = parse_address(first.get("to"), "to", section, defects)
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
    return SipMessage._make((raw, *packed[:15], HeaderSection(raw, *packed[15:19]), defects))


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
