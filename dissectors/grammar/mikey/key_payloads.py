# SPDX-License-Identifier: GPL-2.0-only
"""The payloads of RFC 3830 that carry keys or prove something: KEMAC, PKE, DH, SIGN, CHASH, V (§6.2–§6.5, §6.8–§6.9).

Every payload class has `payload_type` (the number by which the payload before it announces it), `next_payload`, and
`offset` and `length`, its span in octets of the message. `read` takes a cursor at the payload's first octet and raises
`Truncated` or `UnknownLength`; `build` gives the octets back and raises `Malformed` where a field does not fit.
"""

from typing import ClassVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.key_data import NO_VALIDITY, Validity, read_validity
from dissectors.grammar.mikey.octets import build_counted, build_nibbles, build_uint
from dissectors.grammar.mikey.reading import Reading, known, read_by_algorithm, unknown_length
from dissectors.grammar.mikey.registries import (
    CacheType,
    DataType,
    DhGroup,
    EncryptionAlgorithm,
    HashFunction,
    MacAlgorithm,
    SignatureType,
)
from dissectors.grammar.secret import Secret

MAC_OCTETS: dict[int, int] = {MacAlgorithm.NULL: 0, MacAlgorithm.HMAC_SHA_1_160: 20, MacAlgorithm.HMAC_SHA_256_256: 32}
DH_VALUE_OCTETS: dict[int, int] = {DhGroup.OAKLEY_5: 192, DhGroup.OAKLEY_1: 96, DhGroup.OAKLEY_2: 128}
HASH_OCTETS: dict[int, int] = {HashFunction.SHA_1: 20, HashFunction.MD5: 16, HashFunction.SHA_256: 32}

ENCRYPTION_ALGORITHMS = known(EncryptionAlgorithm)
CACHE_TYPES = known(CacheType)
SIGNATURE_TYPES = known(SignatureType)
DHHMAC = frozenset({DataType.DHHMAC_INIT, DataType.DHHMAC_RESP})
RFC4650_HMAC_SHA_1 = 0
RFC4650_NULL_MAC = 1
HMAC_SHA_1_OCTETS = 20


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
