# SPDX-License-Identifier: GPL-2.0-only
"""Boneh-Franklin encryption to identities, opened with the identity's private key (RFC 5091 §4, §5.5).

The curve is y² = x³ + 1 modulo p, p ≡ 11 (mod 12). Decryption ends in a check against the public parameters, so that a
wrong key is told from a right one without any MAC.
"""

import hashlib
import hmac
from typing import NamedTuple

from analyzer.keying.prime_curve import Point, PrimeCurve
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey.ibe_blocks import FpPoint, parse_ciphertext, parse_private_key, parse_public_parameters
from dissectors.grammar.secret import Secret

# type1-curve and the hash functions of RFC 5091 §8, object identifiers as their DER contents.
TYPE_1_CURVE = bytes.fromhex("6086480186FD1E01010101")
HASHES: dict[bytes, str] = {
    bytes.fromhex("2B0E03021A"): "sha1",
    bytes.fromhex("608648016503040204"): "sha224",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
MAX_BITS = 7680  # of p, for 256 bits of strength (RFC 5091 §9)
Element = tuple[int, int]  # a + bi with i² = −1
ONE: Element = (1, 0)


class IbeParameters(NamedTuple):
    """A key management service's public parameters: curve with P and q, and the name of the hash function."""

    curve: PrimeCurve
    hash_name: str

    def digest(self, octets: bytes) -> bytes:
        """The hash function."""
        return hashlib.new(self.hash_name, octets, usedforsecurity=False).digest()


def read_ibe_parameters(octets: bytes) -> IbeParameters | None:
    """The parameters in a BFPublicParameters block; None where it is none, or no curve as RFC 5091 §5.1.2 asks for."""
    try:
        block = parse_public_parameters(octets)
    except GrammarError:
        return None
    p, q = block.p, block.q
    if block.curve != TYPE_1_CURVE or block.hash_function not in HASHES:
        return None
    if p.bit_length() > MAX_BITS or p % 12 != 11 or q < 3 or q % 2 == 0 or (p + 1) % q:
        return None
    if any(pow(base, p - 1, p) != 1 for base in (2, 3, 5)):  # p is no prime, so that not all has an inverse
        return None
    curve = PrimeCurve(p, 1, Point(*block.point), q, (p.bit_length() + 7) // 8, 0)
    if not (curve.has(curve.base) and curve.has(Point(*block.public_point))):
        return None
    return IbeParameters(curve, HASHES[block.hash_function])


def read_ibe_private_key(octets: Secret, parameters: IbeParameters) -> Point | None:
    """The point of a BFPrivateKeyBlock; None where it is none, or no point of the curve."""
    try:
        point = Point(*parse_private_key(octets))
    except GrammarError:
        return None
    return point if parameters.curve.has(point) else None


def hash_to_range(octets: bytes, n: int, parameters: IbeParameters) -> int:
    """HashToRange(s, n, hashfcn) (RFC 5091 §4.1.1)."""
    digest = bytes(hashlib.new(parameters.hash_name, usedforsecurity=False).digest_size)
    value = b""
    for _ in range(2):
        digest = parameters.digest(digest + octets)
        value += digest
    return int.from_bytes(value, "big") % n


def hash_bytes(count: int, seed: bytes, parameters: IbeParameters) -> bytes:
    """HashBytes(b, p, hashfcn) (RFC 5091 §4.2.1), beyond the one digest that it promises too, as its steps go on."""
    key = parameters.digest(seed)
    chained, made = bytes(len(key)), b""
    while len(made) < count:
        chained = parameters.digest(chained)
        made += parameters.digest(chained + key)
    return made[:count]


def canonical(element: Element, parameters: IbeParameters) -> bytes:
    """Canonical(p, k, 0, v): both parts, each as long as p (RFC 5091 §4.3.2)."""
    return b"".join(part.to_bytes(parameters.curve.octets, "big") for part in element)


def pair(left: Point, right: Point, curve: PrimeCurve) -> Element | None:
    """The modified Tate pairing e'(left, right), None where a line degenerates (RFC 5091 §3.4, §4.5).

    `right` is taken to (ζx, y), ζ a third root of unity; numerators and denominators are gathered apart.
    """
    p = curve.p
    image = _distort(right, p)
    over, under = ONE, ONE
    point: Point | None = left
    for bit in bin(curve.order)[3:]:
        over, under = _times(over, over, p), _times(under, under, p)
        for added in (point, left)[: 1 + int(bit)]:
            if point is None or added is None:
                return None
            line, point, vertical = _step(point, added, image, right.y, curve)
            over, under = _times(over, line, p), _times(under, vertical, p)
    return _raise_to_unity(over, under, curve) if point is None else None


def _distort(point: Point, p: int) -> Element:
    """ζx, where ζ = (p − 1)/2 + ((p − 1)/2)·√3·i (RFC 5091 §3.4.2)."""
    half = (p - 1) // 2
    return half * point.x % p, half * pow(3, (p + 1) // 4, p) * point.x % p


def _step(
    point: Point, other: Point, image: Element, y: int, curve: PrimeCurve
) -> tuple[Element, Point | None, Element]:
    """The line through both points at the image, their sum, and the vertical line through that."""
    p = curve.p
    across = ((image[0] - point.x) % p, image[1])
    if point.x == other.x and (point.y + other.y) % p == 0:
        return across, None, ONE
    if point.x == other.x:
        slope = 3 * point.x * point.x * pow(2 * point.y, -1, p) % p
    else:
        slope = (point.y - other.y) * pow(point.x - other.x, -1, p) % p
    line = ((y - point.y - slope * across[0]) % p, -slope * across[1] % p)
    x = (slope * slope - point.x - other.x) % p
    return line, Point(x, (slope * (point.x - x) - point.y) % p), ((image[0] - x) % p, image[1])


def _raise_to_unity(over: Element, under: Element, curve: PrimeCurve) -> Element | None:
    """(over / under) to the power of (p² − 1)/q: the conjugate over itself first, which is the power of p − 1."""
    p = curve.p
    value = _times(over, (under[0], -under[1] % p), p)
    norm = (value[0] * value[0] + value[1] * value[1]) % p
    if not norm:
        return None
    inverse = pow(norm, -1, p)
    conjugate = (value[0], -value[1] % p)
    unit = _times(conjugate, conjugate, p)
    unit = (unit[0] * inverse % p, unit[1] * inverse % p)
    result = ONE
    for bit in f"{(p + 1) // curve.order:b}":
        result = _times(result, result, p)
        if bit == "1":
            result = _times(result, unit, p)
    return result


def _times(left: Element, right: Element, p: int) -> Element:
    return (left[0] * right[0] - left[1] * right[1]) % p, (left[0] * right[1] + left[1] * right[0]) % p


def decrypt(octets: bytes, private_key: Point, parameters: IbeParameters) -> Secret | None:
    """BFdecrypt of a BFCiphertextBlock (RFC 5091 §5.5.1); None where the key does not fit or the block was altered."""
    try:
        block = parse_ciphertext(octets)
    except GrammarError:
        return None
    curve = parameters.curve
    u = Point(*block.u)
    theta = pair(u, private_key, curve) if curve.has(u) else None
    if theta is None:
        return None
    mask = parameters.digest(canonical(theta, parameters))
    if len(mask) != len(block.v):
        return None
    seed = _xor(mask, block.v)
    clear = _xor(hash_bytes(len(block.w), seed, parameters), block.w)
    factor = hash_to_range(seed + parameters.digest(clear), curve.order, parameters)
    made = curve.multiply(factor, curve.base)
    if made is None or not hmac.compare_digest(curve.write_point(made), curve.write_point(u)):
        return None
    return Secret(clear)


def is_ciphertext(octets: bytes) -> bool:
    """Whether the octets are a BFCiphertextBlock at all."""
    try:
        parse_ciphertext(octets)
    except GrammarError:
        return False
    return True


def block_point(point: Point) -> FpPoint:
    """A point as blocks have it."""
    return FpPoint(point.x, point.y)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))
