# SPDX-License-Identifier: GPL-2.0-only
"""All of libsrtp, not only what pylibsrtp shows of it: every suite, MKIs, many master keys, a given rollover counter.

The library inside pylibsrtp's extension is called by its C names; the layout of `srtp_policy_t` is that of libsrtp 2.
"""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import pylibsrtp._binding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from analyzer.srtp.context import KeySchedule, SrtpContext
from analyzer.srtp.kdf import Usage

ANY_INBOUND, ANY_OUTBOUND = 2, 3
OK = 0
MAX_TRAILER = 16 + 128 + 4
WINDOW = 4096

LIBRARY = ctypes.CDLL(pylibsrtp._binding.__file__)
POLICIES = {
    "AES_CM_128_HMAC_SHA1_80": "rtp_default",
    "AES_CM_128_HMAC_SHA1_32": "aes_cm_128_hmac_sha1_32",
    "AES_192_CM_HMAC_SHA1_80": "aes_cm_192_hmac_sha1_80",
    "AES_192_CM_HMAC_SHA1_32": "aes_cm_192_hmac_sha1_32",
    "AES_256_CM_HMAC_SHA1_80": "aes_cm_256_hmac_sha1_80",
    "AES_256_CM_HMAC_SHA1_32": "aes_cm_256_hmac_sha1_32",
    "AEAD_AES_128_GCM": "aes_gcm_128_16_auth",
    "AEAD_AES_256_GCM": "aes_gcm_256_16_auth",
    "AEAD_AES_128_GCM_8": "aes_gcm_128_8_auth",
    "AEAD_AES_256_GCM_8": "aes_gcm_256_8_auth",
    "NULL_HMAC_SHA1_80": "null_cipher_hmac_sha1_80",
}


class CryptoPolicy(ctypes.Structure):
    """`srtp_crypto_policy_t`."""

    _fields_ = [(name, ctypes.c_int) for name in ("cipher", "key", "auth", "auth_key", "tag", "services")]


class MasterKey(ctypes.Structure):
    """`srtp_master_key_t`."""

    _fields_ = [
        ("key", ctypes.c_char_p),
        ("mki", ctypes.c_char_p),
        ("mki_octets", ctypes.c_uint),
    ]


class PolicyStructure(ctypes.Structure):
    """`srtp_policy_t`."""

    _fields_ = [
        ("ssrc_type", ctypes.c_int),
        ("ssrc", ctypes.c_uint),
        ("rtp", CryptoPolicy),
        ("rtcp", CryptoPolicy),
        ("key", ctypes.c_char_p),
        ("keys", ctypes.POINTER(ctypes.POINTER(MasterKey))),
        ("key_count", ctypes.c_ulong),
        ("ekt", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("repeat", ctypes.c_int),
        ("extensions", ctypes.c_void_p),
        ("extension_count", ctypes.c_int),
        ("next", ctypes.c_void_p),
    ]


class PeerKey(NamedTuple):
    """Key and salt in one, and the MKI."""

    octets: bytes
    mki: bytes = b""


class LibsrtpPeer:
    """One session with wildcard streams; raises `ValueError` with libsrtp's status where a packet is refused."""

    def __init__(self, suite: str, keys: Sequence[PeerKey], *, outbound: bool) -> None:
        self._policy = PolicyStructure(ANY_OUTBOUND if outbound else ANY_INBOUND, 0)
        set_policy = getattr(LIBRARY, f"srtp_crypto_policy_set_{POLICIES[suite]}")
        set_policy(ctypes.byref(self._policy.rtp))
        set_policy(ctypes.byref(self._policy.rtcp))
        if not suite.startswith("AEAD"):
            self._policy.rtcp.tag = 10
        self._keys = [MasterKey(key.octets.ljust(64, b"\0"), key.mki, len(key.mki)) for key in keys]
        pointers = [ctypes.pointer(key) for key in self._keys]
        self._array = (ctypes.POINTER(MasterKey) * len(pointers))(*pointers)
        self._policy.keys, self._policy.key_count = self._array, len(pointers)
        self._policy.window = WINDOW
        self._mki = bool(keys[0].mki)
        self._session = ctypes.c_void_p()
        _check(LIBRARY.srtp_create(ctypes.byref(self._session), ctypes.byref(self._policy)))

    def protect(self, packet: bytes, key: int = 0, *, rtcp: bool = False) -> bytes:
        """The packet under one of the keys."""
        name = "srtp_protect_rtcp_mki" if rtcp else "srtp_protect_mki"
        return self._call(name, packet, ctypes.c_uint(self._mki), ctypes.c_uint(key))

    def unprotect(self, packet: bytes, *, rtcp: bool = False) -> bytes:
        """The clear packet."""
        name = "srtp_unprotect_rtcp_mki" if rtcp else "srtp_unprotect_mki"
        return self._call(name, packet, ctypes.c_uint(self._mki))

    def set_roc(self, ssrc: int, roc: int) -> None:
        """The rollover counter of a source of which a packet has been seen."""
        _check(LIBRARY.srtp_set_stream_roc(self._session, ctypes.c_uint(ssrc), ctypes.c_uint(roc)))

    def _call(self, name: str, packet: bytes, *more: ctypes.c_uint) -> bytes:
        buffer = ctypes.create_string_buffer(packet, len(packet) + MAX_TRAILER)
        length = ctypes.c_int(len(packet))
        _check(getattr(LIBRARY, name)(self._session, buffer, ctypes.byref(length), *more))
        return buffer.raw[: length.value]


def _check(status: int) -> None:
    if status != OK:
        message = f"libsrtp answered {status}"
        raise ValueError(message)


def seal_as_old_libsrtp(context: SrtpContext, report: bytes, index: int) -> bytes:
    """An RTCP compound under AES-256 as libsrtp before 1.6 and 2.1 made it.

    It leaves the SSRC out of the counter and does not shift the index; its tags are right all the same.
    """
    session = KeySchedule(context, Usage.SRTCP).session(0, 0)
    counter = bytearray(session.keys.salt.reveal() + b"\0\0")
    counter[15] ^= index
    key = algorithms.AES(session.keys.encryption.reveal())
    body = Cipher(key, modes.CTR(bytes(counter))).encryptor().update(report[8:])
    word = (1 << 31 | index).to_bytes(4, "big")
    return report[:8] + body + word + session.tag(report[:8], body, word)[:10]
