# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages (RFC 3830 and its extensions): `parse_mikey(data)`, `build_mikey(message)`, and their values."""

from dissectors.grammar.mikey.header import GenericIdEntry, Header, SrtpIdEntry
from dissectors.grammar.mikey.ibake_payloads import EccPoint, EncryptedSecretKey, Ibake, SecretKey
from dissectors.grammar.mikey.key_data import NO_VALIDITY, KeyData, Validity
from dissectors.grammar.mikey.key_payloads import CertificateHash, Dh, Kemac, Pke, Sign, Verification
from dissectors.grammar.mikey.later_payloads import IdentityWithRole, RandWithRole, Sakke, TimestampWithRole
from dissectors.grammar.mikey.message import (
    KeyDataPayloads,
    MikeyMessage,
    Payload,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
    parse_key_data_payloads,
    parse_mikey,
)
from dissectors.grammar.mikey.payloads import (
    Certificate,
    ErrorPayload,
    GeneralExtension,
    Identity,
    Opaque,
    PolicyParameter,
    Rand,
    SecurityPolicy,
    Timestamp,
)
from dissectors.grammar.mikey.registries import name_of, payload_name
from dissectors.grammar.mikey.tickets import Ticket, TicketFlag, TicketPolicy

__all__ = [
    "NO_VALIDITY",
    "Certificate",
    "CertificateHash",
    "Dh",
    "EccPoint",
    "EncryptedSecretKey",
    "ErrorPayload",
    "GeneralExtension",
    "GenericIdEntry",
    "Header",
    "Ibake",
    "Identity",
    "IdentityWithRole",
    "Kemac",
    "KeyData",
    "KeyDataPayloads",
    "MikeyMessage",
    "Opaque",
    "Payload",
    "Pke",
    "PolicyParameter",
    "Rand",
    "RandWithRole",
    "Sakke",
    "SecretKey",
    "SecurityPolicy",
    "Sign",
    "SrtpIdEntry",
    "Ticket",
    "TicketFlag",
    "TicketPolicy",
    "Timestamp",
    "TimestampWithRole",
    "Validity",
    "Verification",
    "build_key_data_payloads",
    "build_mikey",
    "link_payloads",
    "name_of",
    "parse_key_data_payloads",
    "parse_mikey",
    "payload_name",
]
