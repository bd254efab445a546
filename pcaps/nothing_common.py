# SPDX-License-Identifier: GPL-2.0-only
"""Nothing is common to both lists, and the call goes on; or it ends, as it has to.

Alice has AES_CM_128_HMAC_SHA1_80 and _32, Bob F8_128_HMAC_SHA1_80 alone. `nothing_common`: Bob's own list says so, and
he takes _80 all the same (RFC 4567 §8: the call SHALL end where policy needs security). `nothing_common_twin`: he
refuses with 488 and a MIKEY error message that names what he has (RFC 3830 §5.1.2, RFC 4567 §4.1.2).
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, listed_call, listed_expected
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, Expected, Sample
from pcaps.signalling import Description
from pcaps.static_failure import REFUSED

ALICES, BOBS = {CM_80: 0, CM_32: 1}, {F8_80: 0}
WRONG = listed_expected(CM_80, winner="")


def refused(name: str) -> Call:
    """The call that Bob refuses, naming his suites."""
    exchange = PskExchange(name, tuple(ALICES))
    offer = Description((key_mgmt(exchange.offer([sdp_ids(1)])),))
    return Call(name, offer, None, refusal=Description((key_mgmt(exchange.error(tuple(BOBS))),)))


OF_THE_LIST = dict.fromkeys(("PRI-005", "PRI-006", "PRI-008"), PASS)
SAMPLES = (
    Sample(
        "nothing_common",
        "Nothing is common to both lists, and the call goes on",
        listed_call("nothing_common", ALICES, BOBS, CM_80),
        replace(
            WRONG,
            verdict="mismatch",
            reasons=("choice-not-in-responder-list", "not-winner"),
            outcomes={
                **WRONG.outcomes,
                "PRI-001": FAIL,
                "PRI-002": NOT_APPLICABLE,
                "PRI-003": FAIL,
                "PRI-009": FAIL,
            },
            exit_code=5,
        ),
        "nothing_common",
        flaw="Bob accepts although his list has none of Alice's suites",
        clause="RFC 4567 §8",
        twin="nothing_common_twin",
        keys=KEYS,
    ),
    Sample(
        "nothing_common_twin",
        "Nothing is common: refused with a MIKEY error message that names the suites",
        refused("nothing_common"),
        Expected(
            verdict="no-media",
            reasons=("rejected",),
            rule="single",
            suite_rule="min-sum",
            wire=(),
            outcomes={**REFUSED, **OF_THE_LIST},
        ),
        "nothing_common",
        keys=KEYS,
    ),
)
