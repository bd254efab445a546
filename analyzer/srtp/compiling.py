# SPDX-License-Identifier: GPL-2.0-only
"""When the inner loops over packets are compiled: where so many come that loading Numba pays."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.speed import compiled

# Below, packets are done one by one before Numba and what it compiled are loaded; once it is loaded, loading is quick.
COMPILE_PACKETS = 1 << 18
USE_COMPILED_PACKETS = 1 << 11
MIN_ROWS = 48


def kernels_for(packets: int) -> Any | None:
    """The compiled inner loops where so many packets are worth loading them, else None."""
    worth = packets >= COMPILE_PACKETS or (packets >= USE_COMPILED_PACKETS and "numba" in sys.modules)
    # They write words as little-endian processors keep them.
    return compiled("analyzer.srtp.kernels") if worth and sys.byteorder == "little" else None


def view_octets(buffer: memoryview) -> NDArray[np.uint8]:
    """A buffer as the compiled loops take it: never writable, so that they are compiled for one type."""
    view = np.frombuffer(buffer, dtype=np.uint8)
    view.flags.writeable = False
    return view
