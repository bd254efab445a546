# SPDX-License-Identifier: GPL-2.0-only
"""Payloads that came after RFC 3830: TR, IDR, RANDR, TP, TICKET (RFC 6043), IBAKE, ESK (RFC 6267), SAKKE (RFC 6509)."""

from dataclasses import dataclass
from typing import ClassVar

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.mikey.octets import build_counted, build_uint
from dissectors.grammar.mikey.payloads import TIMESTAMP_OCTETS
from dissectors.grammar.mikey.reading import Reading, read_by_algorithm

TICKET_HEAD_OCTETS = 7


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
class TicketPolicy:
    """TP (RFC 6043 §6.10): what the ticket shall allow; `head` is the 7 octets from type to flags."""

    payload_type: ClassVar[int] = 16

    head: bytes
    tp_data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "TicketPolicy":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        head = cursor.take(TICKET_HEAD_OCTETS, "Ticket type and flags")
        tp_data = cursor.take(cursor.u16("TP data length"), "TP data")
        return cls(head, tp_data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        return build_uint(self.next_payload, 1, "Next payload") + self.head + build_counted(self.tp_data, 2, "TP data")


@dataclass(frozen=True, slots=True)
class Ticket:
    """TICKET (RFC 6043 §6.10): the policy, the ticket itself, and the initiator's data."""

    payload_type: ClassVar[int] = 17

    head: bytes
    tp_data: bytes
    ticket_data: bytes
    initiator_data: bytes
    next_payload: int = 0
    offset: int = 0
    length: int = 0

    @classmethod
    def read(cls, cursor: Cursor, _reading: Reading) -> "Ticket":
        """The payload at the cursor."""
        start = cursor.offset
        next_payload = cursor.u8("Next payload")
        head = cursor.take(TICKET_HEAD_OCTETS, "Ticket type and flags")
        tp_data = cursor.take(cursor.u16("TP data length"), "TP data")
        ticket_data = cursor.take(cursor.u16("Ticket data length"), "Ticket data")
        initiator_data = cursor.take(cursor.u16("Initiator data length"), "Initiator data")
        return cls(head, tp_data, ticket_data, initiator_data, next_payload, start, cursor.offset - start)

    def build(self) -> bytes:
        """The payload's octets."""
        return (
            build_uint(self.next_payload, 1, "Next payload")
            + self.head
            + build_counted(self.tp_data, 2, "TP data")
            + build_counted(self.ticket_data, 2, "Ticket data")
            + build_counted(self.initiator_data, 2, "Initiator data")
        )


def _read_counted(cursor: Cursor, what: str) -> tuple[bytes, int, int, int]:
    """Data, next payload, offset and length of the layout that IBAKE and ESK share."""
    start = cursor.offset
    next_payload = cursor.u8("Next payload")
    data = cursor.take(cursor.u16(f"{what} length"), what)
    return data, next_payload, start, cursor.offset - start


@dataclass(frozen=True, slots=True)
class Ibake:
    """IBAKE (RFC 6267 §6.1): identity-based encrypted sub-payloads, kept as they are."""

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
    """ESK (RFC 6267 §6.1): an encrypted secret key, kept as it is."""

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
