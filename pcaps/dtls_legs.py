# SPDX-License-Identifier: GPL-2.0-only
"""An offer of DTLS-SRTP on both sides of an element in the call's way (RFC 7879); the callee is busy.

`dtls_legs_replaced`: a back-to-back user agent offers a fingerprint of its own. `dtls_legs_passed`: it passes on what
it got. `dtls_hop_replaced`, `dtls_hop_passed`: the same by a proxy that relays media, within one Call-ID.
`dtls_answer_replaced`, `dtls_answer_passed`: a proxy hands on an offer as it is, and of the answer it does or does not
replace the fingerprint; of the media nothing was captured.
"""

from dataclasses import replace

from pcaps.identity import expected
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, PLAIN_OUTCOMES, UNKNOWN, Expected, Sample
from pcaps.scripted import ScriptedCall

SESSION_ID = f"Session-ID: {'0b5e' * 8};remote={'0' * 32}"
UNSIGNED = {"IDN_001": NOT_APPLICABLE, "IDN_002": NOT_APPLICABLE, "IDN_003": FAIL, "DTL_006": FAIL}


def legs(passed_on: str) -> ScriptedCall:
    """Two calls; the later one is judged."""
    return ScriptedCall("dtls_legs", f"""
        A>P INVITE A.dtls | {SESSION_ID}
        P>B INVITE {passed_on} call=2 caller=A callee=B by=A | {SESSION_ID}
        B>P 486 call=2
        P>B ACK call=2 refused by=A
        P>A 486
        A>P ACK refused
    """)  # fmt: skip


def hop(passed_on: str) -> ScriptedCall:
    """One call over two hops; media would be relayed."""
    return ScriptedCall("dtls_hop", f"""
        A>P INVITE A.dtls
        P>B INVITE {passed_on}
        B>P 486
        P>B ACK refused
        P>A 486
        A>P ACK refused
    """)  # fmt: skip


def answered(handed_back: str) -> ScriptedCall:
    """One call over two hops that was taken."""
    return ScriptedCall("dtls_answer", f"""
        A>P INVITE A.dtls
        P>B INVITE A.dtls
        B>P 200 B.dtls
        P>A 200 {handed_back}
        A>P ACK
        P>B ACK
        A>P BYE
        P>B BYE
        B>P 200
        P>A 200
    """)  # fmt: skip


MISSING = {
    **dict.fromkeys(("PRO-001", "SRT-001", "SRT-003"), "media"),
    **dict.fromkeys(("PRI-001", "PRI-002", "PRI-003"), "chosen-suite"),
    "DTL-001": "certificate",
    "SRT-009": "usable-key",
    "SRT-002": "tag-length",
}
UNHEARD = Expected(
    verdict="inconclusive",
    reasons=("choice-unknown", "in-band-keying-not-opened", "wire-unseen"),
    chosen=("DTLS-SRTP", ""),
    winner=("DTLS-SRTP", ""),
    rule="single",
    verified="",
    wire=(),
    outcomes={
        **PLAIN_OUTCOMES,
        **dict.fromkeys(("PRO-003", "PRO-004", "KMG-009", "PRI-009", "DTL-007"), PASS),
        **dict.fromkeys(MISSING, UNKNOWN),
        **dict.fromkeys(("DTL-006", "IDN-003"), FAIL),
    },
    missing=MISSING,
    exit_code=4,
)
SAMPLES = (
    Sample(
        "dtls_legs_replaced",
        "A fingerprint that a back-to-back user agent replaced",
        legs("A.dtls.k2"),
        expected(0, **UNSIGNED, DTL_007=FAIL, KMG_009=PASS),
        "dtls_legs",
        flaw="the later leg has another fingerprint",
        clause="RFC 7879 §3",
        twin="dtls_legs_passed",
    ),
    Sample(
        "dtls_legs_passed",
        "A fingerprint that a back-to-back user agent passed on",
        legs("A.dtls"),
        expected(0, **UNSIGNED, DTL_007=PASS, KMG_009=PASS),
        "dtls_legs",
    ),
    Sample(
        "dtls_hop_replaced",
        "A fingerprint that a relaying proxy replaced",
        hop("A.dtls.k2.far"),
        expected(0, **UNSIGNED, DTL_007=FAIL, KMG_009=PASS),
        "dtls_legs",
        flaw="the hop behind the proxy has another fingerprint",
        clause="RFC 7879 §3",
        twin="dtls_hop_passed",
    ),
    Sample(
        "dtls_hop_passed",
        "A fingerprint that a relaying proxy passed on",
        hop("A.dtls.far"),
        expected(0, **UNSIGNED, DTL_007=PASS, KMG_009=PASS),
        "dtls_legs",
    ),
    Sample(
        "dtls_answer_replaced",
        "A fingerprint of the answer that a proxy replaced",
        answered("B.dtls.k2"),
        replace(UNHEARD, outcomes={**UNHEARD.outcomes, "DTL-007": FAIL}),
        "dtls_legs",
        flaw="the answer that arrives has another fingerprint than the one that was given",
        clause="RFC 7879 §3",
        twin="dtls_answer_passed",
    ),
    Sample(
        "dtls_answer_passed",
        "A fingerprint of the answer that a proxy passed on",
        answered("B.dtls"),
        UNHEARD,
        "dtls_legs",
    ),
)
