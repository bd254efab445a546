# SPDX-License-Identifier: GPL-2.0-only
"""Keystreams of many packets at once: AES-CM and AES-f8 (RFC 3711 §4.1.1, §4.1.2)."""

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.context import Session
from analyzer.srtp.suites import Cipher

BLOCK_OCTETS = 16
Octets = NDArray[np.uint8]


def counter_mode_start(session: Session, ssrc: NDArray[np.uint64], index: NDArray[np.uint64]) -> Octets:
    """The first counter block of each packet, 16 octets a row: salt·2^16 ⊕ SSRC·2^64 ⊕ index·2^16 (§4.1.1)."""
    salt = int.from_bytes(session.keys.salt.reveal(), "big") << 16
    start = np.empty((len(ssrc), 2), dtype=">u8")
    start[:, 0] = ssrc ^ np.uint64(salt >> 64)
    start[:, 1] = (index << np.uint64(16)) ^ np.uint64(salt & 0xFFFF_FFFF_FFFF_FFFF)
    return start.view(np.uint8)


def keystream(session: Session, start: Octets, octets: int) -> Octets:
    """`octets` octets of keystream for each row of `start`: the counter block of AES-CM, the IV of AES-f8."""
    if not octets:
        return np.zeros((len(start), 0), dtype=np.uint8)
    if session.suite.cipher is Cipher.AES_F8:
        return _f8(session, start, octets)
    return _counter_mode(session, start, octets)


def _counter_mode(session: Session, start: Octets, octets: int) -> Octets:
    blocks = -(-octets // BLOCK_OCTETS)
    counters = np.repeat(start[:, None, :], blocks, axis=1)
    # The low 16 bits of the start are zero, so the block number can be written there.
    counters[:, :, 14:] = np.arange(blocks, dtype=">u2").view(np.uint8).reshape(blocks, 2)
    stream = np.frombuffer(session.encrypt_blocks(counters.tobytes()), dtype=np.uint8)
    return stream.reshape(len(start), blocks * BLOCK_OCTETS)[:, :octets]


def _f8(session: Session, start: Octets, octets: int) -> Octets:
    blocks = -(-octets // BLOCK_OCTETS)
    salt = session.keys.salt.reveal()
    mask = salt.ljust(len(session.keys.encryption), b"\x55")
    base = np.frombuffer(session.encrypt_blocks(start.tobytes(), mask=mask), dtype=np.uint64).reshape(-1, 2)
    stream = np.empty((len(start), blocks, 2), dtype=np.uint64)
    previous = np.zeros_like(base)
    for number in range(blocks):
        block = np.frombuffer(number.to_bytes(BLOCK_OCTETS, "big"), dtype=np.uint64)
        previous = np.frombuffer(session.encrypt_blocks((base ^ block ^ previous).tobytes()), dtype=np.uint64)
        previous = previous.reshape(-1, 2)
        stream[:, number] = previous
    return stream.view(np.uint8).reshape(len(start), blocks * BLOCK_OCTETS)[:, :octets]
