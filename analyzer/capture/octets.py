# SPDX-License-Identifier: GPL-2.0-only
"""The octets of a file: mapped for the pass that goes through it once, read for those that look here and there.

A mapped page counts as memory of this process until it is let go of; what is read for a packet counts while it is used.
"""

import mmap
import os
import sys
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path

from analyzer.capture.columns import Octets

SPAN_OCTETS = 1 << 18
MAP_SPANS = 1 << 10
MAPPED_OCTETS = 32 << 20
GAP_OCTETS = 2048  # copied sooner than skipped
_LET_GO = getattr(mmap, "MADV_DONTNEED", None)


class FileOctets:
    """The octets of a file, which may grow, read when they are asked for; open while anybody may ask."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return os.fstat(self._file).st_size

    def map(self) -> mmap.mmap:
        """All of it as it is now; to be closed."""
        return mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(sys.maxsize)
        return os.pread(self._file, max(stop - start, 0), start)


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


def read_spans(octets: Octets, offsets: Sequence[int], counts: Sequence[int]) -> list[bytes]:
    """`counts[i]` octets at `offsets[i]`, for all i; of a file, neighbours are read together and many are mapped."""
    if not isinstance(octets, FileOctets):
        return [bytes(octets[offset : offset + count]) for offset, count in zip(offsets, counts, strict=True)]
    if len(offsets) >= MAP_SPANS:
        return _read_mapped(octets, offsets, counts)
    found: list[bytes] = []
    for first, last in _spans(offsets, counts):
        base = offsets[first]
        span = octets[base : offsets[last - 1] + counts[last - 1]]
        for place in range(first, last):
            start = offsets[place] - base
            found.append(span[start : start + counts[place]])
    return found


def _read_mapped(octets: FileOctets, offsets: Sequence[int], counts: Sequence[int]) -> list[bytes]:
    """Through a mapping that holds no more than so many octets of the file at a time."""
    found: list[bytes] = []
    with octets.map() as mapped:
        held = 0
        for first in range(0, len(offsets), MAP_SPANS):
            last = min(first + MAP_SPANS, len(offsets))
            pairs = zip(offsets[first:last], counts[first:last], strict=True)
            found.extend([mapped[offset : offset + count] for offset, count in pairs])
            low, high = min(offsets[first:last]), max(offsets[first:last])
            held += high - low
            if held > MAPPED_OCTETS:
                let_go(mapped, 0, len(mapped))
                held = 0
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
