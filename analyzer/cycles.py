# SPDX-License-Identifier: GPL-2.0-only
"""When Python looks for cycles among its objects: not where there are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles(*, freeze: bool = False) -> Iterator[None]:
    """Pause Python's collector: what imports and an audit build are trees that live on, and each look is in vain.

    To look again and again at the messages and calls of a large capture takes as long as to read them. With `freeze`,
    which is for a program that is nearly done, nothing that is there at the end of the pause is ever looked at.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if freeze:
                gc.freeze()  # the first look after the pause would be the longest
            gc.enable()
