# SPDX-License-Identifier: GPL-2.0-only
"""SIP for Scapy: start line, headers, and the body as the layer behind (RFC 3261 §7).

`SIP(data).show()` prints a message. `SIP(method="INVITE", request_uri="sip:bob@example.com", headers=["Via: …", …]) /
SDP(…)` builds one; Content-Type and Content-Length are filled in where they are absent or None. What came keeps its
spelling until a field is edited. The octets behind a message are the layer behind its body, SIP again if they read so.
"""

from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.content_coding import is_coded
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sip import BodyPart, SipMessage, looks_like_sip, parse_sip
from dissectors.grammar.sip_headers import decode_text, long_name, parse_headers
from dissectors.grammar.sip_inspection import inspect_sip
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    OctetsField,
    OpaqueOctets,
    TextField,
    defects_field,
    hidden,
    shown,
    shown_if_set,
)
from dissectors.layers.sdp import SDP
from dissectors.layers.text_message import SDP_TYPE, HeaderLayer, MessageLayer, message_fields, title_by_name

VERSION = "SIP/2.0"


class SIP_Header(HeaderLayer):
    """One header field; a Content-Length of None is filled in. A line without a name is no header."""

    clause: ClassVar[str] = "RFC 3261 §7.3.1"
    untitled: ClassVar[str] = "SIP header"


title_by_name(SIP_Header)


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


class SIP(MessageLayer):
    """One message (RFC 3261 §7)."""

    name = "SIP"
    fields_desc: ClassVar[list[Any]] = message_fields(VERSION)
    layer_of_element = staticmethod(header_of_element)
    protocol: ClassVar[str] = "SIP"
    clause: ClassVar[str] = "RFC 3261 §7"

    def header(self, name: str) -> Packet | None:
        """The first header field of this name, long or compact, in any case."""
        return find_header(self.getfieldval("headers"), name)

    def parse(self, octets: bytes) -> SipMessage:
        """The message that `octets` begin with."""
        return parse_sip(octets)

    def following(self, message: SipMessage) -> SipMessage | None:
        """The message behind the body of this one, in the same datagram."""
        rest = message.raw[message.body_end :]
        if not looks_like_sip(rest):
            return None
        try:
            return parse_sip(rest)
        except GrammarError:
            return None

    def start_fields(self, message: SipMessage) -> dict[str, Any]:
        """The fields of the start line."""
        odd = [defect.detail for defect in message.defects if defect.code == "sip-version"]
        return {
            "method": message.method,
            "request_uri": message.request_uri,
            "version": f"SIP/{odd[0]}" if odd else VERSION,
            "status": message.status,
            "reason": message.reason,
        }

    def put_body(self, message: SipMessage) -> None:
        """Set headers and defects, and put the body behind."""
        headers = [SIP_Header(header.raw) for header in message.headers]
        self.fields.update(headers=headers, defects=inspect_sip(message))
        body = body_layer(message)
        if body is not None:
            self.add_payload(body)

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


def is_unset_length(header: Packet) -> bool:
    """Whether this is a Content-Length that has to be filled in."""
    return header.getfieldval("value") is None and long_name(header.getfieldval("name")) == "content-length"


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
