# SPDX-License-Identifier: GPL-2.0-only
"""RTSP for Scapy: messages with their Transport and KeyMgmt headers, and interleaved frames (RFC 2326, RFC 7826).

`RTSP(data).show()` prints a message with the MIKEY messages in its headers. `RTSP(method="SETUP", request_uri="rtsp:…",
headers=["CSeq: 1", RTSP_Transport(), RTSP_KeyMgmt()])` builds one; Content-Type and Content-Length are filled in where
there is a body behind. What came keeps its spelling until a field is edited.
"""

from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.base64_text import build_base64
from dissectors.grammar.errors import Malformed
from dissectors.grammar.rtcp import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from dissectors.grammar.rtsp import RtspMessage, looks_like_rtsp, parse_rtsp
from dissectors.grammar.rtsp_headers import (
    KeyMgmtSpec,
    TransportSpec,
    parse_key_mgmt_header,
    parse_transport_header,
)
from dissectors.grammar.rtsp_stream import DOLLAR, FRAME_HEADER_OCTETS
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_headers import Header
from dissectors.layers.base import (
    GrammarLayer,
    LayerField,
    LayersField,
    NumberField,
    SecretField,
    SpelledLayer,
    TextField,
    UnreadOctets,
    defects_field,
    hidden,
    shown_if_set,
)
from dissectors.layers.mikey import MIKEY
from dissectors.layers.sdp import SDP
from dissectors.layers.sip import SIP_Body
from dissectors.layers.srtcp import SRTCP
from dissectors.layers.srtp import SRTP
from dissectors.layers.text_message import SDP_TYPE, HeaderLayer, MessageLayer, message_fields, title_by_name

VERSION = "RTSP/1.0"


class RTSP_Header(HeaderLayer):
    """One header field."""

    clause: ClassVar[str] = "RFC 2326 §4.2"
    untitled: ClassVar[str] = "RTSP header"


title_by_name(RTSP_Header)


class RTSP_TransportSpec(GrammarLayer):
    """One transport specification (RFC 2326 §12.39, RFC 7826 §18.54)."""

    name = "RTSP transport specification"
    fields_desc: ClassVar[list[Any]] = [
        TextField("proto", "RTP/SAVP"),
        TextField("lower_transport", "UDP"),
        TextField("parameters", "unicast"),
        shown_if_set(LayerField("mikey", None)),
        defects_field(),
    ]

    @classmethod
    def from_value(cls, spec: TransportSpec) -> "RTSP_TransportSpec":
        """The layer of one specification."""
        others = [piece for piece in spec.text.split(";")[1:] if not piece.strip().lower().startswith("mikey=")]
        return cls(
            proto=spec.proto,
            lower_transport=spec.lower_transport,
            parameters=";".join(others),
            mikey=mikey_layer(spec.mikey_octets),
            defects=spec.defects,
        )

    def text(self) -> str:
        """The specification in the canonical spelling."""
        lower = "" if self.getfieldval("lower_transport") == "UDP" else f"/{self.getfieldval('lower_transport')}"
        pieces = [f"{self.getfieldval('proto')}{lower}", self.getfieldval("parameters") or ""]
        message = self.getfieldval("mikey")
        if message is not None:
            pieces.append(f"MIKEY={build_base64(bytes(message))}")
        return ";".join(piece for piece in pieces if piece)


class RTSP_KeyMgmtMessage(GrammarLayer):
    """One message of a KeyMgmt header; `data` holds what is no MIKEY message (RFC 4567 §3.2)."""

    name = "RTSP key management"
    fields_desc: ClassVar[list[Any]] = [
        TextField("protocol", "mikey"),
        shown_if_set(TextField("uri", None)),
        LayerField("message", None),
        shown_if_set(SecretField("data", None)),
        defects_field(),
    ]

    @classmethod
    def from_value(cls, spec: KeyMgmtSpec) -> "RTSP_KeyMgmtMessage":
        """The layer of one message."""
        is_mikey = spec.protocol.lower() == "mikey"
        return cls(
            protocol=spec.protocol,
            uri=spec.uri,
            message=mikey_layer(spec.data) if is_mikey else None,
            data=Secret(spec.data) if spec.data is not None and not is_mikey else None,
            defects=spec.defects,
        )

    def text(self) -> str:
        """The message in the canonical spelling."""
        message, data, uri = (self.getfieldval(name) for name in ("message", "data", "uri"))
        octets = bytes(message) if message is not None else data.reveal() if data is not None else b""
        where = "" if uri is None else f' uri="{uri}";'
        return f'prot={self.getfieldval("protocol")};{where} data="{build_base64(octets)}"'


def mikey_layer(octets: bytes | None) -> Packet | None:
    """The tree of a MIKEY message, None where there is none."""
    return MIKEY(octets) if octets else None


class ListedHeader(SpelledLayer):
    """A header whose value is a list of structured entries."""

    def read_header(self, octets: bytes, entries: list[Packet]) -> None:
        """Keep the spelling and the entries that the value holds."""
        header = RTSP_Header.parse(octets)
        self.fields.update(spelling=Secret(octets), header=header.name, entries=entries)

    def write_octets(self) -> bytes:
        """The entries on one line."""
        entries = ", ".join(entry.text() for entry in self.getfieldval("entries"))
        return f"{self.getfieldval('header')}: {entries}".encode() + (self.line_end() or b"\r\n")


class RTSP_Transport(ListedHeader):
    """The Transport header with its specifications in order of preference."""

    name = "RTSP Transport"
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, hidden(TextField("header", "Transport")), LayersField("entries")]

    def read_octets(self, octets: bytes) -> None:
        """Read one field."""
        specs = parse_transport_header(RTSP_Header.parse(octets).value)
        self.read_header(octets, [RTSP_TransportSpec.from_value(spec) for spec in specs])


class RTSP_KeyMgmt(ListedHeader):
    """The KeyMgmt header with its messages (RFC 4567 §3.2)."""

    name = "RTSP KeyMgmt"
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, hidden(TextField("header", "KeyMgmt")), LayersField("entries")]

    def read_octets(self, octets: bytes) -> None:
        """Read one field."""
        specs = parse_key_mgmt_header(RTSP_Header.parse(octets).value)
        self.read_header(octets, [RTSP_KeyMgmtMessage.from_value(spec) for spec in specs])


STRUCTURED: dict[str, type[Packet]] = {"transport": RTSP_Transport, "keymgmt": RTSP_KeyMgmt}


def header_layer(header: Header) -> Packet:
    """The layer of one header field."""
    return STRUCTURED.get(header.name.lower(), RTSP_Header)(header.raw)


def header_of_element(element: str | bytes | tuple[str, str]) -> Packet:
    """The layer of `Name: value` or of a (name, value) pair."""
    if isinstance(element, tuple):
        element = f"{element[0]}: {element[1]}"
    octets = element if isinstance(element, bytes) else element.encode()
    return header_layer(RTSP_Header.parse(octets.rstrip(b"\r\n") + b"\r\n"))


def name_of(header: Packet) -> str:
    """The name of a header in lower case."""
    field = "header" if isinstance(header, ListedHeader) else "name"
    return (header.getfieldval(field) or "").lower()


class RTSP(MessageLayer):
    """One message (RFC 2326 §4)."""

    name = "RTSP"
    fields_desc: ClassVar[list[Any]] = message_fields(VERSION)
    layer_of_element = staticmethod(header_of_element)
    protocol: ClassVar[str] = "RTSP"
    clause: ClassVar[str] = "RFC 2326 §4.1"
    no_target: ClassVar[str] = "*"

    def header(self, name: str) -> Packet | None:
        """The first header field of this name, in any case."""
        return next((layer for layer in self.getfieldval("headers") if name_of(layer) == name.lower()), None)

    def parse(self, octets: bytes) -> RtspMessage:
        """The message that `octets` begin with."""
        return parse_rtsp(octets)

    def following(self, message: RtspMessage) -> RtspMessage | None:
        """The message behind the body of this one."""
        rest = message.raw[message.body_end :]
        return parse_rtsp(rest) if looks_like_rtsp(rest) else None

    def start_fields(self, message: RtspMessage) -> dict[str, Any]:
        """The fields of the start line."""
        return {
            "method": message.method,
            "request_uri": message.request_uri,
            "version": f"RTSP/{message.version}",
            "status": message.status,
            "reason": message.reason,
        }

    def put_body(self, message: RtspMessage) -> None:
        """Set headers and defects, and put the body behind."""
        self.fields.update(headers=[header_layer(header) for header in message.headers], defects=message.defects)
        if message.body:
            self.add_payload(SDP(message.body) if message.sdp() is not None else SIP_Body(message.body))

    def filled_headers(self) -> list[Packet]:
        """The headers, with those that the body asks for."""
        headers = list(self.getfieldval("headers"))
        if self.getfieldval("complete") and self.payload:
            if isinstance(self.payload, SDP) and self.header("content-type") is None:
                headers.append(RTSP_Header(name="Content-Type", value=SDP_TYPE))
            if self.header("content-length") is None:
                headers.append(RTSP_Header(name="Content-Length", value=str(len(bytes(self.payload)))))
        return headers


class RTSP_Interleaved(GrammarLayer):
    """One interleaved frame: `$`, channel, length; RTP or RTCP (or their secure forms) behind (RFC 2326 §10.12)."""

    name = "RTSP interleaved frame"
    fields_desc: ClassVar[list[Any]] = [NumberField("channel", 0)]

    def read_octets(self, octets: bytes) -> None:
        """Read one frame; what is behind it stays as octets."""
        if len(octets) < FRAME_HEADER_OCTETS or octets[0] != DOLLAR:
            raise Malformed("an interleaved frame begins with $", clause="RFC 2326 §10.12")
        if FRAME_HEADER_OCTETS + int.from_bytes(octets[2:FRAME_HEADER_OCTETS], "big") != len(octets):
            raise Malformed("the frame's length is another", offset=2, clause="RFC 2326 §10.12")
        self.fields["channel"] = octets[1]
        inside = octets[FRAME_HEADER_OCTETS:]
        if inside:
            self.add_payload(SRTCP(inside) if is_rtcp(inside) else SRTP(inside))

    def do_build(self) -> bytes:
        """The frame with the length of what is behind."""
        if isinstance(self.payload, UnreadOctets):
            return bytes(self.payload)
        inside = bytes(self.payload)
        channel: int = self.getfieldval("channel")
        return bytes((DOLLAR, channel)) + len(inside).to_bytes(2, "big") + inside


def is_rtcp(octets: bytes) -> bool:
    """Whether a packet is RTCP or SRTCP rather than RTP or SRTP (RFC 5761 §4)."""
    return len(octets) > 1 and FIRST_RTCP_TYPE <= octets[1] <= LAST_RTCP_TYPE
