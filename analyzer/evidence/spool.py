# SPDX-License-Identifier: GPL-2.0-only
"""Octets put aside for later: in memory while they are few, then in a temporary file that has no name."""

import bisect
import os
import tempfile
import weakref
from typing import IO

MEMORY_OCTETS = 32 << 20


class Spool:
    """Append octets, read them again by the offset that `append` gave; what no file takes stays in memory."""

    def __init__(self, memory_octets: int = MEMORY_OCTETS) -> None:
        self._limit: int | None = memory_octets  # None: no file can be had, or it is full
        self._file: IO[bytes] | None = None
        self._stored = 0  # octets in the file
        self._starts: list[int] = []
        self._chunks: list[bytes] = []
        self._end = 0

    def __len__(self) -> int:
        return self._end

    def append(self, octets: bytes) -> int:
        """Put octets aside; returns their offset."""
        start = self._end
        if octets:
            self._starts.append(start)
            self._chunks.append(octets)
            self._end += len(octets)
        if self._limit is not None and self._end - self._stored > self._limit:
            self._store()
        return start

    def read(self, offset: int, count: int) -> bytes:
        """`count` octets from an offset within one appended run."""
        if count <= 0:
            return b""
        if offset < self._stored and self._file is not None:
            return os.pread(self._file.fileno(), count, offset)
        place = bisect.bisect_right(self._starts, offset) - 1
        begin = offset - self._starts[place]
        return self._chunks[place][begin : begin + count]

    def _store(self) -> None:
        """Move what is in memory to the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="srtp-audit-", buffering=0)  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            for start, chunk in zip(self._starts, self._chunks, strict=True):
                _write(self._file.fileno(), chunk, start)
        except OSError:
            self._limit = None
            return
        self._stored = self._end
        self._starts, self._chunks = [], []


def _write(file: int, octets: bytes, offset: int) -> None:
    view = memoryview(octets)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
