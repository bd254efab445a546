# SPDX-License-Identifier: GPL-2.0-only
"""Three key management lines are offered, and they change places on the way to Bob.

Alice sends PSK, PKE and DH in her order, and in each message the authenticated list `mikey;mikey;mikey` with her
priorities. All lines arrive, so the list of RFC 4567 §7 agrees. `reordered_lines`: they arrive as DH, PKE, PSK; only
the priorities inside the messages show it. `reordered_lines_twin`: in Alice's order.
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
from pcaps.table_4 import KEY_FILES

ALICES_LIST = offered_list({PSK: 0, PKE: 1, DH: 2}, {0: 0})
BOBS_LIST = answered_list({PSK: 0, PKE: 1, DH: 2}, {CM_80: 0}, ALICES_LIST)
RIGHT = listed_expected(CM_80, winner=CM_80)
RIGHT = replace(RIGHT, outcomes={**RIGHT.outcomes, "MKY-008": PASS, "PRI-008": FAIL})


def call(name: str, step: int) -> Call:
    """The call whose lines arrive in that step through Alice's order."""
    psk = PskExchange("reordered lines")
    exchanges = (psk, PkeExchange("reordered lines"), DhExchange("reordered lines"))
    extensions = [sdp_ids(len(exchanges)), priorities(ALICES_LIST)]
    lines = tuple(key_mgmt(exchange.offer(extensions)) for exchange in exchanges)
    offerer, answerer = tracks(psk, CM_80)
    answer = Description((key_mgmt(psk.answer(0, [priorities(BOBS_LIST)])),))
    return Call(name, Description(lines[::step]), answer, offerer, answerer)


SAMPLES = (
    Sample(
        "reordered_lines",
        "Offered lines that changed places on the way",
        call("reordered_lines", -1),
        replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-006": FAIL}),
        "reordered_lines",
        flaw="the lines stand in another order than the list inside them",
        clause="RFC 4567 §8",
        twin="reordered_lines_twin",
        keys=f"{KEYS}{KEY_FILES}",
    ),
    Sample(
        "reordered_lines_twin",
        "Offered lines in the order of the list inside them",
        call("reordered_lines", 1),
        RIGHT,
        "reordered_lines",
        keys=f"{KEYS}{KEY_FILES}",
    ),
)
