# SPDX-License-Identifier: GPL-2.0-only
"""How far a long reading has come: on standard error, and only on a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from analyzer.gathering import Progress

EVERY_SECONDS = 0.2


@contextmanager
def progress_line(quiet: bool) -> Iterator[Progress | None]:
    """A function that shows a count of packets in one line; None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    shown = 0.0

    def show(path: str, packets: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= EVERY_SECONDS:
            shown = now
            name = path.encode("unicode_escape").decode("ascii")[-48:]
            sys.stderr.write(f"\r\x1b[2K{name}: {packets:,} packets")
            sys.stderr.flush()

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
