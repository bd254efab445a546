# SPDX-License-Identifier: GPL-2.0-only
"""SDP for Scapy: a layer per line, media sections nested (RFC 8866 §5).

`SDP(data).show()` prints the description; `SDP(lines=["v=0", …, SDP_KeyMgmt(message=…), "m=audio …"])` builds one.
Lines keep their spelling until a field of theirs is edited. The lines with more structure stand in `sdp_attributes`.
"""

from itertools import pairwise
from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.errors import Malformed
from dissectors.grammar.sdp import Line, parse_line, parse_sdp, split_attribute
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    SpelledLayer,
    TextField,
    UnreadOctets,
    defects_field,
    shown,
    shown_behind,
)


class ValueText(TextField):
    """The value of a line, masked as the whole line would be."""

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """The value's part of the masked line."""
        if not isinstance(x, str) or pkt is None:
            return super().i2repr(pkt, x)
        prefix = pkt.prefix() if isinstance(pkt, SDP_Line) else ""
        return shown_behind(prefix, x)


class SDP_Line(SpelledLayer):
    """One line: its type and value; the type of a line that has not this form is ""."""

    name = "SDP line"
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, TextField("type", ""), ValueText("value", "")]

    def prefix(self) -> str:
        """What stands before the value."""
        return f"{self.getfieldval('type')}=" if self.getfieldval("type") else ""

    def read_octets(self, octets: bytes) -> None:
        """Read one line with its end."""
        line = parse_line(octets) or Line("", octets.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
        self.fields.update(spelling=Secret(octets), type=line.type, value=line.value)

    def write_octets(self) -> bytes:
        """`type=value`, and the end that the line had."""
        return f"{self.prefix()}{self.getfieldval('value')}".encode() + self.line_end()

    def mysummary(self) -> str:
        """The line, masked."""
        return "SDP " + shown(f"{self.prefix()}{self.getfieldval('value')}")


class SDP_Attribute(SDP_Line):
    """One `a=` line (RFC 8866 §5.13); the value of a flag is None."""

    name = "SDP attribute"
    fields_desc: ClassVar[list[Any]] = [SpelledLayer, TextField("attribute", ""), ValueText("value", None)]

    def prefix(self) -> str:
        """What stands before the value."""
        return f"a={self.getfieldval('attribute')}:"

    def read_octets(self, octets: bytes) -> None:
        """Read one line with its end."""
        line = parse_line(octets)
        if line is None or line.type != "a":
            raise Malformed("no attribute", clause="RFC 8866 §5.13")
        name, value = split_attribute(line.value)
        self.fields.update(spelling=Secret(octets), attribute=name)
        self.read_value(value)

    def read_value(self, value: str | None) -> None:
        """Set the fields that the value says."""
        self.fields["value"] = value

    def write_octets(self) -> bytes:
        """The line, and the end that it had."""
        value = self.write_value()
        text = self.prefix()[:-1] if value is None else self.prefix() + value
        return text.encode() + self.line_end()

    def write_value(self) -> str | None:
        """The value that the fields say."""
        value: str | None = self.getfieldval("value")
        return value

    def mysummary(self) -> str:
        """The line, masked."""
        return "SDP " + shown(self.build_octets().decode("utf-8", "backslashreplace").rstrip("\r\n"))


STRUCTURED: dict[str, type[SDP_Attribute]] = {}


def layer_of_line(octets: bytes) -> SDP_Line:
    """The layer that shows most of one line; a line that is not what its name says is shown as plain attribute."""
    line = parse_line(octets)
    if line is None or line.type != "a":
        return SDP_Line(octets)
    structured = STRUCTURED.get(split_attribute(line.value)[0])
    layer = None if structured is None else structured(octets)
    if layer is None or isinstance(layer.payload, UnreadOctets):
        return SDP_Attribute(octets)
    return layer


class LinesOwner(GrammarLayer):
    """What holds a list of lines."""

    @staticmethod
    def layer_of_element(element: str | bytes) -> Packet:
        """The layer of a line without its end."""
        octets = element if isinstance(element, bytes) else element.encode()
        return layer_of_line(octets + b"\r\n")


class SDP_Media(LinesOwner):
    """One media section: the `m=` line and those below it (RFC 8866 §5.14)."""

    name = "SDP media"
    fields_desc: ClassVar[list[Any]] = [
        LayersField("lines"),
    ]

    def build_octets(self) -> bytes:
        """The lines in order."""
        return b"".join(map(bytes, self.getfieldval("lines")))


class SDP(LinesOwner):
    """A session description: the session's lines, then the media sections."""

    name = "SDP"
    fields_desc: ClassVar[list[Any]] = [LayersField("lines"), LayersField("media"), defects_field()]

    def read_octets(self, octets: bytes) -> None:
        """Read a whole description."""
        description = parse_sdp(octets)
        lines = description.lines
        bounds = [*(media.line_number - 1 for media in description.media), len(lines)]
        self.fields["lines"] = [layer_of_line(line) for line in lines[: bounds[0]]]
        self.fields["media"] = [
            SDP_Media(lines=[layer_of_line(line) for line in lines[start:end]]) for start, end in pairwise(bounds)
        ]
        self.fields["defects"] = description.defects

    def build_octets(self) -> bytes:
        """All lines in order."""
        return b"".join(map(bytes, [*self.getfieldval("lines"), *self.getfieldval("media")]))

    def mysummary(self) -> str:
        """The media lines."""
        return "SDP " + ", ".join(shown(m.lines[0].getfieldval("value")) for m in self.getfieldval("media") if m.lines)
