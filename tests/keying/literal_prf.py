# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's PRF a second time, word by word from RFC 3830 §4.1.2, and as libmikey strays from it; nothing of the project.

Slow and plain, as the reference for every length.
"""

import hashlib
import hmac

BLOCK_OCTETS = 32
TEK, TGK_SALT = 0x2AD01C64, 0x39A2C14B  # RFC 3830 §4.1.3


def literal_prf(inkey: bytes, label: bytes, out_octets: int, hash_name: str, *, as_libmikey: bool = False) -> bytes:
    """The key of that label; libmikey takes the last block for as long as what is left over, also where that is 0."""
    outlen = hashlib.new(hash_name).digest_size * 8
    n = (len(inkey) * 8 + 255) // 256
    m = (out_octets * 8 + outlen - 1) // outlen
    result = bytes(m * outlen // 8)
    for i in range(n):
        s = inkey[i * BLOCK_OCTETS : (i + 1) * BLOCK_OCTETS]
        if as_libmikey and i == n - 1:
            s = s[: len(inkey) % BLOCK_OCTETS]
        a = label
        p = b""
        for _ in range(m):
            a = hmac.new(s, a, hash_name).digest()
            p += hmac.new(s, a + label, hash_name).digest()
        result = bytes(x ^ y for x, y in zip(result, p, strict=True))
    return result[:out_octets]


def literal_key_and_salt(tgk: bytes, cs_id: int, csb_id: int, rand: bytes, *, as_libmikey: bool = False) -> bytes:
    """Master key and salt of one crypto session (RFC 3830 §4.1.3): constant || cs_id || csb_id || RAND is the label."""
    tail = cs_id.to_bytes(1, "big") + csb_id.to_bytes(4, "big") + rand
    return b"".join(
        literal_prf(tgk, constant.to_bytes(4, "big") + tail, octets, "sha1", as_libmikey=as_libmikey)
        for constant, octets in ((TEK, 16), (TGK_SALT, 14))
    )
