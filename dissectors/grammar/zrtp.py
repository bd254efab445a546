# SPDX-License-Identifier: GPL-2.0-only
"""ZRTP messages as far as they show what is offered and chosen: Hello and Commit (RFC 6189 §5)."""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed

MAGIC_COOKIE = 0x5A525450
PREAMBLE = 0x505A
HEADER_OCTETS = 12
CRC_OCTETS = 4
MAX_ALGORITHMS = 7
CONFIRMS = ("Confirm1", "Confirm2")


class ZrtpPacket(NamedTuple):
    """A ZRTP packet: `message_type` is the type block without its trailing blanks, `body` what follows it (§5).

    `message` is all that hashes and MACs cover: preamble, length, type and body (§5.1).
    """

    sequence_number: int
    ssrc: int
    message_type: str
    body: bytes
    crc: int
    message: bytes = b""


class ZrtpHello(NamedTuple):
    """Hello: the algorithms of one side, in its order of preference (§5.2)."""

    version: str
    client_id: str
    zid: bytes
    signature_capable: bool
    mitm: bool
    passive: bool
    hashes: tuple[str, ...]
    ciphers: tuple[str, ...]
    auth_tags: tuple[str, ...]
    key_agreements: tuple[str, ...]
    sas_types: tuple[str, ...]


class ZrtpCommit(NamedTuple):
    """Commit: the algorithms that the initiator chose (§5.4)."""

    zid: bytes
    hash: str
    cipher: str
    auth_tag: str
    key_agreement: str
    sas_type: str


class ZrtpConfirm(NamedTuple):
    """Confirm1 or Confirm2: `mac` is over `encrypted`, which is in CFB mode from `iv` (§5.7)."""

    mac: bytes
    iv: bytes
    encrypted: bytes


def is_zrtp(data: bytes) -> bool:
    """Whether `data` starts as a ZRTP packet: 0001 and the magic cookie at octet 4 (§5)."""
    return len(data) >= HEADER_OCTETS + CRC_OCTETS and data[0] >> 4 == 1 and data[4:8] == b"ZRTP"


def _text(octets: bytes) -> str:
    return octets.decode("latin-1").rstrip(" \0")


def parse_zrtp(data: bytes) -> ZrtpPacket:
    """One ZRTP packet; the CRC is kept, not checked. Raises `Malformed` and `Truncated` (§5, §5.1)."""
    cursor = Cursor(data)
    if cursor.u8("ZRTP header") >> 4 != 1:
        raise Malformed("not a ZRTP packet", clause="RFC 6189 §5")
    cursor.u8("ZRTP header")
    sequence_number = cursor.u16("ZRTP header")
    if cursor.u32("ZRTP cookie") != MAGIC_COOKIE:
        raise Malformed("no ZRTP magic cookie", offset=4, clause="RFC 6189 §5")
    ssrc = cursor.u32("ZRTP SSRC")
    if cursor.u16("ZRTP preamble") != PREAMBLE:
        raise Malformed("no ZRTP message preamble", offset=HEADER_OCTETS, clause="RFC 6189 §5.1")
    words = cursor.u16("ZRTP message length")
    if words < 3:
        raise Malformed("ZRTP message shorter than its own header", offset=HEADER_OCTETS + 2, clause="RFC 6189 §5.1")
    message_type = _text(cursor.take(8, "ZRTP message type"))
    body = cursor.take(4 * words - 12, "ZRTP message")
    message = data[HEADER_OCTETS : HEADER_OCTETS + 4 * words]
    return ZrtpPacket(sequence_number, ssrc, message_type, body, cursor.u32("ZRTP CRC"), message)


def parse_zrtp_hello(packet: ZrtpPacket) -> ZrtpHello:
    """What a Hello packet says; raises `Malformed` for another message and `Truncated` (§5.2)."""
    if packet.message_type != "Hello":
        msg = f"ZRTP {packet.message_type}, not Hello"
        raise Malformed(msg, clause="RFC 6189 §5.2")
    cursor = Cursor(packet.body)
    version, client_id = _text(cursor.take(4, "ZRTP version")), _text(cursor.take(16, "client identifier"))
    cursor.take(32, "hash image H3")
    zid, flags = cursor.take(12, "ZID"), cursor.u32("ZRTP Hello counts")
    counts = [min(flags >> shift & 0xF, MAX_ALGORITHMS) for shift in (16, 12, 8, 4, 0)]
    lists = [tuple(_text(cursor.take(4, "ZRTP algorithm")) for _ in range(count)) for count in counts]
    signature, mitm, passive = (bool(flags >> bit & 1) for bit in (30, 29, 28))
    return ZrtpHello(version, client_id, zid, signature, mitm, passive, *lists)


def parse_zrtp_commit(packet: ZrtpPacket) -> ZrtpCommit:
    """What a Commit packet chose; raises `Malformed` for another message and `Truncated` (§5.4)."""
    if packet.message_type != "Commit":
        msg = f"ZRTP {packet.message_type}, not Commit"
        raise Malformed(msg, clause="RFC 6189 §5.4")
    cursor = Cursor(packet.body)
    cursor.take(32, "hash image H2")
    zid = cursor.take(12, "ZID")
    return ZrtpCommit(zid, *(_text(cursor.take(4, "ZRTP algorithm")) for _ in range(5)))


def parse_zrtp_confirm(packet: ZrtpPacket) -> ZrtpConfirm:
    """What of a Confirm packet is in the clear; raises `Malformed` for another message and `Truncated` (§5.7)."""
    if packet.message_type not in CONFIRMS:
        msg = f"ZRTP {packet.message_type}, not Confirm"
        raise Malformed(msg, clause="RFC 6189 §5.7")
    cursor = Cursor(packet.body)
    return ZrtpConfirm(cursor.take(8, "confirm_mac"), cursor.take(16, "CFB initialization vector"), cursor.rest())
