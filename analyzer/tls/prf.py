# SPDX-License-Identifier: GPL-2.0-only
"""More secrets out of one: the PRF up to TLS 1.2 and HKDF in 1.3 (RFC 5246 §5; RFC 4346 §5; RFC 8446 §7.1)."""

import hmac

TLS_LABEL_PREFIX, DTLS_LABEL_PREFIX = b"tls13 ", b"dtls13"


def p_hash(hash_name: str, secret: bytes, seed: bytes, octets: int) -> bytes:
    """P_hash of RFC 5246 §5."""
    out, chain = b"", seed
    while len(out) < octets:
        chain = hmac.digest(secret, chain, hash_name)
        out += hmac.digest(secret, chain + seed, hash_name)
    return out[:octets]


def prf_10(secret: bytes, seed: bytes, octets: int) -> bytes:
    """The PRF of TLS 1.0 and 1.1: P_MD5 over one half XOR P_SHA1 over the other (RFC 4346 §5)."""
    half = (len(secret) + 1) // 2
    first = p_hash("md5", secret[:half], seed, octets)
    second = p_hash("sha1", secret[len(secret) - half :], seed, octets)
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def expand_label(hash_name: str, secret: bytes, label: bytes, context: bytes, octets: int, prefix: bytes) -> bytes:
    """HKDF-Expand-Label; `prefix` is that of TLS 1.3 or of DTLS 1.3 (RFC 8446 §7.1; RFC 9147 §5.9)."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - loaded where something is encrypted
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand  # noqa: PLC0415

    algorithms = {"sha256": hashes.SHA256, "sha384": hashes.SHA384}
    full = prefix + label
    info = octets.to_bytes(2, "big") + bytes((len(full),)) + full + bytes((len(context),)) + context
    return HKDFExpand(algorithms[hash_name](), octets, info).derive(secret)
