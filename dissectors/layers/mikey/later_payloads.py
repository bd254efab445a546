# SPDX-License-Identifier: GPL-2.0-only
"""The payloads of MIKEY-TICKET, IBAKE and SAKKE (RFC 6043 §6, RFC 6267 §6, RFC 6509 §4)."""

from typing import Any

from scapy.fields import (
    BitEnumField,
    BitField,
    ByteField,
    Field,
    FlagsField,
    ShortEnumField,
    ShortField,
)

from dissectors.grammar import mikey as grammar
from dissectors.grammar.mikey import registries
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    OctetsField,
    SecretField,
    ValueField,
    labels_of,
    shown_if_set,
)
from dissectors.layers.mikey.payload import MikeyPayload, enum_field, next_payload_field


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
