# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY-PSK call; `no_sdp_ids` leaves out the authenticated list of protocols, which even a single line must have.

RFC 4567 §4.1.4: "still MUST authenticate its own protocol identifier". `no_sdp_ids_twin` has the list.
"""

from dataclasses import replace

from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import FAIL, NOT_APPLICABLE, Sample

SAMPLES = (
    Sample(
        "no_sdp_ids",
        "MIKEY without the authenticated list of protocols",
        psk_call("no_sdp_ids", extensions=()),
        replace(
            PLAIN_EXPECTED,
            outcomes={**PLAIN_EXPECTED.outcomes, "KMG-002": FAIL, "KMG-003": NOT_APPLICABLE},
            exit_code=5,
        ),
        "no_sdp_ids",
        flaw="the message has no General Extension of type 1",
        clause="RFC 4567 §4.1.4, §7",
        twin="no_sdp_ids_twin",
        keys=KEYS,
    ),
    Sample(
        "no_sdp_ids_twin",
        "MIKEY with the authenticated list of protocols",
        psk_call("no_sdp_ids"),
        PLAIN_EXPECTED,
        "no_sdp_ids",
        keys=KEYS,
    ),
)
