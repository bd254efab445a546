# SPDX-License-Identifier: GPL-2.0-only
"""The digest of a large file, made of its mapped octets behind the pass over its packets: both read the file once."""

import hashlib
import queue
import threading

from analyzer.capture.columns import Octets
from analyzer.capture.octets import let_go

PIECE_OCTETS = 4 << 20
MAX_WAITING = 3  # pieces; memory holds what was looked at and is not digested


class MappedDigest:
    """SHA-256 of mapped octets by a thread, which lets go of what it has digested."""

    def __init__(self, octets: Octets) -> None:
        self._octets = octets
        self._view = memoryview(octets)
        self._sha256 = hashlib.sha256()
        self._given = 0  # octets that the thread has, or had
        self._waiting: queue.Queue[tuple[int, int] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="sha256", daemon=True)
        self._thread.start()

    def let_go(self, start: int, stop: int) -> None:
        """The octets from `start` to `stop` were looked at; waits where too many are not digested yet."""
        if start < self._given:  # looked at once more
            let_go(self._octets, start, min(stop, self._given))
        if not self._thread.is_alive():
            return
        for begin in range(self._given, stop, PIECE_OCTETS):
            self._waiting.put((begin, min(begin + PIECE_OCTETS, stop)))
        self._given = max(self._given, stop)

    def hexdigest(self) -> str:
        """The digest of all octets, whether they were looked at or not; ends the thread."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        for begin in range(self._given, len(self._view), PIECE_OCTETS):
            self._digest(begin, min(begin + PIECE_OCTETS, len(self._view)))
        self._given = len(self._view)
        return self._sha256.hexdigest()

    def _work(self) -> None:
        while (piece := self._waiting.get()) is not None:
            self._digest(*piece)

    def _digest(self, start: int, stop: int) -> None:
        self._sha256.update(self._view[start:stop])
        let_go(self._octets, start, stop)
