# SPDX-License-Identifier: GPL-2.0-only
"""Three key management lines are offered; on the way to Bob two of them get lost.

Alice sends PSK, PKE and DH in her order, and in each message the authenticated list `mikey;mikey;mikey` with her
priorities. Bob's list has PSK first, and he takes it. `stripped_line`: only the PSK line arrives, Bob does not compare
and answers (RFC 4567 §7: the list SHALL match; §4.1.4). `stripped_line_twin`: all three lines arrive.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import (
    CM_80,
    DH,
    PKE,
    PSK,
    DhExchange,
    PkeExchange,
    PskExchange,
    answered_list,
    key_mgmt,
    offered_list,
    priorities,
    sdp_ids,
)
from pcaps.psk_calls import KEYS, listed_expected, tracks
from pcaps.samples import FAIL, PASS, Sample
from pcaps.signalling import Description

ALICES_LIST = offered_list({PSK: 0, PKE: 1, DH: 2}, {0: 0})
BOBS_LIST = answered_list({PSK: 0, PKE: 1, DH: 2}, {CM_80: 0}, ALICES_LIST)
RIGHT = listed_expected(CM_80, winner=CM_80)
RIGHT = replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-008": FAIL})  # both put PSK before PKE and DH


def call(name: str, arriving: int) -> Call:
    """The call of which so many of the three lines arrive."""
    psk = PskExchange("stripped line")
    exchanges = (psk, PkeExchange("stripped line"), DhExchange("stripped line"))
    extensions = [sdp_ids(len(exchanges)), priorities(ALICES_LIST)]
    lines = tuple(key_mgmt(exchange.offer(extensions)) for exchange in exchanges)
    offerer, answerer = tracks(psk, CM_80)
    answer = Description((key_mgmt(psk.answer(0, [priorities(BOBS_LIST)])),))
    return Call(name, Description(lines[:arriving]), answer, offerer, answerer)


SAMPLES = (
    Sample(
        "stripped_line",
        "Two of three offered lines are taken out on the way",
        call("stripped_line", 1),
        replace(
            RIGHT,
            verdict="downgrade",
            reasons=("offer-stripped",),
            outcomes={**RIGHT.outcomes, "KMG-003": FAIL},
            exit_code=5,
        ),
        "stripped_line",
        flaw="the authenticated list names three lines, and one arrives",
        clause="RFC 4567 §7",
        twin="stripped_line_twin",
        keys=KEYS,
    ),
    Sample(
        "stripped_line_twin",
        "All three offered lines arrive",
        call("stripped_line", 3),
        replace(RIGHT, outcomes={**RIGHT.outcomes, "MKY-008": PASS}),
        "stripped_line",
        keys=KEYS,
    ),
)
