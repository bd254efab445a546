# SPDX-License-Identifier: GPL-2.0-only
"""What the sequence numbers of a stream show, however long it is (RFC 3550 §6.4.1, Appendix A.1, A.3)."""

from typing import NamedTuple

import numpy as np

from analyzer.evidence.index_set import IndexSet
from analyzer.model.arrays import Column, Masks, Numbers
from analyzer.model.evidence import MediaStream

MAX_MISORDER = 100  # RFC 3550 A.1: further back, and the sender has started again


class SequenceCounts(NamedTuple):
    """Sequence numbers of a stream; the fields are those of `StreamStatistics`."""

    expected: int
    missing: int
    duplicates: int
    reordered: int
    restarts: int


def sequence_steps(sequence_number: Column) -> Numbers:
    """From each packet to the next, the signed distance modulo 2¹⁶, −32768 … 32767."""
    numbers: Numbers = sequence_number.astype(np.int64)
    steps = numbers[1:] - numbers[:-1]
    return ((steps + 0x8000) & 0xFFFF) - 0x8000


def count_sequence(stream: MediaStream) -> SequenceCounts:
    """The counts of a stream whose numbers do not just go up from packet to packet."""
    counter = SequenceCounter()
    for facts in stream.iter_facts():
        counter.add(facts.sequence_number)
    return counter.finish()


class SequenceCounter:
    """Takes the numbers of a stream piece by piece.

    A packet further back than `MAX_MISORDER` is a straggler, or where the sender started again: that shows in the
    packet after it, so the last one waits.
    """

    def __init__(self) -> None:
        self._waiting: Numbers = np.zeros(0, np.int64)  # the last packet that was counted, and the one that waits
        self._extended = 0  # number of the last packet that was counted, past 16 bits
        self._run: _Run | None = None
        self._done: list[SequenceCounts] = []

    def add(self, sequence_number: Column) -> None:
        """The next packets."""
        numbers = np.concatenate((self._waiting, sequence_number.astype(np.int64)))
        if self._run is None and len(numbers):
            self._begin(numbers[:1])
        steps = sequence_steps(numbers)
        if len(steps) > 1:
            self._count(steps[:-1], np.append(np.abs(steps[1:]) <= MAX_MISORDER, False)[:-1])
        self._waiting = numbers[-2:]

    def finish(self) -> SequenceCounts:
        """What all of them show."""
        steps = sequence_steps(self._waiting)
        if len(steps):
            self._count(steps, np.ones(1, np.bool_))
        if self._run is not None:
            self._done.append(self._run.counts())
        whole = SequenceCounts(*(sum(column) for column in zip(*self._done, strict=True)))
        return whole._replace(restarts=len(self._done) - 1)

    def _count(self, steps: Numbers, stays: Masks) -> None:
        """Packets by their steps from the ones before, and whether what follows goes on from there."""
        extended = self._extended + np.cumsum(steps)
        first, *others = np.split(extended, np.flatnonzero((steps < -MAX_MISORDER) & stays))
        if self._run is not None:
            self._run.add(first)
        for run in others:
            self._begin(run)
        self._extended = int(extended[-1])

    def _begin(self, extended: Numbers) -> None:
        if self._run is not None:
            self._done.append(self._run.counts())
        self._run, self._extended = _Run(int(extended[0])), int(extended[-1])
        self._run.add(extended)


class _Run:
    """Packets from one start of a sender to the next."""

    def __init__(self, first: int) -> None:
        self._seen = IndexSet()
        self._low = self._high = first
        self._distinct = self._duplicates = self._reordered = 0

    def add(self, extended: Numbers) -> None:
        again = self._seen.add(extended)
        fresh = extended[~again]
        self._duplicates += len(extended) - len(fresh)
        if len(fresh):
            highest = np.maximum.accumulate(np.concatenate((np.full(1, self._high), fresh)))
            self._reordered += int(np.count_nonzero(fresh < highest[1:]))
            self._low, self._high = min(self._low, int(fresh.min())), int(highest[-1])
            self._distinct += len(fresh)

    def counts(self) -> SequenceCounts:
        span = self._high - self._low + 1
        return SequenceCounts(span, span - self._distinct, self._duplicates, self._reordered, 0)
