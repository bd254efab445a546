# SPDX-License-Identifier: GPL-2.0-only
"""Tags of many packets in one compiled call: HMAC-SHA1 (RFC 3711 §4.2) and AES-GCM (RFC 7714 §8)."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.context import Session
from analyzer.srtp.kernels import LANES, SCHEDULE, WORKSPACE, Doubles, Words

SHA1_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)  # FIPS 180-4 §5.3.1
SHA1_BLOCK_OCTETS = 64
INNER_PAD, OUTER_PAD = 0x36, 0x5C  # RFC 2104 §2
GHASH_REDUCTION = 0xE1 << 120  # SP 800-38D §6.3
AES_BLOCK_OCTETS = 16
GCM_NONCE_OCTETS = 12
Numbers = NDArray[np.int64]
Octets = NDArray[np.uint8]


class HmacTags:
    """HMAC-SHA1 under one session authentication key."""

    def __init__(self, kernels: Any, session: Session) -> None:
        self._kernels = kernels
        key = session.keys.authentication.reveal().ljust(SHA1_BLOCK_OCTETS, b"\0")
        self._keyed = np.concatenate(
            [self._after_block(bytes(octet ^ pad for octet in key)) for pad in (INNER_PAD, OUTER_PAD)]
        )

    def _after_block(self, block: bytes) -> Words:
        state = np.repeat(np.array(SHA1_START, np.uint32), LANES)
        space = np.zeros(WORKSPACE, np.uint32)
        words = np.frombuffer(block, dtype=">u4").astype(np.uint32)
        space[SCHEDULE : SCHEDULE + len(words) * LANES] = np.repeat(words, LANES)
        self._kernels.compress(state, space)
        return state[::LANES].copy()

    def __call__(self, view: Octets, starts: Numbers, lengths: Numbers, rocs: Numbers) -> Octets:
        """The whole 20-octet tags of packets without MKI and tag, one row each, under their rollover counters."""
        digests = np.empty((len(starts), 5), dtype=np.uint32)
        self._kernels.hmac_sha1(view, starts, lengths, rocs, self._keyed, digests)
        return digests.astype(">u4").view(np.uint8)


class GcmTags:
    """AES-GCM tags under one session key; the hash key's products are made once."""

    def __init__(self, kernels: Any, session: Session) -> None:
        self._kernels = kernels
        self._session = session
        self._hash_key = session.encrypt_blocks(bytes(AES_BLOCK_OCTETS))

    @cached_property
    def _products(self) -> tuple[Doubles, Doubles]:
        return _products(self._hash_key)

    def __call__(
        self, view: Octets, starts: Numbers, associated: Numbers, ends: Numbers, ssrc: Numbers, index: Numbers
    ) -> Octets:
        """The whole 16-octet tags, one row each, of packets that end before their tag (SP 800-38D §7.1)."""
        hashes = np.empty((len(starts), 2), dtype=np.uint64)
        self._kernels.ghash(view, starts, associated, ends, *self._products, hashes)
        return hashes.astype(">u8").view(np.uint8) ^ self._masks(ssrc, index)

    def are_all_good(
        self, view: Octets, starts: Numbers, associated: Numbers, ends: Numbers, ssrc: Numbers, index: Numbers
    ) -> bool:
        """Whether all of these packets have the right tag behind them, by one GHASH over all.

        GHASH is a polynomial in the secret hash key. Each packet's follows the one before, less the value that the tag
        before claims; if all claims hold, nothing is left at the end. If one does not, what is left is another
        polynomial, and that the key is a root of it is as unlikely as guessing a tag.
        """
        octets = ends - starts - associated
        blocks = -(-associated // AES_BLOCK_OCTETS) - (-octets // AES_BLOCK_OCTETS) + 1
        places = np.concatenate((np.zeros(1, np.int64), np.cumsum(blocks))) * AES_BLOCK_OCTETS
        chain = np.zeros(int(places[-1]) + AES_BLOCK_OCTETS, dtype=np.uint8)
        self._kernels.chain_blocks(view, starts, associated, ends, self._masks(ssrc, index), places, chain)
        found = self._session.aead.encrypt(bytes(GCM_NONCE_OCTETS), b"", chain.data)
        return found == self._tag_of_zeros(len(chain))

    def _masks(self, ssrc: Numbers, index: Numbers) -> Octets:
        blocks = self._session.encrypt_blocks(gcm_counters(self._session, ssrc, index).data)
        return np.frombuffer(blocks, dtype=np.uint8).reshape(-1, AES_BLOCK_OCTETS)

    def _tag_of_zeros(self, octets: int) -> bytes:
        """The tag, under the zero nonce, of so many associated octets that are zero: GHASH sees their length only."""
        mask = self._session.encrypt_blocks(bytes(GCM_NONCE_OCTETS) + (1).to_bytes(4, "big"))
        tag, product = int.from_bytes(mask, "big"), int.from_bytes(self._hash_key, "big")
        for bit in range(63, -1, -1):
            tag ^= product if 8 * octets >> bit & 1 else 0
            product = _halve(product)
        return tag.to_bytes(AES_BLOCK_OCTETS, "big")


def _halve(product: int) -> int:
    """A product with the next power of x (SP 800-38D §6.3)."""
    return product >> 1 ^ (GHASH_REDUCTION if product & 1 else 0)


def _products(hash_key: bytes) -> tuple[Doubles, Doubles]:
    """The halves of the hash key times each value (256) of each octet (16) of a block (SP 800-38D §6.3)."""
    product = int.from_bytes(hash_key, "big")
    powers = np.empty((AES_BLOCK_OCTETS, 8, 2), dtype=np.uint64)
    for octet in range(AES_BLOCK_OCTETS):
        for bit in range(7, -1, -1):
            powers[octet, bit] = product >> 64, product & 0xFFFF_FFFF_FFFF_FFFF
            product = _halve(product)
    table = np.zeros((AES_BLOCK_OCTETS, 256, 2), dtype=np.uint64)
    for bit in range(8):
        table[:, 1 << bit : 2 << bit] = table[:, : 1 << bit] ^ powers[:, bit, None]
    high, low = (np.ascontiguousarray(table[:, :, half]).reshape(-1) for half in (0, 1))
    return high, low


def gcm_counters(session: Session, ssrc: Numbers, index: Numbers, block: int = 1) -> Octets:
    """Counter block number `block` of each packet, 16 octets a row: the IV, then the number (RFC 7714 §8.1)."""
    salt = int.from_bytes(session.keys.salt.reveal(), "big")
    blocks = np.empty((len(ssrc), 2), dtype=">u8")
    # The IV's first 8 octets hold two zeros, the SSRC and the rollover counter's upper half; the salt covers all.
    blocks[:, 0] = (ssrc.astype(np.uint64) << np.uint64(16) | index.astype(np.uint64) >> np.uint64(32)) ^ np.uint64(
        salt >> 32
    )
    low = (index.astype(np.uint64) & np.uint64(0xFFFF_FFFF)) ^ np.uint64(salt & 0xFFFF_FFFF)
    blocks[:, 1] = low << np.uint64(32) | np.uint64(block)
    return blocks.view(np.uint8)
