# SPDX-License-Identifier: GPL-2.0-only
"""The payloads of RFC 3830 but the policies."""

from scapy.fields import (
    BitField,
    ShortField,
)

from dissectors.grammar import mikey as grammar
from dissectors.grammar.mikey import registries
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    OctetsField,
    SecretField,
    ValueField,
)
from dissectors.layers.mikey.payload import MikeyPayload, enum_field, next_payload_field


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
