# SPDX-License-Identifier: GPL-2.0-only
"""Recognition of STUN messages and TURN channel data, so that they are not mistaken for media (RFC 8489 §5)."""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed

HEADER_OCTETS = 20
MAGIC_COOKIE = 0x2112A442
CHANNEL_HEADER_OCTETS = 4


class StunHeader(NamedTuple):
    """A STUN header; without the magic cookie the message is of RFC 3489 (`classic`)."""

    message_class: int
    method: int
    length: int
    transaction_id: bytes
    classic: bool


def parse_stun_header(data: bytes) -> StunHeader:
    """The header of a STUN message that fills `data`; raises `Malformed` for a wrong length or zero bits."""
    cursor = Cursor(data)
    kind, length, cookie = cursor.u16("STUN header"), cursor.u16("STUN header"), cursor.u32("STUN header")
    if kind >> 14 or length % 4 or HEADER_OCTETS + length != len(data):
        raise Malformed("not a STUN header", clause="RFC 8489 §5")
    classic = cookie != MAGIC_COOKIE
    transaction_id = (cookie.to_bytes(4, "big") if classic else b"") + cursor.take(12, "STUN transaction id")
    message_class = (kind >> 7 & 2) | (kind >> 4 & 1)
    method = (kind >> 2 & 0xF80) | (kind >> 1 & 0x70) | (kind & 0xF)
    return StunHeader(message_class, method, length, transaction_id, classic)


def is_stun(data: bytes) -> bool:
    """Whether `data` is one STUN message of its own length."""
    if len(data) < HEADER_OCTETS or data[0] > 3:
        return False
    length = int.from_bytes(data[2:4], "big")
    return length % 4 == 0 and HEADER_OCTETS + length == len(data)


def is_channel_data(data: bytes) -> bool:
    """Whether `data` is TURN ChannelData, padded to four octets or not (RFC 8656 §12.4)."""
    if len(data) < CHANNEL_HEADER_OCTETS or not 0x40 <= data[0] <= 0x4F:
        return False
    return 0 <= len(data) - CHANNEL_HEADER_OCTETS - int.from_bytes(data[2:4], "big") <= 3
