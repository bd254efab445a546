# SPDX-License-Identifier: GPL-2.0-only
"""The call of the paper's Table 4: key agreement and suite negotiated by priorities, with none and with one flaw.

Alice prefers PSK, then PKE, then DH, and AES_CM_128_HMAC_SHA1_80 before _32; Bob prefers PKE, then DH, then PSK, and
AES_CM_128_HMAC_SHA1_32 before F8_128_HMAC_SHA1_80. By min-sum the common winners are PKE and AES_CM_128_HMAC_SHA1_32.
Alice sends a whole MIKEY message of each mode, in her order, a `a=key-mgmt:mikey` line each; every one carries the list
of lines (RFC 4567 §7) and her priorities (General Extension 241) under its MAC or signature. Bob answers with the
R_MESSAGE of the mode he takes, his own priorities and the hash of hers in it.

`table_4` has no flaw: Bob takes PKE (data type 3), and both protect their media under the envelope's key.
`table_4_dominated`: Bob takes DH (data type 5), although PKE is better for both sides; no clause of an RFC knows
priorities, the paper's rule does.

The key ring verifies all three messages: the pre-shared key, both certificates, Bob's private key, which opens the
envelope, and his exponent, with which the Diffie-Hellman exchange opens. The media's keys follow from them.
"""

from dataclasses import replace

from pcaps.calls import ALICE, BOB, Call
from pcaps.keying import (
    CM_32,
    CM_80,
    DH,
    F8_80,
    PKE,
    PSK,
    DhExchange,
    Exchange,
    PkeExchange,
    PskExchange,
    answered_list,
    key_mgmt,
    offered_list,
    priorities,
    sdp_ids,
)
from pcaps.media import Track
from pcaps.samples import FAIL, LISTED_OUTCOMES, PASS, Expected, Sample, psk_keys
from pcaps.signalling import Description

SUITES = (CM_80, CM_32)
ALICES_LIST = offered_list({PSK: 0, PKE: 1, DH: 2}, {0: 0, 1: 1})
BOBS_LIST = answered_list({PKE: 0, DH: 1, PSK: 2}, {CM_32: 0, F8_80: 1}, ALICES_LIST)
PSK_OFFERED, PKE_TAKEN = PskExchange("table 4", SUITES), PkeExchange("table 4", SUITES)
DH_TAKEN = DhExchange("table 4", SUITES)
EXCHANGES = (PSK_OFFERED, PKE_TAKEN, DH_TAKEN)
KEY_FILES = "\n".join(
    f'\n[[{table}]]\nfile = "keys/{name}.pem"'
    for table, name in (("private_key", "bob"), ("certificate", "alice_cert"), ("certificate", "bob_cert"))
)


def call(name: str, taken: Exchange) -> Call:
    """The call in which Bob takes one of the three messages."""
    extensions = [sdp_ids(len(EXCHANGES)), priorities(ALICES_LIST)]
    lines = tuple(key_mgmt(exchange.offer(extensions)) for exchange in EXCHANGES)
    answer = taken.answer(SUITES.index(CM_32), [priorities(BOBS_LIST)])
    return Call(
        name,
        offer=Description(lines),
        answer=Description((key_mgmt(answer),)),
        offerer=Track(taken.context(ALICE, CM_32)),
        answerer=Track(taken.context(BOB, CM_32)),
    )


def keys() -> str:
    """What the auditor was given: the pre-shared key, Bob's private key and exponent, both certificates."""
    exponent = f'\n\n[[dh]]\nprivate = "{DH_TAKEN.exponent(BOB):064x}"\n'
    return f"{psk_keys(PSK_OFFERED.psk, ALICE.uri)}{KEY_FILES}{exponent}"


EXPECTED = Expected(
    chosen=("MIKEY-PKE", CM_32),
    winner=("MIKEY-PKE", CM_32),
    rule="min-sum",
    suite_rule="min-sum",
    outcomes={
        **LISTED_OUTCOMES,
        "MKY-008": PASS,
        "PRI-008": FAIL,
    },  # PKE before DH, and Bob has the short tag first
)
SAMPLES = (
    Sample(
        "table_4",
        "The paper's Table 4: PKE and AES_CM_128_HMAC_SHA1_32 by priority comparison",
        call("table_4", PKE_TAKEN),
        EXPECTED,
        "table_4",
        keys=keys(),
    ),
    Sample(
        "table_4_dominated",
        "The lists of Table 4, answered with DH",
        call("table_4", DH_TAKEN),
        replace(
            EXPECTED,
            verdict="downgrade",
            reasons=("dominated", "not-winner"),
            chosen=("MIKEY-DH", CM_32),
            outcomes={**EXPECTED.outcomes, "PRI-002": FAIL, "PRI-003": FAIL},
            exit_code=5,
        ),
        "table_4",
        flaw="Bob takes DH, and both sides prefer PKE to it",
        clause="the paper's priority comparison",
        twin="table_4",
        keys=keys(),
    ),
)
