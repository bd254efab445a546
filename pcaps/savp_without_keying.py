# SPDX-License-Identifier: GPL-2.0-only
"""RTP/SAVP is accepted, and the answer has nothing to key it with.

`savp_without_keying`: Bob's answer lacks its `a=crypto` line (RFC 4568 §5.3: the offer must be refused); the media is
encrypted, under keys that Alice can't have from the answer. `savp_without_keying_twin`: the line is there.
"""

from dataclasses import replace

from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, PLAIN_OUTCOMES, UNKNOWN, Expected, Sample
from pcaps.sdes_calls import EXPECTED, sdes_call
from pcaps.signalling import Description

SAMPLES = (
    Sample(
        "savp_without_keying",
        "SAVP accepted without keying",
        replace(sdes_call("savp_without_keying"), answer=Description()),
        Expected(
            verdict="inconclusive",
            reasons=("no-keying-in-answer", "wire-unseen"),
            rule="single",
            suite_rule="single",
            verified="",
            wire=("unseen", "unseen"),
            outcomes={
                **PLAIN_OUTCOMES,
                "SIG-002": FAIL,
                "PRO-001": UNKNOWN,
                "PRO-003": PASS,
                "PRO-004": FAIL,
                "SDE-004": PASS,
                "SDE-005": NOT_APPLICABLE,
                "SRT-001": PASS,
                "SRT-002": UNKNOWN,
                "SRT-003": UNKNOWN,
                "SRT-009": UNKNOWN,
                "PRI-009": UNKNOWN,
            },
            missing={
                "PRO-001": "media",
                "SRT-002": "tag-length",
                "SRT-003": "usable-key",
                "SRT-009": "usable-key",
                "PRI-009": "preference-lists",
            },
            exit_code=5,
        ),
        "savp_without_keying",
        flaw="the answer has neither crypto, key-mgmt nor fingerprint",
        clause="RFC 4568 §5.3",
        twin="savp_without_keying_twin",
    ),
    Sample(
        "savp_without_keying_twin",
        "SAVP accepted with SDES",
        sdes_call("savp_without_keying"),
        EXPECTED,
        "savp_without_keying",
    ),
)
