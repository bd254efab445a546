# SPDX-License-Identifier: GPL-2.0-only
"""Lists that prefer a weaker capability to a stronger one, by the policy's strengths (compare RFC 4568 §5.1.1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analyzer.model.call import Side
from analyzer.model.negotiation import CapabilityKind, Inversion, Preference
from analyzer.negotiation.precedence import select_list


class Lists(NamedTuple):
    """Both sides' lists of one kind, () where a side's list is not known."""

    kind: CapabilityKind
    offered: Sequence[Preference]
    answered: Sequence[Preference]


def read_inversions(
    lists: Iterable[Lists], strengths: Mapping[CapabilityKind, Mapping[str, int]]
) -> tuple[tuple[Inversion, ...], tuple[str, ...]]:
    """The gravest inversion of each list, and the names in ordered lists that the policy does not rank."""
    inversions: list[Inversion] = []
    unranked: dict[str, None] = {}
    for one in lists:
        for side, preferences in ((Side.OFFERER, one.offered), (Side.ANSWERER, one.answered)):
            ordered = _in_order(preferences)
            strength = strengths[one.kind]
            unranked.update((name, None) for name, _ in ordered if name not in strength)
            found = _gravest([(name, number) for name, number in ordered if name in strength], strength)
            if found is not None:
                inversions.append(Inversion(side, one.kind, *found))
    return tuple(inversions), tuple(unranked)


def _in_order(preferences: Sequence[Preference]) -> list[tuple[str, int]]:
    """The numbered entries of the list that counts, best first; nothing where fewer than two have a number."""
    effective = select_list(preferences)
    if effective is None:
        return []
    numbered = [(name, number) for name, number in effective.priorities.items() if number is not None]
    return sorted(numbered, key=lambda entry: entry[1]) if len(numbered) > 1 else []


def _gravest(ordered: Sequence[tuple[str, int]], strength: Mapping[str, int]) -> tuple[str, str] | None:
    """The pair with the greatest difference in which the weaker one is preferred."""
    pairs = [
        (strength[later] - strength[earlier], earlier, later)
        for place, (earlier, number) in enumerate(ordered)
        for later, other in ordered[place + 1 :]
        if other > number and strength[later] > strength[earlier]
    ]
    if not pairs:
        return None
    _, preferred, stronger = max(pairs)
    return preferred, stronger
