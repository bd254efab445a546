# SPDX-License-Identifier: GPL-2.0-only
"""The other payloads of RFC 3830, laid out like those of `key_payloads`: T, ID, CERT, SP, RAND, ERR, General Ext."""

from dataclasses import field
from functools import lru_cache
from typing import ClassVar, NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.octets import build_counted, build_uint
from dissectors.grammar.mikey.reading import Reading, known, read_by_algorithm
from dissectors.grammar.mikey.registries import (
    CertType,
    ErrorNumber,
    GeneralExtensionType,
    IdType,
    ProtocolType,
    TimestampType,
)

TIMESTAMP_OCTETS: dict[int, int] = {
    TimestampType.NTP_UTC: 8,
    TimestampType.NTP: 8,
    TimestampType.COUNTER: 4,
    TimestampType.NTP_UTC_32: 4,
}
RAND_OCTETS_RECOMMENDED = 16
POLICIES_REMEMBERED = 64

ID_TYPES = known(IdType)
CERT_TYPES = known(CertType)
PROTOCOL_TYPES = known(ProtocolType)
ERROR_NUMBERS = known(ErrorNumber)
EXTENSION_TYPES = known(GeneralExtensionType)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """T (RFC 3830 §6.6, RFC 6043 §6.3): the only replay protection MIKEY has."""

    payload_type: ClassVar[int] = 5

    timestamp_type: int
    value: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Timestamp":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        kind = cursor.u8("TS type")
        value = read_by_algorithm(cursor, TIMESTAMP_OCTETS, kind, next_payload, reading, "TS value", "RFC 3830 §6.6")
        return cls(kind, value, next_payload, start, cursor.offset - start)

    @property
    def as_64_bits(self) -> bytes:
        """The value as 8 octets for an IV: COUNTER gets leading zeros, NTP-UTC-32 trailing ones (RFC 6043 §6.3)."""
        if self.timestamp_type == TimestampType.NTP_UTC_32:
            return self.value[:8].ljust(8, b"\0")
        return self.value[:8].rjust(8, b"\0")

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.timestamp_type, 1, "TS type")
        return head + self.value


def _read_typed(cursor: Cursor, what: str) -> tuple[int, bytes, int, int, int]:
    """Type, data, next payload, offset and length of the layout that ID, CERT and General Ext. share."""
    start = cursor.offset
    next_payload = cursor.u8("Next payload")
    kind = cursor.u8(f"{what} type")
    data = cursor.take(cursor.u16(f"{what} len"), f"{what} data")
    return kind, data, next_payload, start, cursor.offset - start


def _build_typed(next_payload: int, kind: int, data: bytes, what: str) -> bytes:
    head = build_uint(next_payload, 1, "Next payload") + build_uint(kind, 1, f"{what} type")
    return head + build_counted(data, 2, f"{what} data")


@dataclass(frozen=True, slots=True)
class Identity:
    """ID (RFC 3830 §6.7): who sends or receives the message."""

    payload_type: ClassVar[int] = 6

    id_type: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Identity":
        """The payload at the cursor."""
        identity = cls(*_read_typed(cursor, "ID"))
        if identity.id_type not in ID_TYPES:
            reading.note_unknown("id-type-unknown", identity.id_type, identity.offset + 1, "RFC 3830 §6.7")
        return identity

    @property
    def text(self) -> str:
        """The identity as text; octets that are not UTF-8 show as `\\x..`."""
        return self.data.decode("utf-8", "backslashreplace")

    def build(self) -> bytes:
        """The payload's octets."""
        return _build_typed(self.next_payload, self.id_type, self.data, "ID")


@dataclass(frozen=True, slots=True)
class Certificate:
    """CERT (RFC 3830 §6.7): one certificate of a chain, DER, or the URL of it."""

    payload_type: ClassVar[int] = 7

    cert_type: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Certificate":
        """The payload at the cursor."""
        certificate = cls(*_read_typed(cursor, "Cert"))
        if certificate.cert_type not in CERT_TYPES:
            reading.note_unknown("cert-type-unknown", certificate.cert_type, certificate.offset + 1, "RFC 3830 §6.7")
        return certificate

    def build(self) -> bytes:
        """The payload's octets."""
        return _build_typed(self.next_payload, self.cert_type, self.data, "Cert")


class PolicyParameter(NamedTuple):
    """One Type/Length/Value of a security policy; the meaning of `type` follows from the protocol (RFC 3830 §6.10)."""

    type: int
    value: bytes


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """SP (RFC 3830 §6.10); `remainder` is what stood in the parameters' octets and made no whole parameter."""

    payload_type: ClassVar[int] = 10

    policy_number: int
    protocol_type: int
    parameters: tuple[PolicyParameter, ...] = ()
    remainder: bytes = b""
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "SecurityPolicy":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        number = cursor.u8("Policy no")
        protocol = cursor.u8("Prot type")
        parameters, remainder = _split_parameters(cursor.take(cursor.u16("Policy param length"), "Policy param"))
        if remainder:
            reading.note("policy-parameter-truncated", cursor.offset - len(remainder), "RFC 3830 §6.10")
        if protocol not in PROTOCOL_TYPES:
            reading.note_unknown("protocol-type-unknown", protocol, start + 2, "RFC 3830 §6.10")
        return cls(number, protocol, parameters, remainder, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        parameters = b"".join(
            build_uint(kind, 1, "Type") + build_counted(value, 1, "Value") for kind, value in self.parameters
        )
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + build_uint(self.policy_number, 1, "Policy no")
            + build_uint(self.protocol_type, 1, "Prot type")
            + build_counted(parameters + self.remainder, 2, "Policy param")
        )


@lru_cache(maxsize=POLICIES_REMEMBERED)
def _split_parameters(octets: bytes) -> tuple[tuple[PolicyParameter, ...], bytes]:
    """The whole parameters in `octets` and what is left over."""
    parameters = []
    position, end = 0, len(octets)
    # A dozen one-octet values in each message, mostly the same ones: a cursor's three calls for each of them, and again
    # for every call, would cost more than all the rest of the message.
    while end - position >= 2:
        value_end = position + 2 + octets[position + 1]
        if value_end > end:
            break
        parameters.append(PolicyParameter(octets[position], octets[position + 2 : value_end]))
        position = value_end
    return tuple(parameters), octets[position:]


@dataclass(frozen=True, slots=True)
class Rand:
    """RAND (RFC 3830 §6.11): goes into every key that is derived."""

    payload_type: ClassVar[int] = 11

    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Rand":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        data = cursor.take(cursor.u8("RAND len"), "RAND")
        if len(data) < RAND_OCTETS_RECOMMENDED:
            reading.note("rand-short", start, "RFC 3830 §6.11", f"{len(data)} octets, 16 recommended")
        return cls(data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        return build_uint(self.next_payload, 1, "Next payload") + build_counted(self.data, 1, "RAND")


@dataclass(frozen=True, slots=True)
class ErrorPayload:
    """ERR (RFC 3830 §6.12)."""

    payload_type: ClassVar[int] = 12

    error_number: int
    reserved: int = 0
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "ErrorPayload":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        number = cursor.u8("Error no")
        if number not in ERROR_NUMBERS:
            reading.note_unknown("error-number-unknown", number, start + 1, "RFC 3830 §6.12")
        return cls(number, cursor.u16("Reserved"), next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.error_number, 1, "Error no")
        return head + build_uint(self.reserved, 2, "Reserved")


@dataclass(frozen=True, slots=True)
class GeneralExtension:
    """General Ext. (RFC 3830 §6.15): vendor data, the SDP IDs of RFC 4567, and later inventions."""

    payload_type: ClassVar[int] = 21

    extension_type: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "GeneralExtension":
        """The payload at the cursor."""
        extension = cls(*_read_typed(cursor, "General Ext."))
        if extension.extension_type not in EXTENSION_TYPES:
            reading.note_unknown(
                "extension-type-unknown", extension.extension_type, extension.offset + 1, "RFC 3830 §6.15"
            )
        return extension

    def build(self) -> bytes:
        """The payload's octets."""
        return _build_typed(self.next_payload, self.extension_type, self.data, "General Ext.")


@dataclass(frozen=True, slots=True)
class Opaque:
    """A payload that could not be read, with the rest of the message; it may hold keys, so repr hides the octets."""

    payload_type: int
    data: bytes = field(repr=False)
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    def build(self) -> bytes:
        """The octets as they came."""
        return self.data
