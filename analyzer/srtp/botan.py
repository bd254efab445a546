# SPDX-License-Identifier: GPL-2.0-only
"""SEED and ARIA from Botan's shared library, where it is installed, through its C interface (botan/ffi.h).

The interface is stable across Botan 2.19 and 3; Debian has the library in `libbotan-2-19`. Nothing is loaded before a
suite asks.
"""

import ctypes
from functools import cache

LIBRARIES = (
    *(f"libbotan-3.so.{number}" for number in range(20)),
    "libbotan-2.so.19",
    "libbotan-3.dylib",
    "libbotan-2.dylib",
    "botan-3.dll",
)
FINAL = 1  # BOTAN_CIPHER_UPDATE_FLAG_FINAL
ENCRYPT, DECRYPT = 0, 1
BAD_MAC = -2
BLOCK_OCTETS = 16
MAX_TAG_OCTETS = 16


class BotanError(RuntimeError):
    """The library refused what it was asked: a fault of this module, never of a packet."""


@cache
def _library() -> ctypes.CDLL | None:
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def is_available() -> bool:
    """Whether the library is installed."""
    return _library() is not None


def _call(name: str, *arguments: object) -> int:
    library = _library()
    if library is None:
        raise BotanError("Botan is not installed")
    return int(getattr(library, name)(*arguments))


def _expect(name: str, *arguments: object) -> None:
    code = _call(name, *arguments)
    if code:
        message = f"{name} answered {code}"
        raise BotanError(message)


class BotanBlockCipher:
    """A block cipher under one key, by Botan's name, such as `SEED` or `ARIA-256`."""

    def __init__(self, name: str, key: bytes) -> None:
        self._object = ctypes.c_void_p()
        _expect("botan_block_cipher_init", ctypes.byref(self._object), name.encode("ascii"), ctypes.c_uint32(0))
        _expect("botan_block_cipher_set_key", self._object, key, ctypes.c_size_t(len(key)))

    def __del__(self) -> None:
        if self._object:
            _call("botan_block_cipher_destroy", self._object)

    def encrypt_blocks(self, blocks: bytes | memoryview) -> bytes:
        """Each 16-octet block encrypted."""
        out = ctypes.create_string_buffer(len(blocks))
        count = ctypes.c_size_t(len(blocks) // BLOCK_OCTETS)
        _expect("botan_block_cipher_encrypt_blocks", self._object, bytes(blocks), out, count)
        return out.raw


class BotanAead:
    """An AEAD under one key, by Botan's name with its tag length, such as `SEED/CCM(10,3)` or `ARIA-128/GCM(16)`."""

    def __init__(self, name: str, key: bytes, tag_octets: int) -> None:
        self._tag_octets = tag_octets
        self._modes = [_AeadMode(name, key, direction) for direction in (ENCRYPT, DECRYPT)]

    def encrypt(self, nonce: bytes, data: bytes, associated: bytes | memoryview) -> bytes:
        """Cipher text and tag."""
        sealed = self._modes[ENCRYPT].process(nonce, data, bytes(associated))
        if sealed is None:
            raise BotanError("encryption failed")
        return sealed

    def open(self, nonce: bytes, data: bytes, associated: bytes) -> bytes | None:
        """The plaintext, None where the tag does not verify."""
        return self._modes[DECRYPT].process(nonce, data, associated) if len(data) >= self._tag_octets else None


class _AeadMode:
    def __init__(self, name: str, key: bytes, direction: int) -> None:
        self._object = ctypes.c_void_p()
        flags = ctypes.c_uint32(direction)
        _expect("botan_cipher_init", ctypes.byref(self._object), name.encode("ascii"), flags)
        _expect("botan_cipher_set_key", self._object, key, ctypes.c_size_t(len(key)))

    def __del__(self) -> None:
        if self._object:
            _call("botan_cipher_destroy", self._object)

    def process(self, nonce: bytes, data: bytes, associated: bytes) -> bytes | None:
        size = ctypes.c_size_t
        _expect("botan_cipher_set_associated_data", self._object, associated, size(len(associated)))
        _expect("botan_cipher_start", self._object, nonce, size(len(nonce)))
        out = ctypes.create_string_buffer(len(data) + MAX_TAG_OCTETS)
        written, consumed = size(), size()
        counts = (out, size(len(out)), ctypes.byref(written), data, size(len(data)), ctypes.byref(consumed))
        code = _call("botan_cipher_update", self._object, ctypes.c_uint32(FINAL), *counts)
        if code == 0:
            return out.raw[: written.value]
        _expect("botan_cipher_reset", self._object)
        if code == BAD_MAC:
            return None
        message = f"botan_cipher_update answered {code}"
        raise BotanError(message)
