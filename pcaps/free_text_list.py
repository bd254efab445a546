# SPDX-License-Identifier: GPL-2.0-only
"""Priorities behind the MIKEY message, where nothing authenticates them, and inside it.

Alice has AES_CM_128_HMAC_SHA1_80 (0) and _32 (1), Bob _80 (0) and F8_128_HMAC_SHA1_80 (1).
`free_text_list`: both write `NAME=number` behind the base64 of `a=key-mgmt:mikey` (one reading of the paper's lost
figure): whoever is on the path rewrites them. `free_text_list_twin`: both write them into the message (type 241).
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, listed_call, listed_expected, tracks
from pcaps.samples import FAIL, Sample
from pcaps.signalling import Description

ALICES, BOBS = {CM_80: 0, CM_32: 1}, {CM_80: 0, F8_80: 1}
RIGHT = listed_expected(CM_80, winner=CM_80)


def call(name: str) -> Call:
    """The call with both lists behind the messages."""
    exchange = PskExchange(name, tuple(ALICES))
    offerer, answerer = tracks(exchange, CM_80)
    offered = [f"PSK={0}", *(f"{suite}={number}" for suite, number in ALICES.items())]
    answered = [f"PSK={0}", *(f"{suite}={number}" for suite, number in BOBS.items())]
    return Call(
        name,
        offer=Description((key_mgmt(exchange.offer([sdp_ids(1)]), offered),)),
        answer=Description((key_mgmt(exchange.answer(0), answered),)),
        offerer=offerer,
        answerer=answerer,
    )


SAMPLES = (
    Sample(
        "free_text_list",
        "Priorities in free text behind the messages",
        call("free_text_list"),
        replace(
            RIGHT,
            outcomes={**RIGHT.outcomes, "PRI-005": FAIL},
        ),
        "free_text_list",
        flaw="the lists stand outside every MAC",
        clause="RFC 4567 §8",
        twin="free_text_list_twin",
        keys=KEYS,
    ),
    Sample(
        "free_text_list_twin",
        "The same priorities inside the messages",
        listed_call("free_text_list", ALICES, BOBS, CM_80),
        RIGHT,
        "free_text_list",
        keys=KEYS,
    ),
)
