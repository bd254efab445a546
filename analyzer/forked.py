# SPDX-License-Identifier: GPL-2.0-only
"""Work that a forked child does while this process does other work: octets come back, piece by piece, through a pipe.

A child shares what its parent knew when it was forked and is told nothing more; what it makes, it sends. One that does
not come to its end has lost nothing: `WorkLost` says so, and its parent does the work itself, errors included.
"""

import contextlib
import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

PIPE_OCTETS = 1 << 20
MAX_WAITING_OCTETS = 64 << 20  # that a child keeps for a parent which is busy
_LENGTH_OCTETS = 8
_END = b"\xff" * _LENGTH_OCTETS
_REQUESTS = (signal.SIGINT, signal.SIGTERM)
_THREADS = Path("/proc/self/task")


class WorkLost(Exception):
    """A child ended before its work did."""


def can_fork() -> bool:
    """Whether a child would have all that it needs: where other threads run, it may inherit locks that they hold.

    Only Linux tells how many threads there are, those of libraries included; elsewhere the answer is no.
    """
    try:
        return len(list(_THREADS.iterdir())) == 1
    except OSError:
        return False


class ForkedWork:
    """A forked child that runs `produce`; iterating gives the pieces it yields, in order, as they come.

    Iteration raises `WorkLost` where the child fails or is killed. Close it, or leave its context, when no more is
    wanted: that ends the child. Ctrl-C is for the parent alone; a child whose parent is gone ends at its next piece.
    """

    def __init__(self, produce: Callable[[], Iterable[bytes]]) -> None:
        source, sink = os.pipe()
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS)  # none may reach a child that looks like us
        try:
            self._pid = os.fork()
            if self._pid == 0:
                os.close(source)
                _work(produce, sink, unblocked)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        os.close(sink)
        self._pipe: BinaryIO = os.fdopen(source, "rb", buffering=PIPE_OCTETS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        while (head := self._read(_LENGTH_OCTETS)) != _END:
            yield self._read(int.from_bytes(head, "little"))

    def _read(self, count: int) -> bytes:
        octets = self._pipe.read(count)
        if len(octets) < count:
            raise WorkLost
        return octets

    def close(self) -> None:
        """End the child; more than once does no harm."""
        self._pipe.close()
        if not self._pid:
            return
        with contextlib.suppress(ChildProcessError):  # where children are reaped unasked
            if os.waitpid(self._pid, os.WNOHANG) == (0, 0):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        self._pid = 0


def _work(produce: Callable[[], Iterable[bytes]], sink: int, signals: Iterable[int]) -> None:
    """The life of a child: it runs no clean-up of its parent's, and prints nothing."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        gc.disable()  # to look at the parent's values would copy them
        outlet = _Outlet(sink)
        for piece in produce():
            outlet.put(len(piece).to_bytes(_LENGTH_OCTETS, "little"), piece)
        outlet.put(_END)
        outlet.drain()
        code = 0
    finally:
        os._exit(code)


def _widen(sink: int) -> None:
    import fcntl  # noqa: PLC0415 - only where processes fork

    with contextlib.suppress(AttributeError, OSError):  # not every system lets a pipe grow
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)


class _Outlet:
    """A pipe that is not waited for: what it doesn't take yet is kept, up to a limit."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._waiting: deque[memoryview] = deque()
        self._octets = 0
        _widen(sink)
        os.set_blocking(sink, False)

    def put(self, *pieces: bytes) -> None:
        """Send these next."""
        for piece in pieces:
            self._waiting.append(memoryview(piece))
            self._octets += len(piece)
        if self._octets > MAX_WAITING_OCTETS:
            self.drain()
        with contextlib.suppress(BlockingIOError):
            self._write()

    def drain(self) -> None:
        """Send all that was kept, however long that takes."""
        os.set_blocking(self._sink, True)
        self._write()
        os.set_blocking(self._sink, False)

    def _write(self) -> None:
        while self._waiting:
            piece = self._waiting[0]
            taken = os.write(self._sink, piece)
            self._octets -= taken
            if taken == len(piece):
                self._waiting.popleft()
            else:
                self._waiting[0] = piece[taken:]
