# SPDX-License-Identifier: GPL-2.0-only
"""The answer takes a crypto line that was not offered.

`sdes_not_offered`: the offer has tag 1, the answer tag 2 with the same suite (RFC 4568 §5.1.2, §5.1.3: tag and suite of
the accepted line). `sdes_not_offered_twin`: tag 1.
"""

from dataclasses import replace

from pcaps.keying import CM_80, SdesKey
from pcaps.samples import FAIL, Sample
from pcaps.sdes_calls import EXPECTED, sdes_call

SAMPLES = (
    Sample(
        "sdes_not_offered",
        "An answered crypto line that was not offered",
        sdes_call("sdes_not_offered", answered=SdesKey(2, CM_80, "bob")),
        replace(
            EXPECTED,
            verdict="mismatch",
            reasons=("choice-not-offered",),
            outcomes={**EXPECTED.outcomes, "SDE-006": FAIL, "PRI-001": FAIL},
        ),
        "sdes_not_offered",
        flaw="the answer's tag is not in the offer",
        clause="RFC 4568 §5.1.2, §5.1.3",
        twin="sdes_not_offered_twin",
    ),
    Sample(
        "sdes_not_offered_twin",
        "The offered crypto line is answered",
        sdes_call("sdes_not_offered"),
        EXPECTED,
        "sdes_not_offered",
    ),
)
