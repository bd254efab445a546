# SPDX-License-Identifier: GPL-2.0-only
"""Key data sub-payloads and key validity (RFC 3830 §6.13, §6.14)."""

from typing import ClassVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.octets import build_counted, build_nibbles, build_uint
from dissectors.grammar.mikey.reading import Reading, known, unknown_length
from dissectors.grammar.mikey.registries import KeyDataType, KeyValidity
from dissectors.grammar.secret import Secret

KEY_DATA_TYPES = known(KeyDataType)
TYPES_WITH_SALT = frozenset({KeyDataType.TGK_SALT, KeyDataType.TEK_SALT, KeyDataType.GTGK_SALT})


@dataclass(frozen=True, slots=True)
class Validity:
    """KV and its data: an SPI (in SRTP the MKI), an interval, or nothing (RFC 3830 §6.14).

    `raw` holds what follows an unassigned KV at the end of the message.
    """

    kind: int = 0
    spi: bytes = b""
    valid_from: bytes = b""
    valid_to: bytes = b""
    raw: bytes = b""

    def build(self) -> bytes:
        """The KV data, without the nibble that names its kind."""
        if self.kind == KeyValidity.SPI:
            return build_counted(self.spi, 1, "SPI")
        if self.kind == KeyValidity.INTERVAL:
            return build_counted(self.valid_from, 1, "VF") + build_counted(self.valid_to, 1, "VT")
        return self.raw


NO_VALIDITY = Validity()


def read_validity(cursor: Cursor, kind: int, next_payload: int, reading: Reading) -> Validity:
    """KV data of `kind`; an unassigned kind takes the rest where nothing follows, else raises `UnknownLength`."""
    if kind == KeyValidity.NULL:
        return NO_VALIDITY
    if kind == KeyValidity.SPI:
        return Validity(kind, spi=cursor.take(cursor.u8("SPI length"), "SPI"))
    if kind == KeyValidity.INTERVAL:
        valid_from = cursor.take(cursor.u8("VF length"), "Valid From")
        return Validity(kind, valid_from=valid_from, valid_to=cursor.take(cursor.u8("VT length"), "Valid To"))
    if next_payload:
        raise unknown_length(KeyValidity, kind, cursor.offset, "RFC 3830 §6.13", "KV data")
    reading.note_unknown("key-validity-unknown", kind, cursor.offset, "RFC 3830 §6.13")
    return Validity(kind, raw=cursor.rest())


@dataclass(frozen=True, slots=True)
class KeyData:
    """One key, its salt (None where the type has no such field) and validity (RFC 3830 §6.13, RFC 6043 §6.2.1)."""

    payload_type: ClassVar[int] = 20

    key_type: int
    key: Secret
    salt: Secret | None = None
    validity: Validity = NO_VALIDITY
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "KeyData":
        """The sub-payload at the cursor; raises `Truncated` or `UnknownLength`."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        kinds = cursor.u8("Type and KV")
        key_type = kinds >> 4
        key = Secret(cursor.take(cursor.u16("Key data len"), "Key data"))
        salt = Secret(cursor.take(cursor.u16("Salt len"), "Salt data")) if key_type in TYPES_WITH_SALT else None
        validity = read_validity(cursor, kinds & 15, next_payload, reading)
        if key_type not in KEY_DATA_TYPES:
            reading.note_unknown("key-data-type-unknown", key_type, start + 1, "RFC 3830 §6.13")
        return cls(key_type, key, salt, validity, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The sub-payload's octets; raises `Malformed` where a field does not fit."""
        salt = b"" if self.salt is None else build_counted(self.salt.reveal(), 2, "Salt data")
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + build_nibbles(self.key_type, self.validity.kind, "Type and KV")
            + build_counted(self.key.reveal(), 2, "Key data")
            + salt
            + self.validity.build()
        )
