# SPDX-License-Identifier: GPL-2.0-only
"""Standard output as the commands write it for people."""

import os
import sys

from analyzer.cli.options import wants_color
from reports.pen import Pen

USUAL_WIDTH = 80
COLORLESS_TERMINALS = ("dumb", "unknown")


def open_pen(no_color: bool) -> Pen:
    """A pen as wide as the terminal is, or as COLUMNS says; with colours where the terminal shows them."""
    is_colorless = os.environ.get("TERM", "").lower() in COLORLESS_TERMINALS
    colored = wants_color(no_color)
    width = USUAL_WIDTH if colored and is_colorless else _terminal_width()
    return Pen(sys.stdout, width, colored=colored and not is_colorless)


def _terminal_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and columns.isascii():
        return int(columns) or USUAL_WIDTH
    for descriptor in (0, 1, 2):  # whichever of them is the terminal
        try:
            return os.get_terminal_size(descriptor).columns or USUAL_WIDTH
        except OSError:
            continue
    return USUAL_WIDTH
