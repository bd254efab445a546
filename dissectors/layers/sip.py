# SPDX-License-Identifier: GPL-2.0-only
"""SIP for Scapy: start line, headers, and the body as the layer behind (RFC 3261 §7).

`SIP(data).show()` prints a message. `SIP(method="INVITE", request_uri="sip:bob@example.com", headers=["Via: …", …]) /
SDP(…)` builds one; Content-Type and Content-Length are filled in where they are absent or None. What came keeps its
spelling until a field is edited. The octets behind a message are the layer behind its body, SIP again if they read so.
"""

from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.content_coding import is_coded
from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip import BodyPart, SipMessage, looks_like_sip, parse_sip
from dissectors.grammar.sip_headers import decode_text, long_name, parse_headers
from dissectors.grammar.sip_inspection import inspect_sip
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    NumberField,
    OctetsField,
    OpaqueOctets,
    SecretField,
    SpelledLayer,
    TextField,
    ValueField,
    defects_field,
    hidden,
    opaque_octets,
    shown,
    shown_if_set,
)
from dissectors.layers.sdp import SDP

MAX_MESSAGES = 16
VERSION = "SIP/2.0"
SDP_TYPE = "application/sdp"


class SIP_Header(SpelledLayer):
    """One header field, its value unfolded; a Content-Length of None is filled in. A line without a name is no header.

    The header's name is the title of the layer.
    """

    fields_desc: ClassVar[list[Any]] = [SpelledLayer, hidden(TextField("name", "")), TextField("value", None)]

    def read_octets(self, octets: bytes) -> None:
        """Read one field with its line end and its continuation lines."""
        header, *others = parse_headers(octets, 0, len(octets)).headers
        if others:
            raise Malformed("more than one header field", offset=others[0].offset, clause="RFC 3261 §7.3.1")
        self.fields.update(spelling=Secret(octets), name=header.name, value=header.value)

    def write_octets(self) -> bytes:
        """`name: value` on one line."""
        name, value = self.getfieldval("name"), self.getfieldval("value")
        return (f"{name}: {value or ''}" if name else value or "").encode() + (self.line_end() or b"\r\n")

    def title(self) -> str:
        """The header's name as outputs may carry it."""
        return shown(self.fields.get("name") or "SIP header")

    def rename(self, name: str) -> None:
        """Give the header another name; Scapy itself names a layer before it has fields."""
        if name != type(self)._name:  # noqa: SLF001
            self.setfieldval("name", name)


# Scapy takes `name` out of a class body, so the property is set behind its back.
setattr(SIP_Header, "name", property(SIP_Header.title, SIP_Header.rename))  # noqa: B010


def header_of_element(element: str | bytes | tuple[str, str]) -> Packet:
    """The layer of `Name: value` or of a (name, value) pair."""
    if isinstance(element, tuple):
        return SIP_Header(name=element[0], value=element[1])
    octets = element if isinstance(element, bytes) else element.encode()
    header = parse_headers(octets, 0, len(octets)).headers[0]
    return SIP_Header(name=header.name, value=header.value)


def find_header(headers: list[Packet], name: str) -> Packet | None:
    """The first of `headers` with this name, long or compact, in any case."""
    wanted = long_name(name)
    return next((layer for layer in headers if long_name(layer.getfieldval("name")) == wanted), None)


class BodyField(OctetsField):
    """Octets shown as text, never as digits: those would hide a key from the masking."""

    def i2repr(self, pkt: Packet | None, x: bytes) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return shown(decode_text(x))


class SIP_Body(GrammarLayer):
    """A body, or a part of one, of any type but SDP."""

    name = "SIP body"
    fields_desc: ClassVar[list[Any]] = [BodyField("octets", b"")]

    def read_octets(self, octets: bytes) -> None:
        """Keep everything."""
        self.fields["octets"] = octets

    def build_octets(self) -> bytes:
        """The octets."""
        octets: bytes = self.getfieldval("octets")
        return octets


class CodedField(OctetsField):
    """Octets that are compressed or encoded, so that no masking could find a key in them: their number is shown."""

    def i2repr(self, pkt: Packet | None, x: bytes) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return f"{len(x)} octets"


class SIP_CodedBody(SIP_Body):
    """A body, or a part of one, under a Content-Encoding or Content-Transfer-Encoding (RFC 3261 §20.12)."""

    name = "SIP coded body"
    fields_desc: ClassVar[list[Any]] = [CodedField("octets", b"")]


class SIP_Part(GrammarLayer):
    """One leaf of a multipart body; its content is the layer behind (RFC 2046 §5.1)."""

    name = "SIP body part"
    fields_desc: ClassVar[list[Any]] = [
        hidden(OctetsField("before", None)),
        LayersField("headers"),
        hidden(OctetsField("empty_line", b"\r\n")),
    ]
    layer_of_element = staticmethod(header_of_element)

    def build_octets(self) -> bytes:
        """What stands before the part, its headers and the empty line."""
        headers = b"".join(map(bytes, self.getfieldval("headers")))
        return (self.getfieldval("before") or b"") + headers + bytes(self.getfieldval("empty_line"))


class SIP_Multipart(GrammarLayer):
    """A multipart body as the list of its leaves; delimiters are kept as they came (RFC 2046 §5.1)."""

    name = "SIP multipart body"
    fields_desc: ClassVar[list[Any]] = [
        shown_if_set(TextField("boundary", None)),
        LayersField("parts"),
        hidden(OctetsField("after", None)),
        defects_field(),
    ]

    def build_octets(self) -> bytes:
        """The parts; delimiters that did not come are written with `boundary`."""
        delimiter = b"--" + self.content_boundary().encode()
        pieces: list[bytes] = []
        for part in self.getfieldval("parts"):
            if part.getfieldval("before") is None:
                pieces.append((b"\r\n" if pieces else b"") + delimiter + b"\r\n")
            pieces.append(bytes(part))
        after = self.getfieldval("after")
        return b"".join(pieces) + (b"\r\n" + delimiter + b"--\r\n" if after is None else after)

    def content_boundary(self) -> str:
        """The boundary of a body that is written anew."""
        return self.getfieldval("boundary") or "boundary"


class SIP(GrammarLayer):
    """One message: a request, or a response where `status` is set; the body is the layer behind (RFC 3261 §7)."""

    name = "SIP"
    fields_desc: ClassVar[list[Any]] = [
        shown_if_set(OctetsField("empty_lines", b"")),
        hidden(SecretField("start_line", None)),
        hidden(ValueField("complete", True)),
        shown_if_set(TextField("method", None)),
        shown_if_set(TextField("request_uri", None)),
        TextField("version", VERSION),
        shown_if_set(NumberField("status", None)),
        shown_if_set(TextField("reason", None)),
        LayersField("headers"),
        hidden(OctetsField("empty_line", b"\r\n")),
        defects_field(),
    ]
    layer_of_element = staticmethod(header_of_element)

    def header(self, name: str) -> Packet | None:
        """The first header field of this name, long or compact, in any case."""
        return find_header(self.getfieldval("headers"), name)

    def read_octets(self, octets: bytes) -> None:
        """Read the message and those behind it, at most `MAX_MESSAGES`."""
        layer, message = self, parse_sip(octets)
        for _ in range(MAX_MESSAGES - 1):
            layer.read_message(message)
            following = message_behind(message)
            if following is None:
                break
            behind = SIP()
            layer.add_payload(behind)
            layer, message = behind, following
        else:
            layer.read_message(message)
        if rest := message.raw[message.body_end :]:
            layer.add_payload(opaque_octets(rest))

    def read_message(self, message: SipMessage) -> None:
        """Set the fields of one message and put its body behind."""
        raw, section = message.raw, message.section
        start = len(raw) - len(raw.lstrip(b"\r\n"))
        self.fields.update(
            start_fields(message),
            empty_lines=raw[:start],
            start_line=Secret(raw[start : section.start]),
            complete=False,
            headers=[SIP_Header(header.raw) for header in message.headers],
            empty_line=raw[section.end : message.body_offset],
            defects=inspect_sip(message),
        )
        body = body_layer(message)
        if body is not None:
            self.add_payload(body)

    def build_octets(self) -> bytes:
        """Start line, headers and the empty line; a message without anything is empty."""
        says = [self.getfieldval(name) for name in ("start_line", "method", "request_uri", "status", "headers")]
        if not self.payload and not any(says):
            return b""
        headers = b"".join(map(bytes, self.filled_headers()))
        before: bytes = self.getfieldval("empty_lines")
        after: bytes = self.getfieldval("empty_line")
        return before + self.build_start_line() + headers + after

    def build_start_line(self) -> bytes:
        """The start line as it came, or as the edited fields say."""
        names = ("method", "request_uri", "version", "status", "reason")
        says = {name: self.getfieldval(name) for name in names}
        came = self.getfieldval("start_line")
        if came is not None and start_fields(parse_sip(came.reveal())) == says:
            return bytes(came.reveal())
        if says["status"] is not None:
            return f"{says['version']} {says['status']} {says['reason'] or ''}\r\n".encode()
        if says["method"] is None:
            raise Malformed("a message has a method or a status", clause="RFC 3261 §7")
        return f"{says['method']} {says['request_uri'] or ''} {says['version']}\r\n".encode()

    def filled_headers(self) -> list[Packet]:
        """The headers, with those that the body asks for."""
        length = str(self.body_octets())
        headers = [
            SIP_Header(name=header.name, value=length) if is_unset_length(header) else header
            for header in self.getfieldval("headers")
        ]
        if self.getfieldval("complete"):
            content_type = self.body_type()
            if content_type is not None and find_header(headers, "content-type") is None:
                headers.append(SIP_Header(name="Content-Type", value=content_type))
            if find_header(headers, "content-length") is None:
                headers.append(SIP_Header(name="Content-Length", value=length))
        return headers

    def body_type(self) -> str | None:
        """The Content-Type of the layer behind, if it has one of its own."""
        if isinstance(self.payload, SIP_Multipart):
            return f"multipart/mixed;boundary={self.payload.content_boundary()}"
        return SDP_TYPE if isinstance(self.payload, SDP) else None

    def body_octets(self) -> int:
        """How many octets the layers up to the next message have."""
        octets = 0
        layer = self.payload
        while isinstance(layer, GrammarLayer) and not isinstance(layer, SIP) and type(layer) is not OpaqueOctets:
            octets += len(layer.self_build())
            layer = layer.payload
        return octets if isinstance(layer, GrammarLayer) else octets + len(bytes(layer))

    def mysummary(self) -> str:
        """The start line, masked."""
        if self.getfieldval("status") is not None:
            return "SIP " + shown(f"{self.getfieldval('status')} {self.getfieldval('reason') or ''}")
        return "SIP " + shown(f"{self.getfieldval('method')} {self.getfieldval('request_uri') or ''}")


def is_unset_length(header: Packet) -> bool:
    """Whether this is a Content-Length that has to be filled in."""
    return header.getfieldval("value") is None and long_name(header.getfieldval("name")) == "content-length"


def start_fields(message: SipMessage) -> dict[str, Any]:
    """The fields of the start line."""
    odd = [defect.detail for defect in message.defects if defect.code == "sip-version"]
    return {
        "method": message.method,
        "request_uri": message.request_uri,
        "version": f"SIP/{odd[0]}" if odd else VERSION,
        "status": message.status,
        "reason": message.reason,
    }


def message_behind(message: SipMessage) -> SipMessage | None:
    """The message behind the body of this one, in the same datagram."""
    rest = message.raw[message.body_end :]
    if not looks_like_sip(rest):
        return None
    try:
        return parse_sip(rest)
    except GrammarError:
        return None


def body_layer(message: SipMessage) -> Packet | None:
    """The layer of the body, if there is one."""
    body = message.body
    if not body:
        return None
    sdp = message.sdp()
    if is_coded(message.header("content-encoding")):
        return SIP_CodedBody(body)
    if sdp is not None and (sdp.offset, len(sdp.content)) == (message.body_offset, len(body)):
        return SDP(body)
    if (message.content_type or "").startswith("multipart/"):
        return multipart_layer(message)
    return SIP_Body(body)


def multipart_layer(message: SipMessage) -> SIP_Multipart:
    """The leaves of a multipart body, and the octets between them."""
    raw, position = message.raw, message.body_offset
    unpacked = message.unpack_body()
    parts: list[Packet] = []
    for leaf in unpacked.parts:
        start = leaf.headers[0].offset if leaf.headers else leaf.offset
        end = leaf.headers[-1].offset + len(leaf.headers[-1].raw) if leaf.headers else start
        headers = [SIP_Header(header.raw) for header in leaf.headers]
        part = SIP_Part(before=raw[position:start], headers=headers, empty_line=raw[end : leaf.offset])
        if leaf.content:
            part.add_payload(leaf_layer(leaf))
        parts.append(part)
        position = leaf.offset + len(leaf.content)
    return SIP_Multipart(parts=parts, after=raw[position : message.body_end], defects=unpacked.defects)


def leaf_layer(leaf: BodyPart) -> Packet:
    """The layer of a part's content."""
    if leaf.is_coded:
        return SIP_CodedBody(leaf.content)
    return SDP(leaf.content) if is_sdp(leaf) else SIP_Body(leaf.content)


def is_sdp(leaf: BodyPart) -> bool:
    """Whether a part is a session description, by its type."""
    return leaf.content_type == SDP_TYPE or (not leaf.content_type and leaf.content[:2] == b"v=")
