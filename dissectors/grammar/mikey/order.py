# SPDX-License-Identifier: GPL-2.0-only
"""The order of payloads that each message's RFC gives; readers take any, so a deviation is an oddity and no more.

RFC 3830 §3 and §5.2, RFC 4650 §3, RFC 4738 §3.1, RFC 6043 §4.2, RFC 6267 §4.2, RFC 6509 §2.1. General extensions may
stand anywhere before the authenticator (RFC 3830 §6.15).
"""

from collections.abc import Iterable

from dissectors.grammar.mikey.registries import DataType, PayloadType

Pattern = tuple[frozenset[int], ...]


def _pattern(*places: set[PayloadType]) -> Pattern:
    return tuple(frozenset(map(int, place)) for place in places)


P = PayloadType
BASE = _pattern(
    {P.T}, {P.RAND, P.ERR}, {P.ID, P.IDR, P.CERT}, {P.SP}, {P.DH, P.SAKKE}, {P.KEMAC}, {P.CHASH}, {P.PKE}, {P.V, P.SIGN}
)
TICKET = _pattern(
    {P.T}, {P.RANDR}, {P.IDR, P.CERT}, {P.SP}, {P.TP, P.TICKET}, {P.IDR}, {P.KEMAC}, {P.CHASH}, {P.PKE}, {P.V, P.SIGN}
)
REQUEST_KEY = _pattern({P.T}, {P.RAND}, {P.IDR, P.CERT}, {P.KEMAC}, {P.CHASH}, {P.PKE}, {P.V, P.SIGN})
IBAKE = _pattern({P.T}, {P.RAND}, {P.IDR}, {P.IBAKE}, {P.ESK}, {P.V})
PATTERNS: dict[int, Pattern] = {
    **dict.fromkeys(range(DataType.RSA_R_R_MSG + 1), BASE),
    **dict.fromkeys(range(DataType.REQUEST_INIT_PSK, DataType.RESOLVE_RESP), TICKET),
    DataType.TRANSFER_RESP: _pattern({P.T}, {P.RANDR}, {P.IDR}, {P.RANDR}, {P.SP}, {P.KEMAC}, {P.V}),
    DataType.RESOLVE_RESP: _pattern({P.T}, {P.IDR}, {P.KEMAC}, {P.IDR}, {P.RANDR}, {P.V}),
    **dict.fromkeys(range(DataType.REQUEST_KEY_PSK, DataType.I_MESSAGE_1), REQUEST_KEY),
    **dict.fromkeys(range(DataType.I_MESSAGE_1, DataType.SAKKE_MSG), IBAKE),
    DataType.SAKKE_MSG: BASE,
}
_PLACED = {pattern: frozenset().union(*pattern) for pattern in PATTERNS.values()}


def first_out_of_order(data_type: int, payload_types: Iterable[int]) -> int | None:
    """The number of the first payload that stands behind one which should follow it, None where all are in order."""
    pattern = PATTERNS.get(data_type)
    if pattern is None:
        return None
    placed, place = _PLACED[pattern], 0
    for number, kind in enumerate(payload_types):
        if kind not in placed:
            continue
        while place < len(pattern) and kind not in pattern[place]:
            place += 1
        if place == len(pattern):
            return number
    return None
