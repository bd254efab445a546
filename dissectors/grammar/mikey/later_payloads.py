# SPDX-License-Identifier: GPL-2.0-only
"""Payloads that came after RFC 3830: TR, IDR, RANDR (RFC 6043), SAKKE (RFC 6509)."""

from typing import ClassVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.octets import build_counted, build_uint
from dissectors.grammar.mikey.payloads import TIMESTAMP_OCTETS
from dissectors.grammar.mikey.reading import Reading, read_by_algorithm


@dataclass(frozen=True, slots=True)
class TimestampWithRole:
    """TR (RFC 6043 §6.4): a point in a ticket's life."""

    payload_type: ClassVar[int] = 13

    role: int
    timestamp_type: int
    value: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, reading: Reading) -> "TimestampWithRole":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        role = cursor.u8("TS role")
        kind = cursor.u8("TS type")
        value = read_by_algorithm(cursor, TIMESTAMP_OCTETS, kind, next_payload, reading, "TS value", "RFC 6043 §6.4")
        return cls(role, kind, value, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.role, 1, "TS role")
        return head + build_uint(self.timestamp_type, 1, "TS type") + self.value


@dataclass(frozen=True, slots=True)
class IdentityWithRole:
    """IDR (RFC 6043 §6.6): an identity and whose it is."""

    payload_type: ClassVar[int] = 14

    role: int
    id_type: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "IdentityWithRole":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        role = cursor.u8("ID role")
        kind = cursor.u8("ID type")
        data = cursor.take(cursor.u16("ID len"), "ID data")
        return cls(role, kind, data, next_payload, start, cursor.offset - start)

    @property
    def text(self) -> str:
        """The identity as text; octets that are not UTF-8 show as `\\x..`."""
        return self.data.decode("utf-8", "backslashreplace")

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.role, 1, "ID role")
        return head + build_uint(self.id_type, 1, "ID type") + build_counted(self.data, 2, "ID data")


@dataclass(frozen=True, slots=True)
class RandWithRole:
    """RANDR (RFC 6043 §6.8): random octets and whose they are."""

    payload_type: ClassVar[int] = 15

    role: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "RandWithRole":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        role = cursor.u8("RAND role")
        data = cursor.take(cursor.u8("RAND length"), "RAND")
        return cls(role, data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.role, 1, "RAND role")
        return head + build_counted(self.data, 1, "RAND")


@dataclass(frozen=True, slots=True)
class Sakke:
    """SAKKE (RFC 6509 §4.2): the encapsulated shared secret."""

    payload_type: ClassVar[int] = 26

    parameters: int
    id_scheme: int
    data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "Sakke":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        parameters = cursor.u8("SAKKE params")
        scheme = cursor.u8("ID scheme")
        data = cursor.take(cursor.u16("SAKKE data length"), "SAKKE data")
        return cls(parameters, scheme, data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        head = build_uint(self.next_payload, 1, "Next payload") + build_uint(self.parameters, 1, "SAKKE params")
        return head + build_uint(self.id_scheme, 1, "ID scheme") + build_counted(self.data, 2, "SAKKE data")
