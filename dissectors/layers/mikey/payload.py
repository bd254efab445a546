# SPDX-License-Identifier: GPL-2.0-only
"""What all layers of MIKEY payloads share: the grammar reads and builds them, a table finds the layer of a value."""

from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Any, ClassVar

from scapy.fields import (
    ByteEnumField,
)
from scapy.packet import Packet

from dissectors.grammar import mikey as grammar
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.mikey import registries
from dissectors.layers.base import (
    MAX_LAYERS,
    GrammarLayer,
    NamedNumberField,
    labels_of,
    opaque_octets,
)

LAYERS: dict[type[Any], type["MikeyPayload"]] = {}  # by the class of the value that they show
NOT_FIELDS = frozenset({"offset", "length", "payload_type"})


def enum_field(name: str, default: int, registry: type[registries.Registry]) -> ByteEnumField:
    """A number shown with the name its registry gives it."""
    return ByteEnumField(name, default, labels_of(registry))


def next_payload_field() -> NamedNumberField:
    """The type of the payload that follows; None takes it from the layer behind."""
    return NamedNumberField("next_payload", None, labels_of(registries.PayloadType))


class MikeyPayload(GrammarLayer):
    """A payload layer: its fields are those of the grammar's value of the same payload."""

    value_class: ClassVar[type[Any]] = grammar.Opaque
    payload_type: ClassVar[int] = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        LAYERS[cls.value_class] = cls

    @classmethod
    def from_value(cls, value: Any) -> "MikeyPayload":
        """The layer that shows one grammar value."""
        return cls(**{f.name: getattr(value, f.name) for f in fields_of(value) if f.name not in NOT_FIELDS})

    def to_value(self) -> Any:
        """The grammar value of this layer."""
        names = [f.name for f in fields_of(self.value_class) if f.name not in NOT_FIELDS]
        values = {name: self.getfieldval(name) for name in names}
        return self.value_class(**values | {"next_payload": following_type(self)})

    def build_octets(self) -> bytes:
        """This payload's octets, built by the grammar; raises `GrammarError` where a field does not fit."""
        octets: bytes = self.to_value().build()
        return octets

    def read_octets(self, octets: bytes) -> None:
        """Read this payload alone, and those that it announces."""
        content = grammar.parse_key_data_payloads(octets, self.payload_type)
        first, *others = content.payloads
        if isinstance(first, grammar.Opaque):
            defect = content.defects[0] if content.defects else Defect("mikey-unreadable")
            raise Malformed(f"{defect.code}: {defect.detail}", offset=defect.offset, clause=defect.clause)
        self.fields.update(self.from_value(first).fields)
        chain(self, others, content.trailing, content.defects)


def following_type(layer: Packet) -> int:
    """What `next_payload` of a layer says, or the type of the layer behind it."""
    given = layer.getfieldval("next_payload")
    if given is not None:
        return int(given)
    return int(getattr(layer.payload, "payload_type", 0))


def chain(first: Packet, payloads: Iterable[Any], trailing: bytes, defects: Iterable[Defect] = ()) -> None:
    """Stack the layers of `payloads`, then what follows the last one, behind `first`; at most `MAX_LAYERS` of them."""
    last, waiting = first, iter(payloads)
    for count, payload in enumerate(waiting):
        if count == MAX_LAYERS:
            rest = b"".join(value.build() for value in (payload, *waiting)) + trailing
            last.add_payload(opaque_octets(rest, [Defect("layers-limit", 0, "RFC 3830 §6", f"over {MAX_LAYERS}")]))
            return
        layer = layer_of(payload, defects)
        last.add_payload(layer)
        last = layer
    if trailing:
        last.add_payload(opaque_octets(trailing, defects))


def layer_of(value: Any, defects: Iterable[Defect] = ()) -> Packet:
    """The layer that shows one payload of a message."""
    if isinstance(value, grammar.Opaque):
        return opaque_octets(value.data, defects)
    return LAYERS[type(value)].from_value(value)
