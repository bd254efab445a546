# SPDX-License-Identifier: GPL-2.0-only
"""RTP/SAVP is offered, and the answer makes it RTP/AVP.

`profile_weakened`: Bob answers plain RTP instead of refusing with 488, Alice goes along, and clear RTP flows
(RFC 5124 §4). `profile_weakened_twin`: Bob keeps the profile and answers the `a=crypto` line.
"""

from dataclasses import replace

from pcaps.media import Track
from pcaps.samples import FAIL, PASS, PLAIN_OUTCOMES, UNKNOWN, Expected, Sample
from pcaps.sdes_calls import EXPECTED, sdes_call
from pcaps.signalling import AVP, Description

SAMPLES = (
    Sample(
        "profile_weakened",
        "SAVP offered, AVP answered",
        replace(
            sdes_call("profile_weakened"), answer=Description(profile=AVP), offerer=Track(None), answerer=Track(None)
        ),
        Expected(
            verdict="unprotected",
            reasons=("clear-media", "plain-profile"),
            rule="single",
            suite_rule="single",
            verified="",
            wire=("contradicting", "contradicting"),
            rtcp_clear=2,
            outcomes={
                **PLAIN_OUTCOMES,
                "SIG-002": FAIL,
                "PRO-001": FAIL,
                "PRO-003": FAIL,
                "SDE-004": PASS,
                "PRI-009": UNKNOWN,
            },
            missing={"PRI-009": "preference-lists"},
            exit_code=5,
        ),
        "profile_weakened",
        flaw="the answer takes the security out of the profile",
        clause="RFC 5124 §4",
        twin="profile_weakened_twin",
    ),
    Sample(
        "profile_weakened_twin",
        "SAVP offered and answered",
        sdes_call("profile_weakened"),
        EXPECTED,
        "profile_weakened",
    ),
)
