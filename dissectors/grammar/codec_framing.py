# SPDX-License-Identifier: GPL-2.0-only
"""What payloads of compressed codecs must look like: headers, lengths of frames, and bits that have one right value.

`fits` reads one payload; `fit_chance` says how often uniform octets of that length would pass, never less than it is.
"""

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dissectors.grammar.amr import NARROWBAND_BITS, WIDEBAND_BITS, parse_amr_payload
from dissectors.grammar.errors import GrammarError

MAX_AMR_FRAMES = 12
AMR_MODES, AMR_WB_MODES = (*range(8), 15), (*range(9), 15)  # that may be asked for (RFC 4867 §4.3.1)
G723_OCTETS = {0: 24, 1: 20, 2: 4}  # by the lowest two bits of a frame (RFC 3551 §4.5.3)
G729_OCTETS, G729_SID_OCTETS = 10, 2
OPUS_MAX_FRAME_OCTETS = 1275
OPUS_MAX_MILLISECONDS = 120
OPUS_TWO_OCTETS = 252  # a length from here on takes two octets (RFC 6716 §3.2.1)
H264_AGGREGATION, H264_FRAGMENT = 24, 28
H264_NEEDED, H264_DISPOSABLE = (5, 7, 8), (6, 9, 10, 11, 12)  # by nal_ref_idc (RFC 6184 §5.3)
VP8_KEY_FRAME = bytes.fromhex("9d012a")


class CodecFraming(NamedTuple):
    """One form of a codec's payloads.

    `marks` are the octets of a payload that `fits` looks at, one entry a frame; None where they stand in its first
    `HEAD_OCTETS` octets and may be the same in every packet.
    """

    fits: Callable[[bytes], bool]
    fit_chance: Callable[[int], float]
    marks: Callable[[bytes], tuple[bytes, ...]] | None = None


HEAD_OCTETS = 4


def _frames(payload: bytes, octets: int) -> Iterator[bytes]:
    for start in range(0, len(payload) - octets + 1, octets):
        yield payload[start : start + octets]


def has_g729_parity(frame: bytes) -> bool:
    """Whether bit P0 of a ten-octet frame is the odd parity of the six upper bits of P1 (ITU-T G.729 §3.7.2)."""
    bits = (frame[2] << 8 | frame[3]) >> 5  # ends with P1 (8 bits) and P0 (RFC 3551 §4.5.6)
    return (bits >> 3 & 0x3F).bit_count() % 2 != bits & 1


def _fits_g729(payload: bytes) -> bool:
    whole = len(payload) % G729_OCTETS in {0, G729_SID_OCTETS}
    return whole and len(payload) > 0 and all(map(has_g729_parity, _frames(payload, G729_OCTETS)))


def _g729_chance(octets: int) -> float:
    return math.ldexp(1, -(octets // G729_OCTETS)) if octets and octets % G729_OCTETS in {0, G729_SID_OCTETS} else 0


def _fixed(octets: int, at: int, mask: int, value: int) -> CodecFraming:
    """Frames of one size, of which octet `at` under `mask` has one value."""

    def fits(payload: bytes) -> bool:
        whole = len(payload) > 0 and len(payload) % octets == 0
        return whole and all(frame[at] & mask == value for frame in _frames(payload, octets))

    def chance(size: int) -> float:
        return math.ldexp(1, -mask.bit_count() * (size // octets)) if size and size % octets == 0 else 0

    return CodecFraming(fits, chance, lambda payload: tuple(frame[at:][:1] for frame in _frames(payload, octets)))


def _g723_frames(payload: bytes) -> list[bytes] | None:
    frames, place = [], 0
    while place < len(payload):
        octets = G723_OCTETS.get(payload[place] & 3, len(payload) + 1)
        frames.append(payload[place : place + octets])
        place += octets
    return frames if place == len(payload) and frames else None


@functools.cache
def _g723_chance(octets: int) -> float:
    chances = [1.0] + [0.0] * octets
    for size in range(1, octets + 1):
        chances[size] = sum(chances[size - frame] / 4 for frame in G723_OCTETS.values() if frame <= size)
    return chances[octets] if octets else 0


def _g723_marks(payload: bytes) -> tuple[bytes, ...]:
    return tuple(frame[:1] for frame in _g723_frames(payload) or ())


def _amr(*, wideband: bool, octet_aligned: bool) -> CodecFraming:
    modes, sizes = (AMR_WB_MODES, WIDEBAND_BITS) if wideband else (AMR_MODES, NARROWBAND_BITS)

    def fits(payload: bytes) -> bool:
        try:
            read = parse_amr_payload(payload, wideband=wideband, octet_aligned=octet_aligned)
        except GrammarError:
            return False
        count = len(read.frames)
        reserved = octet_aligned and (payload[0] & 0x0F or any(entry & 3 for entry in payload[1 : 1 + count]))
        return count <= MAX_AMR_FRAMES and read.mode_request in modes and not reserved

    @functools.cache
    def lengths() -> tuple[Counter[int], ...]:
        """Of each number of frames, how many lists of their types take so many octets, or bits if not aligned."""
        one = Counter(-(-bits // 8) if octet_aligned else bits for bits in sizes.values())
        found = [Counter({0: 1})]
        for _ in range(MAX_AMR_FRAMES):
            longer: Counter[int] = Counter()
            for total, ways in found[-1].items():
                for more, other in one.items():
                    longer[total + more] += ways * other
            found.append(longer)
        return tuple(found)

    @functools.cache
    def chance(octets: int) -> float:
        asked = len(modes) / 16
        if octet_aligned:  # four reserved bits; an entry has one for F, four of type, two reserved
            ways = (many[octets - 1 - count] / 128**count for count, many in enumerate(lengths()) if count)
            return float(asked / 16 * sum(ways))
        ways = (
            many[8 * octets - 4 - 6 * count - padding] / 32**count
            for count, many in enumerate(lengths())
            if count
            for padding in range(8)
        )
        return float(asked * sum(ways))

    return CodecFraming(fits, chance)


def _amr_padding(*, wideband: bool, octet_aligned: bool) -> CodecFraming:
    """The zeros behind frames of one speech type, alone (RFC 4867 §4.3.4, §4.4.3): a header may be an MKI's octets.

    Where they stand in the last octet of a payload, an MKI behind them would be the same in every packet.
    """
    speech, sizes = (range(9), WIDEBAND_BITS) if wideband else (range(8), NARROWBAND_BITS)

    def padded(payload: bytes) -> list[tuple[int, int]]:
        """Of each frame, or of all where they are packed, the last octet and how many of its bits are padding."""
        try:
            read = parse_amr_payload(payload, wideband=wideband, octet_aligned=octet_aligned)
        except GrammarError:
            return []
        types, count = {frame.frame_type for frame in read.frames}, len(read.frames)
        if count > MAX_AMR_FRAMES or len(types) > 1 or not types.issubset(speech):
            return []
        bits = sizes[read.frames[0].frame_type]
        if not octet_aligned:
            return [(payload[-1], -(4 + count * (6 + bits)) % 8)]
        octets = -(-bits // 8)
        return [(payload[end - 1], -bits % 8) for end in range(1 + count + octets, len(payload) + 1, octets)]

    def fits(payload: bytes) -> bool:
        found = padded(payload)
        return bool(found) and not any(last & (1 << padding) - 1 for last, padding in found)

    def marks(payload: bytes) -> tuple[bytes, ...]:
        return tuple(bytes((last,)) for last, _ in padded(payload))

    @functools.cache
    def chances() -> dict[int, float]:
        """By the octets of a payload, the greatest chance that its padding is zero whatever its header says."""
        found: dict[int, float] = {}
        for bits in (sizes[one] for one in speech):
            for count in range(1, MAX_AMR_FRAMES + 1):
                told = 8 + count * (8 + bits) if octet_aligned else 4 + count * (6 + bits)
                padding = count * (-bits % 8) if octet_aligned else -told % 8
                octets = (told + padding) // 8
                found[octets] = max(found.get(octets, 0.0), math.ldexp(1, -padding))
        return found

    return CodecFraming(fits, lambda octets: chances().get(octets, 0.0), marks)


def _opus_frame_tenths(toc: int) -> int:
    """Tenths of a millisecond of a frame (RFC 6716 §3.1)."""
    config = toc >> 3
    if config < 12:
        return (100, 200, 400, 600)[config & 3]
    return (100, 200)[config & 1] if config < 16 else (25, 50, 100, 200)[config & 3]


def _opus_length(octets: bytes) -> tuple[int, int] | None:
    """A frame's length and the octets that say it, None where they are missing (RFC 6716 §3.2.1)."""
    if not octets:
        return None
    if octets[0] < OPUS_TWO_OCTETS:
        return octets[0], 1
    return (octets[0] + 4 * octets[1], 2) if len(octets) > 1 else None


def _fits_opus(payload: bytes) -> bool:
    """The requirements R1 to R7 of RFC 6716 §3.4."""
    if not payload:
        return False
    body, code = payload[1:], payload[0] & 3
    if code == 0:
        return len(body) <= OPUS_MAX_FRAME_OCTETS
    if code == 1:
        return len(body) % 2 == 0 and len(body) <= 2 * OPUS_MAX_FRAME_OCTETS
    if code == 2:
        return _fit_opus_lengths(body, 1)
    return _fits_opus_count(payload[0], body)


def _fit_opus_lengths(body: bytes, count: int) -> bool:
    """Whether so many frames have their length before them, and one more takes the rest."""
    total = 0
    for _ in range(count):
        told = _opus_length(body)
        if told is None:
            return False
        total, body = total + told[0], body[told[1] :]
    return 0 <= len(body) - total <= OPUS_MAX_FRAME_OCTETS


def _fits_opus_count(toc: int, body: bytes) -> bool:
    if not body:
        return False
    count, padded, variable = body[0] & 0x3F, body[0] & 0x40, body[0] & 0x80
    body = body[1:]
    if not 0 < count * _opus_frame_tenths(toc) <= 10 * OPUS_MAX_MILLISECONDS:
        return False
    padding = 0
    while padded:
        if not body:
            return False
        padded = body[0] == 255
        padding += 254 if padded else body[0]
        body = body[1:]
    if padding > len(body):
        return False
    body = body[: len(body) - padding]
    if variable:
        return _fit_opus_lengths(body, count - 1)
    return len(body) % count == 0 and len(body) <= count * OPUS_MAX_FRAME_OCTETS


@functools.cache
def _opus_chance(octets: int) -> float:
    body = octets - 1
    if body < 0:
        return 0
    alone = body <= OPUS_MAX_FRAME_OCTETS
    equal = body % 2 == 0 and body <= 2 * OPUS_MAX_FRAME_OCTETS
    lengths = [(first + 4 * second, 2 if first >= OPUS_TWO_OCTETS else 1) for first in range(256) for second in
               (range(256) if first >= OPUS_TWO_OCTETS else (0,))]  # fmt: skip
    weight = {1: 1 / 256, 2: 1 / 65536}
    two = sum(weight[size] for told, size in lengths if 0 <= body - size - told <= OPUS_MAX_FRAME_OCTETS)
    return (alone + equal + two + (_opus_count_chance(body - 1) if body else 0)) / 4


def _opus_count_chance(rest: int) -> float:
    """Of frames that are counted: any padding and any lengths are taken to fit (RFC 6716 §3.2.5)."""
    chance = 0.0
    for config in range(32):
        most = 10 * OPUS_MAX_MILLISECONDS // _opus_frame_tenths(config << 3)
        for count in range(1, most + 1):
            constant = rest % count == 0 and rest <= count * OPUS_MAX_FRAME_OCTETS
            chance += (3 + constant) / 4 / 64 / 32
    return chance


def _fits_h264(payload: bytes) -> bool:
    """A NAL unit, an aggregate or a fragment of RFC 6184 §5.2."""
    if len(payload) < 2 or payload[0] & 0x80:
        return False
    kind, reference = payload[0] & 0x1F, payload[0] & 0x60
    if kind == H264_FRAGMENT:
        starts_and_ends = payload[1] & 0xC0 == 0xC0
        return not payload[1] & 0x20 and not starts_and_ends and _is_nal_unit(payload[1] & 0x1F, reference)
    if kind == H264_AGGREGATION:
        place = 1
        while place + 2 < len(payload):
            place += 2 + int.from_bytes(payload[place : place + 2], "big")
        return place == len(payload)
    return _is_nal_unit(kind, reference)


def _is_nal_unit(kind: int, reference: int) -> bool:
    if kind in H264_NEEDED:
        return reference != 0
    return kind in {1, 2, 3, 4, 13, 14, 15, 19, 20, 21} or (kind in H264_DISPOSABLE and not reference)


@functools.cache
def _h264_chance(octets: int) -> float:
    if octets < 2:
        return 0
    passing = 0.0
    for first in range(128):
        if first & 0x1F == H264_AGGREGATION:
            passing += 256 * min(octets / 65536, 1)
        else:
            passing += sum(_fits_h264(bytes((first, second))) for second in range(256))
    return passing / 65536


def _fits_vp8(payload: bytes) -> bool:
    """A payload descriptor without reserved bits, and behind it a frame's start where it says so (RFC 7741 §4.2)."""
    if len(payload) < 2 or payload[0] & 0x48:
        return False
    place = 1
    if payload[0] & 0x80:
        extension = payload[1]
        if extension & 0x0F:
            return False
        picture = (1 + (payload[2] >> 7) if len(payload) > 2 else 1) if extension & 0x80 else 0
        place += 1 + picture + (extension >> 6 & 1) + (extension & 0x30 != 0)
    frame = payload[place:]
    if not frame or payload[0] & 0x17 != 0x10:
        return bool(frame)
    return frame[0] >> 1 & 7 <= 3 and (bool(frame[0] & 1) or frame[3:6] == VP8_KEY_FRAME)


def _vp8_chance(octets: int) -> float:
    return (1 / 8 + 1 / 128) if octets >= 2 else 0  # the descriptor's reserved bits alone


def _amr_forms(*, wideband: bool) -> tuple[CodecFraming, ...]:
    both = (True, False)
    whole = (_amr(wideband=wideband, octet_aligned=aligned) for aligned in both)
    return (*whole, *(_amr_padding(wideband=wideband, octet_aligned=aligned) for aligned in both))


_G729 = CodecFraming(
    _fits_g729, _g729_chance, lambda payload: tuple(frame[2:4] for frame in _frames(payload, G729_OCTETS))
)
# The forms of an encoding, by its name in capitals: which of them is used the payloads show.
FRAMINGS: dict[str, tuple[CodecFraming, ...]] = {
    "OPUS": (CodecFraming(_fits_opus, _opus_chance),),
    "AMR": _amr_forms(wideband=False),
    "AMR-WB": _amr_forms(wideband=True),
    "G729": (_G729,),
    "G723": (CodecFraming(lambda payload: _g723_frames(payload) is not None, _g723_chance, _g723_marks),),
    "ILBC": (_fixed(38, 37, 0x01, 0), _fixed(50, 49, 0x01, 0)),  # the empty frame indicator (RFC 3951 §3.8)
    "GSM": (_fixed(33, 0, 0xF0, 0xD0),),  # the signature (RFC 3551 §4.5.8)
    "GSM-EFR": (_fixed(31, 0, 0xF0, 0xC0),),
    "H264": (CodecFraming(_fits_h264, _h264_chance),),
    "VP8": (CodecFraming(_fits_vp8, _vp8_chance),),
}
