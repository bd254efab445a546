# SPDX-License-Identifier: GPL-2.0-only
"""RTSP messages (RFC 2326, RFC 7826): start line, headers, body; everything kept as it was spelled."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from dissectors.grammar.content_length import LengthClauses, find_body_end
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.rtsp_headers import (
    KeyMgmtSpec,
    SessionHeader,
    TransportSpec,
    parse_key_mgmt_header,
    parse_session_header,
    parse_transport_header,
)
from dissectors.grammar.sip_body import BodyPart, media_type
from dissectors.grammar.sip_headers import Header, decode_text, find_section_end, parse_headers

__all__ = [
    "Header",
    "KeyMgmtSpec",
    "RtspMessage",
    "SdpBody",
    "SessionHeader",
    "TransportSpec",
    "build_rtsp",
    "is_rtsp_start_line",
    "looks_like_rtsp",
    "make_rtsp",
    "parse_rtsp",
]

SDP_TYPE = "application/sdp"
MAX_CSEQ_DIGITS = 9  # RFC 7826 §18.20
_TOKEN = rb"[A-Za-z0-9!#$%&'*+\-.^_`|~]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([^\s]+) RTSP/([0-9]\.[0-9])", re.IGNORECASE)
_STATUS_LINE = re.compile(rb"RTSP/([0-9]\.[0-9]) ([0-9]{3})(?: ([^\r\n]*))?", re.IGNORECASE)
_METHOD = re.compile(_TOKEN)
_VERSION = re.compile(rb"RTSP/([0-9]{1,3}\.[0-9]{1,3})", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}")
_LENGTH = LengthClauses(*("RFC 2326 §12.14",) * 3)
_VERSIONS = ("1.0", "2.0")
_MAX_START_LINE = 8192
# Headers that RFC 7826 §20 gives once; RFC 2326 leaves repeats to RFC 2068 §4.2.
_SINGLE = ("cseq", "session", "content-length", "content-type")


class SdpBody(NamedTuple):
    """The session description a message carries and its offset within the message."""

    content: bytes
    offset: int


class _Section(NamedTuple):
    """The header section `data[start:end]` with the first value of each name in lower case."""

    start: int
    end: int
    first: dict[str, str]


class RtspMessage(NamedTuple):
    """One RTSP message as received; equality is equality of `raw`.

    `method` and `request_uri` belong to requests, `status` and `reason` to responses; `version` is `1.0` or `2.0`.
    `body` ends where Content-Length says. Offsets count octets of `raw`. Implements RFC 2326 §4-§7, RFC 7826 §5-§8.
    """

    raw: bytes
    method: str | None
    request_uri: str | None
    status: int | None
    reason: str | None
    version: str
    body_offset: int
    body_end: int
    cseq_number: int | None
    section: _Section
    defects: tuple[Defect, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RtspMessage) and self.raw == other.raw

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        what = f"{self.method} {self.request_uri}" if self.method else f"{self.status} {self.reason}"
        return f"RtspMessage({what!r}, cseq={self.cseq_number}, {len(self.raw)} octets)"

    @property
    def headers(self) -> tuple[Header, ...]:
        """All header fields: order, spelling, repeats and folding kept; made anew at each call."""
        return parse_headers(self.raw, self.section.start, self.section.end).headers

    @property
    def body(self) -> bytes:
        """The octets of the body."""
        return self.raw[self.body_offset : self.body_end]

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in any case; RTSP has no compact names."""
        return self.section.first.get(name.lower())

    def header_values(self, name: str) -> tuple[str, ...]:
        """The values of all header fields of this name, in order; comma lists are not split."""
        wanted = name.lower()
        if wanted not in self.section.first:
            return ()
        return tuple(header.value for header in self.headers if header.name.lower() == wanted)

    @property
    def cseq_method(self) -> None:
        """RTSP's CSeq names no method: a response is that of the request with its number (RFC 2326 §12.17)."""
        return None

    @property
    def session(self) -> SessionHeader | None:
        """The Session header (RFC 2326 §12.37, RFC 7826 §18.49)."""
        value = self.header("session")
        return None if value is None else parse_session_header(value)

    @property
    def session_id(self) -> str | None:
        """The identifier of the session, without its timeout; None where the message names none."""
        session = self.session
        return session.id if session is not None and session.id else None

    @property
    def transports(self) -> tuple[TransportSpec, ...]:
        """The transport specifications in order of preference (RFC 2326 §12.39, RFC 7826 §18.54)."""
        return tuple(spec for value in self.header_values("transport") for spec in parse_transport_header(value))

    @property
    def key_mgmt(self) -> tuple[KeyMgmtSpec, ...]:
        """The key management messages of the KeyMgmt header (RFC 4567 §3.2)."""
        return tuple(spec for value in self.header_values("keymgmt") for spec in parse_key_mgmt_header(value))

    @property
    def user_agent(self) -> str | None:
        """User-Agent, or Server in responses (RFC 2326 §12.41, §12.36)."""
        return self.header("user-agent") or self.header("server")

    @property
    def content_type(self) -> str | None:
        """The lower-cased media type of the body."""
        value = self.header("content-type")
        return None if value is None else media_type(value)

    def body_parts(self) -> tuple[BodyPart, ...]:
        """The body as one part; no body is none. RTSP knows no multipart bodies."""
        if self.body_end <= self.body_offset:
            return ()
        return (BodyPart(self.content_type or "", (), self.body, self.body_offset),)

    def sdp(self) -> SdpBody | None:
        """The body, where it is a session description; one without Content-Type counts when it starts with `v=`."""
        if (self.header("content-encoding") or "identity").lower() != "identity" or self.body_end <= self.body_offset:
            return None
        kind = self.content_type
        if kind == SDP_TYPE or (not kind and self.body[:2] == b"v="):
            return SdpBody(self.body, self.body_offset)
        return None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The `name: value` lines of a `text/parameters` body (RFC 2326 §10.8, RFC 7826 §20.3); others give none."""
        if self.content_type != "text/parameters":
            return ()
        headers = parse_headers(self.raw, self.body_offset, self.body_end).headers
        return tuple((header.name, header.value) for header in headers if header.name)


def is_rtsp_start_line(line: bytes) -> bool:
    """Whether a line without its end is an RTSP start line."""
    if line[:5].upper() == b"RTSP/":
        return _STATUS_LINE.fullmatch(line) is not None
    return _split_request(line) is not None


def _split_request(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Method, URI and version of a request line, also where blanks are doubled; None for any other line."""
    head, _, rest = line.strip().partition(b" ")
    uri, _, last = rest.strip().rpartition(b" ")
    version = _VERSION.fullmatch(last)
    if version is None or not uri.strip() or _METHOD.fullmatch(head) is None:
        return None
    return head, uri.strip(), version[1]


def looks_like_rtsp(data: bytes) -> bool:
    """Whether the first line that is not empty is an RTSP start line; by content alone."""
    if not data or not (65 <= data[0] <= 122 or data[0] in b"\r\n"):
        return False
    start = len(data) - len(data.lstrip(b"\r\n")) if data[0] in b"\r\n" else 0
    end = data.find(b"\n", start, start + _MAX_START_LINE)
    if end < 0 and len(data) - start > _MAX_START_LINE:
        return False
    return is_rtsp_start_line(data[start : end if end >= 0 else len(data)].removesuffix(b"\r"))


class _StartLine(NamedTuple):
    """What the first line says; `end` is the offset of its line end."""

    method: str | None
    request_uri: str | None
    status: int | None
    reason: str | None
    version: str
    end: int


def _parse_start_line(data: bytes, start: int, defects: list[Defect]) -> _StartLine:
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    line = data[start:end].removesuffix(b"\r")
    if (response := _STATUS_LINE.fullmatch(line)) is not None:
        parsed = _StartLine(None, None, int(response[2]), decode_text(response[3] or b""), response[1].decode(), end)
        if not 100 <= int(response[2]) <= 599:
            defects.append(Defect("status-out-of-range", start, "RFC 2326 §7.1.1", response[2].decode()))
    elif (request := _split_request(line)) is not None:
        if _REQUEST_LINE.fullmatch(line) is None:
            defects.append(Defect("start-line-form", start, "RFC 2326 §6.1", decode_text(line[:64])))
        method, uri, version = request
        parsed = _StartLine(method.decode(), decode_text(uri), None, None, version.decode(), end)
    else:
        raise Malformed("the first line is not an RTSP start line", offset=start, clause="RFC 2326 §4.1")
    if parsed.version not in _VERSIONS:
        defects.append(Defect("rtsp-version", start, "RFC 7826 §5", parsed.version))
    return parsed


def _parse_section(data: bytes, start: int, end: int, defects: list[Defect]) -> _Section:
    scan = parse_headers(data, start, end)
    defects.extend(defect._replace(clause="RFC 2326 §4.2") for defect in scan.defects)
    first: dict[str, str] = {}
    for header in scan.headers:
        name = header.name.lower()
        if name in _SINGLE and name in first:
            defects.append(Defect("repeated-header", header.offset, "RFC 7826 §20", name))
        if name:
            first.setdefault(name, header.value)
    return _Section(start, end, first)


def _parse_cseq(section: _Section, defects: list[Defect]) -> int | None:
    value = section.first.get("cseq")
    if value is None:
        defects.append(Defect("missing-header", section.start, "RFC 2326 §12.17", "cseq"))
        return None
    if not _DIGITS.fullmatch(value):
        defects.append(Defect("cseq-form", section.start, "RFC 2326 §12.17", value[:64]))
        return None
    if len(value) > MAX_CSEQ_DIGITS:
        defects.append(Defect("cseq-too-large", section.start, "RFC 7826 §18.20", value))
    return int(value)


def _body_end(length: str | None, body_offset: int, end: int, defects: list[Defect]) -> int:
    """Where the body ends; without Content-Length there is none (RFC 2326 §4.4)."""
    if length is not None:
        return find_body_end(length, body_offset, end, _LENGTH, defects)
    if end > body_offset:
        defects.append(Defect("octets-after-body", body_offset, "RFC 2326 §4.4", str(end - body_offset)))
    return body_offset


def _check_keying(message: RtspMessage, defects: list[Defect]) -> None:
    """What is odd about the headers that set keys and transports up."""
    if "session" in message.section.first and message.session is not None:
        defects.extend(message.session.defects)
    defects.extend(defect for spec in message.transports for defect in spec.defects)
    defects.extend(defect for spec in message.key_mgmt for defect in spec.defects)


def parse_rtsp(data: bytes) -> RtspMessage:
    """One RTSP message from one datagram or one framed piece of a stream (RFC 2326 §4, RFC 7826 §5).

    Empty lines before the start line are skipped. Raises `Malformed` when the first line is no RTSP start line;
    everything else that is wrong is a defect of the message.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))
    defects: list[Defect] = []
    line = _parse_start_line(data, start, defects)
    headers_start = min(line.end + 1, len(data))
    headers_end, body_offset = find_section_end(data, line.end)
    if headers_end < 0:
        defects.append(Defect("header-section-without-end", len(data), "RFC 2326 §4"))
        headers_end = body_offset = len(data)
    section = _parse_section(data, headers_start, headers_end, defects)
    cseq_number = _parse_cseq(section, defects)
    body_end = _body_end(section.first.get("content-length"), body_offset, len(data), defects)
    message = RtspMessage(
        data,
        line.method,
        line.request_uri,
        line.status,
        line.reason,
        line.version,
        body_offset,
        body_end,
        cseq_number,
        section,
        (),
    )
    _check_keying(message, defects)
    return message._replace(defects=tuple(defects))


def build_rtsp(message: RtspMessage) -> bytes:
    """The message's octets again: start line, its headers in order, the empty line, body and what follows it."""
    headers = b"".join(header.raw for header in message.headers)
    return message.raw[: message.section.start] + headers + message.raw[message.section.end :]


def make_rtsp(start_line: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> RtspMessage:
    """A message from parts; Content-Length is added where there is a body; `Malformed` for a wrong start line."""
    fields = list(headers)
    if body and not any(name.lower() == "content-length" for name, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    data = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    try:
        return parse_rtsp(data)
    except GrammarError as error:
        raise Malformed(f"{start_line[:64]!r}: {error}", clause=error.clause) from error
