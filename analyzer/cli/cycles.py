# SPDX-License-Identifier: GPL-2.0-only
"""When Python looks for cycles among its objects: not where there are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Pause Python's collector: what imports and an audit build lives to the end, and each look at it is in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # what is left is let go by count; the first look after the pause would be the longest
            gc.enable()
