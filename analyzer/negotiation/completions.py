# SPDX-License-Identifier: GPL-2.0-only
"""What all lists that the evidence allows agree on, where a side's list (or a number in it) is not known.

The lists a side may have are unbounded, so nothing is enumerated: each rule has a closed form. Where only the number
of the choice itself is free, growing it makes the choice worse under every rule and never better, so the two ends
(the best number and one past all others) decide for everything between.
"""

from collections.abc import Mapping
from typing import NamedTuple

from analyzer.model.negotiation import SelectionRule
from analyzer.negotiation.selection import (
    SCORES,
    Priorities,
    Selection,
    dominated_by,
    select,
)


class Agreement(NamedTuple):
    """What all allowed lists say of a choice: True, False, or None where they differ.

    `undominated` and `winner` speak only where the choice is common; `rivals` are the known capabilities that
    dominate it.
    """

    mutual: bool
    undominated: bool | None
    winner: bool | None
    rivals: tuple[str, ...] = ()


def judge_choice(
    chosen: str,
    initiator: Priorities,
    responder: Priorities | None,
    rule: SelectionRule,
    strength: Mapping[str, int],
    *,
    responder_sent: bool,
    supported: frozenset[str] = frozenset(),
) -> Agreement:
    """PRI-001, PRI-002 and PRI-003 for one choice over all lists that the evidence allows.

    `initiator` is the offer on the wire. `responder` is None where nothing is known of it; `responder_sent` says that
    it came on the wire, so that a choice outside it contradicts it. A list from elsewhere is completed by the choice:
    the answer proves support of it, with a number nobody told. `supported` is what the responder is known to have,
    among others, where its list is not known.
    """
    if chosen not in initiator or (responder_sent and responder is not None and chosen not in responder):
        return Agreement(mutual=False, undominated=None, winner=False)
    if responder is None:
        winner = _always_wins(chosen, initiator, rule)
        if winner is None and _is_beaten(chosen, initiator, rule, supported):
            winner = False
        return Agreement(True, _never_dominated(chosen, initiator, rule), winner)
    best, worst = _ends(chosen, initiator, responder)
    rivals = dominated_by(chosen, initiator, best)
    undominated = _undominated(chosen, initiator, worst, rivals, rule)
    return Agreement(True, undominated, _wins(chosen, initiator, (best, worst), rule, strength), rivals)


def certain_selection(
    chosen: str | None,
    initiator: Priorities,
    responder: Priorities | None,
    rule: SelectionRule,
    strength: Mapping[str, int],
    *,
    responder_sent: bool,
    supported: frozenset[str] = frozenset(),
) -> Selection:
    """The selection that all allowed lists give under one of the computable rules; no winner where they differ."""
    if responder is None:
        leader = _only_first(initiator) if rule is SelectionRule.INITIATOR_FIRST else None
        if leader is not None and leader in supported:
            return Selection(leader, (), ())
        if chosen is not None and chosen in initiator and _always_wins(chosen, initiator, rule):
            return Selection(chosen, (), ())
        return Selection(None, (), ())
    if responder_sent or chosen is None or chosen not in initiator or chosen in responder:
        return select(initiator, responder, rule, strength)
    first, last = (select(initiator, end, rule, strength) for end in _ends(chosen, initiator, responder))
    if first.winner != last.winner:
        return Selection(None, (), ())
    return first if first.scores == last.scores else Selection(first.winner, (), ())


def _ends(chosen: str, initiator: Priorities, responder: Priorities) -> tuple[Priorities, Priorities]:
    """The responder's list with the best and the worst number that the choice can have in it."""
    if chosen in responder:
        return responder, responder
    numbers = [number or 0 for priorities in (initiator, responder) for number in priorities.values()]
    return {**responder, chosen: 0}, {**responder, chosen: 2 * max(numbers, default=0) + 1}


def _never_dominated(chosen: str, initiator: Priorities, rule: SelectionRule) -> bool | None:
    """With no list of the responder: certain only where the initiator ranks every other capability below the choice.

    Under a rule that needs no numbers a missing one means "no order", and what has no order dominates nothing; under
    the others it means "not told".
    """
    own = initiator[chosen]
    others = [number for name, number in initiator.items() if name != chosen]
    ranked = [number for number in others if number is not None]
    if rule in SCORES and others and (own is None or len(ranked) < len(others)):
        return None
    return True if own is None or all(number > own for number in ranked) else None


def _is_beaten(chosen: str, initiator: Priorities, rule: SelectionRule, supported: frozenset[str]) -> bool:
    """Whether the responder has what the initiator puts before the choice, so that initiator-first never comes to it.

    The other rules need the responder's numbers, which support alone does not tell.
    """
    own = initiator[chosen]
    if rule is not SelectionRule.INITIATOR_FIRST or own is None:
        return False
    return any((number := initiator.get(name)) is not None and number < own for name in supported)


def _only_first(initiator: Priorities) -> str | None:
    """The one capability with the initiator's best number, where every number is known."""
    numbers = [number for number in initiator.values() if number is not None]
    if len(numbers) < len(initiator) or not numbers:
        return None
    first = [name for name, number in initiator.items() if number == min(numbers)]
    return first[0] if len(first) == 1 else None


def _always_wins(chosen: str, initiator: Priorities, rule: SelectionRule) -> bool | None:
    """With no list of the responder: certain for one capability, for any common one, and for the initiator's first."""
    if len(initiator) == 1 or rule not in SCORES:
        return True
    if rule is not SelectionRule.INITIATOR_FIRST:
        return None
    own = initiator[chosen]
    others = (number for name, number in initiator.items() if name != chosen)
    return True if own is not None and all(number is not None and number > own for number in others) else None


def _undominated(
    chosen: str, initiator: Priorities, worst: Priorities, rivals: tuple[str, ...], rule: SelectionRule
) -> bool | None:
    if rivals:
        return False
    if dominated_by(chosen, initiator, worst):
        return None
    if rule not in SCORES:
        return True
    others = [name for name in initiator if name in worst and name != chosen]
    if not others or all(_told(name, initiator, worst) for name in (chosen, *others)):
        return True
    own = initiator[chosen]
    ranked_last = own is not None and all((number := initiator[name]) is not None and number > own for name in others)
    return True if ranked_last else None


def _told(name: str, initiator: Priorities, responder: Priorities) -> bool:
    return initiator[name] is not None and responder[name] is not None


def _wins(
    chosen: str,
    initiator: Priorities,
    ends: tuple[Priorities, Priorities],
    rule: SelectionRule,
    strength: Mapping[str, int],
) -> bool | None:
    if rule not in SCORES:
        return True
    best, worst = (select(initiator, end, rule, strength).winner for end in ends)
    if best is None or worst is None or (best == chosen) != (worst == chosen):
        return None
    return worst == chosen if _tie_is_told(chosen, initiator, ends[0], rule) else None


def _tie_is_told(chosen: str, initiator: Priorities, responder: Priorities, rule: SelectionRule) -> bool:
    """Whether the tie-break knows its numbers: only initiator-first comes to a winner without the responder's."""
    if rule is not SelectionRule.INITIATOR_FIRST:
        return True
    numbers = {name: number for name, number in initiator.items() if name in responder and number is not None}
    best = min(numbers.values(), default=0)
    tied = [name for name, number in numbers.items() if number == best]
    return chosen not in tied or len(tied) == 1 or all(responder[name] is not None for name in tied)
