# SPDX-License-Identifier: GPL-2.0-only
"""Work that is counted instead of timed, the same on every machine; and a guard against what never ends."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def functions_called(work: Callable[[], object]) -> int:
    """How many functions, Python's and C's, are entered while the work is done."""
    entered = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal entered
        entered += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return entered


@contextmanager
def processor_time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` inside work that takes more processor time; hundreds of times what it should take."""

    def give_up(_number: int, _frame: object) -> None:
        message = f"not done after {seconds} s of processor time"
        raise TimeoutError(message)

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
