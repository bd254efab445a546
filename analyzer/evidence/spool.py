# SPDX-License-Identifier: GPL-2.0-only
"""Octets put aside for later: in memory while they are few, then in a temporary file that has no name."""

import bisect
import os
import weakref
from typing import IO

MEMORY_OCTETS = 16 << 20


class Spool:
    """Append octets, read them again by the offset that `append` gave; what no file takes stays in memory."""

    def __init__(self, memory_octets: int = MEMORY_OCTETS) -> None:
        self._limit: int | None = memory_octets  # None: no file can be had, or it is full
        self._file: IO[bytes] | None = None
        self._stored = 0  # octets in the file
        self._starts: list[int] = []
        self._chunks: list[memoryview] = []
        self._end = 0

    def __len__(self) -> int:
        return self._end

    def append(self, octets: bytes | memoryview) -> int:
        """Put octets aside, which nobody changes any more; returns their offset."""
        start = self._end
        if octets:
            self._starts.append(start)
            self._chunks.append(memoryview(octets))
            self._end += len(octets)
        if self._limit is not None and self._end - self._stored > self._limit:
            self._store()
        return start

    def read(self, offset: int, count: int) -> bytes:
        """`count` octets from an offset within one appended run."""
        octets = bytearray(count)
        self.read_into(offset, memoryview(octets))
        return bytes(octets)

    def read_into(self, offset: int, octets: memoryview) -> None:
        """Fill `octets` from an offset within one appended run."""
        if not octets:
            return
        if offset < self._stored and self._file is not None:
            _read(self._file.fileno(), octets, offset)
            return
        place = bisect.bisect_right(self._starts, offset) - 1
        begin = offset - self._starts[place]
        octets[:] = self._chunks[place][begin : begin + len(octets)]

    def _store(self) -> None:
        """Move what is in memory to the file."""
        import tempfile  # noqa: PLC0415 - only where streams are long

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


def _write(file: int, octets: memoryview, offset: int) -> None:
    while octets:
        written = os.pwrite(file, octets, offset)
        octets, offset = octets[written:], offset + written


def _read(file: int, octets: memoryview, offset: int) -> None:
    while octets:
        taken = os.preadv(file, [octets], offset)
        if not taken:
            raise EOFError("a temporary file was cut")
        octets, offset = octets[taken:], offset + taken
