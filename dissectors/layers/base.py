# SPDX-License-Identifier: GPL-2.0-only
"""How a grammar value becomes a Scapy packet and back.

A layer holds the grammar's fields one by one and builds through the grammar's own builder, so the two can't differ.
Scapy hides an exception in a layer behind `Raw`, and a reader would then see "no MIKEY here"; so nothing here raises on
input: what can't be read stays as octets, and the defect is shown.
"""

from typing import Any

from scapy.fields import ByteEnumField, ByteField, ConditionalField, Field, IntField, StrField, X3BytesField, XIntField
from scapy.packet import Packet

from dissectors.grammar.defects import Defect
from dissectors.grammar.mikey.registries import Registry
from dissectors.grammar.secret import Secret

__all__ = ["ByteEnumField", "ByteField", "IntField", "X3BytesField", "XIntField"]


def labels_of(registry: type[Registry]) -> dict[int, str]:
    """A registry as the table that Scapy's enum fields want."""
    return {member.value: member.label for member in registry}


class ValueField(Field[Any, Any]):
    """Any value the grammar builds by itself; Scapy only keeps and shows it."""

    def __init__(self, name: str, default: Any) -> None:
        super().__init__(name, default, "s")

    def any2i(self, pkt: Packet | None, x: Any) -> Any:  # noqa: ARG002
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        return repr(x)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:  # noqa: ARG002
        return s

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:  # noqa: ARG002
        return s, self.default


class OctetsField(ValueField):
    """Octets shown as hexadecimal digits, or as text where `text` is set and they are printable."""

    __slots__ = ["text"]

    def __init__(self, name: str, default: bytes = b"", *, text: bool = False) -> None:
        super().__init__(name, default)
        self.text = text

    def any2i(self, pkt: Packet | None, x: Any) -> bytes:  # noqa: ARG002
        return x.encode() if isinstance(x, str) else bytes(x)

    def i2repr(self, pkt: Packet | None, x: bytes) -> str:  # noqa: ARG002
        if self.text and x.isascii() and x.decode("ascii").isprintable():
            return repr(x.decode("ascii"))
        return x.hex() or "(empty)"


class SecretField(ValueField):
    """Key material: shown by its length only."""

    def any2i(self, pkt: Packet | None, x: Any) -> Secret | None:  # noqa: ARG002
        return x if x is None or isinstance(x, Secret) else Secret(bytes(x))


class DefectsField(ValueField):
    """What the grammar found odd; empty lists are not shown."""

    def i2repr(self, pkt: Packet | None, x: tuple[Defect, ...]) -> str:  # noqa: ARG002
        return "; ".join(f"{d.code} at {d.offset} ({d.clause}) {d.detail}".rstrip() for d in x)


def defects_field() -> ConditionalField:
    """The field every top layer ends with."""
    return ConditionalField(DefectsField("defects", ()), lambda packet: bool(packet.fields.get("defects")))


class OpaqueOctets(Packet):
    """Octets that no value could be formed of; shown by their length, because keys may be among them."""

    name = "Unread octets"
    fields_desc = [SecretField("octets", Secret(b"")), defects_field()]

    def self_build(self) -> bytes:
        """The octets as they came."""
        octets: Secret = self.octets
        return octets.reveal()

    def dissect(self, s: bytes) -> None:
        """Keep everything."""
        self.fields["octets"] = Secret(bytes(s))


class TextField(StrField):
    """Text of a protocol, kept as octets and shown with visible escapes."""

    def i2repr(self, pkt: Packet | None, x: bytes) -> str:  # noqa: ARG002
        return x.decode("utf-8", "backslashreplace").encode("unicode_escape").decode("ascii")
