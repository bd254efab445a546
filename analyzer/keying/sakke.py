# SPDX-License-Identifier: GPL-2.0-only
"""SAKKE: the shared secret value out of encapsulated data, with the receiver's secret key (RFC 6508, RFC 6509 App. A).

Parameter set 1 alone: a 1024-bit supersingular curve y² = x³ − 3x, SHA-256, secrets of 16 octets.
"""

import hashlib
import hmac

from analyzer.keying.prime_curve import Jacobian, Point, PrimeCurve
from dissectors.grammar.secret import Secret

PARAMETER_SET_1 = 1
COORDINATE_OCTETS = 128
POINT_OCTETS = 1 + 2 * COORDINATE_OCTETS
SSV_OCTETS = 16
ENCAPSULATED_OCTETS = POINT_OCTETS + SSV_OCTETS
HASH_BITS = 256
_P = int(
    "997ABB1F0A563FDA65C61198DAD0657A416C0CE19CB48261BE9AE358B3E01A2EF40AAB27E2FC0F1B228730D531A59CB0"
    "E791B39FF7C88A19356D27F4A666A6D0E26C6487326B4CD4512AC5CD65681CE1B6AFF4A831852A82A7CF3C521C3C09AA"
    "9F94D6AF56971F1FFCE3E82389857DB080C5DF10AC7ACE87666D807AFEA85FEB",
    16,
)
_BASE = Point(
    int(
        "53FC09EE332C29AD0A7990053ED9B52A2B1A2FD60AEC69C698B2F204B6FF7CBFB5EDB6C0F6CE2308AB10DB9030B09E10"
        "43D5F22CDB9DFA55718BD9E7406CE8909760AF765DD5BCCB337C86548B72F2E1A702C3397A60DE74A7C1514DBA66910D"
        "D5CFB4CC80728D87EE9163A5B63F73EC80EC46C4967E0979880DC8ABEAE63895",
        16,
    ),
    int(
        "0A8249063F6009F1F9F1F0533634A135D3E82016029906963D778D821E141178F5EA69F4654EC2B9E7F7F5E5F0DE55F6"
        "6B598CCF9A140B2E416CFF0CA9E032B970DAE117AD547C6CCAD696B5B7652FE0AC6F1E80164AA989492D979FC5A4D5F2"
        "13515AD7E9CB99A980BDAD5AD5BB4636ADB9B5706A67DCDE75573FD71BEF16D7",
        16,
    ),
)
CURVE = PrimeCurve(p=_P, b=0, base=_BASE, order=(_P + 1) // 4, octets=COORDINATE_OCTETS)


def hash_to_range(octets: bytes, n: int) -> int:
    """HashToIntegerRange(s, n) with SHA-256 (RFC 6508 §5.1)."""
    a = hashlib.sha256(octets).digest()
    h, value = bytes(HASH_BITS // 8), b""
    for _ in range(-(-(n - 1).bit_length() // HASH_BITS)):
        h = hashlib.sha256(h).digest()
        value += hashlib.sha256(h + a).digest()
    return int.from_bytes(value, "big") % n


def pair(left: Point, right: Point) -> int | None:
    """The Tate–Lichtenbaum pairing ⟨left, right⟩ as an element of F_p, None where it has none (RFC 6508 §3.2).

    Lines are taken times their denominators, which are in F_p and so vanish from the ratio that is the result.
    """
    p = CURVE.p
    real, imaginary = 1, 0
    c = Jacobian(p, left.x, left.y, 1)
    for bit in bin(CURVE.order - 1)[3:]:
        square = c.z * c.z % p
        gradient = 3 * (c.x - square) * (c.x + square) % p
        line = (gradient * (right.x * square + c.x) - 2 * c.y * c.y, 2 * c.y * square * c.z * right.y)
        real, imaginary = (real - imaginary) * (real + imaginary) % p, 2 * real * imaginary % p
        real, imaginary = _times(real, imaginary, *line)
        c = c.doubled()
        if bit == "1":
            square = c.z * c.z % p
            run, rise = (left.x * square - c.x) * c.z % p, (left.y * square * c.z - c.y) % p
            line = (rise * (right.x + left.x) - left.y * run, right.y * run)
            real, imaginary = _times(real, imaginary, *line)
            c = c.plus(left)
    for _ in range(2):  # (p + 1) / q is 4
        real, imaginary = (real - imaginary) * (real + imaginary) % p, 2 * real * imaginary % p
    return imaginary * pow(real, -1, p) % p if real else None


def _times(real: int, imaginary: int, other_real: int, other_imaginary: int) -> tuple[int, int]:
    p = CURVE.p
    return (
        (real * other_real - imaginary * other_imaginary) % p,
        (real * other_imaginary + imaginary * other_real) % p,
    )


def read_receiver_key(octets: Secret) -> Point | None:
    """A receiver secret key or a KMS public key, 04 ‖ x ‖ y or x ‖ y; None where it is no point of the curve."""
    revealed = octets.reveal()
    return CURVE.read_point(revealed if len(revealed) == POINT_OCTETS else b"\x04" + revealed)


def extract_ssv(encapsulated: bytes, receiver_key: Point) -> Secret | None:
    """The shared secret value as `receiver_key` gives it, not yet known to be right; None where R is no point."""
    if len(encapsulated) != ENCAPSULATED_OCTETS:
        return None
    r_point = CURVE.read_point(encapsulated[:POINT_OCTETS])
    w = None if r_point is None else pair(r_point, receiver_key)
    if w is None:
        return None
    mask = hash_to_range(w.to_bytes(COORDINATE_OCTETS, "big"), 1 << 8 * SSV_OCTETS)
    ssv = int.from_bytes(encapsulated[POINT_OCTETS:], "big") ^ mask
    return Secret(ssv.to_bytes(SSV_OCTETS, "big"))


def ssv_fits(encapsulated: bytes, ssv: Secret, identity: bytes, kms_public_key: Point) -> bool:
    """Whether R is what a sender with this SSV makes for `identity`: [r]([b]P + Z) (RFC 6508 §6.2.2 step 5)."""
    r = hash_to_range(ssv.reveal() + identity, CURVE.order)
    public = CURVE.add(CURVE.multiply(int.from_bytes(identity, "big") % CURVE.order, CURVE.base), kms_public_key)
    made = CURVE.multiply(r, public)
    return made is not None and hmac.compare_digest(CURVE.write_point(made), encapsulated[:POINT_OCTETS])
