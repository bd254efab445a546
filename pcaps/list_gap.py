# SPDX-License-Identifier: GPL-2.0-only
"""Suites negotiated by priorities in authenticated lists, and one of Bob's numbers is skipped.

Alice has AES_CM_128_HMAC_SHA1_80 (0) and _32 (1). `list_gap`: Bob has _80 (0) and F8_128_HMAC_SHA1_80 (2): a gap like
this steers a sum, for it counts against what stands behind it. `list_gap_twin`: F8_128_HMAC_SHA1_80 has 1.
"""

from dataclasses import replace

from pcaps.keying import CM_32, CM_80, F8_80
from pcaps.psk_calls import KEYS, listed_call, listed_expected
from pcaps.samples import FAIL, Sample

ALICES = {CM_80: 0, CM_32: 1}
RIGHT = listed_expected(CM_80, winner=CM_80)
SAMPLES = (
    Sample(
        "list_gap",
        "A priority list that leaves out a number",
        listed_call("list_gap", ALICES, {CM_80: 0, F8_80: 2}, CM_80),
        replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-004": FAIL}),
        "list_gap",
        flaw="Bob numbers his two suites 0 and 2",
        clause="the paper's priorities from 0 on",
        twin="list_gap_twin",
        keys=KEYS,
    ),
    Sample(
        "list_gap_twin",
        "The same lists without the gap",
        listed_call("list_gap", ALICES, {CM_80: 0, F8_80: 1}, CM_80),
        RIGHT,
        "list_gap",
        keys=KEYS,
    ),
)
