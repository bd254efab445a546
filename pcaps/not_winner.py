# SPDX-License-Identifier: GPL-2.0-only
"""Suites negotiated by priorities in authenticated lists, and Bob takes one that loses.

Alice prefers AES_CM_128_HMAC_SHA1_32 to _80; Bob prefers _80, then F8_128_HMAC_SHA1_80, and likes _32 least (3). By
min-sum _80 wins with 1 against 3. `not_winner`: Bob takes _32, which is not dominated, for Alice prefers it, and
loses under the rule that both lists name; no RFC knows priorities, the paper's rule does. `not_winner_twin`: _80.
"""

from dataclasses import replace

from pcaps.keying import CM_32, CM_80, F8_80
from pcaps.psk_calls import KEYS, listed_call, listed_expected
from pcaps.samples import FAIL, Sample

ALICES, BOBS = {CM_32: 0, CM_80: 1}, {CM_80: 0, F8_80: 1, CM_32: 3}
# Two sides that disagree can't both rank by strength; and 3 makes the sum of the loser greater.
LISTS = {"PRI-004": FAIL, "PRI-008": FAIL}
RIGHT = listed_expected(CM_80, winner=CM_80)
RIGHT = replace(RIGHT, outcomes={**RIGHT.outcomes, **LISTS})
WRONG = replace(RIGHT, chosen=("MIKEY-PSK", CM_32))
SAMPLES = (
    Sample(
        "not_winner",
        "A choice that loses under the rule of both lists",
        listed_call("not_winner", ALICES, BOBS, CM_32),
        replace(
            WRONG,
            verdict="downgrade",
            reasons=("not-winner",),
            outcomes={**WRONG.outcomes, "PRI-003": FAIL},
            exit_code=5,
        ),
        "not_winner",
        flaw="Bob takes the suite with the greater sum of priorities",
        clause="the paper's priority comparison",
        twin="not_winner_twin",
        keys=KEYS,
    ),
    Sample(
        "not_winner_twin",
        "The same lists, and Bob takes the winner",
        listed_call("not_winner", ALICES, BOBS, CM_80),
        RIGHT,
        "not_winner",
        keys=KEYS,
    ),
)
