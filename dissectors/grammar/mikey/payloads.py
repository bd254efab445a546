# SPDX-License-Identifier: GPL-2.0-only
"""The payloads of RFC 3830 §6.2–§6.12 and §6.15, each with its reader and its builder side by side.

Every class has `payload_type` (the number by which the payload before it announces it), `next_payload`, and `offset`
and `length`, its span in octets of the message. `read` takes a cursor at the payload's first octet and raises
`Truncated` or `UnknownLength`; `build` gives the octets back and raises `Malformed` where a field does not fit.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.mikey.key_data import NO_VALIDITY, Validity, read_validity
from dissectors.grammar.mikey.octets import build_counted, build_nibbles, build_uint
from dissectors.grammar.mikey.reading import Reading, known, unknown_length
from dissectors.grammar.mikey.registries import (
    CacheType,
    CertType,
    DataType,
    DhGroup,
    EncryptionAlgorithm,
    ErrorNumber,
    GeneralExtensionType,
    HashFunction,
    IdType,
    MacAlgorithm,
    ProtocolType,
    SignatureType,
    TimestampType,
)
from dissectors.grammar.secret import Secret

MAC_OCTETS: dict[int, int] = {MacAlgorithm.NULL: 0, MacAlgorithm.HMAC_SHA_1_160: 20, MacAlgorithm.HMAC_SHA_256_256: 32}
DH_VALUE_OCTETS: dict[int, int] = {DhGroup.OAKLEY_5: 192, DhGroup.OAKLEY_1: 96, DhGroup.OAKLEY_2: 128}
TIMESTAMP_OCTETS: dict[int, int] = {
    TimestampType.NTP_UTC: 8,
    TimestampType.NTP: 8,
    TimestampType.COUNTER: 4,
    TimestampType.NTP_UTC_32: 4,
}
HASH_OCTETS: dict[int, int] = {HashFunction.SHA_1: 20, HashFunction.MD5: 16, HashFunction.SHA_256: 32}
RAND_OCTETS_RECOMMENDED = 16
POLICIES_REMEMBERED = 64

ENCRYPTION_ALGORITHMS = known(EncryptionAlgorithm)
CACHE_TYPES = known(CacheType)
SIGNATURE_TYPES = known(SignatureType)
ID_TYPES = known(IdType)
CERT_TYPES = known(CertType)
PROTOCOL_TYPES = known(ProtocolType)
ERROR_NUMBERS = known(ErrorNumber)
EXTENSION_TYPES = known(GeneralExtensionType)
DHHMAC = frozenset({DataType.DHHMAC_INIT, DataType.DHHMAC_RESP})
RFC4650_HMAC_SHA_1 = 0
RFC4650_NULL_MAC = 1
HMAC_SHA_1_OCTETS = 20


def read_by_algorithm(
    cursor: Cursor, lengths: dict[int, int], number: int, next_payload: int, reading: Reading, what: str, clause: str
) -> bytes:
    """A value whose length follows from `number`; an unassigned one takes the rest where nothing follows."""
    octets = lengths.get(number)
    if octets is not None:
        return cursor.take(octets, what)
    if next_payload:
        raise unknown_length(MacAlgorithm, number, cursor.offset, clause, what)
    reading.note_unknown(f"{what.lower().replace(' ', '-')}-algorithm-unknown", number, cursor.offset, clause)
    return cursor.rest()


@dataclass(frozen=True, slots=True)
class Kemac:
    """KEMAC, key data transport (RFC 3830 §6.2); `data` is secret because NULL encryption leaves keys in it."""

    payload_type: ClassVar[int] = 1

    encryption_algorithm: int
    data: Secret
    mac_algorithm: int
    mac: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Kemac":
        """The payload at the cursor; DHHMAC messages may number their algorithms as RFC 4650 §4.2 does."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        encryption = cursor.u8("Encr alg")
        data = Secret(cursor.take(cursor.u16("Encr data len"), "Encr data"))
        algorithm = cursor.u8("Mac alg")
        last_and_empty = not data and not next_payload
        if reading.data_type in DHHMAC and last_and_empty and _numbered_by_rfc4650(algorithm, cursor.left):
            reading.note("kemac-numbered-by-rfc4650", start, "RFC 4650 §4.2", f"encr {encryption}, mac {algorithm}")
            mac = cursor.rest()
        else:
            mac = read_by_algorithm(cursor, MAC_OCTETS, algorithm, next_payload, reading, "MAC", "RFC 3830 §6.2")
        if encryption not in ENCRYPTION_ALGORITHMS:
            reading.note_unknown("encryption-algorithm-unknown", encryption, start + 1, "RFC 3830 §6.2")
        return cls(encryption, data, algorithm, mac, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + build_uint(self.encryption_algorithm, 1, "Encr alg")
            + build_counted(self.data.reveal(), 2, "Encr data")
            + build_uint(self.mac_algorithm, 1, "Mac alg")
            + self.mac
        )


def _numbered_by_rfc4650(algorithm: int, octets_left: int) -> bool:
    """Whether the octets left fit RFC 4650's numbers (HMAC-SHA-1 = 0, NULL = 1) and not RFC 3830's."""
    return (algorithm, octets_left) in {(RFC4650_HMAC_SHA_1, HMAC_SHA_1_OCTETS), (RFC4650_NULL_MAC, 0)}


@dataclass(frozen=True, slots=True)
class Pke:
    """PKE, the envelope data payload (RFC 3830 §6.3): the encrypted envelope key and whether it may be cached."""

    payload_type: ClassVar[int] = 2

    cache: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Pke":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        packed = cursor.u16("C and Data len")
        data = cursor.take(packed & 0x3FFF, "Data")
        if packed >> 14 not in CACHE_TYPES:
            reading.note_unknown("cache-type-unknown", packed >> 14, start + 1, "RFC 3830 §6.3")
        return cls(packed >> 14, data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        packed = build_uint(len(self.data), 2, "Data len")
        if packed[0] >> 6:
            return build_uint(len(self.data), 1, "Data len of 14 bits")
        head = bytes((build_uint(self.cache << 6, 1, "C")[0] | packed[0], packed[1]))
        return build_uint(self.next_payload, 1, "Next payload") + head + self.data


@dataclass(frozen=True, slots=True)
class Dh:
    """DH data payload (RFC 3830 §6.4): the public value, as long as its group says."""

    payload_type: ClassVar[int] = 3

    group: int
    value: bytes
    reserved: int = 0
    validity: Validity = NO_VALIDITY
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Dh":
        """The payload at the cursor; raises `UnknownLength` for an unassigned group."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        group = cursor.u8("DH-Group")
        octets = DH_VALUE_OCTETS.get(group)
        if octets is None:
            raise unknown_length(DhGroup, group, cursor.offset, "RFC 3830 §6.4", "DH-value")
        value = cursor.take(octets, "DH-value")
        kinds = cursor.u8("Reserved and KV")
        validity = read_validity(cursor, kinds & 15, next_payload, reading)
        return cls(group, value, kinds >> 4, validity, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.group, 1, "DH-Group")
        return head + self.value + build_nibbles(self.reserved, self.validity.kind, "KV") + self.validity.build()


@dataclass(frozen=True, slots=True)
class Sign:
    """SIGN, the signature payload (RFC 3830 §6.5): always last, so it names no next payload."""

    payload_type: ClassVar[int] = 4

    signature_type: int
    signature: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Sign":
        """The payload at the cursor."""
        start = cursor.offset
        packed = cursor.u16("S type and Signature len")
        signature = cursor.take(packed & 0xFFF, "Signature")
        if packed >> 12 not in SIGNATURE_TYPES:
            reading.note_unknown("signature-type-unknown", packed >> 12, start, "RFC 3830 §6.5")
        return cls(packed >> 12, signature, 0, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        length = build_uint(len(self.signature), 2, "Signature len")
        return build_nibbles(self.signature_type, length[0], "S type and Signature len") + length[1:] + self.signature


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


@dataclass(frozen=True, slots=True)
class CertificateHash:
    """CHASH (RFC 3830 §6.8, RFC 6043 §6.7): which of the responder's certificates was used."""

    payload_type: ClassVar[int] = 8

    hash_function: int
    hash: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "CertificateHash":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        function = cursor.u8("Hash func")
        value = read_by_algorithm(cursor, HASH_OCTETS, function, next_payload, reading, "Hash", "RFC 3830 §6.8")
        return cls(function, value, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.hash_function, 1, "Hash func")
        return head + self.hash


@dataclass(frozen=True, slots=True)
class Verification:
    """V, the verification message payload (RFC 3830 §6.9)."""

    payload_type: ClassVar[int] = 9

    mac_algorithm: int
    mac: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "Verification":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        algorithm = cursor.u8("Auth alg")
        mac = read_by_algorithm(cursor, MAC_OCTETS, algorithm, next_payload, reading, "Ver data", "RFC 3830 §6.9")
        return cls(algorithm, mac, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.mac_algorithm, 1, "Auth alg")
        return head + self.mac


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
