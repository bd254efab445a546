# SPDX-License-Identifier: GPL-2.0-only
"""Two security policies for one crypto session, in an order that no RFC binds the responder to.

`plain_policies`: Alice's MIKEY-PSK message has AES_CM_128_HMAC_SHA1_80 and _32, with no list of priorities. Bob takes
the second; his own list is nowhere, so nobody can say that it is worse, and RFC 3830 §6.10 does not forbid it.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, tracks
from pcaps.samples import PASS, UNKNOWN, Sample
from pcaps.signalling import Description


def call(name: str) -> Call:
    """The call in which the second policy is taken."""
    exchange = PskExchange(name, (CM_80, CM_32))
    offerer, answerer = tracks(exchange, CM_32)
    offer = Description((key_mgmt(exchange.offer([sdp_ids(1)])),))
    return Call(name, offer, Description((key_mgmt(exchange.answer(1)),)), offerer, answerer)


SAMPLES = (
    Sample(
        "plain_policies",
        "Alternative security policies without priorities",
        call("plain_policies"),
        replace(
            PLAIN_EXPECTED,
            reasons=("order-not-binding",),
            chosen=("MIKEY-PSK", CM_32),
            winner=("MIKEY-PSK", ""),
            suite_rule="any-common",
            outcomes={
                **PLAIN_EXPECTED.outcomes,
                "PRI-002": UNKNOWN,
                "PRI-005": PASS,
                "PRI-006": PASS,
                "PRI-008": PASS,
            },
            missing={"PRI-002": "answer-preferences"},
            exit_code=4,
        ),
        "plain_policies",
        keys=KEYS,
    ),
)
