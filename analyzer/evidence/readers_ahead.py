# SPDX-License-Identifier: GPL-2.0-only
"""The readers of several captures: while one is worked on, children read the next ones.

What comes of a capture is the same whoever reads it, so neither the number of children nor their pace shows in it.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from analyzer.capture.intake import STDIN
from analyzer.errors import CaptureError
from analyzer.evidence.reading_ahead import CaptureReader, open_reader

MAX_OCTETS_AHEAD = 64 << 20  # of a file that is opened before its turn
MIN_MESSAGES = 300  # of a capture in a row that a child is worth


class ReadersAhead:
    """Opens captures in the order of `indices` into `paths`; leave its context to end children that are not needed."""

    def __init__(self, paths: Sequence[Path | str], indices: Sequence[int], jobs: int, *, digest: bool) -> None:
        self._paths = paths
        self._indices = list(indices)
        self._jobs = jobs
        self._digest = digest
        self._opened: dict[int, CaptureReader | CaptureError] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for index in tuple(self._opened):
            self._drop(index)

    def take(self, index: int, *, is_alone: bool) -> CaptureReader:
        """The reader of a capture, to be closed; by no child unless `is_alone`. Raises `CaptureError`."""
        if not is_alone:
            self._drop(index)
            return open_reader(self._paths[index], 1, digest=self._digest)
        place = self._indices.index(index)
        self._open(index)
        for later in self._indices[place + 1 : place + self._jobs]:
            if self._is_opened_early(self._paths[later]):
                self._open(later)
        found = self._opened.pop(index)
        if isinstance(found, CaptureError):
            raise found
        return found

    def _open(self, index: int) -> None:
        if index in self._opened:
            return
        least = MIN_MESSAGES if len(self._indices) > 1 else None
        try:
            reader = open_reader(self._paths[index], self._jobs, digest=self._digest, least_messages=least)
        except CaptureError as error:
            self._opened[index] = error
        else:
            self._opened[index] = reader

    def _drop(self, index: int) -> None:
        found = self._opened.pop(index, None)
        if isinstance(found, CaptureReader):
            found.close()

    @staticmethod
    def _is_opened_early(path: Path | str) -> bool:
        """Whether it is a file, and so small that it may be taken in before it is needed."""
        path = Path(path)
        return str(path) != STDIN and path.is_file() and path.stat().st_size <= MAX_OCTETS_AHEAD
