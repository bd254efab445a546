# SPDX-License-Identifier: GPL-2.0-only
"""What the methods of the paper's Table 3, and its own, make of two lists: static, automatic, priority."""

from collections.abc import Iterator, Sequence

from analyzer.model.negotiation import CapabilityKind, Method, Preference, Prospect
from analyzer.negotiation.precedence import ELSEWHERE, Effective, select_list
from analyzer.negotiation.selection import Priorities


def read_prospects(
    kind: CapabilityKind,
    offered: Sequence[Preference],
    answered: Sequence[Preference],
    chosen: str | None,
    winner: str | None,
) -> tuple[Prospect, ...]:
    """One prospect for each method, () where nothing was offered; `winner` is the selection rule's, if it is known."""
    offer, answer = select_list(offered), select_list(answered)
    if offer is None:
        return ()
    own, peer = offer.priorities, _names(answer)
    completed = all(one.carrier in ELSEWHERE for one in answered)  # the answer proves support, against such lists
    common = tuple(name for name in own if peer is None or name in peer or (completed and name == chosen))
    known = None if peer is None else bool(common)
    agreed = True if chosen in common else known
    return (
        Prospect(Method.STATIC, kind, *_static(own, None if answer is None else answer.priorities)),
        Prospect(Method.AUTOMATIC, kind, agreed, common),
        Prospect(Method.PRIORITY, kind, agreed, (winner,) if winner is not None else common),
    )


def _names(answer: Effective | None) -> frozenset[str] | None:
    return None if answer is None else frozenset(answer.priorities)


def _static(own: Priorities, peer: Priorities | None) -> tuple[bool | None, tuple[str, ...]]:
    """Whether both favourites are one; None where a side has no list, or no single favourite."""
    first = tuple(_favourites(own))
    if peer is None:
        return None, first
    other = tuple(_favourites(peer))
    if set(first).isdisjoint(other):
        return False, ()
    if len(first) == len(other) == 1:
        return True, first
    return None, tuple(name for name in first if name in other)


def _favourites(priorities: Priorities) -> Iterator[str]:
    """The capabilities with the best number; all of them where a number is not known."""
    numbers = [number for number in priorities.values() if number is not None]
    best = min(numbers) if len(numbers) == len(priorities) and numbers else None
    yield from (name for name, number in priorities.items() if best is None or number == best)
