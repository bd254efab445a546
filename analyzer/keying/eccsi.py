# SPDX-License-Identifier: GPL-2.0-only
"""ECCSI: is a signature that of an identity under a KMS's public authentication key (RFC 6507, RFC 6509 §2.1.1)."""

import hashlib

from analyzer.keying.nist_curves import P_256

OCTETS = 32
SIGNATURE_OCTETS = 4 * OCTETS + 1  # r ‖ s ‖ PVT
MAX_IDENTITY_OCTETS = 4096
BASE_OCTETS = P_256.write_point(P_256.base)


def hash_identity(kpak: bytes, identity: bytes, pvt: bytes) -> bytes:
    """HS, the hash that ties an identity to its public validation token (RFC 6507 §5.1.1)."""
    return hashlib.sha256(BASE_OCTETS + kpak + identity + pvt).digest()


def verify_eccsi(message: bytes, signature: bytes, identity: bytes, kpak: bytes) -> bool:
    """Whether `signature` is that of `identity` over `message` (RFC 6507 §5.2.2).

    `kpak` is 04 ‖ x ‖ y; whatever is not of the right length or not on P-256 verifies as False.
    """
    public_key = P_256.read_point(kpak)
    pvt_octets = signature[2 * OCTETS :]
    pvt = P_256.read_point(pvt_octets)
    if public_key is None or pvt is None or len(identity) > MAX_IDENTITY_OCTETS:
        return False
    r, s = (int.from_bytes(signature[start : start + OCTETS], "big") for start in (0, OCTETS))
    hs = hash_identity(kpak, identity, pvt_octets)
    he = hashlib.sha256(hs + signature[:OCTETS] + message).digest()
    y = P_256.add(P_256.multiply(int.from_bytes(hs, "big"), pvt), public_key)
    inner = P_256.add(P_256.multiply(int.from_bytes(he, "big"), P_256.base), P_256.multiply(r, y))
    j = P_256.multiply(s, inner)
    return j is not None and j.x == r != 0
