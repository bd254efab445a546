# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY for Scapy: the common header and a layer for each payload (RFC 3830 §6 and its extensions).

`MIKEY(data).show()` prints the message with the RFC's names; `MIKEY(...) / MIKEY_T(...) / MIKEY_RAND(...)` builds one,
filling each `next_payload` and `cs_count` that is None.
"""

from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Any, ClassVar

from scapy.fields import (
    BitEnumField,
    BitField,
    ByteEnumField,
    ByteField,
    Field,
    FlagsField,
    IntField,
    ShortEnumField,
    ShortField,
    XIntField,
)
from scapy.packet import Packet

from dissectors.grammar import mikey as grammar
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.mikey import registries
from dissectors.grammar.mikey.parameter_words import parameter_in_words
from dissectors.grammar.mikey.registries import ProtocolType, name_of
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    MAX_LAYERS,
    GrammarLayer,
    LayersField,
    ListField,
    NamedNumberField,
    OctetsField,
    SecretField,
    ValueField,
    defects_field,
    labels_of,
    opaque_octets,
    shown_if_set,
)

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


class MIKEY_CS(GrammarLayer):
    """One crypto session of an SRTP-ID map (RFC 3830 §6.1.1)."""

    name = "MIKEY crypto session"
    fields_desc = [ByteField("policy_number", 0), XIntField("ssrc", 0), IntField("roc", 0)]

    def to_value(self) -> grammar.SrtpIdEntry:
        """The grammar's entry; its CS ID is its place in the map."""
        return grammar.SrtpIdEntry(0, self.policy_number, self.ssrc, self.roc)

    def build_octets(self) -> bytes:
        """The entry's octets."""
        return self.to_value().build()


class MIKEY_CS_Generic(GrammarLayer):
    """One crypto session of a GENERIC-ID map (RFC 6043 §6.1.1)."""

    name = "MIKEY generic crypto session"
    fields_desc = [
        ByteField("cs_id", 1),
        enum_field("protocol_type", 0, ProtocolType),
        BitField("roc_and_seq", 0, 1),
        ListField("policies", []),
        OctetsField("session_data"),
        OctetsField("spi"),
    ]

    def to_value(self) -> grammar.GenericIdEntry:
        """The grammar's entry."""
        values = {name: self.getfieldval(name) for name in grammar.GenericIdEntry._fields}
        return grammar.GenericIdEntry(
            **values | {"roc_and_seq": bool(values["roc_and_seq"]), "policies": tuple(values["policies"])}
        )

    def build_octets(self) -> bytes:
        """The entry's octets."""
        return self.to_value().build()


class MIKEY(GrammarLayer):
    """HDR, the common header (RFC 3830 §6.1); the payloads are the layers behind it."""

    name = "MIKEY"
    fields_desc = [
        ByteField("version", 1),
        enum_field("data_type", 0, registries.DataType),
        next_payload_field(),
        BitField("v", 0, 1),
        BitField("prf_function", 0, 7),
        XIntField("csb_id", 0),
        ByteField("cs_count", None),
        enum_field("cs_id_map_type", 0, registries.CsIdMapType),
        LayersField("crypto_sessions"),
        shown_if_set(OctetsField("map_info")),
        defects_field(),
    ]

    def read_octets(self, octets: bytes) -> None:
        """Read a whole message."""
        message = grammar.parse_mikey(octets)
        header = message.header
        self.fields.update({f.name: getattr(header, f.name) for f in fields_of(header) if f.name not in NOT_FIELDS})
        self.fields["v"] = int(header.v)
        self.fields["crypto_sessions"] = [session_layer(entry) for entry in header.crypto_sessions]
        self.fields["defects"] = message.defects
        chain(self, message.payloads, message.trailing)

    def build_octets(self) -> bytes:
        """The header's octets, built by the grammar."""
        entries = tuple(layer.to_value() for layer in self.getfieldval("crypto_sessions"))
        count = self.getfieldval("cs_count")
        return grammar.Header(
            version=self.version,
            data_type=self.data_type,
            next_payload=following_type(self),
            v=bool(self.v),
            prf_function=self.prf_function,
            csb_id=self.csb_id,
            cs_count=len(entries) if count is None else count,
            cs_id_map_type=self.cs_id_map_type,
            crypto_sessions=entries,
            map_info=self.getfieldval("map_info"),
        ).build()

    def mysummary(self) -> str:
        """One line: the kind of message."""
        return f"MIKEY {name_of(registries.DataType, self.data_type)}"


def session_layer(entry: grammar.SrtpIdEntry | grammar.GenericIdEntry) -> Packet:
    """The layer of one entry of a CS ID map."""
    if isinstance(entry, grammar.SrtpIdEntry):
        return MIKEY_CS(policy_number=entry.policy_number, ssrc=entry.ssrc, roc=entry.roc)
    return MIKEY_CS_Generic(**entry._asdict() | {"roc_and_seq": int(entry.roc_and_seq)})


class MIKEY_KEMAC(MikeyPayload):
    """Key data transport (RFC 3830 §6.2)."""

    name = "MIKEY KEMAC"
    value_class, payload_type = grammar.Kemac, 1
    fields_desc = [
        next_payload_field(),
        enum_field("encryption_algorithm", 0, registries.EncryptionAlgorithm),
        SecretField("data", Secret(b"")),
        enum_field("mac_algorithm", 0, registries.MacAlgorithm),
        OctetsField("mac"),
    ]


class MIKEY_PKE(MikeyPayload):
    """Envelope data (RFC 3830 §6.3)."""

    name = "MIKEY PKE"
    value_class, payload_type = grammar.Pke, 2
    fields_desc = [next_payload_field(), enum_field("cache", 0, registries.CacheType), OctetsField("data")]


class MIKEY_DH(MikeyPayload):
    """Diffie-Hellman data (RFC 3830 §6.4)."""

    name = "MIKEY DH"
    value_class, payload_type = grammar.Dh, 3
    fields_desc = [
        next_payload_field(),
        enum_field("group", 0, registries.DhGroup),
        OctetsField("value", bytes(192)),
        BitField("reserved", 0, 4),
        ValueField("validity", grammar.NO_VALIDITY),
    ]


class MIKEY_SIGN(MikeyPayload):
    """Signature (RFC 3830 §6.5)."""

    name = "MIKEY SIGN"
    value_class, payload_type = grammar.Sign, 4
    fields_desc = [
        next_payload_field(),
        enum_field("signature_type", 0, registries.SignatureType),
        OctetsField("signature"),
    ]


class MIKEY_T(MikeyPayload):
    """Timestamp (RFC 3830 §6.6)."""

    name = "MIKEY T"
    value_class, payload_type = grammar.Timestamp, 5
    fields_desc = [
        next_payload_field(),
        enum_field("timestamp_type", 0, registries.TimestampType),
        OctetsField("value", bytes(8)),
    ]


class MIKEY_ID(MikeyPayload):
    """Identity (RFC 3830 §6.7)."""

    name = "MIKEY ID"
    value_class, payload_type = grammar.Identity, 6
    fields_desc = [
        next_payload_field(),
        enum_field("id_type", 1, registries.IdType),
        OctetsField("data", text=True),
    ]


class MIKEY_CERT(MikeyPayload):
    """Certificate (RFC 3830 §6.7)."""

    name = "MIKEY CERT"
    value_class, payload_type = grammar.Certificate, 7
    fields_desc = [next_payload_field(), enum_field("cert_type", 0, registries.CertType), OctetsField("data")]


class MIKEY_CHASH(MikeyPayload):
    """Certificate hash (RFC 3830 §6.8)."""

    name = "MIKEY CHASH"
    value_class, payload_type = grammar.CertificateHash, 8
    fields_desc = [next_payload_field(), enum_field("hash_function", 0, registries.HashFunction), OctetsField("hash")]


class MIKEY_V(MikeyPayload):
    """Verification message (RFC 3830 §6.9)."""

    name = "MIKEY V"
    value_class, payload_type = grammar.Verification, 9
    fields_desc = [next_payload_field(), enum_field("mac_algorithm", 1, registries.MacAlgorithm), OctetsField("mac")]


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


class MIKEY_SP(MikeyPayload):
    """Security policy (RFC 3830 §6.10)."""

    name = "MIKEY SP"
    value_class, payload_type = grammar.SecurityPolicy, 10
    fields_desc = [
        next_payload_field(),
        ByteField("policy_number", 0),
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


class MIKEY_RAND(MikeyPayload):
    """Random value (RFC 3830 §6.11)."""

    name = "MIKEY RAND"
    value_class, payload_type = grammar.Rand, 11
    fields_desc = [next_payload_field(), OctetsField("data", bytes(16))]


class MIKEY_ERR(MikeyPayload):
    """Error (RFC 3830 §6.12)."""

    name = "MIKEY ERR"
    value_class, payload_type = grammar.ErrorPayload, 12
    fields_desc = [
        next_payload_field(),
        enum_field("error_number", 12, registries.ErrorNumber),
        ShortField("reserved", 0),
    ]


class MIKEY_TR(MikeyPayload):
    """Timestamp with role (RFC 6043 §6.4)."""

    name = "MIKEY TR"
    value_class, payload_type = grammar.TimestampWithRole, 13
    fields_desc = [
        next_payload_field(),
        enum_field("role", 1, registries.TimestampRole),
        enum_field("timestamp_type", 0, registries.TimestampType),
        OctetsField("value", bytes(8)),
    ]


class MIKEY_IDR(MikeyPayload):
    """Identity with role (RFC 6043 §6.6)."""

    name = "MIKEY IDR"
    value_class, payload_type = grammar.IdentityWithRole, 14
    fields_desc = [
        next_payload_field(),
        enum_field("role", 1, registries.IdRole),
        enum_field("id_type", 1, registries.IdType),
        OctetsField("data", text=True),
    ]


class MIKEY_RANDR(MikeyPayload):
    """Random value with role (RFC 6043 §6.8)."""

    name = "MIKEY RANDR"
    value_class, payload_type = grammar.RandWithRole, 15
    fields_desc = [next_payload_field(), enum_field("role", 1, registries.RandRole), OctetsField("data", bytes(16))]


def ticket_fields() -> list[Field[Any, Any]]:
    """What TP and TICKET begin with; flags D to O as letters."""
    return [
        next_payload_field(),
        ShortEnumField("ticket_type", 1, labels_of(registries.TicketType)),
        ByteField("subtype", 1),
        ByteField("version", 1),
        BitEnumField("prf_function", 0, 7, labels_of(registries.PrfFunction)),
        FlagsField("flags", int(grammar.TicketFlag.D | grammar.TicketFlag.H), 12, "ONMLKJIHGFED"),
        BitField("reserved", 0, 5),
    ]


class MIKEY_TP(MikeyPayload):
    """Ticket policy (RFC 6043 §6.10)."""

    name = "MIKEY TP"
    value_class, payload_type = grammar.TicketPolicy, 16
    fields_desc = [*ticket_fields(), OctetsField("tp_data")]


class MIKEY_TICKET(MikeyPayload):
    """Ticket (RFC 6043 §6.10)."""

    name = "MIKEY TICKET"
    value_class, payload_type = grammar.Ticket, 17
    fields_desc = [
        *ticket_fields(),
        OctetsField("tp_data"),
        OctetsField("ticket_data"),
        OctetsField("initiator_data"),
    ]


class MIKEY_KeyData(MikeyPayload):
    """A key inside KEMAC (RFC 3830 §6.13)."""

    name = "MIKEY Key data"
    value_class, payload_type = grammar.KeyData, 20
    fields_desc = [
        next_payload_field(),
        enum_field("key_type", 0, registries.KeyDataType),
        SecretField("key", Secret(b"")),
        SecretField("salt", None),
        ValueField("validity", grammar.NO_VALIDITY),
    ]


class MIKEY_GeneralExtension(MikeyPayload):
    """General extension (RFC 3830 §6.15)."""

    name = "MIKEY General Ext."
    value_class, payload_type = grammar.GeneralExtension, 21
    fields_desc = [
        next_payload_field(),
        enum_field("extension_type", 1, registries.GeneralExtensionType),
        OctetsField("data", text=True),
    ]


class MIKEY_IBAKE(MikeyPayload):
    """Identity-based encrypted key exchange (RFC 6267 §6.1)."""

    name = "MIKEY IBAKE"
    value_class, payload_type = grammar.Ibake, 22
    fields_desc = [next_payload_field(), OctetsField("data")]


class MIKEY_ESK(MikeyPayload):
    """Encrypted secret key (RFC 6267 §6.1)."""

    name = "MIKEY ESK"
    value_class, payload_type = grammar.EncryptedSecretKey, 23
    fields_desc = [next_payload_field(), OctetsField("data")]


class MIKEY_SK(MikeyPayload):
    """Secret key inside ESK (RFC 6267 §6.1.5)."""

    name = "MIKEY SK"
    value_class, payload_type = grammar.SecretKey, 24
    fields_desc = [
        next_payload_field(),
        enum_field("key_type", 1, registries.SecretKeyType),
        SecretField("key", Secret(b"")),
        ValueField("validity", grammar.NO_VALIDITY),
    ]


class MIKEY_ECCPT(MikeyPayload):
    """Diffie-Hellman value on a curve, inside IBAKE (RFC 6267 §6.1.4)."""

    name = "MIKEY ECCPT"
    value_class, payload_type = grammar.EccPoint, 25
    fields_desc = [
        next_payload_field(),
        enum_field("curve", 8, registries.EccCurve),
        OctetsField("point", b"\4" + bytes(64)),
        shown_if_set(OctetsField("padding", b"\0")),
        ByteField("auth_algorithm", 0),
        ShortField("tgk_octets", 0),
        BitField("reserved", 0, 4),
        ValueField("validity", grammar.NO_VALIDITY),
    ]


class MIKEY_SAKKE(MikeyPayload):
    """Encapsulated shared secret (RFC 6509 §4.2)."""

    name = "MIKEY SAKKE"
    value_class, payload_type = grammar.Sakke, 26
    fields_desc = [next_payload_field(), ByteField("parameters", 1), ByteField("id_scheme", 1), OctetsField("data")]


LAYERS: dict[type[Any], type[MikeyPayload]] = {
    layer.value_class: layer
    for layer in (
        MIKEY_KEMAC, MIKEY_PKE, MIKEY_DH, MIKEY_SIGN, MIKEY_T, MIKEY_ID, MIKEY_CERT, MIKEY_CHASH, MIKEY_V, MIKEY_SP,
        MIKEY_RAND, MIKEY_ERR, MIKEY_TR, MIKEY_IDR, MIKEY_RANDR, MIKEY_TP, MIKEY_TICKET, MIKEY_KeyData,
        MIKEY_GeneralExtension, MIKEY_IBAKE, MIKEY_ESK, MIKEY_SK, MIKEY_ECCPT, MIKEY_SAKKE,
    )
}  # fmt: skip
