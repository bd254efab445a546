# SPDX-License-Identifier: GPL-2.0-only
"""A list that is not in the call: Bob's answer to OPTIONS, and the auditor's inventory.

Alice offers crypto lines with AES_CM_128_HMAC_SHA1_80 and _32, and Bob takes the second. Whether that is wrong depends
on whether he has the first (RFC 4568 §5.1.2). `known_by_options`: his answer to OPTIONS before the call lists both
(RFC 3264 §9); in its twin it lists _32 alone. `known_by_inventory`: the inventory says that he has both; in its twin he
takes the first.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, SdesKey
from pcaps.media import Track
from pcaps.samples import FAIL, PASS, UNKNOWN, Expected, Sample
from pcaps.sdes_calls import EXPECTED
from pcaps.signalling import Description

INVENTORY = "known_elsewhere"


def call(name: str, taken: int, capabilities: tuple[str, ...] = ()) -> Call:
    """The call in which the line with that tag is taken."""
    offered = [SdesKey(tag, suite, f"alice {tag}") for tag, suite in ((1, CM_80), (2, CM_32))]
    answered = SdesKey(taken, offered[taken - 1].suite, "bob")
    lines = tuple(SdesKey(tag, suite, f"bob's {tag}").line for tag, suite in enumerate(capabilities, 1))
    return Call(
        name,
        offer=Description(tuple(key.line for key in offered)),
        answer=Description((answered.line,)),
        offerer=Track(offered[taken - 1].context),
        answerer=Track(answered.context),
        capabilities=Description(lines, inactive=True) if capabilities else None,
    )


def expected(chosen: str, winner: str) -> Expected:
    """What is expected of such a call; the winner is the suite that Alice prefers among those that Bob has."""
    right = replace(
        EXPECTED,
        chosen=("SDES", chosen),
        winner=("SDES", winner),
        suite_rule="initiator-first",
        outcomes={**EXPECTED.outcomes, "PRI-005": FAIL, "PRI-006": UNKNOWN, "PRI-008": PASS},
        missing={"PRI-006": "other-leg"},
    )
    if chosen == winner:
        return right
    outcomes = {**right.outcomes, "PRI-002": FAIL, "PRI-003": FAIL}
    return replace(right, verdict="downgrade", reasons=("dominated", "not-winner"), outcomes=outcomes)


SAMPLES = (
    Sample(
        "known_by_options",
        "The second line is taken by a phone whose answer to OPTIONS has the first",
        call("known_by_options", 2, (CM_80, CM_32)),
        expected(CM_32, CM_80),
        "known_elsewhere",
        flaw="Bob passes over the first line, which he has",
        clause="RFC 4568 §5.1.2",
        twin="known_by_options_twin",
    ),
    Sample(
        "known_by_options_twin",
        "The second line is taken by a phone whose answer to OPTIONS has it alone",
        call("known_by_options", 2, (CM_32,)),
        expected(CM_32, CM_32),
        "known_elsewhere",
    ),
    Sample(
        "known_by_inventory",
        "The second line is taken by a phone that has the first by the auditor's inventory",
        call("known_by_inventory", 2),
        expected(CM_32, CM_80),
        "known_elsewhere",
        flaw="Bob passes over the first line, which he has",
        clause="RFC 4568 §5.1.2",
        twin="known_by_inventory_twin",
        inventory=INVENTORY,
    ),
    Sample(
        "known_by_inventory_twin",
        "The first line is taken by a phone that has it by the auditor's inventory",
        call("known_by_inventory", 1),
        expected(CM_80, CM_80),
        "known_elsewhere",
        inventory=INVENTORY,
    ),
)
