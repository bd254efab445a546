# SPDX-License-Identifier: GPL-2.0-only
"""What a second dissector made of the same captures, and where the two disagree."""

from typing import NamedTuple

from dissectors.grammar.late_dataclass import dataclass


class Agreement(NamedTuple):
    """How many things of one kind both dissectors read alike."""

    topic: str
    number: int


class Difference(NamedTuple):
    """One thing that they read differently; `ours` or `theirs` is empty where one of them saw nothing."""

    topic: str
    capture: int
    frames: tuple[int, ...]
    ours: str
    theirs: str


class KnownGap(NamedTuple):
    """Something the other dissector is known not to read: counted, with the first frames, and no difference."""

    gap: str
    explanation: str
    capture: int
    number: int
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The second opinion on a capture set; `notes` say what could not be compared."""

    tool: str
    agreements: tuple[Agreement, ...]
    differences: tuple[Difference, ...]
    gaps: tuple[KnownGap, ...]
    notes: tuple[str, ...] = ()
