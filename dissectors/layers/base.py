# SPDX-License-Identifier: GPL-2.0-only
"""How a grammar value becomes a Scapy packet and back.

A layer holds the grammar's fields one by one and builds through the grammar's own builder, so the two can't differ.
Scapy hides an exception in a layer behind `Raw`, and a reader would then see "no MIKEY here"; so nothing here raises on
input: what can't be read stays as octets, and the defect is shown.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from scapy.fields import ConditionalField, Field, PacketListField
from scapy.packet import Packet

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.masking import mask_sdp_secrets
from dissectors.grammar.mikey.registries import Registry
from dissectors.grammar.secret import Secret

MAX_LAYERS = 64


def labels_of(registry: type[Registry]) -> dict[int, str]:
    """A registry as the table that Scapy's enum fields want."""
    return {member.value: member.label for member in registry}


def shown(text: str) -> str:
    """Text as every output may carry it: secrets masked, what does not print escaped."""
    masked = mask_sdp_secrets(text)
    return masked if masked.isprintable() else "".join(map(_shown_character, masked))


def shown_behind(context: str, text: str) -> str:
    """`text` as it is shown where `context` stands in front of it."""
    return shown(mask_sdp_secrets(context + text)[len(context) :])


def _shown_character(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


class ValueField(Field[Any, Any]):
    """Any value the grammar builds by itself; Scapy only keeps and shows it."""

    def __init__(self, name: str, default: Any) -> None:
        super().__init__(name, default, "s")

    def any2i(self, pkt: Packet | None, x: Any) -> Any:  # noqa: ARG002
        """Take what a program gives."""
        return x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return shown(repr(x))

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:  # noqa: ARG002
        """Nothing: the layer builds."""
        return s

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:  # noqa: ARG002
        """Nothing: the layer reads."""
        return s, self.default


class NumberField(ValueField):
    """A number or nothing, in decimal."""


class HexField(ValueField):
    """A number shown in hexadecimal digits."""

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return hex(x) if isinstance(x, int) else repr(x)


class NamedNumberField(ValueField):
    """A number shown with the name a registry gives it."""

    __slots__ = ["labels"]

    def __init__(self, name: str, default: Any, labels: dict[int, str]) -> None:
        super().__init__(name, default)
        self.labels = labels

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return f"{self.labels[x]} ({x})" if x in self.labels else repr(x)


class ListField(ValueField):
    """Values in a list; Scapy would take a pair of numbers in a tuple for a range, and a bare list for a choice."""

    islist = True

    def any2i(self, pkt: Packet | None, x: Any) -> list[Any]:  # noqa: ARG002
        """Take what a program gives."""
        return list(x) if isinstance(x, list | tuple) else [x]


class SourcesField(ListField):
    """SSRCs, shown in hexadecimal digits."""

    def i2repr(self, pkt: Packet | None, x: list[int]) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return "[" + ", ".join(map(hex, x)) + "]"


class TextField(ValueField):
    """Text of a protocol, or None; what does not print escaped, secrets masked as they would be behind `context`."""

    __slots__ = ["context"]

    def __init__(self, name: str, default: str | None, context: str = "") -> None:
        super().__init__(name, default)
        self.context = context

    def any2i(self, pkt: Packet | None, x: Any) -> Any:  # noqa: ARG002
        """Take what a program gives."""
        return x.decode("utf-8", "backslashreplace") if isinstance(x, bytes) else x

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return shown_behind(self.context, x) if isinstance(x, str) else repr(x)


class OctetsField(ValueField):
    """Octets shown as hexadecimal digits, or as text where `text` is set and they are printable."""

    __slots__ = ["text"]

    def __init__(self, name: str, default: bytes | None = b"", *, text: bool = False) -> None:
        super().__init__(name, default)
        self.text = text

    def any2i(self, pkt: Packet | None, x: Any) -> Any:  # noqa: ARG002
        """Take what a program gives."""
        if x is None:
            return None
        return x.encode() if isinstance(x, str) else bytes(memoryview(x))

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        if x is None:
            return repr(x)
        if self.text and x.isascii() and x.decode("ascii").isprintable():
            return repr(shown(x.decode("ascii")))
        return x.hex() or "(empty)"


class SecretField(ValueField):
    """Key material: shown by its length only."""

    def any2i(self, pkt: Packet | None, x: Any) -> Secret | None:  # noqa: ARG002
        """Take what a program gives."""
        return x if x is None or isinstance(x, Secret) else Secret(bytes(memoryview(x)))


class DefectsField(ValueField):
    """What the grammar found odd; empty lists are not shown."""

    def i2repr(self, pkt: Packet | None, x: tuple[Defect, ...]) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return shown("; ".join(f"{d.code} at {d.offset} ({d.clause}) {d.detail}".rstrip() for d in x))


class LayersField(PacketListField):
    """Layers side by side; the owner builds them."""

    def __init__(self, name: str, default: list[Packet] | None = None) -> None:
        super().__init__(name, list[Any](default or []), Packet)

    def any2i(self, pkt: Packet | None, x: Any) -> list[Any]:
        """Every element as a layer; the owner's `as_layer` says how to read a text."""
        elements = x if isinstance(x, list | tuple) else [x]
        layers = [self.as_layer(pkt, element) for element in elements]
        return list[Any](super().any2i(pkt, list[Any](layers)))

    def as_layer(self, pkt: Packet | None, element: Any) -> Packet:
        """One element; only layers are known here."""
        if isinstance(element, Packet):
            return element
        convert = getattr(type(pkt), "layer_of_element", None)
        if convert is None:
            raise TypeError(f"{self.name} takes layers, not {type(element).__name__}")
        layer: Packet = convert(element)
        return layer


class LayerField(ValueField):
    """One layer inside another, or None; Scapy shows its tree."""

    holds_packets = True

    def i2repr(self, pkt: Packet | None, x: Any) -> str:  # noqa: ARG002
        """The value as it is shown."""
        return repr(x)


def hidden(field: Field[Any, Any]) -> ConditionalField:
    """A field that `show()` leaves out: how something was spelled."""
    return ConditionalField(field, _never)


def shown_if_set(field: Field[Any, Any]) -> ConditionalField:
    """A field that is left out of `show()` while it is empty or None."""
    name = field.name
    return ConditionalField(field, lambda packet: packet.getfieldval(name) not in (None, b"", "", [], ()))


def _never(packet: Packet) -> bool:  # noqa: ARG001
    return False


def defects_field() -> ConditionalField:
    """The field every top layer ends with."""
    return shown_if_set(DefectsField("defects", ()))


class GrammarLayer(Packet):
    """A layer that the grammar reads and builds; a field holds one value, not a choice of several."""

    name = "Layer"
    fields_desc: ClassVar[list[Any]] = []

    def do_build(self) -> bytes:
        """This layer and those behind it, one after the other, so that long chains need no deep stack."""
        pieces: list[bytes] = []
        layer: Packet = self
        while isinstance(layer, GrammarLayer):
            pieces.append(layer.self_build())
            layer = layer.payload
        pieces.append(layer.do_build() if layer else b"")
        return b"".join(pieces)

    def self_build(self) -> bytes:
        """The octets of this layer alone; none where it could not be read and what came stands behind it."""
        return b"" if isinstance(self.payload, UnreadOctets) else self.build_octets()

    def build_octets(self) -> bytes:
        """The octets that the fields say; raises `GrammarError` where one does not fit."""
        raise Malformed(f"{self.name}: written by the layer around it alone")

    def dissect(self, s: bytes) -> None:
        """Read all of `s`; what can't be read stays as octets with a defect."""
        octets = bytes(s)
        try:
            self.read_octets(octets)
        except GrammarError as error:
            kind = type(self).__name__.partition("_")[0].lower()
            defect = Defect(f"{kind}-unreadable", error.offset, error.clause, str(error))
            # A default would read as if it stood in the octets.
            self.fields.update({field.name: [] if field.islist else None for field in self.fields_desc})
            self.remove_payload()
            self.add_payload(UnreadOctets(octets=Secret(octets), defects=(defect,)))

    def _show_or_dump(self, *args: Any, **kwargs: Any) -> str | None:
        """The tree; of a layer that was not read, what stands in its place."""
        unread = isinstance(self.payload, UnreadOctets)
        show = self.payload._show_or_dump if unread else super()._show_or_dump  # noqa: SLF001
        text: str | None = show(*args, **kwargs)
        return text

    def read_octets(self, octets: bytes) -> None:  # noqa: ARG002
        """Set the fields and the layers behind; a `GrammarError` leaves `octets` unread."""
        raise Malformed(f"{self.name}: read by the layer around it alone")

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        """A layer reads all it is given."""
        return b"", s


class SpelledLayer(GrammarLayer):
    """Text that may be spelled in many ways: what came is written again unless a field was edited."""

    fields_desc: ClassVar[list[Any]] = [hidden(SecretField("spelling", None))]

    def build_octets(self) -> bytes:
        """The octets as they came, or those that the edited fields say."""
        spelling = self.getfieldval("spelling")
        if spelling is not None:
            unedited = type(self)(spelling.reveal())
            if signature(unedited) == signature(self):
                octets: bytes = spelling.reveal()
                return octets
        return self.write_octets()

    def write_octets(self) -> bytes:
        """The octets that the fields say, in the canonical spelling."""
        raise Malformed(f"{self.name}: has no spelling of its own")

    def line_end(self) -> bytes:
        """How the line ended when it came; CRLF for a new one."""
        spelling = self.getfieldval("spelling")
        if spelling is None:
            return b"\r\n"
        octets = spelling.reveal()
        return bytes(octets[len(octets.rstrip(b"\r\n")) :])


def signature(value: Any) -> Any:
    """What a value says, without how it was spelled: two layers of one signature are unedited twins."""
    if isinstance(value, Packet):
        own = [
            (f.name, signature(value.getfieldval(f.name)))
            for f in value.fields_desc
            if f.name not in ("spelling", "defects")
        ]
        return type(value), own, bytes(value.payload)
    if isinstance(value, list | tuple):
        return [signature(element) for element in value]
    return value


class OpaqueOctets(GrammarLayer):
    """Octets that no value could be formed of; shown by their length, because keys may be among them."""

    name = "Unread octets"
    fields_desc = [SecretField("octets", Secret(b"")), defects_field()]

    def build_octets(self) -> bytes:
        """The octets as they came."""
        octets: Secret = self.getfieldval("octets")
        return octets.reveal()

    def read_octets(self, octets: bytes) -> None:
        """Keep everything."""
        self.fields["octets"] = Secret(octets)


class UnreadOctets(OpaqueOctets):
    """Octets that the layer in front could not read: they stand in its place."""

    def mysummary(self) -> str:
        """Why they were not read."""
        return shown(" ".join(defect.code for defect in self.getfieldval("defects")))


def opaque_octets(octets: bytes, defects: Iterable[Defect] = ()) -> OpaqueOctets:
    """The layer for what could not be read."""
    return OpaqueOctets(octets=Secret(octets), defects=tuple(defects))
