# SPDX-License-Identifier: GPL-2.0-only
"""Suites negotiated by priorities in authenticated lists, and one that Alice offers has no number in her list.

Alice has AES_CM_128_HMAC_SHA1_80 (0), _32 (1) and F8_128_HMAC_SHA1_80, which stands in no list of hers, so that its
number may be any. `missing_number`: Bob puts F8 first and takes _80. With 0 from Alice F8 would be better for him and
as good for her, with 1 it would win the tie, with 2 lose: nobody can say. `missing_number_decided`: Bob likes _80 best
and takes _32. Whatever number Alice has for F8, _80 is better than _32 for both. `missing_number_twin`: Bob puts F8
first, Alice numbers it 2, and Bob takes _80, which wins.
"""

from dataclasses import replace

from pcaps.keying import CM_32, CM_80, F8_80
from pcaps.psk_calls import KEYS, listed_call, listed_expected
from pcaps.samples import FAIL, UNKNOWN, Sample

ALICES = {CM_80: 0, CM_32: 1}
WITHOUT_NUMBER = {**ALICES, F8_80: None}
F8_FIRST = {F8_80: 0, CM_80: 1, CM_32: 2}
F8_BETWEEN = {CM_80: 0, F8_80: 1, CM_32: 2}
DECIDED = listed_expected(CM_32, winner=CM_80)
RIGHT = listed_expected(CM_80, winner=CM_80)
RIGHT = replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-008": FAIL})  # Bob's F8 before _80
FLAW, CLAUSE = "Alice's list leaves out a suite that she offers", "the paper's separate number for each capability"
SAMPLES = (
    Sample(
        "missing_number",
        "An offered suite without a number, on which the outcome depends",
        listed_call("missing_number", WITHOUT_NUMBER, F8_FIRST, CM_80),
        replace(
            RIGHT,
            verdict="inconclusive",
            reasons=("priority-unknown",),
            winner=("MIKEY-PSK", ""),
            outcomes={**RIGHT.outcomes, "PRI-002": UNKNOWN, "PRI-003": UNKNOWN, "PRI-004": FAIL},
            missing={"PRI-002": "offer-preferences", "PRI-003": "offer-preferences"},
            exit_code=4,
        ),
        "missing_number",
        flaw=FLAW,
        clause=CLAUSE,
        twin="missing_number_twin",
        keys=KEYS,
    ),
    Sample(
        "missing_number_decided",
        "An offered suite without a number, and a choice that is wrong whatever it is",
        listed_call("missing_number", WITHOUT_NUMBER, F8_BETWEEN, CM_32),
        replace(
            DECIDED,
            verdict="downgrade",
            reasons=("dominated", "not-winner"),
            outcomes={**DECIDED.outcomes, "PRI-002": FAIL, "PRI-003": FAIL, "PRI-004": FAIL},
            exit_code=5,
        ),
        "missing_number",
        flaw=FLAW,
        clause=CLAUSE,
        twin="missing_number_twin",
        keys=KEYS,
    ),
    Sample(
        "missing_number_twin",
        "The same suites, all of them in Alice's list",
        listed_call("missing_number", {**ALICES, F8_80: 2}, F8_FIRST, CM_80),
        RIGHT,
        "missing_number",
        keys=KEYS,
    ),
)
