# SPDX-License-Identifier: GPL-2.0-only
"""SRTP is agreed, and clear RTP flows.

A MIKEY-PSK call. `clear_media`: both phones send their media and RTCP unprotected (RFC 3711 §3.3).
`clear_media_twin`: as agreed.
"""

from dataclasses import replace

from pcaps.media import Track
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import FAIL, NOT_APPLICABLE, UNKNOWN, Sample

SAMPLES = (
    Sample(
        "clear_media",
        "SRTP agreed, clear RTP on the wire",
        replace(psk_call("clear_media"), offerer=Track(None), answerer=Track(None)),
        replace(
            PLAIN_EXPECTED,
            verdict="unprotected",
            reasons=("clear-media",),
            wire=("contradicting", "contradicting"),
            rtcp_clear=2,
            outcomes={
                **PLAIN_EXPECTED.outcomes,
                "PRO-001": FAIL,
                "SRT-001": FAIL,
                "SRT-002": NOT_APPLICABLE,
                "SRT-003": UNKNOWN,
                "SRT-009": NOT_APPLICABLE,
            },
            missing={"SRT-003": "usable-key"},
            exit_code=5,
        ),
        "clear_media",
        flaw="the media is not protected",
        clause="RFC 3711 §3.3",
        twin="clear_media_twin",
        keys=KEYS,
    ),
    Sample(
        "clear_media_twin",
        "SRTP agreed and on the wire",
        psk_call("clear_media"),
        PLAIN_EXPECTED,
        "clear_media",
        keys=KEYS,
    ),
)
