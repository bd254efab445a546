# SPDX-License-Identifier: GPL-2.0-only
"""Suites negotiated by priorities in authenticated lists, and Bob takes one that his own list does not have.

Alice has AES_CM_128_HMAC_SHA1_80 and _32, Bob _80 and F8_128_HMAC_SHA1_80: only _80 is common.
`choice_not_common`: Bob takes _32 all the same (RFC 3264 §6.1 asks for what both support).
`choice_not_common_twin`: he takes _80.
"""

from dataclasses import replace

from pcaps.keying import CM_32, CM_80, F8_80
from pcaps.psk_calls import KEYS, listed_call, listed_expected
from pcaps.samples import FAIL, NOT_APPLICABLE, Sample

ALICES, BOBS = {CM_80: 0, CM_32: 1}, {CM_80: 0, F8_80: 1}
WRONG = listed_expected(CM_32, winner=CM_80)
SAMPLES = (
    Sample(
        "choice_not_common",
        "A choice that the responder's own list does not have",
        listed_call("choice_not_common", ALICES, BOBS, CM_32),
        replace(
            WRONG,
            verdict="mismatch",
            reasons=("choice-not-in-responder-list", "not-winner"),
            outcomes={**WRONG.outcomes, "PRI-001": FAIL, "PRI-002": NOT_APPLICABLE, "PRI-003": FAIL},
            exit_code=5,
        ),
        "choice_not_common",
        flaw="Bob takes a suite that is not in his list",
        clause="RFC 3264 §6.1",
        twin="choice_not_common_twin",
        keys=KEYS,
    ),
    Sample(
        "choice_not_common_twin",
        "The same lists, and Bob takes the common suite",
        listed_call("choice_not_common", ALICES, BOBS, CM_80),
        listed_expected(CM_80, winner=CM_80),
        "choice_not_common",
        keys=KEYS,
    ),
)
