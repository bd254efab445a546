# SPDX-License-Identifier: GPL-2.0-only
"""Two crypto lines in an order, and the answer takes the first.

`weaker_first`: the 32-bit tag stands before the 80-bit one (RFC 4568 §5.1.1: most preferred first, and it is weaker).
`weaker_first_twin`: the 80-bit tag stands first.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, SdesKey
from pcaps.media import Track
from pcaps.samples import FAIL, PASS, UNKNOWN, Expected, Sample
from pcaps.sdes_calls import EXPECTED
from pcaps.signalling import Description


def call(name: str, *suites: str) -> Call:
    """The call with those suites in the offer, the first of them answered."""
    offered = [SdesKey(tag, suite, f"alice {tag}") for tag, suite in enumerate(suites, 1)]
    answered = SdesKey(1, suites[0], "bob")
    return Call(
        name,
        offer=Description(tuple(key.line for key in offered)),
        answer=Description((answered.line,)),
        offerer=Track(offered[0].context),
        answerer=Track(answered.context),
    )


def expected(suite: str, inverted: str) -> Expected:
    """What is expected where that suite comes first."""
    return replace(
        EXPECTED,
        chosen=("SDES", suite),
        winner=("SDES", suite),
        suite_rule="initiator-first",
        outcomes={**EXPECTED.outcomes, "PRI-005": FAIL, "PRI-006": UNKNOWN, "PRI-008": inverted},
        missing={"PRI-006": "other-leg"},
    )


SAMPLES = (
    Sample(
        "weaker_first",
        "A crypto line with the 32-bit tag before one with 80 bits",
        call("weaker_first", CM_32, CM_80),
        expected(CM_32, FAIL),
        "weaker_first",
        flaw="the weaker suite stands first",
        clause="RFC 4568 §5.1.1",
        twin="weaker_first_twin",
    ),
    Sample(
        "weaker_first_twin",
        "Two crypto lines, the stronger first",
        call("weaker_first", CM_80, CM_32),
        expected(CM_80, PASS),
        "weaker_first",
    ),
)
