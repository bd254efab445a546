# SPDX-License-Identifier: GPL-2.0-only
"""Two RFCs number the MAC of a DHHMAC message in opposite ways; the octets that follow decide (RFC 4650 §4.2)."""

from dissectors.grammar.mikey import Kemac
from dissectors.grammar.mikey.registries import MacAlgorithm, name_of

HMAC_OCTETS: dict[int, int] = {20: MacAlgorithm.HMAC_SHA_1_160, 32: MacAlgorithm.HMAC_SHA_256_256}


def read_mac_algorithm(kemac: Kemac) -> tuple[int, str]:
    """The MAC algorithm by RFC 3830's numbers, as the octets that follow decide, and both readings in words.

    RFC 4650 §4.2 numbers HMAC-SHA-1 as 0 and NULL as 1, RFC 3830 §6.2 the other way round.
    """
    number = kemac.mac_algorithm
    by_length = HMAC_OCTETS.get(len(kemac.mac), MacAlgorithm.NULL if not kemac.mac else number)
    by_4650 = {0: "HMAC-SHA-1", 1: "NULL"}.get(number, "nothing")
    reading = (
        f"MAC alg {number} is {name_of(MacAlgorithm, number)} by RFC 3830 §6.2 and {by_4650} by RFC 4650 §4.2; "
        f"{len(kemac.mac)} octets follow"
    )
    return int(by_length), reading
