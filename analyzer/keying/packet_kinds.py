# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of packets in a stream, and even samples of each, however long the stream is."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from analyzer.model.evidence import MediaStream, PacketFacts

MAX_LENGTHS = 8
_EARLY, _TYPE = 32, 33  # bits of a mark; the length is below
_LENGTH = (1 << _EARLY) - 1
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class PacketKinds:
    """The kinds of `chosen` packets, each with a mark; the first `early` packets of the stream came before the answer.

    Packets of a kind share payload type, side of the answer and, where few lengths occur, length.
    """

    def __init__(self, stream: MediaStream, chosen: Flags, early: int) -> None:
        self._stream = stream
        self._chosen = chosen
        self._early = early
        self._mask = -1
        captured: dict[int, Counter[int]] = {}
        for marks, _, facts in self._iter_marks():
            octets = facts.payload_octets[chosen[facts.first : facts.first + len(facts)]]
            for mark, own in _groups(marks):
                lengths, counts = np.unique(octets[own], return_counts=True)
                captured.setdefault(mark, Counter()).update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
        if len({mark & _LENGTH for mark in captured}) > MAX_LENGTHS:
            self._mask = ~_LENGTH
        self._captured: dict[int, Counter[int]] = {}
        for mark, lengths_of in captured.items():
            self._captured.setdefault(mark & self._mask, Counter()).update(lengths_of)

    def sample(self, size: Callable[[int], int], most: int) -> dict[int, list[Numbers]]:
        """By mark, the numbers of the packets in up to `most` evenly spread runs of each kind.

        `size` gives the packets of a run by the octets of a middling packet.
        """
        wanted = {}
        for mark, lengths in sorted(self._captured.items()):
            packets, whole = size(_middling(lengths)), lengths.total()
            runs = -(-whole // packets)
            places = range(runs) if runs <= most else np.linspace(0, runs - 1, most, dtype=np.int64).tolist()
            wanted[mark] = [(place * packets, min((place + 1) * packets, whole)) for place in places]
        if len(wanted) == 1 and self._chosen.all():
            return {mark: [np.arange(*run) for run in runs] for mark, runs in wanted.items()}
        found: dict[int, list[list[Numbers]]] = {mark: [[] for _ in runs] for mark, runs in wanted.items()}
        passed = dict.fromkeys(wanted, 0)
        for marks, numbers, _ in self._iter_marks():
            for mark, own in _groups(marks):
                mine, before = numbers[own], passed[mark]
                passed[mark] += len(mine)
                for (start, stop), pieces in zip(wanted[mark], found[mark], strict=True):
                    if start < passed[mark] and stop > before:
                        pieces.append(mine[max(start - before, 0) : stop - before])
        return {mark: [np.concatenate(pieces) for pieces in runs] for mark, runs in found.items()}

    def flag(self, kinds: set[int], flags: Flags) -> None:
        """Set the flags of all packets of these kinds."""
        for marks, numbers, _ in self._iter_marks():
            for mark, own in _groups(marks):
                if mark in kinds:
                    flags[numbers[own]] = True

    def _iter_marks(self) -> Iterator[tuple[Numbers, Numbers, PacketFacts]]:
        """Of each run of the stream the marks and the numbers of the chosen packets."""
        for facts in self._stream.iter_facts():
            own = np.flatnonzero(self._chosen[facts.first : facts.first + len(facts)])
            if len(own):
                types, lengths = (np.asarray(each, np.int64)[own] for each in (facts.payload_type, facts.wire_octets))
                numbers = facts.first + own
                early = (numbers < self._early).astype(np.int64)
                yield (types << _TYPE | early << _EARLY | lengths) & self._mask, numbers, facts


def _groups(marks: Numbers) -> Iterator[tuple[int, slice | Flags]]:
    """Each mark that occurs, and where."""
    if (marks == marks[0]).all():
        yield int(marks[0]), slice(None)
        return
    for mark in np.unique(marks).tolist():
        yield mark, marks == mark


def _middling(lengths: Counter[int]) -> int:
    """The median, rounded down."""
    ordered = sorted(lengths)
    ends = np.cumsum([lengths[octets] for octets in ordered])
    low, high = (ordered[int(np.searchsorted(ends, place, "right"))] for place in ((ends[-1] - 1) // 2, ends[-1] // 2))
    return (low + high) // 2
