# SPDX-License-Identifier: GPL-2.0-only
"""Calls keyed by one MIKEY message with a pre-shared key: what most cases start from and differ from in one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scapy.packet import Packet as Layer

from pcaps.calls import ALICE, Call
from pcaps.keying import CM_80, PSK, PskExchange, answered_list, key_mgmt, offered_list, priorities, sdp_ids
from pcaps.media import Tamper, Track
from pcaps.samples import LISTED_OUTCOMES, MIKEY_OUTCOMES, Expected, psk_keys
from pcaps.signalling import Description

KEY_AGREEMENT = "MIKEY-PSK"
PLAIN_EXPECTED = Expected(
    chosen=(KEY_AGREEMENT, CM_80),
    winner=(KEY_AGREEMENT, CM_80),
    rule="single",
    suite_rule="single",
    outcomes=MIKEY_OUTCOMES,
)
KEYS = psk_keys(PskExchange("").psk, ALICE.uri)


def tracks(exchange: PskExchange, suite: str, packets: int = 60, tamper: Tamper | None = None) -> tuple[Track, Track]:
    """Both directions protected by the exchange's keys; `tamper` alters what Bob sends."""
    offerer = Track(exchange.context(exchange.caller, suite), packets)
    return offerer, Track(exchange.context(exchange.callee, suite), packets, tamper)


def psk_call(name: str, extensions: Sequence[Layer] | None = None, **media: object) -> Call:
    """One suite, one message, answered; `media` replaces the call's tracks or phones."""
    exchange = PskExchange(name)
    offerer, answerer = tracks(exchange, CM_80)
    offer = exchange.offer([sdp_ids(1)] if extensions is None else extensions)
    call = Call(
        name,
        offer=Description((key_mgmt(offer),)),
        answer=Description((key_mgmt(exchange.answer()),)),
        offerer=offerer,
        answerer=answerer,
    )
    return replace(call, **media)  # type: ignore[arg-type]


def listed_call(name: str, offered: Mapping[str, int | None], answered: Mapping[str, int], chosen: str) -> Call:
    """Both sides send their suites with priorities inside the authenticated messages; Bob takes `chosen`.

    A suite of Alice's with None is offered and stands not in her list. Policies are numbered in the order of `offered`;
    the answer names the one it takes in its crypto session map.
    """
    exchange = PskExchange(name, tuple(offered))
    numbered = {policy: number for policy, number in enumerate(offered.values()) if number is not None}
    mine = offered_list({PSK: 0}, numbered)
    theirs = answered_list({PSK: 0}, dict(answered), mine)
    offerer, answerer = tracks(exchange, chosen)
    return Call(
        name,
        offer=Description((key_mgmt(exchange.offer([sdp_ids(1), priorities(mine)])),)),
        answer=Description((key_mgmt(exchange.answer(tuple(offered).index(chosen), [priorities(theirs)])),)),
        offerer=offerer,
        answerer=answerer,
    )


def listed_expected(chosen: str, winner: str) -> Expected:
    """What is expected of such a call when the choice is the winner."""
    return Expected(
        chosen=(KEY_AGREEMENT, chosen),
        winner=(KEY_AGREEMENT, winner),
        rule="min-sum",
        suite_rule="min-sum",
        outcomes=LISTED_OUTCOMES,
    )
