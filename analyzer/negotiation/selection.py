# SPDX-License-Identifier: GPL-2.0-only
"""How two lists become one choice: the four computable rules, their tie-break, and Pareto dominance."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from analyzer.model.negotiation import SelectionRule
from dissectors.grammar.defects import Defect

Priorities = Mapping[str, int | None]  # None: a number that was not told
Numbers = Mapping[str, int]


class Selection(NamedTuple):
    """What a rule gives: the winner, those tied before the tie-break, and the score of each common capability.

    `winner` is None where nothing is common (or, of lists that are not wholly known, where it can't be told); `tie` is
    empty where one capability alone has the best score; `scores` are (name, score), best first, lower is better.
    """

    winner: str | None
    tie: tuple[str, ...]
    scores: tuple[tuple[str, int], ...]


NOTHING = Selection(None, (), ())

SCORES: dict[SelectionRule, Callable[[int, int], int]] = {
    SelectionRule.MIN_SUM: lambda initiator, responder: initiator + responder,
    SelectionRule.RESPONDER_FIRST: lambda _initiator, responder: responder,
    SelectionRule.INITIATOR_FIRST: lambda initiator, _responder: initiator,
    SelectionRule.MIN_MAX: max,
}


def select(initiator: Numbers, responder: Numbers, rule: SelectionRule, strength: Mapping[str, int]) -> Selection:
    """The winner among the capabilities of both lists under one of the four computable rules; numbers as they travel.

    Ties go to the smaller responder number, then to the stronger capability, then to the name.
    """
    score = SCORES[rule]
    table = sorted(
        (score(own, responder[name]), responder[name], -strength.get(name, 0), name)
        for name, own in initiator.items()
        if name in responder
    )
    if not table:
        return NOTHING
    tied = tuple(row[3] for row in table if row[0] == table[0][0])
    return Selection(table[0][3], tied if len(tied) > 1 else (), tuple((row[3], row[0]) for row in table))


def dominated_by(chosen: str, initiator: Priorities, responder: Priorities) -> tuple[str, ...]:
    """The common capabilities that are at least as good as `chosen` for both sides and better for one.

    Capabilities whose number a side does not tell are not compared; a choice that is not common has none.
    """
    own, peer = initiator.get(chosen), responder.get(chosen)
    if own is None or peer is None:
        return ()
    return tuple(
        name
        for name, number in initiator.items()
        if name != chosen
        and number is not None
        and (other := responder.get(name)) is not None
        and number <= own
        and other <= peer
        and (number < own or other < peer)
    )


def read_priorities(entries: Iterable[tuple[str, int | None]]) -> tuple[dict[str, int | None], tuple[Defect, ...]]:
    """A list as `select` wants it, and its defects: a negative number, or two numbers for one capability.

    Either leaves the capability in the list with no number: what was meant can't be told, so no rule may rely on it.
    The same number twice is one entry.
    """
    priorities: dict[str, int | None] = {}
    defects: list[Defect] = []
    for name, number in entries:
        if number is not None and number < 0:
            defects.append(Defect("priority-negative", 0, "", f"{name}: {number}"))
            number = None
        elif name in priorities and priorities[name] != number:
            defects.append(Defect("priority-repeated", 0, "", f"{name} has more than one priority"))
            number = None
        priorities[name] = number
    return priorities, tuple(defects)
