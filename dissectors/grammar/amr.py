# SPDX-License-Identifier: GPL-2.0-only
"""AMR and AMR-WB frames in RTP payloads, bandwidth-efficient or octet-aligned (RFC 4867 §4.3, §4.4)."""

from typing import NamedTuple

from dissectors.grammar.errors import Malformed, Truncated

# Speech bits of each frame type (RFC 4867 §3.1, §3.2: 3GPP TS 26.101 and TS 26.201); others carry none or are reserved.
NARROWBAND_BITS = {0: 95, 1: 103, 2: 118, 3: 134, 4: 148, 5: 159, 6: 204, 7: 244, 8: 39, 15: 0}
WIDEBAND_BITS = {0: 132, 1: 177, 2: 253, 3: 285, 4: 317, 5: 365, 6: 397, 7: 461, 8: 477, 9: 40, 14: 0, 15: 0}
MAX_FRAMES = 64
NO_REQUEST = 15
CLAUSE = "RFC 4867 §4.3"


class AmrFrame(NamedTuple):
    """One frame: its type, whether it is undamaged, and its speech bits, the first in the highest bit of octet 0."""

    frame_type: int
    quality: bool
    speech: bytes

    @property
    def storage(self) -> bytes:
        """The frame as a file holds it: one octet of header, then its speech (RFC 4867 §5.3)."""
        return bytes((self.frame_type << 3 | self.quality << 2,)) + self.speech


class AmrPayload(NamedTuple):
    """The mode that the receiver of the other direction is asked for, 15 for none, and the frames."""

    mode_request: int
    frames: tuple[AmrFrame, ...]


def parse_amr_payload(payload: bytes, *, wideband: bool, octet_aligned: bool) -> AmrPayload:
    """All frames of a payload without CRCs and interleaving; raises Truncated or Malformed.

    Octets that are left over make the payload Malformed: the lengths of the frames tell the two forms apart.
    """
    bits = _Bits(payload)
    mode_request = bits.read(8 if octet_aligned else 4) >> (4 if octet_aligned else 0)
    entries: list[tuple[int, bool]] = []
    more = True
    while more:
        if len(entries) == MAX_FRAMES:
            raise Malformed("AMR payload of too many frames", clause=CLAUSE)
        entry = bits.read(8) >> 2 if octet_aligned else bits.read(6)
        more = bool(entry & 0x20)
        entries.append((entry >> 1 & 0x0F, bool(entry & 1)))
    sizes = WIDEBAND_BITS if wideband else NARROWBAND_BITS
    frames = []
    for frame_type, quality in entries:
        if frame_type not in sizes:
            message = f"AMR frame type {frame_type} is reserved"
            raise Malformed(message, clause=CLAUSE)
        frames.append(AmrFrame(frame_type, quality, bits.read_octets(sizes[frame_type])))
        if octet_aligned:
            bits.align()
    bits.align()
    if bits.left:
        message = f"{bits.left // 8} octets behind the last AMR frame"
        raise Malformed(message, clause=CLAUSE)
    return AmrPayload(mode_request, tuple(frames))


class _Bits:
    """Reads bits from the highest down."""

    def __init__(self, octets: bytes) -> None:
        self._number = int.from_bytes(octets, "big")
        self.left = self._octets = 8 * len(octets)

    def read(self, count: int) -> int:
        if count > self.left:
            raise Truncated("AMR payload", needed=-(-count // 8), have=self.left // 8, clause=CLAUSE)
        self.left -= count
        return self._number >> self.left & (1 << count) - 1

    def read_octets(self, count: int) -> bytes:
        octets = -(-count // 8)
        return (self.read(count) << 8 * octets - count).to_bytes(octets, "big")

    def align(self) -> None:
        self.left -= self.left % 8
