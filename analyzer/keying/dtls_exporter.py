# SPDX-License-Identifier: GPL-2.0-only
"""The keying material that DTLS exports for SRTP (RFC 5764 §4.2; RFC 5705 §4; RFC 8446 §7.5; RFC 9147 §5.9)."""

import hmac
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256, SHA384, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from dissectors.grammar.dtls import DTLS_1_2, DTLS_1_3
from dissectors.grammar.secret import Secret

DTLS_SRTP_LABEL = b"EXTRACTOR-dtls_srtp"
LABEL_PREFIX_13 = b"dtls13"


class HandshakeFacts(NamedTuple):
    """What the exporter needs of the hellos: the version and cipher suite agreed, and both randoms."""

    version: int
    cipher_suite: int
    client_random: bytes
    server_random: bytes


def _suites(*ranges: tuple[int, int, int]) -> frozenset[int]:
    return frozenset(number for first, last, step in ranges for number in range(first, last + 1, step))


# IANA "TLS Cipher Suites" whose names end in SHA384: their PRF is P_SHA384 (RFC 5246 §5, RFC 5289 §3, RFC 5487 §2).
SHA384_SUITES = _suites(
    (0x009D, 0x00B9, 2),
    (0x1302, 0x1302, 1),
    (0xC024, 0xC032, 2),
    (0xC038, 0xC038, 1),
    (0xC03B, 0xC071, 2),
    (0xC073, 0xC09B, 2),
    (0xC0B1, 0xC0B5, 2),
    (0xD002, 0xD002, 1),
)


def export_srtp_material(handshake: HandshakeFacts, secret: Secret, octets: int) -> bytes:
    """`octets` octets for SRTP without context; `secret` is the master secret, in DTLS 1.3 the exporter secret.

    An extended master secret (RFC 7627) takes no other way: it is in the master secret already.
    """
    if handshake.version == DTLS_1_3:
        return _export_13(handshake.cipher_suite, secret.reveal(), octets)
    seed = DTLS_SRTP_LABEL + handshake.client_random + handshake.server_random
    if handshake.version == DTLS_1_2:
        return _p_hash("sha384" if handshake.cipher_suite in SHA384_SUITES else "sha256", secret.reveal(), seed, octets)
    return _prf_10(secret.reveal(), seed, octets)


def _p_hash(hash_name: str, secret: bytes, seed: bytes, octets: int) -> bytes:
    """P_hash of RFC 5246 §5."""
    out, chain = b"", seed
    while len(out) < octets:
        chain = hmac.digest(secret, chain, hash_name)
        out += hmac.digest(secret, chain + seed, hash_name)
    return out[:octets]


def _prf_10(secret: bytes, seed: bytes, octets: int) -> bytes:
    """The PRF of TLS 1.1, on which DTLS 1.0 stands: P_MD5 over one half XOR P_SHA1 over the other (RFC 4346 §5)."""
    half = (len(secret) + 1) // 2
    first = _p_hash("md5", secret[:half], seed, octets)
    second = _p_hash("sha1", secret[len(secret) - half :], seed, octets)
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def _export_13(cipher_suite: int, secret: bytes, octets: int) -> bytes:
    """TLS-Exporter with the label prefix of DTLS 1.3."""
    algorithm = SHA384() if cipher_suite in SHA384_SUITES else SHA256()
    empty = Hash(algorithm).finalize()
    derived = HKDFExpand(algorithm, algorithm.digest_size, _label(algorithm.digest_size, DTLS_SRTP_LABEL, empty))
    return HKDFExpand(algorithm, octets, _label(octets, b"exporter", empty)).derive(derived.derive(secret))


def _label(octets: int, label: bytes, context: bytes) -> bytes:
    """The HkdfLabel of RFC 8446 §7.1."""
    full = LABEL_PREFIX_13 + label
    return octets.to_bytes(2, "big") + bytes((len(full),)) + full + bytes((len(context),)) + context
