# SPDX-License-Identifier: GPL-2.0-only
"""How the program ends: at once, without taking a report apart that the operating system frees in one go."""

import atexit
import os
import sys
from typing import NoReturn

_held: list[object] = []
_is_program = False


def hold(value: object) -> None:
    """Keep `value` to the end of the program; elsewhere, as when a command is called from Python, it goes its way.

    The report of a large capture is millions of small values: to free them one by one takes longer than to judge them.
    """
    if _is_program:
        _held.append(value)


def begin_program() -> None:
    """From here on this process runs one command line and ends with `leave`."""
    global _is_program  # noqa: PLW0603 - a fact about the process
    _is_program = True


def leave(code: int) -> NoReturn:
    """End the process with everything written out and all registered clean-up done."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            continue  # whoever read our output has gone, or the stream is closed: nobody is left to be told
    os._exit(code)
