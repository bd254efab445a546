# SPDX-License-Identifier: GPL-2.0-only
"""Signatures of PASSporTs: ECDSA on P-256 with SHA-256 (RFC 8225 §3, RFC 7518 §3.4)."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def verifies(certificate: x509.Certificate, signed: bytes, signature: bytes) -> bool:
    """Whether the holder of a certificate signed these octets; `signature` is r and s side by side, 64 octets."""
    try:
        key = certificate.public_key()
    except ValueError:
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return False
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
