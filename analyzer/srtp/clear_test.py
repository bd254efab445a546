# SPDX-License-Identifier: GPL-2.0-only
"""Is this payload encrypted? Statistics that prove clear media and never call cipher text clear (SRT-001).

Cipher text is uniform whatever it hides, so far-from-uniform octets prove that a payload is not encrypted. Three things
in protected packets are not uniform: an MKI or other trailer (so only the frames are looked at where their size is
known, else the leading half of payloads into which no MKI reaches), a packet captured twice (so each packet counts
once), and a NULL cipher (whose payload is clear indeed). The chance of a false "clear" is below 1e-9 for a stream.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.codec_test import TRAILERS, read_codec, without_mki
from analyzer.srtp.columns import Numbers
from analyzer.srtp.framing import classify_tag_length, encoding_of, timestamp_deltas
from dissectors.grammar.late_dataclass import dataclass

TRAILER_OCTETS = 16
MIN_OCTETS = 2560
MAX_OCTETS = 1 << 18
CLEAR_CHI_SQUARE = 600.0
UNIFORM_CHI_SQUARE = 400.0
POSITIONS = 8
POSITION_BITS = 60.0
MIN_POSITION_PACKETS = 10
# What these encodings put on the wire is far from uniform, whatever was said or not said: even of white noise, the
# nearest to cipher text, G.722 has a chi-square above 700 and G.726 at four bits above 900 in the least octets tested.
TELLING_ENCODINGS = frozenset(("PCMU", "PCMA", "L8", "L16", "GSM", "G722", "G726-32", "AAL2-G726-32"))


class Clearness(Enum):
    """What the octets of payloads prove."""

    CLEAR = "clear"
    NOT_CLEAR = "not-clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClearTest:
    """The verdict and what it rests on.

    `chi_square` (255 degrees of freedom) is over `octets` sampled octets of `packets` distinct packets, None where
    they are too few; `position_bits` is the surprise, in bits, of the most constant octet near the start, if the
    payloads were cipher text. `trailer_octets` is what follows the codec's frames (tag and MKI), None if unclear.
    """

    clearness: Clearness
    packets: int
    octets: int
    chi_square: float | None
    position_bits: float
    trailer_octets: int | None = None


def classify_payloads(
    payloads: Sequence[bytes],
    payload_type: int,
    encoding: str | None = None,
    *,
    sequence_numbers: Sequence[int] | Numbers | None = None,
    rtp_timestamps: Sequence[int] | Numbers | None = None,
    channels: int = 1,
) -> ClearTest:
    """Whether payloads of one SSRC and payload type (octets behind the RTP header, trailer included) are encrypted.

    Sequence numbers tell a payload that was sent again from a packet captured twice; with the timestamps they show
    the frame size. Too few octets give UNKNOWN, as does an encoding whose clear form can look like noise.
    """
    numbers = range(len(payloads)) if sequence_numbers is None else [int(number) for number in sequence_numbers]
    trailer = None
    if sequence_numbers is not None and rtp_timestamps is not None:
        ticks = timestamp_deltas(np.asarray(numbers, np.int64), np.asarray(rtp_timestamps, np.int64))
        lengths = [len(payload) for payload in payloads]
        trailer = classify_tag_length(lengths, encoding, ticks, payload_type=payload_type, channels=channels)
    distinct = list(_distinct(payloads, None if sequence_numbers is None else numbers))
    samples = _samples(distinct, trailer)
    telling = samples if trailer is not None else _samples(without_mki(distinct), trailer)
    octets, bits = b"".join(samples), _position_bits(telling)
    chi_square = _chi_square(octets)
    far = chi_square if len(telling) == len(samples) else _chi_square(b"".join(telling))
    clearness = Clearness.UNKNOWN
    if (far is not None and far > CLEAR_CHI_SQUARE) or bits > POSITION_BITS:
        clearness = Clearness.CLEAR
    else:
        uniform = chi_square is not None and chi_square < UNIFORM_CHI_SQUARE
        clearness, trailer = judge_codec(distinct, encoding_of(payload_type, encoding), trailer, uniform=uniform)
    return ClearTest(clearness, len(samples), len(octets), chi_square, bits, trailer)


def _distinct(payloads: Sequence[bytes], numbers: Sequence[int] | None) -> Iterator[bytes]:
    """Each packet once; without sequence numbers two equal payloads are taken to be one packet captured twice."""
    seen: set[tuple[int, bytes]] = set()
    for place, payload in enumerate(payloads):
        key = (0 if numbers is None else numbers[place], payload)
        if key not in seen:
            seen.add(key)
            yield payload


def _samples(payloads: Iterable[bytes], trailer: int | None) -> list[bytes]:
    """The leading part of each payload, up to `MAX_OCTETS` in all; all of the frame where the trailer is known."""
    samples: list[bytes] = []
    total = 0
    for payload in payloads:
        size = (len(payload) - TRAILER_OCTETS) // 2 if trailer is None else len(payload) - trailer
        if size > 0:
            samples.append(payload[:size])
            total += size
        if total >= MAX_OCTETS:
            break
    return samples


def _chi_square(octets: bytes) -> float | None:
    if len(octets) < MIN_OCTETS:
        return None
    counts = np.bincount(np.frombuffer(octets, dtype=np.uint8), minlength=256)
    expected = len(octets) / 256
    return float(((counts - expected) ** 2).sum() / expected)


def _position_bits(samples: Sequence[bytes]) -> float:
    """The least likely constancy among the first octets and their high nibbles, in bits, all looks accounted for."""
    counts = _count_octets(samples)
    sizes, octets = counts.sum(axis=1), counts.max(axis=1)
    nibbles = counts.reshape(POSITIONS, 16, 16).sum(axis=2).max(axis=1)
    return max(map(surprise_bits, octets.tolist(), nibbles.tolist(), sizes.tolist()))


def _count_octets(samples: Sequence[bytes]) -> NDArray[np.int64]:
    """How often each octet stands at each of the first positions: 8 rows of 256."""
    long = b"".join([sample[:POSITIONS] for sample in samples if len(sample) >= POSITIONS])
    places = np.frombuffer(long, dtype=np.uint8).reshape(-1, POSITIONS) + 256 * np.arange(POSITIONS)
    counts = np.bincount(places.ravel(), minlength=256 * POSITIONS).reshape(POSITIONS, 256)
    for sample in samples:
        if len(sample) < POSITIONS:
            for position, octet in enumerate(sample):
                counts[position, octet] += 1
    return counts


def _constancy_bits(most: int, size: int, width: int) -> float:
    """−log2 of an upper bound on the chance that some value is `most` times among `size` (Chernoff)."""
    share = most / size
    uniform = 2.0**-width
    if share <= uniform:
        return 0.0
    rest = 0.0 if share == 1 else (1 - share) * math.log2((1 - share) / (1 - uniform))
    return max(size * (share * math.log2(share / uniform) + rest) - width, 0.0)


def surprise_bits(octet: int, nibble: int, size: int) -> float:
    """The bits by which one octet standing `octet` times, a high nibble `nibble` times among `size` surprises."""
    if size < MIN_POSITION_PACKETS:
        return 0.0
    best = max(_constancy_bits(octet, size, 8), _constancy_bits(nibble, size, 4))
    return max(best - math.log2(2 * POSITIONS), 0.0)


def judge_codec(
    payloads: Sequence[bytes], encoding: str | None, trailer: int | None, *, uniform: bool
) -> tuple[Clearness, int | None]:
    """What the framing of an encoding says of payloads whose octets do not prove them clear, and octets behind frames.

    They are not clear where their octets are `uniform` and the encoding's clear form would not be, or not so framed.
    """
    if uniform and encoding in TELLING_ENCODINGS:
        return Clearness.NOT_CLEAR, trailer
    read = read_codec(payloads, encoding, TRAILERS if trailer is None else (trailer,))
    if read.bits > POSITION_BITS:
        return Clearness.CLEAR, read.trailer_octets
    return Clearness.NOT_CLEAR if uniform and read.refuted else Clearness.UNKNOWN, trailer
