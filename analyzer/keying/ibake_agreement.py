# SPDX-License-Identifier: GPL-2.0-only
"""The session key of MIKEY-IBAKE where one exponent is known, and what follows from it: MPK, TGK (RFC 6267 §5.1, §5.2).

The RFC leaves open how the point [x][y]P is written (SEC 1 §2.3.3 has two ways), which message's RAND counts where two
have one, and how long MPK and TGK are. Each reading is tried: V decides for the MPK, packets for the TGK.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from analyzer.keying.key_ring import DhEntry
from analyzer.keying.mikey_books import SessionKey
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.nist_curves import CURVES
from analyzer.keying.prime_curve import Point, PrimeCurve
from dissectors.grammar.mikey import EccPoint, name_of
from dissectors.grammar.mikey.registries import EccCurve
from dissectors.grammar.secret import Secret

MPK, TGK = KeyConstant.MPK_OF_INITIATOR, KeyConstant.MPK_OF_RESPONDER  # the same octets (RFC 6267 Table 1)
MPK_OCTETS = (16, 20, 32)
TGK_OCTETS = (16, 32)
MAX_TGK_OCTETS = 256
MAX_EXPONENT_OCTETS = 1024
WITHOUT_EXPONENT = "both points are known, and neither x nor y follows from them: no exponent in the ring fits"
OPENSSL_CURVES: dict[int, type[ec.EllipticCurve]] = {
    EccCurve.P_192: ec.SECP192R1,
    EccCurve.P_224: ec.SECP224R1,
    EccCurve.P_256: ec.SECP256R1,
    EccCurve.P_384: ec.SECP384R1,
    EccCurve.P_521: ec.SECP521R1,
}


class Agreement(NamedTuple):
    """[x][y]P on its curve, or why it is not known."""

    curve: PrimeCurve | None = None
    point: Point | None = None
    reason: str = ""


def read_ecc_point(payload: EccPoint) -> Point | None:
    """The point in an ECCPT; None where it is none of its curve, or the curve is over a binary field."""
    if payload.curve not in OPENSSL_CURVES:
        return None
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(OPENSSL_CURVES[payload.curve](), payload.point)
    except (ValueError, UnsupportedAlgorithm):
        return None
    numbers = key.public_numbers()
    return Point(numbers.x, numbers.y)


def agree(initiator: EccPoint | None, responder: EccPoint | None, ring: Sequence[DhEntry]) -> Agreement:
    """[x][y]P where the ring has x or y."""
    if initiator is None or responder is None:
        return Agreement(reason=f"the {'responder' if initiator else 'initiator'}'s point stays encrypted")
    if initiator.curve != responder.curve:
        return Agreement(reason="the two points are on different curves")
    curve = CURVES.get(initiator.curve)
    first, second = read_ecc_point(initiator), read_ecc_point(responder)
    if curve is None:
        return Agreement(reason=f"no arithmetic for {name_of(EccCurve, initiator.curve)} here")
    if first is None or second is None:
        return Agreement(reason="a point is not on its curve")
    for entry in ring:
        exponent = int.from_bytes(entry.private.reveal(), "big")
        if len(entry.private) > MAX_EXPONENT_OCTETS or not exponent % curve.order:
            continue
        public = curve.multiply(exponent, curve.base)
        for own, other in ((first, second), (second, first)):
            if public == own:
                return Agreement(curve, curve.multiply(exponent, other))
    return Agreement(reason=WITHOUT_EXPONENT)


def session_keys(agreement: Agreement, rands: Sequence[bytes]) -> Iterator[SessionKey]:
    """K_SESSION in every reading, the likeliest first."""
    curve, point = agreement.curve, agreement.point
    if curve is None or point is None:
        return
    compressed = bytes((2 + point.y % 2,)) + point.x.to_bytes(curve.octets, "big")
    for rand_number, rand in enumerate(dict.fromkeys(rands)):
        which = "RAND of I_MESSAGE_2" if rand_number else ""
        yield SessionKey(Secret(curve.write_point(point)), rand, which)
        yield SessionKey(Secret(compressed), rand, ", ".join(filter(None, ("point compressed", which))))


def tgk_lengths(*points: EccPoint | None) -> tuple[int, ...]:
    """The lengths to try: first what TGK len says, which receivers pass over by the book (RFC 6267 §6.1.4)."""
    stated = [point.tgk_octets for point in points if point is not None]
    return tuple(dict.fromkeys(octets for octets in (*stated, *TGK_OCTETS) if 0 < octets <= MAX_TGK_OCTETS))
