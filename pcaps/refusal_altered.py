# SPDX-License-Identifier: GPL-2.0-only
"""An offer is refused with a MIKEY error message under V, and nobody tries again (RFC 3830 §5.1.2).

`refusal_altered`: someone on the path cuts the 80-bit tag of the list in the error message down, so that Alice would
offer weaker suites alone; V does not verify any more. `refusal_altered_twin`: the error arrives as Bob sent it.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS
from pcaps.samples import FAIL, PASS, Expected, Sample
from pcaps.signalling import Description
from pcaps.static_failure import REFUSED

NAMED = (CM_80, F8_80)
AUTHENTICATION_TAG = bytes((11, 1))  # type and length of the parameter that gives its octets (RFC 3830 §6.10.1)
RIGHT = Expected(
    verdict="no-media",
    reasons=("rejected",),
    rule="single",
    suite_rule="min-sum",
    wire=(),
    outcomes={**REFUSED, **dict.fromkeys(("PRI-005", "PRI-006", "PRI-008"), PASS)},
)


def call(name: str, *, altered: bool) -> Call:
    """The call that Bob refuses."""
    exchange = PskExchange(name, (CM_32,))
    error = exchange.error(NAMED, exchange.psk)
    if altered:
        error = error.replace(AUTHENTICATION_TAG + b"\x0a", AUTHENTICATION_TAG + b"\x04", 1)
    return Call(
        name,
        offer=Description((key_mgmt(exchange.offer([sdp_ids(1)])),)),
        answer=None,
        refusal=Description((key_mgmt(error),)),
    )


SAMPLES = (
    Sample(
        "refusal_altered",
        "A refusal whose list is altered on the way",
        call("refusal_altered", altered=True),
        replace(RIGHT, suite_rule="single", outcomes={**REFUSED, "MKY-025": FAIL}, exit_code=5),
        "refusal_altered",
        flaw="one octet of the list in Bob's error message is changed",
        clause="RFC 3830 §5.1.2",
        twin="refusal_altered_twin",
        keys=KEYS,
    ),
    Sample(
        "refusal_altered_twin",
        "A refusal whose list arrives as it was sent",
        call("refusal_altered", altered=False),
        RIGHT,
        "refusal_altered",
        keys=KEYS,
    ),
)
