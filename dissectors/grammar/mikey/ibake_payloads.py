# SPDX-License-Identifier: GPL-2.0-only
"""IBAKE and ESK, and the sub-payloads that are encrypted inside them: ECCPT and SK (RFC 6267 §6.1)."""

from typing import ClassVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.key_data import NO_VALIDITY, Validity, read_validity
from dissectors.grammar.mikey.octets import build_counted, build_nibbles, build_uint
from dissectors.grammar.mikey.reading import Reading, UnknownLength
from dissectors.grammar.mikey.registries import EccCurve, SecretKeyType
from dissectors.grammar.secret import Secret

# Octets of one coordinate.
COORDINATE_OCTETS: dict[int, int] = {
    EccCurve.P_192: 24, EccCurve.SECT163R2: 21, EccCurve.SECT163K1: 21, EccCurve.SECT163R1: 21, EccCurve.P_224: 28,
    EccCurve.SECT233R1: 30, EccCurve.SECT233K1: 30, EccCurve.P_256: 32, EccCurve.SECT283R1: 36, EccCurve.SECT283K1: 36,
    EccCurve.P_384: 48, EccCurve.SECT409R1: 52, EccCurve.SECT409K1: 52, EccCurve.P_521: 66, EccCurve.SECT571R1: 72,
    EccCurve.SECT571K1: 72,
}  # fmt: skip
COORDINATES = {2: 1, 3: 1, 4: 2}  # by the first octet of an encoded point (SEC 1 §2.3.3)
ALIGNMENT = 4
HEAD_OCTETS = 2


def _read_counted(cursor: Cursor, what: str) -> tuple[bytes, int, int, int]:
    """Data, next payload, offset and length of the layout that IBAKE and ESK share."""
    start = cursor.offset
    next_payload = cursor.u8("Next payload")
    data = cursor.take(cursor.u16(f"{what} length"), what)
    return data, next_payload, start, cursor.offset - start


@dataclass(frozen=True, slots=True)
class Ibake:
    """IBAKE (RFC 6267 §6.1.1): identities and Diffie-Hellman values under identity-based encryption."""

    payload_type: ClassVar[int] = 22

    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "Ibake":
        """The payload at the cursor."""
        return cls(*_read_counted(cursor, "IBAKE data"))

    def build(self) -> bytes:
        """The payload's octets."""
        return build_uint(self.next_payload, 1, "Next payload") + build_counted(self.data, 2, "IBAKE data")


@dataclass(frozen=True, slots=True)
class EncryptedSecretKey:
    """ESK (RFC 6267 §6.1.2): a secret key under identity-based encryption."""

    payload_type: ClassVar[int] = 23

    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "EncryptedSecretKey":
        """The payload at the cursor."""
        return cls(*_read_counted(cursor, "ESK data"))

    def build(self) -> bytes:
        """The payload's octets."""
        return build_uint(self.next_payload, 1, "Next payload") + build_counted(self.data, 2, "ESK data")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """SK (RFC 6267 §6.1.5): what an ESK holds."""

    payload_type: ClassVar[int] = 24

    key_type: int
    key: Secret
    validity: Validity = NO_VALIDITY
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "SecretKey":
        """The sub-payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        kinds = cursor.u8("Type and KV")
        key = Secret(cursor.take(cursor.u16("Key data len"), "Key data"))
        validity = read_validity(cursor, kinds & 15, next_payload, reading)
        if kinds >> 4 != SecretKeyType.SK:
            reading.note_unknown("secret-key-type-unknown", kinds >> 4, start + 1, "RFC 6267 §6.1.5")
        return cls(kinds >> 4, key, validity, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The sub-payload's octets."""
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + build_nibbles(self.key_type, self.validity.kind, "Type and KV")
            + build_counted(self.key.reveal(), 2, "Key data")
            + self.validity.build()
        )


@dataclass(frozen=True, slots=True)
class EccPoint:
    """ECCPT (RFC 6267 §6.1.4): a Diffie-Hellman value on a curve; `padding` fills it up to 32 bits from its start."""

    payload_type: ClassVar[int] = 25

    curve: int
    point: bytes
    padding: bytes = b""
    auth_algorithm: int = 0
    tgk_octets: int = 0
    reserved: int = 0
    validity: Validity = NO_VALIDITY
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "EccPoint":
        """The sub-payload at the cursor; raises `UnknownLength` for an unassigned curve or another encoding."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        curve = cursor.u8("ECC curve")
        first = cursor.take(1, "ECC point")
        octets, coordinates = COORDINATE_OCTETS.get(curve), COORDINATES.get(first[0])
        if octets is None or coordinates is None:
            message = f"ECC point: length on curve {curve} with first octet {first[0]} is not known"
            raise UnknownLength(message, offset=cursor.offset, clause="RFC 6267 §6.1.4")
        point = first + cursor.take(octets * coordinates, "ECC point")
        padding = cursor.take(-(HEAD_OCTETS + len(point)) % ALIGNMENT, "padding")
        auth_algorithm, tgk_octets = cursor.u8("Auth alg"), cursor.u16("TGK len")
        kinds = cursor.u8("Reserved and KV")
        validity = read_validity(cursor, kinds & 15, next_payload, reading)
        rest = (auth_algorithm, tgk_octets, kinds >> 4, validity, next_payload, start, cursor.offset - start)
        return cls(curve, point, padding, *rest)

    def build(self) -> bytes:
        """The sub-payload's octets."""
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + build_uint(self.curve, 1, "ECC curve")
            + self.point
            + self.padding
            + build_uint(self.auth_algorithm, 1, "Auth alg")
            + build_uint(self.tgk_octets, 2, "TGK len")
            + build_nibbles(self.reserved, self.validity.kind, "KV")
            + self.validity.build()
        )
