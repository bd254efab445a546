# SPDX-License-Identifier: GPL-2.0-only
"""Spans of a buffer put one behind the other, to be compiled (see `capture.speed`)."""

import numpy as np
from numpy.typing import NDArray

Octets = NDArray[np.uint8]
Numbers = NDArray[np.int64]
D = np.uint64


def copy_spans(buffer: Octets, offsets: Numbers, counts: Numbers, places: Numbers, joined: Octets) -> None:
    """`counts[i]` octets from `offsets[i]` of the buffer to `places[i]`, for all i; every span must lie within both."""
    for i in range(len(offsets)):
        start, place = D(offsets[i]), D(places[i])
        for k in range(counts[i]):
            joined[place + D(k)] = buffer[start + D(k)]
