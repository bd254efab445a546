# SPDX-License-Identifier: GPL-2.0-only
"""The certificates of a DTLS 1.2 handshake beside the fingerprints that SIP announced (RFC 5763 §5).

`dtls_other_certificate`: Bob's side shows a certificate that nobody announced, as somebody in the way of the media
would. `dtls_own_certificate`: both show their own. The media's keys stand in the sidecar.
"""

import datetime as dt
import hashlib
import struct
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from dissectors.grammar.dtls import HandshakeType, ProtectionProfile
from pcaps.calls import Call
from pcaps.dtls_not_offered import DTLS_1_2, RIGHT, call, media_keys
from pcaps.keying import CM_80, fixed
from pcaps.samples import FAIL, PASS, Sample

NAME = "dtls_certificates"


def certificate(owner: str) -> bytes:
    """A self-signed certificate, the same octets on every run, as DER."""
    key = Ed25519PrivateKey.from_private_bytes(fixed(f"{owner} certificate", 32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, owner)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    made = made.not_valid_after(dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
    return made.sign(key, None).public_bytes(Encoding.DER)


def certificate_record(owner: str) -> bytes:
    """One record with a Certificate message of one certificate, the second message of its sender (RFC 5246 §7.4.2)."""
    octets = certificate(owner)
    entry = struct.pack(">I", len(octets))[1:] + octets
    body = struct.pack(">I", len(entry))[1:] + entry
    length = struct.pack(">I", len(body))[1:]
    message = bytes([HandshakeType.certificate]) + length + struct.pack(">H", 1) + bytes(3) + length + body
    return struct.pack(">BHHIHH", 22, DTLS_1_2, 0, 0, 1, len(message)) + message


def fingerprint(owner: str) -> str:
    """The line that announces a certificate (RFC 8122 §5)."""
    return f"a=fingerprint:sha-256 {hashlib.sha256(certificate(owner)).digest().hex(':').upper()}"


def shown(by_bob: str) -> Call:
    """The call in which Bob's side shows the certificate of somebody."""
    plain = call(NAME, ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80, CM_80)
    client, server = plain.hellos
    return replace(
        plain,
        offer=replace(plain.offer, attributes=(fingerprint("alice"), "a=setup:active")),
        answer=replace(plain.offer, attributes=(fingerprint("bob"), "a=setup:passive")),
        hellos=(client, server + certificate_record(by_bob), certificate_record("alice")),
    )


KNOWN = replace(RIGHT, missing={rule: what for rule, what in RIGHT.missing.items() if rule != "DTL-001"})
SAMPLES = (
    Sample(
        "dtls_other_certificate",
        "A handshake with a certificate that was not announced",
        shown("mallory"),
        replace(KNOWN, outcomes={**RIGHT.outcomes, "DTL-001": FAIL}, exit_code=5),
        NAME,
        flaw="the server shows another certificate than its fingerprint announced",
        clause="RFC 5763 §5",
        twin="dtls_own_certificate",
        keys=media_keys(CM_80),
    ),
    Sample(
        "dtls_own_certificate",
        "A handshake with the certificates that were announced",
        shown("bob"),
        replace(KNOWN, outcomes={**RIGHT.outcomes, "DTL-001": PASS}),
        NAME,
        keys=media_keys(CM_80),
    ),
)
