# SPDX-License-Identifier: GPL-2.0-only
"""Recognition of STUN messages and TURN channel data, so that they are not mistaken for media (RFC 8489 §5)."""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed

HEADER_OCTETS = 20
MAGIC_COOKIE = 0x2112A442
CHANNEL_HEADER_OCTETS = 4
MAX_ATTRIBUTES = 32
DATA = 0x0013  # RFC 8656 §18
_INDICATIONS = (b"\x00\x16", b"\x00\x17")  # Send, Data


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


def read_relayed(data: bytes) -> bytes | None:
    """What TURN carries for a peer: ChannelData, or the DATA of a Send or Data indication (RFC 8656 §11, §12.4)."""
    if is_channel_data(data):
        return data[CHANNEL_HEADER_OCTETS : CHANNEL_HEADER_OCTETS + int.from_bytes(data[2:4], "big")]
    if data[:2] not in _INDICATIONS or len(data) < HEADER_OCTETS:
        return None
    cursor = Cursor(data, HEADER_OCTETS, HEADER_OCTETS + int.from_bytes(data[2:4], "big"))
    for _ in range(MAX_ATTRIBUTES):
        if cursor.left < 4:
            return None
        kind, octets = cursor.u16("STUN attribute"), cursor.u16("STUN attribute")
        if kind == DATA:
            return cursor.take(min(octets, cursor.left), "DATA attribute")
        cursor.take(min(-(-octets // 4) * 4, cursor.left), "STUN attribute")
    return None
