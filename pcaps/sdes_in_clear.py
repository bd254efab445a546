# SPDX-License-Identifier: GPL-2.0-only
"""The SRTP master key travels in readable signalling.

`sdes_in_clear`: both sides send their keys as `a=crypto` in SIP over UDP (RFC 4568 §8.3 requires encryption).
`sdes_in_clear_twin`: the same call keyed by MIKEY-PSK, whose message protects itself.
"""

from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import Sample
from pcaps.sdes_calls import EXPECTED, sdes_call

SAMPLES = (
    Sample(
        "sdes_in_clear",
        "SDES keys in SIP over UDP",
        sdes_call("sdes_in_clear"),
        EXPECTED,
        "sdes_in_clear",
        flaw="whoever sees the signalling can decrypt the call",
        clause="RFC 4568 §8.3",
        twin="sdes_in_clear_twin",
    ),
    Sample(
        "sdes_in_clear_twin",
        "The same call keyed by MIKEY-PSK",
        psk_call("sdes_in_clear"),
        PLAIN_EXPECTED,
        "sdes_in_clear",
        keys=KEYS,
    ),
)
