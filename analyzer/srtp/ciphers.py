# SPDX-License-Identifier: GPL-2.0-only
"""The block ciphers and AEADs that suites name, each from the library that has it."""

from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from analyzer.srtp.botan import BotanAead, BotanBlockCipher
from analyzer.srtp.suites import Cipher, Suite

SEED, ARIA = "SEED", "ARIA"
FAMILIES = {
    Cipher.SEED_CTR: SEED,
    Cipher.SEED_CCM: SEED,
    Cipher.SEED_GCM: SEED,
    Cipher.ARIA_CTR: ARIA,
    Cipher.ARIA_GCM: ARIA,
}
GCM_TAG_OCTETS = 16
BLOCK_OCTETS = 16
Encrypt = Callable[[bytes | memoryview], bytes]


class Aead(Protocol):
    """Authenticated encryption under one key; the tag follows the cipher text."""

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes | memoryview, /) -> bytes:
        """Cipher text and tag."""
        ...

    def open(self, nonce: bytes, data: bytes, associated: bytes, /) -> bytes | None:
        """The plaintext, None where the tag does not verify."""
        ...


def block_encryptor(cipher: Cipher, key: bytes) -> Encrypt:
    """What encrypts whole blocks, each for itself, with the block cipher under a suite's `cipher`."""
    family = FAMILIES.get(cipher)
    if family is None:
        aes = BlockCipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - blocks of a keystream
        return lambda blocks: aes.encryptor().update(blocks)
    return BotanBlockCipher(_botan_name(family, key), key).encrypt_blocks


def counter_keystream(cipher: Cipher, key: bytes, start: int, octets: int) -> bytes:
    """`octets` octets in counter mode from the 128-bit counter block `start`."""
    if cipher not in FAMILIES:
        return BlockCipher(algorithms.AES(key), modes.CTR(_block(start))).encryptor().update(bytes(octets))
    blocks = b"".join(_block(start + number) for number in range(-(-octets // BLOCK_OCTETS)))
    return block_encryptor(cipher, key)(blocks)[:octets]


def _block(number: int) -> bytes:
    return (number % (1 << 8 * BLOCK_OCTETS)).to_bytes(BLOCK_OCTETS, "big")


def aead_of(suite: Suite, key: bytes) -> Aead:
    """The AEAD of a suite; its tag is as long as the suite says."""
    family = FAMILIES.get(suite.cipher)
    if family is not None:
        mode = "CCM(10,3)" if suite.cipher is Cipher.SEED_CCM else f"GCM({suite.srtp_tag_octets})"
        return BotanAead(f"{_botan_name(family, key)}/{mode}", key, suite.srtp_tag_octets)
    if suite.cipher is Cipher.AES_CCM:
        return _Checked(AESCCM(key, suite.srtp_tag_octets))
    if suite.srtp_tag_octets < GCM_TAG_OCTETS:
        return _ShortGcm(key, suite.srtp_tag_octets)
    return _Checked(AESGCM(key))


def _botan_name(family: str, key: bytes) -> str:
    return family if family == SEED else f"{family}-{8 * len(key)}"


class _Checked:
    """An AEAD of `cryptography`, whose refusals are values here."""

    def __init__(self, aead: AESGCM | AESCCM) -> None:
        self._aead = aead
        self.encrypt = aead.encrypt

    def open(self, nonce: bytes, data: bytes, associated: bytes) -> bytes | None:
        try:
            return self._aead.decrypt(nonce, data, associated)
        except InvalidTag:
            return None


class _ShortGcm:
    """AES-GCM whose tag is cut: RFC 7714 §13.2 forbids it, pjsip and FreeSWITCH offer it."""

    def __init__(self, key: bytes, tag_octets: int) -> None:
        self._key = algorithms.AES(key)
        self._tag_octets = tag_octets
        self._whole = AESGCM(key)

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes | memoryview) -> bytes:
        sealed = self._whole.encrypt(nonce, data, associated)
        return sealed[: len(sealed) - GCM_TAG_OCTETS + self._tag_octets]

    def open(self, nonce: bytes, data: bytes, associated: bytes) -> bytes | None:
        cut = len(data) - self._tag_octets
        if cut < 0:
            return None
        mode = modes.GCM(nonce, data[cut:], min_tag_length=self._tag_octets)
        decryptor = BlockCipher(self._key, mode).decryptor()
        decryptor.authenticate_additional_data(associated)
        try:
            return decryptor.update(data[:cut]) + decryptor.finalize()
        except InvalidTag:
            return None
