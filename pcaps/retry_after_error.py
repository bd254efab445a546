# SPDX-License-Identifier: GPL-2.0-only
"""An offer is refused with a MIKEY error message that names what Bob has, and Alice tries again.

Alice has AES_CM_128_HMAC_SHA1_80 alone in the first offer; Bob refuses with 488 and names _32 and F8_128_HMAC_SHA1_80.
`retry_after_error`: she offers _80 again, and Bob takes it, which his own list does not have (RFC 3830 §5.1.2).
`retry_after_error_twin`: she offers _32. The error has no V, so anyone on the path could have sent it.
`retry_after_error_proved`: the same, and V of the error message proves that Bob sent it.
"""

from dataclasses import replace

from pcaps.calls import MILLISECOND, START_NS, Call
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, tracks
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, Sample
from pcaps.signalling import Description

BOBS = (CM_32, F8_80)
RIGHT = replace(
    PLAIN_EXPECTED,
    chosen=("MIKEY-PSK", CM_32),
    winner=("MIKEY-PSK", CM_32),
    suite_rule="min-sum",
    outcomes={**PLAIN_EXPECTED.outcomes, "PRI-005": FAIL, "PRI-006": FAIL, "PRI-008": FAIL},
)


def call(name: str, second: str, *, proved: bool = False) -> Call:
    """The call whose second offer has that suite; `proved`: the error has a V."""
    refused = PskExchange(f"{name} refused", start_ns=START_NS - 500 * MILLISECOND)
    taken = PskExchange(name, (second,))
    first = Description((key_mgmt(refused.offer([sdp_ids(1)])),))
    offerer, answerer = tracks(taken, second)
    return Call(
        name,
        offer=Description((key_mgmt(taken.offer([sdp_ids(1)])),)),
        answer=Description((key_mgmt(taken.answer()),)),
        offerer=offerer,
        answerer=answerer,
        tries=((first, Description((key_mgmt(refused.error(BOBS, refused.psk if proved else b"")),))),),
    )


SAMPLES = (
    Sample(
        "retry_after_error",
        "A retry with the suite that was refused, and it is accepted",
        call("retry_after_error", CM_80),
        replace(
            RIGHT,
            verdict="mismatch",
            reasons=("choice-not-in-responder-list", "not-winner"),
            chosen=("MIKEY-PSK", CM_80),
            winner=("MIKEY-PSK", ""),
            outcomes={
                **RIGHT.outcomes,
                "PRI-001": FAIL,
                "PRI-002": NOT_APPLICABLE,
                "PRI-003": FAIL,
                "PRI-006": PASS,
                "PRI-009": FAIL,
            },
            exit_code=5,
        ),
        "retry_after_error",
        flaw="Bob takes a suite that his error message did not name",
        clause="RFC 3830 §5.1.2",
        twin="retry_after_error_twin",
        keys=KEYS,
    ),
    Sample(
        "retry_after_error_twin",
        "A retry with a suite that the error message named",
        call("retry_after_error", CM_32),
        RIGHT,
        "retry_after_error",
        keys=KEYS,
    ),
    Sample(
        "retry_after_error_proved",
        "A retry with a suite that an error message under V named",
        call("retry_after_error_proved", CM_32, proved=True),
        replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-005": PASS, "PRI-006": PASS}),
        "retry_after_error",
        keys=KEYS,
    ),
)
