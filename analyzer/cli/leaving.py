# SPDX-License-Identifier: GPL-2.0-only
"""How the program ends: at once, without taking a report apart that the operating system frees in one go."""

import atexit
import os
import sys
from collections.abc import Callable

_held: list[object] = []


def hold(value: object) -> None:
    """Keep `value` to the end of the program; elsewhere, as when a command is called from Python, it goes its way.

    The report of a large capture is millions of small values: to free them one by one takes longer than to judge them.
    """
    if _ending:
        _held.append(value)


class _Ending:
    """The last thing that the process does, once it is known to run one command line."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.is_registered = False

    def __bool__(self) -> bool:
        return self.is_registered

    def register(self) -> None:
        """Come last: what is registered later is run earlier."""
        self.is_registered = True
        atexit.register(self)

    def __call__(self) -> None:
        if self.code is None:
            return
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (BrokenPipeError, ValueError):
                continue  # whoever read our output has gone, or the stream is closed: nobody is left to be told
        os._exit(self.code)


_ending = _Ending()


def run_program(main: Callable[[], object]) -> None:
    """Run the command line of this process; when `main` exits, the process ends with its code after all clean-up."""
    _ending.register()
    try:
        main()
    except SystemExit as request:
        _ending.code = request.code if isinstance(request.code, int) else 0
        raise
