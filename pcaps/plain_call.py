# SPDX-License-Identifier: GPL-2.0-only
"""A call that nobody protects.

`plain_call`: RTP/AVP without any keying is offered and answered, and clear RTP flows; that it should be protected is
the auditor's demand, no RFC's (RFC 7202 §7). `plain_call_twin`: the same call with RTP/SAVP and SDES.
"""

from pcaps.calls import Call
from pcaps.media import Track
from pcaps.samples import FAIL, PLAIN_OUTCOMES, Expected, Sample
from pcaps.sdes_calls import EXPECTED, sdes_call
from pcaps.signalling import AVP, Description

SAMPLES = (
    Sample(
        "plain_call",
        "Plain RTP, agreed and sent",
        Call("plain_call", Description(profile=AVP), Description(profile=AVP), Track(None), Track(None)),
        Expected(
            verdict="unprotected",
            reasons=("clear-media", "plain-profile"),
            verified="",
            wire=("contradicting", "contradicting"),
            rtcp_clear=2,
            outcomes={**PLAIN_OUTCOMES, "PRO-001": FAIL},
            exit_code=5,
        ),
        "plain_call",
        flaw="nothing protects the media",
        clause="policy",
        twin="plain_call_twin",
    ),
    Sample("plain_call_twin", "The same call with SDES", sdes_call("plain_call"), EXPECTED, "plain_call"),
)
