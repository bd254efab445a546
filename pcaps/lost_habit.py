# SPDX-License-Identifier: GPL-2.0-only
"""The fourth call of an endpoint that offered MIKEY in each of three calls before.

`lost_habit`: its offer has no keying; a single leg tells no more than that this was never so. `lost_habit_twin`: it is
keyed like the others.
"""

from dataclasses import replace

from pcaps.calls import START_NS, Call
from pcaps.keying import CM_80, PskExchange, key_mgmt, sdp_ids
from pcaps.media import Track
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, tracks
from pcaps.samples import FAIL, PLAIN_OUTCOMES, Expected, Sample
from pcaps.signalling import AVP, Description

APART_NS = 100 * 1_000_000_000


def keyed(number: int) -> Call:
    """The call of that number, each with a key and a timestamp of its own."""
    name, start_ns = f"lost_habit_{number}", START_NS + number * APART_NS
    exchange = PskExchange(name, start_ns=start_ns)
    offerer, answerer = tracks(exchange, CM_80)
    offer, answer = Description((key_mgmt(exchange.offer([sdp_ids(1)])),)), Description((key_mgmt(exchange.answer()),))
    return Call(name, offer, answer, offerer, answerer, start_ns=start_ns)


def plain(number: int) -> Call:
    """The same without keying."""
    bare = Description(profile=AVP)
    return replace(keyed(number), offer=bare, answer=bare, offerer=Track(None), answerer=Track(None))


EARLIER = tuple(keyed(number) for number in range(3))
SAMPLES = (
    Sample(
        "lost_habit",
        "An offer without keying by an endpoint that always offered it",
        plain(3),
        Expected(
            verdict="unprotected",
            reasons=("clear-media", "plain-profile"),
            verified="",
            wire=("contradicting", "contradicting"),
            rtcp_clear=2,
            outcomes={**PLAIN_OUTCOMES, "PRO-001": FAIL, "KMG-009": FAIL},
            exit_code=5,
        ),
        "lost_habit",
        flaw="the keying that the endpoint always offers is missing",
        clause="RFC 4567 §8",
        twin="lost_habit_twin",
        keys=KEYS,
        earlier=EARLIER,
    ),
    Sample(
        "lost_habit_twin",
        "The same call keyed like those before",
        keyed(3),
        PLAIN_EXPECTED,
        "lost_habit",
        keys=KEYS,
        earlier=EARLIER,
    ),
)
