# SPDX-License-Identifier: GPL-2.0-only
"""The 48-bit packet index that is not on the wire, estimated from sequence numbers (RFC 3711 §3.3.1, Appendix A)."""

import numpy as np
from numpy.typing import NDArray

SEQUENCE_NUMBERS = 1 << 16
HALF = SEQUENCE_NUMBERS // 2
MAX_ROC = (1 << 32) - 1


def estimate_roc(sequence_number: int, roc: int, highest: int) -> int:
    """The rollover counter of a packet, given that of the highest authenticated sequence number (RFC 3711 §3.3.1).

    Where the formula gives −1, no packet can have come before: the answer is 0.
    """
    if highest < HALF:
        return max(roc - 1, 0) if sequence_number - highest > HALF else roc
    return (roc + 1) & MAX_ROC if highest - HALF > sequence_number else roc


def extend_sequence_numbers(sequence_numbers: NDArray[np.int64], highest: int) -> NDArray[np.int64]:
    """48-bit indices if each packet came within half a wrap of the one before, the first of index `highest`."""
    steps = np.diff(sequence_numbers, prepend=highest & (SEQUENCE_NUMBERS - 1))
    return highest + np.cumsum((steps + HALF & SEQUENCE_NUMBERS - 1) - HALF)


def index_near(sequence_number: int, index: int) -> int:
    """The 48-bit index with this sequence number that is nearest to another index; never before the first."""
    step = (sequence_number - index + HALF & SEQUENCE_NUMBERS - 1) - HALF
    return index + step if index + step >= 0 else index + step + SEQUENCE_NUMBERS


class Rollover:
    """Where one source stands: `roc` and `highest`, the highest authenticated sequence number under it."""

    __slots__ = ("highest", "roc")

    def __init__(self, roc: int, highest: int) -> None:
        self.roc = roc
        self.highest = highest

    @property
    def index(self) -> int:
        """The highest authenticated 48-bit index."""
        return self.roc << 16 | self.highest

    def estimate(self, sequence_number: int) -> int:
        """The rollover counter that this packet should have."""
        return estimate_roc(sequence_number, self.roc, self.highest)

    def accept(self, sequence_number: int, roc: int) -> None:
        """Takes an authenticated packet into account; a packet of an earlier rollover changes nothing."""
        if roc == self.roc:
            self.highest = max(self.highest, sequence_number)
        elif roc == (self.roc + 1) & MAX_ROC:
            self.roc, self.highest = roc, sequence_number
