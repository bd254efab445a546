# SPDX-License-Identifier: GPL-2.0-only
"""What SIP and RTSP messages have in common as layers: start line, header fields, empty line, the body behind."""

from abc import abstractmethod
from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.errors import Malformed
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_headers import Header, parse_headers
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    NumberField,
    OctetsField,
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

MAX_MESSAGES = 16
SDP_TYPE = "application/sdp"


class HeaderLayer(SpelledLayer):
    """One header field, its value unfolded; the header's name is the title of the layer."""

    fields_desc: ClassVar[list[Any]] = [SpelledLayer, hidden(TextField("name", "")), TextField("value", None)]
    clause: ClassVar[str] = ""  # that more than one field breaks
    untitled: ClassVar[str] = "header"

    @classmethod
    def parse(cls, octets: bytes) -> Header:
        """The one header field that `octets` hold; raises `Malformed` for more or none."""
        headers = parse_headers(octets, 0, len(octets)).headers
        if len(headers) != 1:
            raise Malformed("not one header field", offset=headers[1].offset if headers else 0, clause=cls.clause)
        return headers[0]

    def read_octets(self, octets: bytes) -> None:
        """Read one field with its line end and its continuation lines."""
        header = self.parse(octets)
        self.fields.update(spelling=Secret(octets), name=header.name, value=header.value)

    def write_octets(self) -> bytes:
        """`name: value` on one line."""
        name, value = self.getfieldval("name"), self.getfieldval("value")
        return (f"{name}: {value or ''}" if name else value or "").encode() + (self.line_end() or b"\r\n")

    def title(self) -> str:
        """The header's name as outputs may carry it."""
        return shown(self.fields.get("name") or self.untitled)

    def rename(self, name: str) -> None:
        """Give the header another name; Scapy itself names a layer before it has fields."""
        if name != type(self)._name:  # noqa: SLF001
            self.setfieldval("name", name)


def title_by_name(layer: type[HeaderLayer]) -> None:
    """Let headers be named by their field: Scapy takes `name` out of a class body, so it is set behind its back."""
    setattr(layer, "name", property(layer.title, layer.rename))  # noqa: B010


def message_fields(version: str) -> list[Any]:
    """The fields of a message layer."""
    return [
        shown_if_set(OctetsField("empty_lines", b"")),
        hidden(SecretField("start_line", None)),
        hidden(ValueField("complete", True)),
        shown_if_set(TextField("method", None)),
        shown_if_set(TextField("request_uri", None)),
        TextField("version", version),
        shown_if_set(NumberField("status", None)),
        shown_if_set(TextField("reason", None)),
        LayersField("headers"),
        hidden(OctetsField("empty_line", b"\r\n")),
        defects_field(),
    ]


class MessageLayer(GrammarLayer):
    """A request, or a response where `status` is set; the body is the layer behind it, then the message that follows.

    What a protocol has of its own are `parse`, `following`, `start_fields`, `put_body` and `filled_headers`.
    """

    protocol: ClassVar[str] = ""
    clause: ClassVar[str] = ""  # that a message without method and status breaks
    no_target: ClassVar[str] = ""  # what a request is for that does not say

    @abstractmethod
    def parse(self, octets: bytes) -> Any:
        """The message that `octets` begin with."""

    @abstractmethod
    def following(self, message: Any) -> Any | None:
        """The message behind the body of this one, None where there is none."""

    @abstractmethod
    def start_fields(self, message: Any) -> dict[str, Any]:
        """The fields of the start line."""

    @abstractmethod
    def put_body(self, message: Any) -> None:
        """Set headers and defects, and put the body behind."""

    @abstractmethod
    def filled_headers(self) -> list[Packet]:
        """The headers, with those that the body asks for."""

    def read_octets(self, octets: bytes) -> None:
        """Read the message and those behind it, at most `MAX_MESSAGES`."""
        layer, message = self, self.parse(octets)
        for _ in range(MAX_MESSAGES - 1):
            layer.read_message(message)
            following = self.following(message)
            if following is None:
                break
            behind = type(self)()
            layer.add_payload(behind)
            layer, message = behind, following
        else:
            layer.read_message(message)
        if rest := message.raw[message.body_end :]:
            layer.add_payload(opaque_octets(rest))

    def read_message(self, message: Any) -> None:
        """Set the fields of one message and put its body behind."""
        raw, section = message.raw, message.section
        start = len(raw) - len(raw.lstrip(b"\r\n"))
        self.fields.update(
            self.start_fields(message),
            empty_lines=raw[:start],
            start_line=Secret(raw[start : section.start]),
            complete=False,
            empty_line=raw[section.end : message.body_offset],
        )
        self.put_body(message)

    def build_octets(self) -> bytes:
        """Start line, headers and the empty line; a message without anything is empty."""
        says = [self.getfieldval(name) for name in ("start_line", "method", "request_uri", "status", "headers")]
        if not self.payload and not any(says):
            return b""
        headers = b"".join(map(bytes, self.filled_headers()))
        before, after = bytes(self.getfieldval("empty_lines")), bytes(self.getfieldval("empty_line"))
        return before + self.build_start_line() + headers + after

    def build_start_line(self) -> bytes:
        """The start line as it came, or as the edited fields say."""
        names = ("method", "request_uri", "version", "status", "reason")
        says = {name: self.getfieldval(name) for name in names}
        came = self.getfieldval("start_line")
        if came is not None and self.start_fields(self.parse(came.reveal())) == says:
            return bytes(came.reveal())
        if says["status"] is not None:
            return f"{says['version']} {says['status']} {says['reason'] or ''}\r\n".encode()
        if says["method"] is None:
            raise Malformed("a message has a method or a status", clause=self.clause)
        return f"{says['method']} {says['request_uri'] or self.no_target} {says['version']}\r\n".encode()

    def mysummary(self) -> str:
        """The start line, masked."""
        if self.getfieldval("status") is not None:
            return f"{self.protocol} " + shown(f"{self.getfieldval('status')} {self.getfieldval('reason') or ''}")
        return f"{self.protocol} " + shown(f"{self.getfieldval('method')} {self.getfieldval('request_uri') or ''}")
