# SPDX-License-Identifier: GPL-2.0-only
"""Which packets of a source have come, by number: as intervals, so that memory follows the gaps."""

import numpy as np

from analyzer.model.arrays import Masks, Numbers


class IndexSet:
    """A set of packet indices, or of sequence numbers that count on where they wrap."""

    def __init__(self) -> None:
        self._starts: Numbers = np.zeros(0, np.int64)
        self._stops: Numbers = np.zeros(0, np.int64)  # exclusive

    def add(self, index: Numbers) -> Masks:
        """Take these in; which of them had come before, those that stand twice among them included."""
        again = np.ones(len(index), dtype=np.bool_)
        if not len(index):
            return again
        if (index[1:] > index[:-1]).all():
            distinct, first = index, np.arange(len(index))
        else:
            distinct, first = np.unique(index, return_index=True)
        place = np.searchsorted(self._starts, distinct, "right") - 1
        known = np.zeros(len(distinct), dtype=np.bool_)
        if len(self._starts):
            known = (place >= 0) & (distinct < self._stops[place])
        fresh = distinct[~known]
        if len(fresh):
            cuts = np.flatnonzero(np.diff(fresh) != 1)
            starts = np.concatenate((self._starts, fresh[:1], fresh[cuts + 1]))
            stops = np.concatenate((self._stops, fresh[cuts] + 1, fresh[-1:] + 1))
            self._join(starts, stops)
        again[first[~known]] = False
        return again

    def _join(self, starts: Numbers, stops: Numbers) -> None:
        """Intervals that do not overlap, in order, those that touch as one."""
        order = np.argsort(starts, kind="stable")
        starts, stops = starts[order], stops[order]
        apart = starts[1:] != stops[:-1]
        self._starts = starts[np.concatenate(([True], apart))]
        self._stops = stops[np.concatenate((apart, [True]))]
