# SPDX-License-Identifier: GPL-2.0-only
"""The octets of a file: mapped for the pass that goes through it once, read for those that look here and there.

A mapped page counts as memory of this process until it is let go of; what is read for a packet counts while it is used.
"""

import contextlib
import mmap
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.capture.columns import Octets
from analyzer.capture.speed import compiled, view_array
from analyzer.model.arrays import Numbers as Places

SPAN_OCTETS = 1 << 18
MAP_SPANS = 1 << 10
MAPPED_OCTETS = 32 << 20
GAP_OCTETS = 2048  # copied sooner than skipped
BLOCK_OCTETS = 1 << 16  # what a look at one octet makes present, as Linux is usually set up
PRESENT_BLOCKS = 512
SPANS_PER_BLOCK = 8  # fewer are cheaper read one by one
SHARED_SPANS = 32  # fewer are read one by one
_FETCH = getattr(mmap, "MADV_WILLNEED", None)
_LET_GO = getattr(mmap, "MADV_DONTNEED", None)


class FileOctets:
    """The octets of a file, which may grow, read when they are asked for; open while anybody may ask."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._shared: SharedMap | None = None
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return os.fstat(self._file).st_size

    def map(self) -> mmap.mmap:
        """All of it as it is now; to be closed."""
        return mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)

    def shared_map(self, stop: int) -> "SharedMap":
        """A mapping that has the octets up to `stop`, for whoever looks here and there; it stays."""
        if self._shared is None or len(self._shared.octets) < stop:
            self._shared = SharedMap(self.map())
        return self._shared

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(sys.maxsize)
        return self.read(start, max(stop - start, 0))

    def read(self, offset: int, count: int) -> bytes:
        """`count` octets from `offset` on, fewer where the file ends."""
        return os.pread(self._file, count, offset)

    def read_each(self, offsets: Sequence[int], counts: Sequence[int]) -> list[bytes]:
        """`counts[i]` octets from `offsets[i]` on, for all i."""
        pread, file = os.pread, self._file
        return [pread(file, count, offset) for offset, count in zip(offsets, counts, strict=True)]


class SharedMap:
    """A mapped file of which spans are looked at by many in turn: what one has made present another finds there.

    Each look at a block that is not there makes all of it present, so they are let go of together when they are many.
    Where hardly anybody comes to a block that another has been to, single octets are cheaper read (`pays`).
    """

    def __init__(self, octets: mmap.mmap) -> None:
        self.octets = octets
        self.array = view_array(octets)
        self.pays = True
        self._present = np.zeros(len(octets) // BLOCK_OCTETS + 1, np.bool_)
        self._blocks = self._spans = 0

    def expect(self, offsets: Places) -> bool:
        """Spans will be looked at; False where it is better not to look here."""
        if not self.pays:
            return False
        blocks = offsets // BLOCK_OCTETS
        fresh = blocks[~self._present[blocks]]
        self._blocks += int(np.count_nonzero(fresh[1:] != fresh[:-1])) + bool(len(fresh))
        self._spans += len(offsets)
        if self._blocks > PRESENT_BLOCKS:
            let_go(self.octets, 0, len(self.octets))
            self.pays = self._spans > SPANS_PER_BLOCK * self._blocks
            self._present[:] = False
            self._blocks = self._spans = 0
        self._present[blocks] = True
        return self.pays


def map_file(path: Path) -> Octets:
    """A file's octets, mapped; pipes and empty files are read."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def let_go(octets: Octets, start: int, stop: int) -> None:
    """No longer hold the mapped pages within `start` to `stop`; they come again when they are looked at."""
    if _LET_GO is None or not isinstance(octets, mmap.mmap):
        return
    start -= start % mmap.PAGESIZE
    stop -= stop % mmap.PAGESIZE
    if start < stop:
        octets.madvise(_LET_GO, start, stop - start)


def fetch(octets: Octets, start: int, stop: int) -> None:
    """Have the mapped pages within `start` to `stop` read from the disk, while something else is done."""
    if _FETCH is None or not isinstance(octets, mmap.mmap):
        return
    start -= start % mmap.PAGESIZE
    if start < min(stop, len(octets)):
        octets.madvise(_FETCH, start, min(stop, len(octets)) - start)


def read_spans(octets: Octets, offsets: Places, counts: Places) -> list[bytes]:
    """`counts[i]` octets at `offsets[i]`, for all i; of a file, neighbours are read together and many are mapped."""
    if not isinstance(octets, FileOctets):
        pairs = zip(offsets.tolist(), counts.tolist(), strict=True)
        return [bytes(octets[offset : offset + count]) for offset, count in pairs]
    found: list[bytes] = []
    for some, sizes, mapped in _parts(octets, offsets, counts):
        if mapped is None:
            found += _read_few(octets, some, sizes)
        else:
            pairs = zip(some.tolist(), sizes.tolist(), strict=True)
            found.extend([mapped[offset : offset + count] for offset, count in pairs])
    return found


def join_spans(octets: Octets, offsets: Places, counts: Places) -> memoryview:
    """The same octets one behind the other; of many spans none is made an object of its own."""
    many = len(offsets) >= SHARED_SPANS and "numba" in sys.modules
    if not many or (stop := int((offsets + counts).max())) > len(octets):
        return memoryview(b"".join(read_spans(octets, offsets, counts)))
    copy_spans: Any = compiled("analyzer.capture.joining", allocates=False).copy_spans
    places = np.cumsum(counts) - counts
    joined = np.empty(int(places[-1] + counts[-1]), np.uint8)
    if not isinstance(octets, FileOctets):
        copy_spans(view_array(octets), offsets, counts, places, joined)
        return joined.data
    shared = octets.shared_map(stop)
    for first in range(0, len(offsets), MAP_SPANS):
        some, sizes = offsets[first : first + MAP_SPANS], counts[first : first + MAP_SPANS]
        to = places[first : first + MAP_SPANS]
        if shared.expect(some):
            copy_spans(shared.array, some, sizes, to, joined)
        else:
            pieces = b"".join(read_spans(octets, some, sizes))
            joined[to[0] : to[0] + len(pieces)] = view_array(pieces)
    return joined.data


def _parts(octets: FileOctets, offsets: Places, counts: Places) -> Iterator[tuple[Places, Places, mmap.mmap | None]]:
    """The spans in turn, with the file mapped where those of a part are many and near each other."""
    with contextlib.ExitStack() as stack:
        mapped: mmap.mmap | None = None
        for first in range(0, len(offsets), MAP_SPANS):
            some, sizes = offsets[first : first + MAP_SPANS], counts[first : first + MAP_SPANS]
            low, high = int(some.min()), int(some.max())
            if len(some) < MAP_SPANS or high - low > MAPPED_OCTETS:
                yield some, sizes, None
                continue
            mapped = mapped or stack.enter_context(octets.map())
            yield some, sizes, mapped
            let_go(mapped, low, high + mmap.PAGESIZE)


def _read_few(octets: FileOctets, offsets: Places, counts: Places) -> list[bytes]:
    gaps = offsets[1:] - offsets[:-1]
    near = np.count_nonzero((gaps >= 0) & (gaps <= GAP_OCTETS))
    places, sizes = offsets.tolist(), counts.tolist()
    if 2 * near < len(places):
        return octets.read_each(places, sizes)
    found: list[bytes] = []
    for first, last in _spans(places, sizes):
        base = places[first]
        span = octets.read(base, places[last - 1] + sizes[last - 1] - base)
        for place in range(first, last):
            start = places[place] - base
            found.append(span[start : start + sizes[place]])
    return found


def _spans(offsets: Sequence[int], counts: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Runs of places whose octets follow each other closely."""
    first = 0
    for place in range(1, len(offsets)):
        gap = offsets[place] - offsets[place - 1] - counts[place - 1]
        if not 0 <= gap <= GAP_OCTETS or offsets[place] - offsets[first] > SPAN_OCTETS:
            yield first, place
            first = place
    if offsets:
        yield first, len(offsets)
