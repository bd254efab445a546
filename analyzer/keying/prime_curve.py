# SPDX-License-Identifier: GPL-2.0-only
"""Points on curves y² = x³ + ax + b over a prime field: NIST's for ECCSI and IBAKE, those of SAKKE and Boneh-Franklin.

Nothing here hides its timing: it verifies, and opens what its owner gave the key for; it never makes a signature.
"""

from typing import NamedTuple

UNCOMPRESSED = 4
COMPRESSED = 2  # or 3, where y is odd


class Point(NamedTuple):
    """An affine point; infinity is None wherever a point may be it."""

    x: int
    y: int


class PrimeCurve(NamedTuple):
    """y² = x³ + ax + b modulo p, the base point's coordinates and its order; `octets` is a coordinate's length."""

    p: int
    b: int
    base: Point
    order: int
    octets: int
    a: int = -3

    def has(self, point: Point) -> bool:
        """Whether the point's coordinates are reduced and satisfy the equation."""
        if not (0 <= point.x < self.p and 0 <= point.y < self.p):
            return False
        return (point.y * point.y - (point.x * point.x + self.a) * point.x - self.b) % self.p == 0

    def read_point(self, octets: bytes) -> Point | None:
        """The point of 04 ‖ x ‖ y (RFC 6507 §4.1, RFC 6508 §4), None where there is none on the curve."""
        if len(octets) != 1 + 2 * self.octets or octets[0] != UNCOMPRESSED:
            return None
        middle = 1 + self.octets
        point = Point(int.from_bytes(octets[1:middle], "big"), int.from_bytes(octets[middle:], "big"))
        return point if self.has(point) else None

    def decompress(self, x: int, bit: int) -> Point | None:
        """The point with that x whose y ends in `bit` (SEC 1 §2.3.4); None where there is none."""
        if x >= self.p:
            return None
        y = _square_root((x * x + self.a) * x + self.b, self.p)
        point = Point(x, y if y & 1 == bit else -y % self.p)
        return point if self.has(point) else None

    def compress(self, point: Point) -> bytes:
        """02 or 03 ‖ x (SEC 1 §2.3.3)."""
        return bytes((COMPRESSED + point.y % 2,)) + point.x.to_bytes(self.octets, "big")

    def write_point(self, point: Point) -> bytes:
        """04 ‖ x ‖ y."""
        return bytes((UNCOMPRESSED,)) + b"".join(part.to_bytes(self.octets, "big") for part in point)

    def add(self, left: Point | None, right: Point | None) -> Point | None:
        """The sum of two points."""
        if left is None or right is None:
            return right if left is None else left
        if left.x == right.x:
            if (left.y + right.y) % self.p == 0:
                return None
            slope = (3 * left.x * left.x + self.a) * pow(2 * left.y, -1, self.p)
        else:
            slope = (left.y - right.y) * pow(left.x - right.x, -1, self.p)
        x = (slope * slope - left.x - right.x) % self.p
        return Point(x, (slope * (left.x - x) - left.y) % self.p)

    def multiply(self, factor: int, point: Point | None) -> Point | None:
        """[factor] point, by doubling and adding in Jacobian coordinates; `factor` is not negative."""
        if point is None:
            return None
        sum_ = Jacobian(self.p, 1, 1, 0, self.a)
        for bit in f"{factor:b}":
            sum_ = sum_.doubled()
            if bit == "1":
                sum_ = sum_.plus(point)
        return sum_.affine()


class Jacobian(NamedTuple):
    """The point (x/z², y/z³) of a curve with that `a` modulo p; z = 0 is infinity."""

    p: int
    x: int
    y: int
    z: int
    a: int = -3

    def doubled(self) -> "Jacobian":
        """Twice this point."""
        p, x, y, z, a = self
        square, z_square = y * y % p, z * z % p
        gradient = (3 * x * x + a * z_square * z_square) % p
        middle = 4 * x * square % p
        new_x = (gradient * gradient - 2 * middle) % p
        return Jacobian(p, new_x, (gradient * (middle - new_x) - 8 * square * square) % p, 2 * y * z % p, a)

    def plus(self, point: Point) -> "Jacobian":
        """The sum of this and an affine point."""
        p, x, y, z, a = self
        if not z:
            return Jacobian(p, point.x, point.y, 1, a)
        z_square = z * z % p
        run, rise = (point.x * z_square - x) % p, (point.y * z_square * z - y) % p
        if not run:
            return Jacobian(p, 1, 1, 0, a) if rise else self.doubled()
        run_square = run * run % p
        run_cube, middle = run_square * run % p, x * run_square % p
        new_x = (rise * rise - run_cube - 2 * middle) % p
        return Jacobian(p, new_x, (rise * (middle - new_x) - y * run_cube) % p, run * z % p, a)

    def affine(self) -> Point | None:
        """The affine point, None at infinity."""
        if not self.z:
            return None
        inverse = pow(self.z, -1, self.p)
        square = inverse * inverse % self.p
        return Point(self.x * square % self.p, self.y * square * inverse % self.p)


def _square_root(square: int, p: int) -> int:
    """A root of `square` modulo the prime `p`, where there is one (Tonelli and Shanks)."""
    twos = (p - 1 & 1 - p).bit_length() - 1
    odd = p - 1 >> twos
    if twos == 1:
        return pow(square, (p + 1) // 4, p)
    other = next(number for number in range(2, p) if pow(number, (p - 1) // 2, p) == p - 1)  # no square: 11 for P-224
    root, error, turn = pow(square, (odd + 1) // 2, p), pow(square, odd, p), pow(other, odd, p)
    for left in range(twos - 2, -1, -1):
        if pow(error, 1 << left, p) == p - 1:
            root, error = root * turn % p, error * turn * turn % p
        turn = turn * turn % p
    return root
