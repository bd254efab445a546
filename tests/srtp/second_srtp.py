# SPDX-License-Identifier: GPL-2.0-only
"""SRTP a second time, written from the RFCs alone on other people's AES and HMAC, to be compared with the first.

It knows nothing of the project, works on one packet at a time and derives its keys for each: slow and plain.
"""

import hmac
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

RTP_LABELS, RTCP_LABELS = (0, 1, 2), (3, 4, 5)


class Peer(NamedTuple):
    """Who protects: master key and salt, the key derivation rate, octets of the HMAC tag (None: AES-GCM), an MKI."""

    key: bytes
    salt: bytes
    rate: int = 0
    tag: int | None = 10
    mki: bytes = b""


def xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))


def counter_mode(key: bytes, start: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), CTR(start)).encryptor().update(data)


def session_key(peer: Peer, label: int, index: int, octets: int) -> bytes:
    """RFC 3711 §4.3.1: key_id = label ‖ (index DIV rate), XOR the master salt, times 2^16, is where AES-CM starts."""
    turn = index // peer.rate if peer.rate else 0
    key_id = bytes((label,)) + turn.to_bytes(6, "big")
    salt = peer.salt + bytes(14 - len(peer.salt))  # RFC 7714's salts have 12 octets
    return counter_mode(peer.key, xor(salt, key_id.rjust(14, b"\0")) + b"\0\0", bytes(octets))


def session(peer: Peer, labels: tuple[int, int, int], index: int) -> tuple[bytes, bytes, bytes]:
    """Encryption key, authentication key, salt."""
    sizes = (len(peer.key), 20, len(peer.salt))
    encryption, authentication, salt = (
        session_key(peer, label, index, size) for label, size in zip(labels, sizes, strict=True)
    )
    return encryption, authentication, salt


def encrypted(peer: Peer, keys: tuple[bytes, bytes, bytes], ssrc: bytes, index: int, data: bytes) -> bytes:
    """RFC 3711 §4.1.1: IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)."""
    start = int.from_bytes(keys[2], "big") << 16 ^ int.from_bytes(ssrc, "big") << 64 ^ index << 16
    return counter_mode(keys[0], start.to_bytes(16, "big"), data)


def protect_rtp(peer: Peer, header: bytes, payload: bytes, roc: int, *, rcc: tuple[int, int] | None = None) -> bytes:
    """One RTP packet; `rcc` is mode and rate of RFC 4771, whose tag of `peer.tag` octets has the counter in it."""
    sequence_number, ssrc = int.from_bytes(header[2:4], "big"), header[8:12]
    index, counter = roc << 16 | sequence_number, roc.to_bytes(4, "big")
    keys = session(peer, RTP_LABELS, index)
    carried = counter if rcc is not None and sequence_number % rcc[1] == 0 else b""
    if peer.tag is None:
        nonce = xor(b"\0\0" + ssrc + counter + header[2:4], keys[2])  # RFC 7714 §8.1
        return header + AESGCM(keys[0]).encrypt(nonce, payload, header) + peer.mki + carried
    sealed = header + encrypted(peer, keys, ssrc, index, payload)
    mac = hmac.digest(keys[1], sealed + counter, "sha1")
    if carried:  # RFC 4771 §2: ROC_sender ‖ MAC_tr
        return sealed + peer.mki + carried + (mac[: peer.tag - 4] if rcc and rcc[0] != 3 else b"")
    whole = rcc is None or rcc[0] == 2
    return sealed + peer.mki + (mac[: peer.tag] if whole else b"")


def protect_rtcp(peer: Peer, compound: bytes, index: int) -> bytes:
    """One SRTCP packet (RFC 3711 §3.4, RFC 7714 §9); all of it is encrypted behind its first eight octets."""
    ssrc, word = compound[4:8], (1 << 31 | index).to_bytes(4, "big")
    keys = session(peer, RTCP_LABELS, index)
    if peer.tag is None:
        nonce = xor(b"\0\0" + ssrc + b"\0\0" + index.to_bytes(4, "big"), keys[2])
        return compound[:8] + AESGCM(keys[0]).encrypt(nonce, compound[8:], compound[:8] + word) + word + peer.mki
    sealed = compound[:8] + encrypted(peer, keys, ssrc, index, compound[8:]) + word
    return sealed + peer.mki + hmac.digest(keys[1], sealed, "sha1")[:10]
