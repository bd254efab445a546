# SPDX-License-Identifier: GPL-2.0-only
"""The keying material that DTLS exports for SRTP (RFC 5764 §4.2; RFC 5705 §4; RFC 8446 §7.5; RFC 9147 §5.9)."""

import hashlib
from typing import NamedTuple

from analyzer.tls.prf import DTLS_LABEL_PREFIX, expand_label, p_hash, prf_10
from dissectors.grammar.dtls import DTLS_1_2, DTLS_1_3
from dissectors.grammar.secret import Secret

DTLS_SRTP_LABEL = b"EXTRACTOR-dtls_srtp"
LABEL_PREFIX_13 = DTLS_LABEL_PREFIX
MASTER_OCTETS = 48


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
    hash_name = "sha384" if handshake.cipher_suite in SHA384_SUITES else "sha256"
    if handshake.version == DTLS_1_3:
        return _export_13(hash_name, secret.reveal(), octets)
    seed = DTLS_SRTP_LABEL + handshake.client_random + handshake.server_random
    if handshake.version == DTLS_1_2:
        return p_hash(hash_name, secret.reveal(), seed, octets)
    return prf_10(secret.reveal(), seed, octets)


def derive_master_secret(handshake: HandshakeFacts, premaster: bytes, session_hash_input: bytes | None) -> bytes:
    """The master secret; `session_hash_input` is what an extended one covers (RFC 5246 §8.1, RFC 7627 §4)."""
    prf_hash = "sha384" if handshake.cipher_suite in SHA384_SUITES else "sha256"
    if session_hash_input is None:
        seed = b"master secret" + handshake.client_random + handshake.server_random
    elif handshake.version == DTLS_1_2:
        seed = b"extended master secret" + hashlib.new(prf_hash, session_hash_input).digest()
    else:
        hashes = (hashlib.new(name, session_hash_input, usedforsecurity=False) for name in ("md5", "sha1"))
        seed = b"extended master secret" + b"".join(each.digest() for each in hashes)
    if handshake.version == DTLS_1_2:
        return p_hash(prf_hash, premaster, seed, MASTER_OCTETS)
    return prf_10(premaster, seed, MASTER_OCTETS)


def _export_13(hash_name: str, secret: bytes, octets: int) -> bytes:
    """TLS-Exporter with the label prefix of DTLS 1.3."""
    empty = hashlib.new(hash_name).digest()
    derived = expand_label(hash_name, secret, DTLS_SRTP_LABEL, empty, len(empty), LABEL_PREFIX_13)
    return expand_label(hash_name, derived, b"exporter", empty, octets, LABEL_PREFIX_13)
