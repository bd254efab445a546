# SPDX-License-Identifier: GPL-2.0-only
"""What stands inside payloads that MIKEY itself passes on: key IDs, OMA BCAST data, ticket data, initiator data.

RFC 4563 §4, RFC 5410 §3 (which obsoletes RFC 4909 and changes none of its values), RFC 6043 §6.10 and A.3.
"""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.mikey.message import KeyDataPayloads, build_key_data_payloads, parse_key_data_payloads
from dissectors.grammar.mikey.octets import build_counted, build_uint


class KeyId(NamedTuple):
    """One Key ID Type sub-payload (RFC 4563 §4)."""

    type: int
    id: bytes


class KeyIds(NamedTuple):
    """The sub-payloads of a Key ID extension; `remainder` is what made no whole one."""

    ids: tuple[KeyId, ...]
    remainder: bytes = b""


class OmaBcast(NamedTuple):
    """An OMA BCAST extension (RFC 5410 §3): the subtype and its data, which OMA's own specification reads."""

    subtype: int
    data: bytes


class TicketData(NamedTuple):
    """The data of a MIKEY base ticket (RFC 6043 A.1): the ticket header's own data and the payloads behind it."""

    header_data: bytes
    first_payload: int
    content: KeyDataPayloads


class EmbeddedPayloads(NamedTuple):
    """Payloads behind the type of the first one: TP data or initiator data (RFC 6043 §6.10)."""

    first_payload: int
    content: KeyDataPayloads


def parse_key_ids(data: bytes) -> KeyIds:
    """The key IDs of a General Extension of type 3, in wire order (RFC 4563 §4)."""
    ids = []
    position = 0
    while len(data) - position >= 2:
        end = position + 2 + data[position + 1]
        if end > len(data):
            break
        ids.append(KeyId(data[position], data[position + 2 : end]))
        position = end
    return KeyIds(tuple(ids), data[position:])


def build_key_ids(content: KeyIds) -> bytes:
    """The extension's data; raises `Malformed` where an ID is too long."""
    parts = (build_uint(kind, 1, "Key ID type") + build_counted(octets, 1, "Key ID") for kind, octets in content.ids)
    return b"".join(parts) + content.remainder


def parse_oma_bcast(data: bytes) -> OmaBcast:
    """The subtype and data of a General Extension of type 5; raises `Truncated` where it is empty (RFC 5410 §3)."""
    cursor = Cursor(data)
    return OmaBcast(cursor.u8("OMA BCAST data subtype"), cursor.rest())


def build_oma_bcast(content: OmaBcast) -> bytes:
    """The extension's data."""
    return build_uint(content.subtype, 1, "OMA BCAST data subtype") + content.data


def parse_embedded_payloads(data: bytes) -> EmbeddedPayloads:
    """TP data or initiator data; raises `Truncated` where they are empty (RFC 6043 §6.10)."""
    cursor = Cursor(data)
    first = cursor.u8("First payload")
    return EmbeddedPayloads(first, _parse_behind(data, first, cursor.offset))


def build_embedded_payloads(content: EmbeddedPayloads) -> bytes:
    """The octets of TP data or initiator data."""
    return build_uint(content.first_payload, 1, "First payload") + build_key_data_payloads(content.content)


def parse_ticket_data(data: bytes) -> TicketData:
    """The data of a MIKEY base ticket; raises `Truncated` where its header is cut short (RFC 6043 A.3)."""
    cursor = Cursor(data)
    first = cursor.u8("Next payload")
    header_data = cursor.take(cursor.u16("THDR data length"), "THDR data")
    return TicketData(header_data, first, _parse_behind(data, first, cursor.offset))


def build_ticket_data(content: TicketData) -> bytes:
    """The octets of a MIKEY base ticket's data."""
    head = build_uint(content.first_payload, 1, "Next payload") + build_counted(content.header_data, 2, "THDR data")
    return head + build_key_data_payloads(content.content)


def _parse_behind(data: bytes, first_payload: int, start: int) -> KeyDataPayloads:
    """The chain from `start` on; its offsets count from there."""
    if first_payload == 0 and start == len(data):
        return KeyDataPayloads()
    return parse_key_data_payloads(data[start:], first_payload)
