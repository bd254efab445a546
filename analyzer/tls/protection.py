# SPDX-License-Identifier: GPL-2.0-only
"""Protected records opened and authenticated (RFC 5246 §6.2.3; RFC 7366; RFC 7905; RFC 8446 §5.2)."""

import hmac
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from dissectors.grammar.tls import TLS_1_1, TlsRecord
from dissectors.grammar.tls_suites import CipherMode, CipherSuite

EXPLICIT_NONCE_OCTETS = 8
_TAG_OCTETS = 16
_SHORT_TAG_OCTETS = 8
_MAC_OCTETS = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}
_BLOCK_OCTETS = {CipherMode.AES_CBC: 16, CipherMode.TRIPLE_DES_CBC: 8}


class Opened(NamedTuple):
    """What a record carries once it is open."""

    content_type: int
    data: bytes


class RecordOpener(Protocol):
    """The read state of one direction."""

    @property
    def can_skip(self) -> bool:
        """Whether a record opens without those before it, given its sequence number."""
        ...

    def open(self, record: TlsRecord, sequence: int) -> Opened | None:
        """The content of a record, or None where it does not authenticate."""
        ...


class DirectionKeys(NamedTuple):
    """One direction's part of the key block (RFC 5246 §6.3)."""

    mac_key: bytes
    key: bytes
    iv: bytes


def key_lengths(suite: CipherSuite, version: int) -> tuple[int, int, int]:
    """Octets of MAC key, key and IV that the key block has for each direction."""
    if suite.mode in _BLOCK_OCTETS:
        iv = 0 if version >= TLS_1_1 else _BLOCK_OCTETS[suite.mode]
    elif suite.mode is CipherMode.CHACHA20_POLY1305:
        iv = 12
    else:
        iv = 4 if suite.is_aead else 0
    return _MAC_OCTETS.get(suite.mac, 0), suite.key_octets, iv


def opener_12(suite: CipherSuite, version: int, keys: DirectionKeys, encrypt_then_mac: bool) -> RecordOpener:
    """The opener of a direction up to TLS 1.2."""
    if suite.is_aead:
        return _Aead12(suite, keys)
    if suite.mode in _BLOCK_OCTETS:
        return _Cbc(suite, version, keys, encrypt_then_mac)
    return _Stream(suite, keys)


def opener_13(suite: CipherSuite, key: bytes, iv: bytes) -> RecordOpener:
    """The opener of a direction in TLS 1.3."""
    return _Aead13(suite, key, iv)


def make_aead(suite: CipherSuite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    """The AEAD of a cipher suite that has one."""
    if suite.mode is CipherMode.AES_GCM:
        return AESGCM(key)
    if suite.mode is CipherMode.CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    return AESCCM(key, _tag_octets(suite))


def _tag_octets(suite: CipherSuite) -> int:
    return _SHORT_TAG_OCTETS if suite.mode is CipherMode.AES_CCM_8 else _TAG_OCTETS


def mix_nonce(iv: bytes, sequence: int) -> bytes:
    """The IV XOR the sequence number, as TLS 1.3 and ChaCha20 do it (RFC 7905 §2, RFC 8446 §5.3)."""
    return (int.from_bytes(iv, "big") ^ sequence).to_bytes(len(iv), "big")


def _pseudo_header(record: TlsRecord, sequence: int, octets: int) -> bytes:
    """What a MAC up to TLS 1.2 covers before the content."""
    return (
        sequence.to_bytes(8, "big")
        + bytes((record.content_type,))
        + record.version.to_bytes(2, "big")
        + octets.to_bytes(2, "big")
    )


class _Aead12:
    """AES-GCM (RFC 5288), AES-CCM (RFC 6655), ChaCha20-Poly1305 (RFC 7905)."""

    can_skip = True

    def __init__(self, suite: CipherSuite, keys: DirectionKeys) -> None:
        self._cipher = make_aead(suite, keys.key)
        self._iv = keys.iv
        self._explicit = 0 if suite.mode is CipherMode.CHACHA20_POLY1305 else EXPLICIT_NONCE_OCTETS
        self._tag = _tag_octets(suite)

    def open(self, record: TlsRecord, sequence: int) -> Opened | None:
        octets = len(record.fragment) - self._explicit - self._tag
        if octets < 0:
            return None
        explicit = record.fragment[: self._explicit]
        nonce = self._iv + explicit if self._explicit else mix_nonce(self._iv, sequence)
        header = _pseudo_header(record, sequence, octets)
        try:
            return Opened(record.content_type, self._cipher.decrypt(nonce, record.fragment[self._explicit :], header))
        except InvalidTag:
            return None


class _Aead13:
    """TLSCiphertext of RFC 8446 §5.2: the true type stands behind the content, then zeros."""

    can_skip = True

    def __init__(self, suite: CipherSuite, key: bytes, iv: bytes) -> None:
        self._cipher = make_aead(suite, key)
        self._iv = iv
        self._tag = _tag_octets(suite)

    def open(self, record: TlsRecord, sequence: int) -> Opened | None:
        if len(record.fragment) <= self._tag:
            return None
        try:
            inner = self._cipher.decrypt(mix_nonce(self._iv, sequence), record.fragment, record.header)
        except InvalidTag:
            return None
        return split_inner(inner)


def split_inner(inner: bytes) -> Opened | None:
    """The content and true type of a record of TLS 1.3 or DTLS 1.3 that was opened; None where it has none."""
    content = inner.rstrip(b"\0")
    return Opened(content[-1], content[:-1]) if content else None


class _Cbc:
    """Block ciphers with HMAC, before or after encryption (RFC 5246 §6.2.3.2; RFC 7366)."""

    def __init__(self, suite: CipherSuite, version: int, keys: DirectionKeys, encrypt_then_mac: bool) -> None:
        if suite.mode is CipherMode.AES_CBC:
            self._algorithm: algorithms.AES | object = algorithms.AES(keys.key)
        else:
            from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415

            self._algorithm = TripleDES(keys.key)
        self._block = _BLOCK_OCTETS[suite.mode]
        self._mac, self._mac_octets, self._mac_key = suite.mac, _MAC_OCTETS[suite.mac], keys.mac_key
        self._after = encrypt_then_mac
        self._chained = None if version >= TLS_1_1 else keys.iv
        self.can_skip = self._chained is None

    def open(self, record: TlsRecord, sequence: int) -> Opened | None:
        body, told = record.fragment, b""
        if self._after:
            body, told = body[: -self._mac_octets], body[-self._mac_octets :]
            if not self._is_authentic(record, sequence, body, told):
                return None
        plain = self._decrypt(body)
        if plain is None:
            return None
        content = plain[: len(plain) - 1 - plain[-1]]
        if not self._after:
            content, told = content[: -self._mac_octets], content[-self._mac_octets :]
            if not self._is_authentic(record, sequence, content, told):
                return None
        return Opened(record.content_type, content)

    def _decrypt(self, body: bytes) -> bytes | None:
        """The padded content; None where it can't be one."""
        iv = self._chained
        if iv is None:
            iv, body = body[: self._block], body[self._block :]
        else:
            self._chained = body[-self._block :]
        if not body or len(body) % self._block or len(iv) != self._block:
            return None
        decryptor = Cipher(self._algorithm, modes.CBC(iv)).decryptor()  # type: ignore[arg-type]
        plain: bytes = decryptor.update(body) + decryptor.finalize()
        padding = plain[-1] + 1
        return plain if padding <= len(plain) and plain.endswith(bytes((plain[-1],)) * padding) else None

    def _is_authentic(self, record: TlsRecord, sequence: int, content: bytes, told: bytes) -> bool:
        covered = _pseudo_header(record, sequence, len(content)) + content
        return hmac.compare_digest(hmac.digest(self._mac_key, covered, self._mac), told)


class _Stream:
    """RC4 and NULL with HMAC (RFC 5246 §6.2.3.1)."""

    def __init__(self, suite: CipherSuite, keys: DirectionKeys) -> None:
        self._mac, self._mac_octets, self._mac_key = suite.mac, _MAC_OCTETS[suite.mac], keys.mac_key
        self._cipher: CipherContext | None = None
        if suite.mode is CipherMode.STREAM:
            from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4  # noqa: PLC0415

            self._cipher = Cipher(ARC4(keys.key), None).decryptor()
        self.can_skip = self._cipher is None

    def open(self, record: TlsRecord, sequence: int) -> Opened | None:
        plain = record.fragment if self._cipher is None else self._cipher.update(record.fragment)
        content, told = plain[: -self._mac_octets], plain[-self._mac_octets :]
        covered = _pseudo_header(record, sequence, len(content)) + content
        if not hmac.compare_digest(hmac.digest(self._mac_key, covered, self._mac), told):
            return None
        return Opened(record.content_type, content)
