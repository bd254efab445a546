# SPDX-License-Identifier: GPL-2.0-only
"""RTSP sessions keyed by MIKEY: the camera opens the exchange in its description, the viewer answers in KeyMgmt.

`rtsp_key_readable`: the key data is not encrypted, so whoever sees the RTSP can open the media (RFC 3830 §4.2.3).
`rtsp_interleaved`: the same with AES-CM-128. `rtsp_clear_media`: SRTP agreed through a tunnel in HTTP, clear RTP in it
(RFC 3711 §3.3). `rtsp_http_tunnel`: the same, protected.
"""

from dataclasses import replace

from pcaps.calls import ALICE, BOB
from pcaps.keying import CM_80, PskExchange, key_mgmt, sdp_ids
from pcaps.media import Track
from pcaps.psk_calls import PLAIN_EXPECTED
from pcaps.rtsp_session import Carriage, RtspSession
from pcaps.samples import FAIL, NOT_APPLICABLE, UNKNOWN, Sample, psk_keys

KEYS = psk_keys(PskExchange("").psk, BOB.uri)
EXPECTED = replace(PLAIN_EXPECTED, wire=("proved",))


def session(name: str, carriage: Carriage, *, encrypt: bool = True, protect: bool = True) -> RtspSession:
    """One session; the camera is the initiator (RFC 4567 §4.2)."""
    exchange = PskExchange(name, caller=BOB, callee=ALICE)
    return RtspSession(
        name,
        offer=(key_mgmt(exchange.offer([sdp_ids(1)], encrypt=encrypt)),),
        answer=exchange.answer(),
        track=Track(exchange.context(BOB, CM_80) if protect else None),
        reports=exchange.context(ALICE, CM_80),
        carriage=carriage,
    )


SAMPLES = (
    Sample(
        "rtsp_key_readable",
        "A camera's key that anyone can read in RTSP",
        session("rtsp_key_readable", Carriage.INTERLEAVED, encrypt=False),
        replace(
            EXPECTED,
            outcomes={**EXPECTED.outcomes, "MKY-001": FAIL, "MKY-006": NOT_APPLICABLE},
            exit_code=5,
        ),
        "rtsp_keys",
        flaw="the key encryption is NULL",
        clause="RFC 3830 §4.2.3",
        twin="rtsp_interleaved",
        keys=KEYS,
    ),
    Sample(
        "rtsp_interleaved",
        "A camera's media interleaved with RTSP, its key encrypted",
        session("rtsp_key_readable", Carriage.INTERLEAVED),
        EXPECTED,
        "rtsp_keys",
        keys=KEYS,
    ),
    Sample(
        "rtsp_clear_media",
        "SRTP agreed in an RTSP tunnel, clear RTP in it",
        session("rtsp_clear_media", Carriage.TUNNEL, protect=False),
        replace(
            EXPECTED,
            verdict="unprotected",
            reasons=("clear-media",),
            wire=("contradicting",),
            outcomes={
                **EXPECTED.outcomes, "PRO-001": FAIL, "SRT-001": FAIL, "SRT-002": NOT_APPLICABLE, "SRT-003": UNKNOWN,
                "SRT-009": NOT_APPLICABLE,
            },
            missing={"SRT-003": "usable-key"},
            rtcp_clear=1,
            exit_code=5,
        ),
        "rtsp_keys",
        flaw="the media is not protected",
        clause="RFC 3711 §3.3",
        twin="rtsp_http_tunnel",
        keys=KEYS,
    ),
    Sample(
        "rtsp_http_tunnel",
        "RTSP and its media in a tunnel in HTTP",
        session("rtsp_clear_media", Carriage.TUNNEL),
        EXPECTED,
        "rtsp_keys",
        keys=KEYS,
    ),
)  # fmt: skip
