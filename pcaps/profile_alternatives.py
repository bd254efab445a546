# SPDX-License-Identifier: GPL-2.0-only
"""Two media lines of one audio under different profiles; the first is refused, the second taken.

`profile_alternatives`: Alice offers DTLS-SRTP under UDP/TLS/RTP/SAVPF, and SDES under RTP/SAVP. Bob takes the second.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.media import Track
from pcaps.samples import FAIL, PASS, UNKNOWN, Sample
from pcaps.sdes_calls import ALICES_KEY, BOBS_KEY, EXPECTED
from pcaps.signalling import Alternative, Description

DTLS_PROFILE = "UDP/TLS/RTP/SAVPF"
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(f"{octet:02X}" for octet in range(32))


def call(name: str) -> Call:
    """The call in which the second line is taken."""
    dtls = Alternative(DTLS_PROFILE, (FINGERPRINT, "a=setup:actpass"))
    return Call(
        name,
        offer=Description((ALICES_KEY.line,), before=(dtls,)),
        answer=Description((BOBS_KEY.line,), before=(Alternative(DTLS_PROFILE, refused=True),)),
        offerer=Track(ALICES_KEY.context),
        answerer=Track(BOBS_KEY.context),
    )


SAMPLES = (
    Sample(
        "profile_alternatives",
        "Alternative media lines: DTLS-SRTP is refused, SDES taken",
        call("profile_alternatives"),
        replace(
            EXPECTED,
            reasons=("order-not-binding",),
            winner=("", EXPECTED.winner[1]),
            rule="any-common",
            outcomes={**EXPECTED.outcomes, "PRI-002": UNKNOWN, "PRI-005": FAIL, "PRI-006": UNKNOWN, "PRI-008": PASS},
            missing={"PRI-002": "answer-preferences", "PRI-006": "other-leg"},
        ),
        "profile_alternatives",
    ),
)
