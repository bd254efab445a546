# SPDX-License-Identifier: GPL-2.0-only
"""DTLS-SRTP: the protection profiles of the ClientHello, and the one that the ServerHello takes.

Alice is the client and offers SRTP_AEAD_AES_128_GCM and SRTP_AES128_CM_HMAC_SHA1_80. `dtls_not_offered`: Bob takes
SRTP_AES128_CM_HMAC_SHA1_32 (RFC 5764 §4.1.1: one of the offered). `dtls_not_offered_twin`: he takes the second offered
one. The rest of the handshake is left out; the media's keys stand in the sidecar.
"""

import struct
from dataclasses import replace

from dissectors.grammar.dtls import ProtectionProfile
from pcaps.calls import ALICE, BOB, Call
from pcaps.keying import CM_32, CM_80, context, fixed
from pcaps.media import Track
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, PLAIN_OUTCOMES, UNKNOWN, Expected, Sample
from pcaps.signalling import Description

PROFILE = "UDP/TLS/RTP/SAVP"
OFFERED = (ProtectionProfile.SRTP_AEAD_AES_128_GCM, ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80)
CLIENT_HELLO, SERVER_HELLO, USE_SRTP = 1, 2, 14
DTLS_1_2 = 0xFEFD
SUITE = 0xC02B  # TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256


def hello(kind: int, profiles: tuple[int, ...]) -> bytes:
    """One record with a hello (RFC 6347 §4.1, §4.2.2) whose only extension is use_srtp (RFC 5764 §4.1.1)."""
    chosen = struct.pack(f">H{len(profiles)}HB", 2 * len(profiles), *profiles, 0)
    extensions = struct.pack(">HHH", 4 + len(chosen), USE_SRTP, len(chosen)) + chosen
    opening = struct.pack(">H", DTLS_1_2) + fixed(f"hello {kind}", 32) + b"\0"
    suites = struct.pack(">BHHBB", 0, 2, SUITE, 1, 0) if kind == CLIENT_HELLO else struct.pack(">HB", SUITE, 0)
    body = opening + suites + extensions
    length = struct.pack(">I", len(body))[1:]
    handshake = bytes([kind]) + length + struct.pack(">H", 0) + bytes(3) + length + body
    return struct.pack(">BHHIHH", 22, DTLS_1_2, 0, 0, 0, len(handshake)) + handshake


def fingerprint(name: str) -> str:
    """A certificate's hash in an SDP line (RFC 8122 §5)."""
    digest = ":".join(f"{octet:02X}" for octet in fixed(f"{name} fingerprint", 32))
    return f"a=fingerprint:sha-256 {digest}"


def call(name: str, taken: ProtectionProfile, suite: str) -> Call:
    """The call in which Bob takes that profile."""
    keys = {phone.name: fixed(f"DTLS {phone.name}", 30) for phone in (ALICE, BOB)}
    contexts = {name: context(suite, octets[:16], octets[16:]) for name, octets in keys.items()}
    return Call(
        name,
        offer=Description((fingerprint("alice"), "a=setup:active"), PROFILE),
        answer=Description((fingerprint("bob"), "a=setup:passive"), PROFILE),
        offerer=Track(contexts["alice"]),
        answerer=Track(contexts["bob"]),
        hellos=(hello(CLIENT_HELLO, OFFERED), hello(SERVER_HELLO, (taken,))),
    )


def media_keys(suite: str) -> str:
    """The media's keys as a key file has them, each bound by its SSRC."""
    entries = (
        f'[[srtp]]\nsuite = "{suite}"\nkey = "{octets[:16].hex()}"\nsalt = "{octets[16:].hex()}"\nssrc = {phone.ssrc}\n'
        for phone in (ALICE, BOB)
        for octets in (fixed(f"DTLS {phone.name}", 30),)
    )
    return "\n".join(entries)


RIGHT = Expected(
    reasons=("order-not-binding",),
    chosen=("DTLS-SRTP", CM_80),
    winner=("DTLS-SRTP", ""),
    rule="single",
    suite_rule="any-common",
    verified="",
    outcomes=PLAIN_OUTCOMES
    | dict.fromkeys(
        ("PRO-001", "PRO-003", "PRO-004", "PRI-001", "PRI-003", "PRI-005", "PRI-008", "PRI-009", "SRT-001"), PASS
    )
    | {
        "SRT-002": PASS,
        "SRT-003": PASS,
        "SRT-009": PASS,
        "PRI-002": UNKNOWN,
        "PRI-006": UNKNOWN,
        "DTL-006": FAIL,
        "IDN-003": FAIL,
    }
    | {"DTL-001": UNKNOWN},
    missing={"PRI-002": "answer-preferences", "PRI-006": "other-leg", "DTL-001": "certificate"},
    exit_code=4,
)
SAMPLES = (
    Sample(
        "dtls_not_offered",
        "A ServerHello with a protection profile that was not offered",
        call("dtls_not_offered", ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_32, CM_32),
        replace(
            RIGHT,
            verdict="mismatch",
            reasons=("choice-not-offered", "not-winner"),
            chosen=("DTLS-SRTP", CM_32),
            outcomes={
                **RIGHT.outcomes,
                "PRI-001": FAIL,
                "PRI-002": NOT_APPLICABLE,
                "PRI-003": FAIL,
                "PRI-009": UNKNOWN,
            },
            missing={"PRI-006": "other-leg", "PRI-009": "preference-lists", "DTL-001": "certificate"},
            exit_code=5,
        ),
        "dtls_not_offered",
        flaw="the server takes a profile that the client did not offer",
        clause="RFC 5764 §4.1.1",
        twin="dtls_not_offered_twin",
        keys=media_keys(CM_32),
    ),
    Sample(
        "dtls_not_offered_twin",
        "A ServerHello with the second of two offered profiles",
        call("dtls_not_offered", ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80, CM_80),
        RIGHT,
        "dtls_not_offered",
        keys=media_keys(CM_80),
    ),
)
