# SPDX-License-Identifier: GPL-2.0-only
"""A bounded reader over octets: the one place where binary offsets are checked."""

from typing import NoReturn

from dissectors.grammar.errors import Truncated


class Cursor:
    """Reads big-endian fields from `data[start:end]` and never past `end`; `offset` is absolute within `data`."""

    __slots__ = ("data", "end", "offset")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self.offset = start
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return self.end - self.offset

    def _refuse(self, octets: int, what: str) -> NoReturn:
        raise Truncated(what, needed=octets, have=self.left, offset=self.offset)

    def _advance(self, octets: int, what: str) -> int:
        if octets < 0 or octets > self.end - self.offset:
            self._refuse(octets, what)
        start = self.offset
        self.offset = start + octets
        return start

    def take(self, octets: int, what: str = "octets") -> bytes:
        """The next `octets` octets; raises `Truncated`."""
        start = self.offset
        stop = start + octets
        if not start <= stop <= self.end:
            self._refuse(octets, what)
        self.offset = stop
        return self.data[start:stop]

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.left)

    def u8(self, what: str = "octet") -> int:
        """One unsigned octet."""
        start = self.offset
        if start >= self.end:
            self._refuse(1, what)
        self.offset = start + 1
        return self.data[start]

    def u16(self, what: str = "16-bit field") -> int:
        """Two octets, big-endian."""
        start = self.offset
        if start + 2 > self.end:
            self._refuse(2, what)
        self.offset = start + 2
        return self.data[start] << 8 | self.data[start + 1]

    def u32(self, what: str = "32-bit field") -> int:
        """Four octets, big-endian."""
        start = self._advance(4, what)
        return int.from_bytes(self.data[start : self.offset], "big")

    def u64(self, what: str = "64-bit field") -> int:
        """Eight octets, big-endian."""
        start = self._advance(8, what)
        return int.from_bytes(self.data[start : self.offset], "big")

    def region(self, octets: int, what: str = "region") -> "Cursor":
        """A cursor over the next `octets` octets, which this one skips."""
        start = self._advance(octets, what)
        return Cursor(self.data, start, self.offset)
