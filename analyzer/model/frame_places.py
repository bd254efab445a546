# SPDX-License-Identifier: GPL-2.0-only
"""Frames of a set of files that is read as one capture: counted on over all of them, and where each stands."""

from bisect import bisect_left

from analyzer.model.evidence import FrameRef


class FramePlaces:
    """Numbers of frames as the stages count them, to files and Wireshark's numbers in those."""

    def __init__(self, capture: int = 0) -> None:
        """Of one file; `capture` is its index."""
        self._captures = [capture]
        self._before = [0]  # frames before each file

    def begin(self, capture: int, before: int) -> None:
        """The next file begins, behind so many frames."""
        self._captures.append(capture)
        self._before.append(before)

    @property
    def before(self) -> int:
        """How many frames stand in the files before the last one."""
        return self._before[-1]

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._captures)

    def file(self, frame: int) -> int:
        """Which of the files, counted from 0, holds a frame."""
        return max(bisect_left(self._before, frame) - 1, 0)

    def ref(self, frame: int) -> FrameRef:
        """Where a frame stands."""
        file = self.file(frame)
        return FrameRef(self._captures[file], frame - self._before[file])

    def moved(self, frame: int) -> FrameRef | None:
        """The same for a frame of a later file; None in the first, where nothing has to be said."""
        return self.ref(frame) if frame > self._before[min(1, len(self._before) - 1)] and self.files > 1 else None
