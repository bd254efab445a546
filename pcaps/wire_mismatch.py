# SPDX-License-Identifier: GPL-2.0-only
"""The answer says AES_CM_128_HMAC_SHA1_80, and the packets carry tags of 32 bits.

A MIKEY-PSK call with one suite. `wire_mismatch`: both phones protect their media under the agreed keys as
AES_CM_128_HMAC_SHA1_32 does, with tags of 4 octets (RFC 3711 §4.2: 10 were agreed). `wire_mismatch_twin`: as agreed.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_32, PskExchange
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call, tracks
from pcaps.samples import FAIL, UNKNOWN, Sample


def call(name: str) -> Call:
    """The call whose media engine has another suite than its signalling."""
    offerer, answerer = tracks(PskExchange(name), CM_32)
    return replace(psk_call(name), offerer=offerer, answerer=answerer)


SAMPLES = (
    Sample(
        "wire_mismatch",
        "80-bit tags agreed, 32-bit tags on the wire",
        call("wire_mismatch"),
        replace(
            PLAIN_EXPECTED,
            verdict="mismatch",
            reasons=("wire-contradicts",),
            wire=("contradicting", "contradicting"),
            outcomes={
                **PLAIN_EXPECTED.outcomes,
                "PRO-001": UNKNOWN,
                "SRT-002": FAIL,
                "SRT-003": FAIL,
                "SRT-009": UNKNOWN,
            },
            missing={"PRO-001": "wire", "SRT-009": "usable-key"},
            exit_code=5,
        ),
        "wire_mismatch",
        flaw="tags of 4 octets instead of 10",
        clause="RFC 3711 §4.2",
        twin="wire_mismatch_twin",
        keys=KEYS,
    ),
    Sample(
        "wire_mismatch_twin",
        "80-bit tags agreed and on the wire",
        psk_call("wire_mismatch"),
        PLAIN_EXPECTED,
        "wire_mismatch",
        keys=KEYS,
    ),
)
