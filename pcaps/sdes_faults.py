# SPDX-License-Identifier: GPL-2.0-only
"""Crypto lines that were accepted and ought not to have been, as they are (RFC 4568 §6.1, §6.3).

`sdes_key_length`: 46 octets of key and salt where the suite wants 30; both phones use the leading 30.
`sdes_one_key_twice`: one master key in both offered lines. `sdes_unencrypted` and `sdes_unauthenticated`: both lines
say UNENCRYPTED_SRTP, or UNAUTHENTICATED_SRTP, and the packets are so. The twins have lines of the same kind that are
as they should be.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, SdesKey
from pcaps.samples import FAIL, PASS, UNKNOWN, Expected, Sample
from pcaps.sdes_calls import ALICES_KEY, BOBS_KEY, EXPECTED, sdes_call
from pcaps.signalling import Description

LONG = tuple(replace(key, extra=16) for key in (ALICES_KEY, BOBS_KEY))
UNENCRYPTED = tuple(replace(key, parameters=("UNENCRYPTED_SRTP",)) for key in (ALICES_KEY, BOBS_KEY))
UNAUTHENTICATED = tuple(replace(key, parameters=("UNAUTHENTICATED_SRTP",)) for key in (ALICES_KEY, BOBS_KEY))
TWICE, FRESH = SdesKey(2, CM_32, "alice"), SdesKey(2, CM_32, "alice, short tags")
TWO_OFFERED = replace(
    EXPECTED,
    suite_rule="initiator-first",
    outcomes={**EXPECTED.outcomes, "PRI-005": FAIL, "PRI-006": UNKNOWN, "PRI-008": PASS},
    missing={"PRI-006": "other-leg"},
)
UNPROVED = replace(
    EXPECTED,
    reasons=("wire-not-proved",),
    wire=("consistent", "consistent"),
    outcomes={**EXPECTED.outcomes, "SDE-011": FAIL, "SRT-003": UNKNOWN, "SRT-009": UNKNOWN},
    missing={"SRT-003": "usable-key", "SRT-009": "usable-key"},
)


def offering(name: str, second: SdesKey) -> Call:
    """A call with two lines in the offer, of which the first is taken."""
    return replace(sdes_call(name), offer=Description((ALICES_KEY.line, second.line)))


def sample(name: str, title: str, call: Call, expected: Expected, flaw: str = "", clause: str = "") -> Sample:
    """A flawed sample, whose twin has its name and `_twin`; without a flaw the twin."""
    return Sample(name, title, call, expected, "sdes_faults", flaw, clause, f"{name}_twin" if flaw else "")


def failing(expected: Expected, **outcomes: str) -> Expected:
    """With outcomes of SDE rules that differ."""
    return replace(
        expected, outcomes={**expected.outcomes, **{f"SDE-{name[1:]}": one for name, one in outcomes.items()}}
    )


SAMPLES = (
    sample(
        "sdes_key_length",
        "46 octets of key and salt for a suite that wants 30",
        sdes_call("sdes_key_length", *LONG),
        failing(EXPECTED, _003=FAIL),
        "key and salt of both lines are longer than their suite wants",
        "RFC 4568 §6.1",
    ),
    sample("sdes_key_length_twin", "30 octets of key and salt", sdes_call("sdes_key_length"), EXPECTED),
    sample(
        "sdes_one_key_twice",
        "Two offered lines with one master key",
        offering("sdes_one_key_twice", TWICE),
        failing(TWO_OFFERED, _004=FAIL),
        "the offer's two crypto lines have the same master key",
        "RFC 4568 §6.1",
    ),
    sample(
        "sdes_one_key_twice_twin",
        "Two offered lines with a master key each",
        offering("sdes_one_key_twice", FRESH),
        TWO_OFFERED,
    ),
    sample(
        "sdes_unencrypted",
        "UNENCRYPTED_SRTP, agreed and sent",
        sdes_call("sdes_unencrypted", *UNENCRYPTED),
        failing(EXPECTED, _010=FAIL),
        "both lines say UNENCRYPTED_SRTP",
        "RFC 4568 §6.3.2",
    ),
    sample("sdes_unencrypted_twin", "The same call encrypted", sdes_call("sdes_unencrypted"), EXPECTED),
    sample(
        "sdes_unauthenticated",
        "UNAUTHENTICATED_SRTP, agreed and sent",
        sdes_call("sdes_unauthenticated", *UNAUTHENTICATED),
        UNPROVED,
        "both lines say UNAUTHENTICATED_SRTP",
        "RFC 4568 §6.3.3",
    ),
    sample("sdes_unauthenticated_twin", "The same call authenticated", sdes_call("sdes_unauthenticated"), EXPECTED),
)
