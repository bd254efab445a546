# SPDX-License-Identifier: GPL-2.0-only
"""Points on curves y² + xy = x³ + ax² + b over a binary field, on which IBAKE may agree (RFC 6267 §6.1.4).

Elements are integers whose bits are a polynomial's coefficients. Nothing here hides its timing, as in `prime_curve`.
"""

from typing import NamedTuple

from analyzer.keying.prime_curve import COMPRESSED, UNCOMPRESSED, Point

SQUARED = 4  # digits of base two read in base four: zeros between the coefficients, which is the square


class BinaryField(NamedTuple):
    """Polynomials modulo x^degree + Σ x^middle + 1; the degree is odd."""

    degree: int
    middle: tuple[int, ...]

    def reduce(self, value: int) -> int:
        """The remainder."""
        while high := value >> self.degree:
            value ^= high << self.degree ^ high
            for power in self.middle:
                value ^= high << power
        return value

    def multiply(self, left: int, right: int) -> int:
        """The product, four coefficients of one factor at a time."""
        multiples = [0, left]
        for half in range(1, 8):
            multiples += (multiples[half] << 1, multiples[half] << 1 ^ left)
        product = 0
        for digit in f"{right:x}":
            product = product << 4 ^ multiples[int(digit, 16)]
        return self.reduce(product)

    def square(self, value: int) -> int:
        """The square."""
        return self.reduce(int(f"{value:b}", SQUARED))

    def invert(self, value: int) -> int:
        """The inverse of what is not zero, by Euclid's algorithm."""
        modulus = 1 << self.degree ^ sum(1 << power for power in self.middle) ^ 1
        rest, other, inverse, partner = value, modulus, 1, 0
        while rest != 1:
            shift = rest.bit_length() - other.bit_length()
            if shift < 0:
                rest, other, inverse, partner, shift = other, rest, partner, inverse, -shift
            rest ^= other << shift
            inverse ^= partner << shift
        return self.reduce(inverse)

    def half_trace(self, value: int) -> int:
        """A solution z of z² + z = value, where there is one."""
        total = value
        for _ in range((self.degree - 1) // 2):
            total = self.square(self.square(total)) ^ value
        return total


class BinaryCurve(NamedTuple):
    """y² + xy = x³ + ax² + b over a field, the base point and its order; `octets` is a coordinate's length."""

    field: BinaryField
    a: int
    b: int
    base: Point
    order: int

    @property
    def octets(self) -> int:
        """Octets of a coordinate (SEC 1 §2.3.5)."""
        return (self.field.degree + 7) // 8

    def has(self, point: Point) -> bool:
        """Whether the point's coordinates are reduced and satisfy the equation."""
        x, y = point
        if x >> self.field.degree or y >> self.field.degree:
            return False
        square, multiply = self.field.square, self.field.multiply
        return square(y) ^ multiply(x, y) == multiply(square(x), x ^ self.a) ^ self.b

    def decompress(self, x: int, bit: int) -> Point | None:
        """The point with that x whose y/x ends in `bit` (SEC 1 §2.3.4); None where there is none."""
        field = self.field
        if x >> field.degree:
            return None
        if not x:
            y = self.b
            for _ in range(field.degree - 1):
                y = field.square(y)
            return Point(0, y)
        inverse = field.invert(x)
        half = field.half_trace(x ^ self.a ^ field.multiply(field.square(inverse), self.b))
        point = Point(x, field.multiply(x, half ^ (half & 1) ^ bit))
        return point if self.has(point) else None

    def compress(self, point: Point) -> bytes:
        """02 or 03 ‖ x (SEC 1 §2.3.3)."""
        bit = self.field.multiply(point.y, self.field.invert(point.x)) & 1 if point.x else 0
        return bytes((COMPRESSED + bit,)) + point.x.to_bytes(self.octets, "big")

    def write_point(self, point: Point) -> bytes:
        """04 ‖ x ‖ y."""
        return bytes((UNCOMPRESSED,)) + b"".join(part.to_bytes(self.octets, "big") for part in point)

    def multiply(self, factor: int, point: Point | None) -> Point | None:
        """[factor] point, by doubling and adding in López-Dahab coordinates; `factor` is not negative."""
        if point is None:
            return None
        sum_ = _LopezDahab(self, 1, 0, 0)
        for bit in f"{factor:b}":
            sum_ = sum_.doubled()
            if bit == "1":
                sum_ = sum_.plus(point)
        return sum_.affine()


class _LopezDahab(NamedTuple):
    """The point (x/z, y/z²) of a curve; z = 0 is infinity."""

    curve: BinaryCurve
    x: int
    y: int
    z: int

    def doubled(self) -> "_LopezDahab":
        """Twice this point."""
        curve, x, y, z = self
        square, multiply = curve.field.square, curve.field.multiply
        x_square, z_square = square(x), square(z)
        new_z = multiply(x_square, z_square)
        fourth = multiply(square(z_square), curve.b)
        new_x = square(x_square) ^ fourth
        gradient = multiply(new_z, curve.a) ^ square(y) ^ fourth
        return _LopezDahab(curve, new_x, multiply(fourth, new_z) ^ multiply(new_x, gradient), new_z)

    def plus(self, point: Point) -> "_LopezDahab":
        """The sum of this and an affine point."""
        curve, x, y, z = self
        if not z:
            return _LopezDahab(curve, point.x, point.y, 1)
        square, multiply = curve.field.square, curve.field.multiply
        z_square = square(z)
        rise, run = multiply(point.y, z_square) ^ y, multiply(point.x, z) ^ x
        if not run:
            return _LopezDahab(curve, 1, 0, 0) if rise else self.doubled()
        step = multiply(z, run)
        new_z = square(step)
        slope = multiply(rise, step)
        new_x = square(rise) ^ multiply(square(run), step ^ multiply(z_square, curve.a)) ^ slope
        shift = new_x ^ multiply(point.x, new_z)
        back = multiply(point.x ^ point.y, square(new_z))
        return _LopezDahab(curve, new_x, multiply(slope ^ new_z, shift) ^ back, new_z)

    def affine(self) -> Point | None:
        """The affine point, None at infinity."""
        if not self.z:
            return None
        field = self.curve.field
        inverse = field.invert(self.z)
        return Point(field.multiply(self.x, inverse), field.multiply(self.y, field.square(inverse)))
