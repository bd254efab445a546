# SPDX-License-Identifier: GPL-2.0-only
"""The paper's static configuration: each phone can do one thing, and there is nothing to negotiate.

`static_failure`: Alice is set to PSK with AES_CM_128_HMAC_SHA1_80, Bob to PKE with F8_128_HMAC_SHA1_80; he refuses with
488 (RFC 4567 §4.1.2), and no media flows. That is no fault of the call: it must not fall back to clear RTP.
`static_success`: Bob is set to what Alice has, and the call is made.
"""

from dataclasses import replace

from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import NOT_APPLICABLE, PASS, Expected, Sample

REFUSED = dict.fromkeys(PLAIN_EXPECTED.outcomes, NOT_APPLICABLE) | dict.fromkeys(
    ("KMG-002", "KMG-003", "MKY-001", *(f"MKY-{number:03}" for number in (4, 5, 6, 7, 9, 10)), "MKY-025", "PRI-009"),
    PASS,
)
SAMPLES = (
    Sample(
        "static_failure",
        "Static configuration with nothing in common: refused with 488",
        replace(psk_call("static_failure"), answer=None, offerer=None, answerer=None),
        Expected(
            verdict="no-media",
            reasons=("rejected",),
            rule="single",
            suite_rule="single",
            wire=(),
            outcomes=REFUSED,
        ),
        "static_failure",
        flaw="the phones have no capability in common",
        clause="RFC 4567 §4.1.2",
        twin="static_success",
        keys=KEYS,
    ),
    Sample(
        "static_success",
        "Static configuration with the one capability in common",
        psk_call("static_failure"),
        PLAIN_EXPECTED,
        "static_failure",
        keys=KEYS,
    ),
)
