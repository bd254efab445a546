# SPDX-License-Identifier: GPL-2.0-only
"""Capability negotiation of RFC 5939: two configurations of MIKEY, and an answer that names the wrong one.

Alice offers plain RTP as the actual configuration, and as potential ones SRTP keyed by PSK (1) or by PKE (2). Bob keys
with PSK. `wrong_configuration`: his `a=acfg` says 2 (RFC 5939 §3.5.2: it names the configuration that was used).
`wrong_configuration_twin`: it says 1. Nothing authenticates the configurations or their numbers (RFC 5939 §5).
"""

from dataclasses import replace

from dissectors.layers.sdp_attributes import (
    SDP_ActualConfiguration,
    SDP_AttributeCapability,
    SDP_PotentialConfiguration,
    SDP_TransportCapabilities,
)
from pcaps.calls import Call
from pcaps.keying import CM_80, PkeExchange, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, tracks
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Sample
from pcaps.signalling import AVP, SAVP, Description
from pcaps.table_4 import KEY_FILES

RIGHT = replace(
    PLAIN_EXPECTED,
    rule="initiator-first",
    outcomes={
        **PLAIN_EXPECTED.outcomes,
        "PRO-003": NOT_APPLICABLE,  # no secure profile was offered as the actual one
        "PRI-004": PASS,
        "PRI-005": FAIL,
        "PRI-006": UNKNOWN,
        "PRI-008": FAIL,  # PSK stands before PKE
    },
    missing={"PRI-006": "other-leg"},
)


def call(name: str, configuration: int) -> Call:
    """The call whose answer names that configuration."""
    exchanges = (PskExchange(name), PkeExchange(name))
    offer = (
        SDP_TransportCapabilities(first=1, protos=[SAVP]),
        *(
            SDP_AttributeCapability(number=number, capability=key_mgmt(exchange.offer([sdp_ids(len(exchanges))])))
            for number, exchange in enumerate(exchanges, 1)
        ),
        *(
            SDP_PotentialConfiguration(number=number, attribute_alternatives=[(number,)], transport_alternatives=[1])
            for number in (1, 2)
        ),
    )
    taken = SDP_ActualConfiguration(
        number=configuration, attribute_alternatives=[(configuration,)], transport_alternatives=[1]
    )
    offerer, answerer = tracks(exchanges[0], CM_80)
    answer = Description((key_mgmt(exchanges[0].answer()), taken))
    return Call(name, Description(offer, AVP), answer, offerer, answerer)


SAMPLES = (
    Sample(
        "wrong_configuration",
        "An answer that names another configuration than it keys with",
        call("wrong_configuration", 2),
        replace(RIGHT, outcomes={**RIGHT.outcomes, "PRI-007": FAIL}),
        "wrong_configuration",
        flaw="the answer names the configuration with PKE, and keys with PSK",
        clause="RFC 5939 §3.5.2",
        twin="wrong_configuration_twin",
        keys=f"{KEYS}{KEY_FILES}",
    ),
    Sample(
        "wrong_configuration_twin",
        "Capability negotiation: the first configuration is taken",
        call("wrong_configuration", 1),
        RIGHT,
        "wrong_configuration",
        keys=f"{KEYS}{KEY_FILES}",
    ),
)
