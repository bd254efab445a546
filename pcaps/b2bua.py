# SPDX-License-Identifier: GPL-2.0-only
"""A call through a B2BUA: two legs with a Session-ID in common (RFC 7989).

`b2bua_strips_keying`: the call comes in with MIKEY and goes out in the clear; no list inside a message can show that
all of its lines were taken out (RFC 4567 §8). `b2bua_keys_anew`: the B2BUA keys its own leg.
"""

from dataclasses import replace

from pcaps.calls import ALICE, BOB, MILLISECOND, START_NS, Call
from pcaps.keying import CM_80, PskExchange, key_mgmt, sdp_ids
from pcaps.media import Track
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call, tracks
from pcaps.samples import FAIL, PASS, PLAIN_OUTCOMES, Expected, Sample
from pcaps.signalling import AVP, Description

SESSION_ID = (f"Session-ID: {'ab30317f1a784dc48ff824d0d3715d86'};remote={'0' * 32}",)
INSIDE, OUTSIDE = "203.0.113.30", "203.0.113.31"  # of the B2BUA
LATER_NS = START_NS + 40 * MILLISECOND
INCOMING = psk_call("b2bua_in", callee=BOB.at(INSIDE), headers=SESSION_ID)


def outgoing() -> Call:
    """The leg to Bob, plain."""
    plain = Description(profile=AVP)
    return Call(
        "b2bua_out", plain, plain, Track(None), Track(None), ALICE.at(OUTSIDE), BOB, LATER_NS, headers=SESSION_ID
    )


def keyed_outgoing() -> Call:
    """The leg to Bob with keys of the B2BUA's own."""
    exchange = PskExchange("b2bua_out", start_ns=START_NS + 1000 * MILLISECOND)
    offerer, answerer = tracks(exchange, CM_80)
    return replace(
        outgoing(),
        offer=Description((key_mgmt(exchange.offer([sdp_ids(1)])),)),
        answer=Description((key_mgmt(exchange.answer()),)),
        offerer=offerer,
        answerer=answerer,
    )


SAMPLES = (
    Sample(
        "b2bua_strips_keying",
        "A call that comes in with MIKEY and goes out in the clear",
        outgoing(),
        Expected(
            verdict="unprotected",
            reasons=("clear-media", "plain-profile"),
            verified="",
            wire=("contradicting", "contradicting"),
            rtcp_clear=2,
            outcomes={**PLAIN_OUTCOMES, "PRO-001": FAIL, "KMG-009": FAIL, "PRI-006": FAIL},
            exit_code=5,
        ),
        "b2bua",
        flaw="the B2BUA takes the keying out of the offer",
        clause="RFC 4567 §8",
        twin="b2bua_keys_anew",
        keys=KEYS,
        earlier=(INCOMING,),
    ),
    Sample(
        "b2bua_keys_anew",
        "A call that comes in with MIKEY and goes out with MIKEY",
        keyed_outgoing(),
        replace(PLAIN_EXPECTED, outcomes={**PLAIN_EXPECTED.outcomes, "KMG-009": PASS}),
        "b2bua",
        keys=KEYS,
        earlier=(INCOMING,),
    ),
)
