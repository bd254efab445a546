# SPDX-License-Identifier: GPL-2.0-only
"""Capability negotiation of RFC 5939: two key agreements share the better of two configurations.

Alice offers plain RTP as the actual configuration, and as potential ones SRTP keyed by PSK or by SDES, which stand in
one (1), or by PKE (2). Between the attributes of one configuration there is no order (RFC 5939 §3.5.1 orders
configurations). `shared_configuration`: Bob takes the first and keys with PSK; SDES would have been as right.
`shared_configuration_later`: he takes the second, and whether he has anything of the first nobody can say.
"""

from dataclasses import replace

from dissectors.layers.sdp_attributes import (
    SDP_ActualConfiguration,
    SDP_AttributeCapability,
    SDP_PotentialConfiguration,
    SDP_TransportCapabilities,
)
from pcaps.calls import Call
from pcaps.keying import CM_80, PkeExchange, PskExchange, SdesKey, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, tracks
from pcaps.samples import FAIL, PASS, UNKNOWN, Sample
from pcaps.signalling import AVP, SAVP, Description
from pcaps.table_4 import KEY_FILES
from pcaps.wrong_configuration import RIGHT as CONFIGURED

CONFIGURATIONS = {1: (1, 3), 2: (2,)}  # the attributes of each
RIGHT = replace(  # the SDES line of the first configuration is judged, too, and its key shows
    CONFIGURED, outcomes={**CONFIGURED.outcomes, "SIG-002": FAIL, "SDE-004": PASS}, exit_code=5
)
LATER = replace(
    RIGHT,
    verdict="inconclusive",
    reasons=("responder-list-unknown",),
    chosen=("MIKEY-PKE", CM_80),
    winner=("", CM_80),
    outcomes={**RIGHT.outcomes, "PRI-002": UNKNOWN, "PRI-003": UNKNOWN},
    missing={**RIGHT.missing, "PRI-002": "answer-preferences", "PRI-003": "answer-preferences"},
)


def call(name: str, configuration: int, seed: str) -> Call:
    """The call whose answer takes that configuration, and of its key agreements MIKEY's; `seed` is of its keys.

    Wireshark takes the media for RTP, as the actual configuration says, and must not stumble over the cipher text.
    """
    exchanges = (PskExchange(seed), PkeExchange(seed))
    lines = (*(key_mgmt(one.offer([sdp_ids(len(exchanges))])) for one in exchanges), SdesKey(1, CM_80, seed).line)
    offer = (
        SDP_TransportCapabilities(first=1, protos=[SAVP]),
        *(SDP_AttributeCapability(number=number, capability=line) for number, line in enumerate(lines, 1)),
        *(
            SDP_PotentialConfiguration(number=number, attribute_alternatives=[attributes], transport_alternatives=[1])
            for number, attributes in CONFIGURATIONS.items()
        ),
    )
    taken = SDP_ActualConfiguration(
        number=configuration, attribute_alternatives=[(configuration,)], transport_alternatives=[1]
    )
    exchange = exchanges[configuration - 1]
    offerer, answerer = tracks(exchange, CM_80)
    return Call(name, Description(offer, AVP), Description((key_mgmt(exchange.answer()), taken)), offerer, answerer)


SAMPLES = (
    Sample(
        "shared_configuration",
        "Capability negotiation: one of two key agreements that share the best configuration",
        call("shared_configuration", 1, "shared_configuration"),
        RIGHT,
        "shared_configuration",
        keys=f"{KEYS}{KEY_FILES}",
    ),
    Sample(
        "shared_configuration_later",
        "Capability negotiation: a later configuration than the one that two key agreements share",
        call("shared_configuration", 2, "later 0"),
        LATER,
        "shared_configuration",
        flaw="the answer takes the second configuration, and nothing shows that the first could not be taken",
        clause="RFC 5939 §3.6.2",
        twin="shared_configuration",
        keys=f"{KEYS}{KEY_FILES}",
    ),
)
