# SPDX-License-Identifier: GPL-2.0-only
"""The session key of MIKEY-IBAKE where one exponent is known, and what follows from it: MPK, TGK (RFC 6267 §5.1, §5.2).

The RFC leaves open how the point [x][y]P is written (SEC 1 §2.3.3 has two ways), which message's RAND counts where two
have one, and how long MPK and TGK are. Each reading is tried: V decides for the MPK, packets for the TGK.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.binary_curve import BinaryCurve
from analyzer.keying.binary_curves import BINARY_CURVES
from analyzer.keying.key_ring import DhEntry
from analyzer.keying.mikey_books import SessionKey
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.nist_curves import CURVES
from analyzer.keying.prime_curve import UNCOMPRESSED, Point, PrimeCurve
from dissectors.grammar.mikey import EccPoint, name_of
from dissectors.grammar.mikey.registries import EccCurve
from dissectors.grammar.secret import Secret

MPK, TGK = KeyConstant.MPK_OF_INITIATOR, KeyConstant.MPK_OF_RESPONDER  # the same octets (RFC 6267 Table 1)
MPK_OCTETS = (16, 20, 32)
TGK_OCTETS = (16, 32)
MAX_EXPONENT_OCTETS = 1024
WITHOUT_EXPONENT = "both points are known, and neither x nor y follows from them: no exponent in the ring fits"
ALL_CURVES: dict[int, PrimeCurve | BinaryCurve] = {**CURVES, **BINARY_CURVES}


class Agreement(NamedTuple):
    """[x][y]P on its curve, or why it is not known; `compressed` is how the peers wrote their points."""

    curve: PrimeCurve | BinaryCurve | None = None
    point: Point | None = None
    reason: str = ""
    compressed: bool = False


def read_ecc_point(payload: EccPoint) -> Point | None:
    """The point in an ECCPT, compressed or not (SEC 1 §2.3.4); None where it is none of its curve."""
    curve = ALL_CURVES.get(payload.curve)
    octets = curve.octets if curve is not None else 0
    if curve is None or len(payload.point) <= octets:
        return None
    first, x, y = payload.point[0], payload.point[1 : 1 + octets], payload.point[1 + octets :]
    if first != UNCOMPRESSED:
        return curve.decompress(int.from_bytes(x, "big"), first & 1)
    point = Point(int.from_bytes(x, "big"), int.from_bytes(y, "big"))
    return point if curve.has(point) else None


def agree(initiator: EccPoint | None, responder: EccPoint | None, ring: Sequence[DhEntry]) -> Agreement:
    """[x][y]P where the ring has x or y."""
    if initiator is None or responder is None:
        return Agreement(reason=f"the {'responder' if initiator else 'initiator'}'s point stays encrypted")
    if initiator.curve != responder.curve:
        return Agreement(reason="the two points are on different curves")
    curve = ALL_CURVES.get(initiator.curve)
    first, second = read_ecc_point(initiator), read_ecc_point(responder)
    if curve is None or first is None or second is None:
        return Agreement(reason=f"a point is not on {name_of(EccCurve, initiator.curve)}")
    for entry in ring:
        exponent = int.from_bytes(entry.private.reveal(), "big")
        if len(entry.private) > MAX_EXPONENT_OCTETS or not exponent % curve.order:
            continue
        public = curve.multiply(exponent % curve.order, curve.base)
        for own, other in ((first, second), (second, first)):
            if public == own:
                return Agreement(curve, curve.multiply(exponent, other), compressed=responder.point[0] != UNCOMPRESSED)
    return Agreement(reason=WITHOUT_EXPONENT)


def session_keys(agreement: Agreement, rands: Sequence[bytes]) -> Iterator[SessionKey]:
    """K_SESSION in every reading, the likeliest first."""
    curve, point = agreement.curve, agreement.point
    if curve is None or point is None:
        return
    forms = [(curve.write_point(point), "point not compressed"), (curve.compress(point), "point compressed")]
    likely, unlikely = reversed(forms) if agreement.compressed else forms
    for rand_number, rand in enumerate(dict.fromkeys(rands)):
        which = "RAND of I_MESSAGE_2" if rand_number else ""
        yield SessionKey(Secret(likely[0]), rand, which)
        yield SessionKey(Secret(unlikely[0]), rand, ", ".join(filter(None, (unlikely[1], which))))


def tgk_lengths(*points: EccPoint | None) -> tuple[int, ...]:
    """The lengths to try: first what TGK len says, which receivers pass over by the book (RFC 6267 §6.1.4)."""
    stated = [point.tgk_octets for point in points if point is not None]
    return tuple(dict.fromkeys(octets for octets in (*stated, *TGK_OCTETS) if octets > 0))
