# SPDX-License-Identifier: GPL-2.0-only
"""A suite for each direction: MIKEY maps every crypto session to a policy of its own (RFC 3830 §6.1.1).

`suite_each_way`: what Alice sends is under AES_CM_128_HMAC_SHA1_80, what Bob sends under _32, and neither is an
alternative to the other: there is nothing to choose, and nothing that one name could say was chosen.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, PskExchange, key_mgmt, sdp_ids
from pcaps.media import Track
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED
from pcaps.samples import Sample
from pcaps.signalling import Description


def call(name: str) -> Call:
    """The call; the answer repeats the map."""
    exchange = PskExchange(name, (CM_80, CM_32), policies=(0, 1))
    tracks = (
        Track(exchange.context(way[0], way[1]), 60) for way in ((exchange.caller, CM_80), (exchange.callee, CM_32))
    )
    offer, answer = (Description((key_mgmt(octets),)) for octets in (exchange.offer([sdp_ids(1)]), exchange.answer()))
    return Call(name, offer, answer, *tracks)


SAMPLES = (
    Sample(
        "suite_each_way",
        "One MIKEY message with a suite for each direction",
        call("suite_each_way"),
        replace(PLAIN_EXPECTED, chosen=("MIKEY-PSK", ""), winner=("MIKEY-PSK", ""), suite_rule="any-common"),
        "suite_each_way",
        keys=KEYS,
    ),
)
