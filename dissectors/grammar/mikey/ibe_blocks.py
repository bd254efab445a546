# SPDX-License-Identifier: GPL-2.0-only
"""What Boneh-Franklin encryption writes down: public parameters, private keys and ciphertexts in DER (RFC 5091 §8).

RFC 6267 §6.1.1 says of the data in IBAKE and ESK that it is encrypted as in RFC 5091, and not how the three parts of a
ciphertext are joined; RFC 5091's own block is taken.
"""

from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed
from dissectors.grammar.secret import Secret

CLAUSE = "RFC 5091 §8"
VERSION = 2
INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x04, 0x06, 0x30
LONG_FORM = 0x80
MAX_LENGTH_OCTETS = 2


class FpPoint(NamedTuple):
    """A point's coordinates."""

    x: int
    y: int


class PublicParameters(NamedTuple):
    """BFPublicParameters; `curve` and `hash_function` are object identifiers as their DER contents."""

    curve: bytes
    p: int
    q: int
    point: FpPoint
    public_point: FpPoint
    hash_function: bytes


class Ciphertext(NamedTuple):
    """BFCiphertextBlock: U, V and W of RFC 5091 §5.4."""

    u: FpPoint
    v: bytes
    w: bytes


def parse_public_parameters(octets: bytes) -> PublicParameters:
    """BFPublicParameters; raises `Truncated` or `Malformed` where it is no such block in DER."""
    content = _open_block(octets)
    curve = _take(content, OBJECT_IDENTIFIER, "curve")
    p, q = _integer(content, "p"), _integer(content, "q")
    points = _point(content, "pointP"), _point(content, "pointPpub")
    hash_function = _take(content, OBJECT_IDENTIFIER, "hashfcn")
    _end(content)
    return PublicParameters(curve, p, q, *points, hash_function)


def build_public_parameters(block: PublicParameters) -> bytes:
    """The block in DER."""
    parts = (_write(OBJECT_IDENTIFIER, block.curve), _write_integer(block.p), _write_integer(block.q))
    points = (_write_point(block.point), _write_point(block.public_point))
    return _write_block(*parts, *points, _write(OBJECT_IDENTIFIER, block.hash_function))


def parse_private_key(octets: Secret) -> FpPoint:
    """The point of a BFPrivateKeyBlock; raises `Truncated` or `Malformed`."""
    content = _open_block(octets.reveal())
    point = _point(content, "privateKey")
    _end(content)
    return point


def build_private_key(point: FpPoint) -> Secret:
    """A BFPrivateKeyBlock in DER."""
    return Secret(_write_block(_write_point(point)))


def parse_ciphertext(octets: bytes) -> Ciphertext:
    """BFCiphertextBlock; raises `Truncated` or `Malformed`."""
    content = _open_block(octets)
    u = _point(content, "u")
    v, w = _take(content, OCTET_STRING, "v"), _take(content, OCTET_STRING, "w")
    _end(content)
    return Ciphertext(u, v, w)


def build_ciphertext(block: Ciphertext) -> bytes:
    """The block in DER."""
    return _write_block(_write_point(block.u), _write(OCTET_STRING, block.v), _write(OCTET_STRING, block.w))


def _open_block(octets: bytes) -> Cursor:
    """What follows the version in the one SEQUENCE that the octets are."""
    outer = Cursor(octets)
    content = _enter(outer, SEQUENCE, "block")
    _end(outer)
    version = _integer(content, "version")
    if version != VERSION:
        message = f"version {version}, not {VERSION}"
        raise Malformed(message, clause=CLAUSE)
    return content


def _end(cursor: Cursor) -> None:
    if cursor.left:
        message = f"{cursor.left} octets too many"
        raise Malformed(message, offset=cursor.offset, clause=CLAUSE)


def _enter(cursor: Cursor, tag: int, what: str) -> Cursor:
    """The contents of the next element, which must have the tag and its length in the shortest form."""
    start = cursor.offset
    found, octets = cursor.u8(what), cursor.u8(f"length of {what}")
    if octets >= LONG_FORM:
        count = octets - LONG_FORM
        if not 1 <= count <= MAX_LENGTH_OCTETS:
            message = f"{what}: its length takes {count} octets"
            raise Malformed(message, offset=start, clause=CLAUSE)
        octets = int.from_bytes(cursor.take(count, f"length of {what}"), "big")
        if octets < LONG_FORM or octets >> 8 * (count - 1) == 0:
            message = f"{what}: its length is not in the shortest form"
            raise Malformed(message, offset=start, clause=CLAUSE)
    if found != tag:
        message = f"{what}: tag {found:#04x}, not {tag:#04x}"
        raise Malformed(message, offset=start, clause=CLAUSE)
    return cursor.region(octets, what)


def _take(cursor: Cursor, tag: int, what: str) -> bytes:
    return _enter(cursor, tag, what).rest()


def _integer(cursor: Cursor, what: str) -> int:
    """A number that is not negative, in the shortest form."""
    start = cursor.offset
    octets = _take(cursor, INTEGER, what)
    value = int.from_bytes(octets, "big")
    if not octets or octets[0] & 0x80 or len(octets) != value.bit_length() // 8 + 1:
        message = f"{what}: negative, or not in the shortest form"
        raise Malformed(message, offset=start, clause=CLAUSE)
    return value


def _point(cursor: Cursor, what: str) -> FpPoint:
    content = _enter(cursor, SEQUENCE, what)
    point = FpPoint(_integer(content, f"x of {what}"), _integer(content, f"y of {what}"))
    _end(content)
    return point


def _write(tag: int, content: bytes) -> bytes:
    octets = len(content)
    if octets < LONG_FORM:
        return bytes((tag, octets)) + content
    count = (octets.bit_length() + 7) // 8
    if count > MAX_LENGTH_OCTETS:
        message = f"{octets} octets do not fit a block"
        raise Malformed(message, clause=CLAUSE)
    return bytes((tag, LONG_FORM + count)) + octets.to_bytes(count, "big") + content


def _write_integer(value: int) -> bytes:
    if value < 0:
        raise Malformed("a negative number", clause=CLAUSE)
    return _write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _write_point(point: FpPoint) -> bytes:
    return _write(SEQUENCE, _write_integer(point.x) + _write_integer(point.y))


def _write_block(*parts: bytes) -> bytes:
    return _write(SEQUENCE, b"".join((_write_integer(VERSION), *parts)))
