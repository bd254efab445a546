# SPDX-License-Identifier: GPL-2.0-only
"""The inner loops over many packets, to be compiled: HMAC-SHA1, GHASH, counter blocks and XOR (see `capture.speed`).

Every value is an unsigned NumPy scalar or an index that can't be negative, so that what is compiled is machine words.
Packets go through SHA-1 in step, `LANES` of them at a time, because then each step is a few vector instructions.
"""

import numpy as np
from numpy.typing import NDArray

LANES = 64
STEPS = 80
SCHEDULE = (STEPS + 5) * LANES  # where the message schedule begins in the workspace, behind the five-word history
WORKSPACE = SCHEDULE + STEPS * LANES
W, D = np.uint32, np.uint64

Octets = NDArray[np.uint8]
Words = NDArray[np.uint32]
Doubles = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def _schedule(space: Words) -> None:
    for step in range(16, STEPS):
        for lane in range(LANES):
            i = SCHEDULE + step * LANES + lane
            x = W(space[i - 3 * LANES] ^ space[i - 8 * LANES] ^ space[i - 14 * LANES] ^ space[i - 16 * LANES])
            space[i] = W(x << W(1)) | W(x >> W(31))


def _choose(space: Words) -> None:
    for step in range(20):
        for lane in range(LANES):
            i = step * LANES + lane
            a, b, c, d, e = space[i + 4 * LANES], space[i + 3 * LANES], space[i + 2 * LANES], space[i + LANES], space[i]
            c, d, e = W(c << W(30)) | W(c >> W(2)), W(d << W(30)) | W(d >> W(2)), W(e << W(30)) | W(e >> W(2))
            mixed = W(W(d ^ (b & (c ^ d))) + e) + W(W(0x5A827999) + space[i + SCHEDULE])
            space[i + 5 * LANES] = W(W(W(a << W(5)) | W(a >> W(27))) + mixed)


def _parity(space: Words, first: int, constant: np.uint32) -> None:
    for step in range(first, first + 20):
        for lane in range(LANES):
            i = step * LANES + lane
            a, b, c, d, e = space[i + 4 * LANES], space[i + 3 * LANES], space[i + 2 * LANES], space[i + LANES], space[i]
            c, d, e = W(c << W(30)) | W(c >> W(2)), W(d << W(30)) | W(d >> W(2)), W(e << W(30)) | W(e >> W(2))
            mixed = W(W(b ^ c ^ d) + e) + W(constant + space[i + SCHEDULE])
            space[i + 5 * LANES] = W(W(W(a << W(5)) | W(a >> W(27))) + mixed)


def _majority(space: Words) -> None:
    for step in range(40, 60):
        for lane in range(LANES):
            i = step * LANES + lane
            a, b, c, d, e = space[i + 4 * LANES], space[i + 3 * LANES], space[i + 2 * LANES], space[i + LANES], space[i]
            c, d, e = W(c << W(30)) | W(c >> W(2)), W(d << W(30)) | W(d >> W(2)), W(e << W(30)) | W(e >> W(2))
            mixed = W(W((b & c) | (d & (b | c))) + e) + W(W(0x8F1BBCDC) + space[i + SCHEDULE])
            space[i + 5 * LANES] = W(W(W(a << W(5)) | W(a >> W(27))) + mixed)


def compress(state: Words, space: Words) -> None:
    """One SHA-1 block for every lane (FIPS 180-4 §6.1.2).

    `state` has five words of `LANES` lanes, `space` is the workspace with the block's 16 words at `SCHEDULE`. The five
    variables of a step are the words of the five steps before, the older three rotated, so each step writes one word.
    """
    _schedule(space)
    for lane in range(LANES):
        space[4 * LANES + lane] = state[lane]
        space[3 * LANES + lane] = state[LANES + lane]
        for word in range(2, 5):
            x = state[word * LANES + lane]
            space[(4 - word) * LANES + lane] = W(x << W(2)) | W(x >> W(30))
    _choose(space)
    _parity(space, 20, W(0x6ED9EBA1))
    _majority(space)
    _parity(space, 60, W(0xCA62C1D6))
    for lane in range(LANES):
        state[lane] += space[84 * LANES + lane]
        state[LANES + lane] += space[83 * LANES + lane]
        for word in range(2, 5):
            x = space[(84 - word) * LANES + lane]
            state[word * LANES + lane] += W(W(x << W(30)) | W(x >> W(2)))


def _load_end(buffer: Octets, start: int, place: int, octets: int, suffix: int, space: Words, lane: int) -> None:
    """The block at octet `place` of a message that ends in it or before: its octets, four of `suffix`, padding."""
    for word in range(16):
        value = W(0)
        ahead = octets - place - 4 * word
        if ahead >= 4:
            at = D(start + octets - ahead)
            value = (
                W(buffer[at]) << W(24) | W(buffer[at + D(1)]) << W(16) | W(buffer[at + D(2)]) << W(8)
                | W(buffer[at + D(3)])
            )  # fmt: skip
        elif ahead > -5:
            for behind in range(-ahead, 4 - ahead):
                octet = W(0)
                if behind < 0:
                    octet = W(buffer[D(start + octets + behind)])
                elif behind < 4:
                    octet = W((suffix >> (24 - 8 * behind)) & 0xFF)
                elif behind == 4:
                    octet = W(0x80)
                value = W(value << W(8)) | octet
        space[D(SCHEDULE + word * LANES + lane)] = value
    if place + 64 >= octets + 13:
        space[SCHEDULE + 15 * LANES + lane] = W(8 * (64 + octets + 4))


def _load(
    buffer: Octets,
    starts: Numbers,
    lengths: Numbers,
    suffixes: Numbers,
    first: int,
    last: int,
    place: int,
    space: Words,
) -> None:
    """The block at octet `place` of the messages `first` up to `last`, each in its lane."""
    for lane in range(last - first):
        i = first + lane
        if place + 64 > lengths[i]:
            _load_end(buffer, starts[i], place, lengths[i], suffixes[i], space, lane)
            continue
        for word in range(16):
            at = D(starts[i] + place + 4 * word)
            space[D(SCHEDULE + word * LANES + lane)] = (
                W(buffer[at]) << W(24) | W(buffer[at + D(1)]) << W(16) | W(buffer[at + D(2)]) << W(8)
                | W(buffer[at + D(3)])
            )  # fmt: skip


def _load_digests(digests: Words, first: int, last: int, space: Words) -> None:
    """The digest of the inner hash of every lane, padded: the one block of the outer hash."""
    for i in range(first, last):
        for word in range(5):
            space[SCHEDULE + word * LANES + i - first] = digests[i, word]
    for lane in range(LANES):
        space[SCHEDULE + 5 * LANES + lane] = W(0x80000000)
        for word in range(6, 15):
            space[SCHEDULE + word * LANES + lane] = W(0)
        space[SCHEDULE + 15 * LANES + lane] = W(8 * (64 + 20))


def _start(keyed: Words, first: int, state: Words) -> None:
    for word in range(5):
        for lane in range(LANES):
            state[word * LANES + lane] = keyed[first + word]


def _keep(state: Words, lane: int, digests: Words, i: int) -> None:
    for word in range(5):
        digests[i, word] = state[word * LANES + lane]


def _blocks(octets: int) -> int:
    """SHA-1 blocks of a message of so many octets, the suffix, the padding and its length."""
    return (octets + 76) // 64


def hmac_sha1(
    buffer: Octets, starts: Numbers, lengths: Numbers, suffixes: Numbers, keyed: Words, digests: Words
) -> None:
    """HMAC-SHA1 of each packet and a 32-bit suffix, which is the rollover counter (RFC 3711 §4.2).

    `keyed` are the two states of five words after the inner and the outer key block (RFC 2104); `digests` takes five
    words a packet.
    """
    state = np.empty(5 * LANES, np.uint32)
    space = np.zeros(WORKSPACE, np.uint32)
    for first in range(0, len(starts), LANES):
        last = min(first + LANES, len(starts))
        blocks = 0
        for i in range(first, last):
            blocks = max(blocks, _blocks(lengths[i]))
        _start(keyed, 0, state)
        for block in range(blocks):
            _load(buffer, starts, lengths, suffixes, first, last, 64 * block, space)
            compress(state, space)
            for i in range(first, last):
                if _blocks(lengths[i]) == block + 1:
                    _keep(state, i - first, digests, i)
        _start(keyed, 5, state)
        _load_digests(digests, first, last, space)
        compress(state, space)
        for i in range(first, last):
            _keep(state, i - first, digests, i)


def _double(buffer: Octets, at: np.uint64) -> np.uint64:
    return D(
        D(buffer[at]) << D(56) | D(buffer[at + D(1)]) << D(48) | D(buffer[at + D(2)]) << D(40)
        | D(buffer[at + D(3)]) << D(32) | D(buffer[at + D(4)]) << D(24) | D(buffer[at + D(5)]) << D(16)
        | D(buffer[at + D(6)]) << D(8) | D(buffer[at + D(7)])
    )  # fmt: skip


def ghash(
    buffer: Octets, starts: Numbers, associated: Numbers, ends: Numbers, high: Doubles, low: Doubles, hashes: Doubles
) -> None:
    """GHASH of each packet: `associated` octets from its start, then the cipher text up to its end (SP 800-38D §6.4).

    `high` and `low` are the halves of the products of the hash key with each value (256) of each octet (16); `hashes`
    takes two halves a packet.
    """
    for i in range(len(starts)):
        z_high, z_low = D(0), D(0)
        start, octets = starts[i], associated[i]
        for part in range(3):
            if part == 1:
                start, octets = starts[i] + associated[i], ends[i] - starts[i] - associated[i]
            if part == 2:
                octets = 16
            for place in range(0, octets, 16):
                if part == 2:
                    z_high ^= D(8 * associated[i])
                    z_low ^= D(8 * (ends[i] - starts[i] - associated[i]))
                elif place + 16 <= octets:
                    at = D(start + place)
                    z_high ^= _double(buffer, at)
                    z_low ^= _double(buffer, at + D(8))
                else:
                    for k in range(min(octets - place, 8)):
                        z_high ^= D(buffer[D(start + place + k)]) << D(56 - 8 * k)
                    for k in range(8, octets - place):
                        z_low ^= D(buffer[D(start + place + k)]) << D(120 - 8 * k)
                h, m = D(0), D(0)
                for k in range(8):
                    p = D(256 * k) + ((z_high >> D(56 - 8 * k)) & D(255))
                    h ^= high[p]
                    m ^= low[p]
                for k in range(8):
                    p = D(2048 + 256 * k) + ((z_low >> D(56 - 8 * k)) & D(255))
                    h ^= high[p]
                    m ^= low[p]
                z_high, z_low = h, m
        hashes[i, 0], hashes[i, 1] = z_high, z_low


def chain_blocks(
    buffer: Octets, starts: Numbers, associated: Numbers, ends: Numbers, masks: Octets, places: Numbers, blocks: Octets
) -> None:
    """What GHASH takes of each packet, one behind the other, so that one GHASH runs over all (SP 800-38D §7.1).

    Associated octets, cipher text and their lengths fill whole blocks from octet `places[i]` of `blocks`, which is
    zero before. The GHASH that the packet's tag claims, tag XOR mask, is added to the block behind.
    """
    for i in range(len(starts)):
        to, start = D(places[i]), D(starts[i])
        for k in range(associated[i]):
            blocks[to + D(k)] ^= buffer[start + D(k)]
        to += D((associated[i] + 15) // 16 * 16)
        start += D(associated[i])
        octets = ends[i] - starts[i] - associated[i]
        for k in range(octets):
            blocks[to + D(k)] ^= buffer[start + D(k)]
        to += D((octets + 15) // 16 * 16)
        for k in range(8):
            blocks[to + D(7 - k)] ^= np.uint8((8 * associated[i] >> (8 * k)) & 0xFF)
            blocks[to + D(15 - k)] ^= np.uint8((8 * octets >> (8 * k)) & 0xFF)
        to, start = to + D(16), D(ends[i])
        for k in range(16):
            blocks[to + D(k)] = buffer[start + D(k)] ^ masks[i, k]


def fill_counters(high: Doubles, low: Doubles, first_blocks: Numbers, blocks: Doubles) -> None:
    """The counter blocks of each packet, 16 octets each, one packet behind the other.

    `high` and `low` are the halves of its first block as they lie in memory, the low one with zeros where the block
    number is added; packet `i` has the blocks `first_blocks[i]` up to `first_blocks[i + 1]`.
    """
    for i in range(len(high)):
        first = first_blocks[i]
        for place in range(first, first_blocks[i + 1]):
            number = D(place - first)
            blocks[D(2 * place)] = high[i]
            blocks[D(2 * place + 1)] = low[i] + (((number & D(0xFF)) << D(56)) | ((number >> D(8)) << D(48)))


def open_rows(
    buffer: Octets,
    starts: Numbers,
    clear: Numbers,
    ends: Numbers,
    stream: Octets,
    first: Numbers,
    out: Octets,
    to: Numbers,
) -> None:
    """Each packet to its place `to` in `out`: its first `clear` octets as they are, the rest XORed with its keystream.

    The keystream of packet `i` begins at octet `first[i]` of `stream`.
    """  # fmt: skip
    for i in range(len(starts)):
        start, place = D(starts[i]), D(to[i])
        for k in range(clear[i]):
            out[place + D(k)] = buffer[start + D(k)]
        source, place, key = start + D(clear[i]), place + D(clear[i]), D(first[i])
        for k in range(ends[i] - starts[i] - clear[i]):
            out[place + D(k)] = buffer[source + D(k)] ^ stream[key + D(k)]


def compare(buffer: Octets, places: Numbers, computed: Octets, octets: int, same: Flags) -> None:
    """Whether the first `octets` octets of each row of `computed` stand at its place in the buffer."""
    for i in range(len(places)):
        differ = np.uint8(0)
        for k in range(octets):
            differ |= computed[i, k] ^ buffer[D(places[i] + k)]
        same[i] = differ == 0


def read_heads(buffer: Octets, offsets: Numbers, lengths: Numbers, heads: Numbers) -> None:
    """The fixed RTP header of each packet that is long enough: six columns (RFC 3550 §5.1).

    First octet, second octet, sequence number, timestamp, SSRC, and the word behind the CSRCs, −1 if there is none.
    """
    for i in range(len(offsets)):
        at = D(offsets[i])
        heads[5, i] = -1
        if lengths[i] < 12:
            continue
        heads[0, i] = buffer[at]
        heads[1, i] = buffer[at + D(1)]
        heads[2, i] = W(buffer[at + D(2)]) << W(8) | W(buffer[at + D(3)])
        for column in range(2):
            word = at + D(4 + 4 * column)
            heads[3 + column, i] = (
                W(buffer[word]) << W(24) | W(buffer[word + D(1)]) << W(16) | W(buffer[word + D(2)]) << W(8)
                | W(buffer[word + D(3)])
            )  # fmt: skip
        octets = 12 + 4 * (np.int64(buffer[at]) & 15)
        if lengths[i] >= octets + 4:
            word = at + D(octets)
            heads[5, i] = (
                W(buffer[word]) << W(24) | W(buffer[word + D(1)]) << W(16) | W(buffer[word + D(2)]) << W(8)
                | W(buffer[word + D(3)])
            )  # fmt: skip
