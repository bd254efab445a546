# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY-PSK call whose offer is altered on the way.

`mikey_altered`: someone writes `sip:b0b@example.com` over the responder's identity in Alice's message; its MAC does not
verify with the key of the two any more (RFC 3830 §5.3 wants an error), and Bob answers all the same, with a V over the
identity that he read. `mikey_altered_twin`: the message arrives as it was sent.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import FAIL, UNKNOWN, Sample
from pcaps.signalling import Description

TRUE_NAME, FALSE_NAME = b"sip:bob@example.com", b"sip:b0b@example.com"


def call(name: str) -> Call:
    """The call with the altered message."""
    exchange = PskExchange(name)
    offer = exchange.offer([sdp_ids(1)]).replace(TRUE_NAME, FALSE_NAME)
    answer = exchange.answer(name_of_callee=FALSE_NAME)
    return replace(psk_call(name), offer=Description((key_mgmt(offer),)), answer=Description((key_mgmt(answer),)))


SAMPLES = (
    Sample(
        "mikey_altered",
        "A MIKEY message altered on the way, and answered",
        call("mikey_altered"),
        replace(
            PLAIN_EXPECTED,
            verdict="inconclusive",
            reasons=("keying-not-authentic",),
            verified="false",
            outcomes={**PLAIN_EXPECTED.outcomes, "MKY-025": FAIL, "SRT-003": UNKNOWN},
            missing={"SRT-003": "authentic-keying"},
            exit_code=5,
        ),
        "mikey_altered",
        flaw="one octet of Alice's message is changed",
        clause="RFC 3830 §5.3",
        twin="mikey_altered_twin",
        keys=KEYS,
    ),
    Sample(
        "mikey_altered_twin",
        "The MIKEY message arrives as it was sent",
        psk_call("mikey_altered"),
        PLAIN_EXPECTED,
        "mikey_altered",
        keys=KEYS,
    ),
)
