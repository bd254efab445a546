# SPDX-License-Identifier: GPL-2.0-only
"""Rich's console on standard output, as the commands want it."""

from typing import TYPE_CHECKING

from analyzer.cli.options import wants_color

if TYPE_CHECKING:
    from rich.console import Console


def open_console(no_color: bool) -> "Console":
    """A console that reads no markup; where Rich would exit with 1 because its reader has gone, BrokenPipeError."""
    from rich.console import Console  # noqa: PLC0415 - Rich is not free

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the caller."""
            raise BrokenPipeError

    color = wants_color(no_color)
    return PlainConsole(no_color=not color, force_terminal=None if color else False, highlight=False, markup=False)
