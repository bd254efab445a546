# SPDX-License-Identifier: GPL-2.0-only
"""SP, a security policy, and its parameters by protocol (RFC 3830 §6.10, RFC 4442 §4)."""

from typing import Any, ClassVar

from scapy.fields import (
    ByteField,
)
from scapy.packet import Packet

from dissectors.grammar import mikey as grammar
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import registries
from dissectors.grammar.mikey.parameter_words import parameter_in_words
from dissectors.grammar.mikey.policy import srtp_policy
from dissectors.grammar.mikey.registries import ProtocolType
from dissectors.layers.base import (
    GrammarLayer,
    LayersField,
    OctetsField,
    shown_if_set,
)
from dissectors.layers.mikey.payload import MikeyPayload, enum_field, following_type, next_payload_field


class ParameterValueField(OctetsField):
    """A parameter's value, shown with what it means under its protocol."""

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """The value as it is shown."""
        octets = super().i2repr(pkt, x)
        if not isinstance(pkt, MIKEY_SP_Param):
            return octets
        return f"{octets} ({parameter_in_words(pkt.protocol_type, pkt.to_value()).value})"


class MIKEY_SP_Param(GrammarLayer):
    """One parameter of an SRTP security policy (RFC 3830 §6.10.1)."""

    name = "MIKEY SP parameter"
    protocol_type: ClassVar[int] = int(ProtocolType.SRTP)
    fields_desc = [enum_field("type", 0, registries.SrtpParameter), ParameterValueField("value")]

    def to_value(self) -> grammar.PolicyParameter:
        """The grammar's parameter."""
        return grammar.PolicyParameter(self.type, self.value)


class MIKEY_TESLA_Param(MIKEY_SP_Param):
    """One parameter of a TESLA policy (RFC 4442 §4.2)."""

    name = "MIKEY SP parameter (TESLA)"
    protocol_type = int(ProtocolType.TESLA)
    fields_desc = [enum_field("type", 1, registries.TeslaParameter), ParameterValueField("value")]


class MIKEY_SP_Raw_Param(MIKEY_SP_Param):
    """One parameter of a policy for a protocol that is not known here (RFC 3830 §6.10)."""

    name = "MIKEY SP parameter (other protocol)"
    protocol_type = -1
    fields_desc = [ByteField("type", 0), OctetsField("value")]


PARAMETER_LAYERS: dict[int, type[MIKEY_SP_Param]] = {
    ProtocolType.SRTP: MIKEY_SP_Param,
    ProtocolType.TESLA: MIKEY_TESLA_Param,
}


class PolicyNumberField(ByteField):
    """A policy's number, shown with the suite that its parameters amount to."""

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        """The number as it is shown."""
        number: str = super().i2repr(pkt, x)
        if not isinstance(pkt, MIKEY_SP) or pkt.protocol_type != ProtocolType.SRTP:
            return number
        try:
            suite = srtp_policy(pkt.to_value()).suite
        except GrammarError:
            suite = None
        return f"{number} ({suite or 'no registered suite'})"


class MIKEY_SP(MikeyPayload):
    """Security policy (RFC 3830 §6.10)."""

    name = "MIKEY SP"
    value_class, payload_type = grammar.SecurityPolicy, 10
    fields_desc = [
        next_payload_field(),
        PolicyNumberField("policy_number", 0),
        enum_field("protocol_type", 0, ProtocolType),
        LayersField("parameters"),
        shown_if_set(OctetsField("remainder")),
    ]

    @staticmethod
    def layer_of_element(element: tuple[int, bytes]) -> MIKEY_SP_Param:
        """The layer of a (type, value) pair."""
        kind, value = element
        return MIKEY_SP_Param(type=kind, value=value)

    @classmethod
    def from_value(cls, value: Any) -> "MikeyPayload":
        """The layer that shows one policy, its parameters as those of its protocol."""
        layer = super().from_value(value)
        kind = PARAMETER_LAYERS.get(value.protocol_type, MIKEY_SP_Raw_Param)
        layer.fields["parameters"] = [kind(type=number, value=octets) for number, octets in value.parameters]
        return layer

    def to_value(self) -> grammar.SecurityPolicy:
        """The grammar value, parameters in order."""
        parameters = tuple(layer.to_value() for layer in self.getfieldval("parameters"))
        remainder = self.getfieldval("remainder")
        return grammar.SecurityPolicy(
            self.policy_number, self.protocol_type, parameters, remainder, following_type(self)
        )
