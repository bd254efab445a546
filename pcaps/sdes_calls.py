# SPDX-License-Identifier: GPL-2.0-only
"""Calls keyed by one `a=crypto` line each way, and what is expected of them: what the SDES cases start from."""

from pcaps.calls import Call
from pcaps.keying import CM_80, SdesKey
from pcaps.media import Track
from pcaps.samples import SDES_OUTCOMES, Expected
from pcaps.signalling import Description

ALICES_KEY, BOBS_KEY = SdesKey(1, CM_80, "alice"), SdesKey(1, CM_80, "bob")
EXPECTED = Expected(
    chosen=("SDES", CM_80),
    winner=("SDES", CM_80),
    rule="single",
    suite_rule="single",
    verified="",
    outcomes=SDES_OUTCOMES,
    exit_code=5,
)


def sdes_call(name: str, offered: SdesKey = ALICES_KEY, answered: SdesKey = BOBS_KEY) -> Call:
    """One line offered, one line answered, media protected by them."""
    return Call(
        name,
        offer=Description((offered.line,)),
        answer=Description((answered.line,)),
        offerer=Track(offered.context),
        answerer=Track(answered.context),
    )
