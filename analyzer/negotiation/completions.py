# SPDX-License-Identifier: GPL-2.0-only
"""What all lists that the evidence allows agree on, where a side's list, or numbers in one, are not known.

A number that was not told may be any from 0 on: lists may have gaps and shared numbers. So the completions are
unbounded, and nothing is enumerated. The unknown numbers do not depend on each other, and a greater one makes its
capability worse under every rule and never better; so two completions decide for all between them what is to be said
of one capability: the one that favours it most (its own unknown numbers 0, all others past every known number, and
nothing supported that need not be), and the one that favours it least.
"""

from collections.abc import Mapping
from typing import NamedTuple

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.selection import Numbers, Priorities, Selection, dominated_by, select


class Agreement(NamedTuple):
    """What all allowed lists say of a choice: True, False, or None where they differ.

    `undominated` and `winner` speak only where the choice is common; `rivals` are the known capabilities that
    dominate it.
    """

    mutual: bool
    undominated: bool | None
    winner: bool | None
    rivals: tuple[str, ...] = ()


class Evidence(NamedTuple):
    """What is known of both lists; None is a number that was not told.

    `initiator` is the offer on the wire. `responder` is None where no list of it is known; `responder_sent` says that
    it came on the wire, so that a choice outside it contradicts it. A list from elsewhere is completed by the choice:
    the answer proves support of it, with a number nobody told. `supported` is what the responder is known to have,
    among others, where it sent no list: that it answered with it counts against a list from elsewhere.
    """

    initiator: Priorities
    responder: Priorities | None
    responder_sent: bool = False
    supported: frozenset[str] = frozenset()

    def allows(self, chosen: str) -> bool:
        """Whether a choice can be common to both lists."""
        if chosen not in self.initiator:
            return False
        return not self.responder_sent or self.responder is None or chosen in self.responder


def judge_choice(chosen: str, evidence: Evidence, rule: SelectionRule, strength: Mapping[str, int]) -> Agreement:
    """PRI-001, PRI-002 and PRI-003 for one choice over all lists that the evidence allows."""
    if not evidence.allows(chosen):
        return Agreement(mutual=False, undominated=None, winner=False)
    completions = _Completions(evidence, chosen)
    # Under a rule that compares no numbers a missing one means "no order", and what has no order dominates nothing.
    complete = completions.that_favour if rule in COMPUTED_RULES else completions.as_told
    rivals = dominated_by(chosen, *complete(chosen, most=True))
    undominated = None if dominated_by(chosen, *complete(chosen, most=False)) else True
    return Agreement(True, False if rivals else undominated, _wins(chosen, completions, rule, strength), rivals)


def certain_selection(
    chosen: str | None, evidence: Evidence, rule: SelectionRule, strength: Mapping[str, int]
) -> Selection:
    """The selection that all allowed lists give under one of the computable rules; no winner where they differ.

    The tie is of those that tie in all of them; the scores are there where every number is known.
    """
    completions = _Completions(evidence, chosen)
    for name in evidence.initiator:
        least = select(*completions.that_favour(name, most=False), rule, strength)
        if least.winner == name:
            most = select(*completions.that_favour(name, most=True), rule, strength)
            return Selection(name, most.tie, least.scores if least.scores == most.scores else ())
    return Selection(None, (), ())


def _wins(chosen: str, completions: "_Completions", rule: SelectionRule, strength: Mapping[str, int]) -> bool | None:
    if rule not in COMPUTED_RULES:
        return True
    if select(*completions.that_favour(chosen, most=False), rule, strength).winner == chosen:
        return True
    return None if select(*completions.that_favour(chosen, most=True), rule, strength).winner == chosen else False


class _Completions:
    """The two completions that matter, for any capability."""

    def __init__(self, evidence: Evidence, chosen: str | None) -> None:
        self._initiator = evidence.initiator
        self._told: Priorities = {} if evidence.responder is None else evidence.responder
        proved = frozenset[str]() if evidence.responder_sent else evidence.supported
        if chosen is not None and not evidence.responder_sent:
            proved |= {chosen}
        self._supported: Priorities = {**dict.fromkeys(proved), **self._told}
        self._possible = frozenset(evidence.initiator) if evidence.responder is None else frozenset[str]()
        numbers = (number or 0 for priorities in (self._initiator, self._told) for number in priorities.values())
        self._past_all = 2 * max(numbers, default=0) + 1  # and past each sum of two

    def that_favour(self, name: str, *, most: bool) -> tuple[Numbers, Numbers]:
        """Both lists as they favour `name` most, or least."""
        own, others = (0, self._past_all) if most else (self._past_all, 0)
        supported = self._supported if most else {**dict.fromkeys(self._possible - {name}), **self._supported}
        return _filled(self._initiator, name, own, others), _filled(supported, name, own, others)

    def as_told(self, name: str, *, most: bool) -> tuple[Priorities, Priorities]:
        """The same, and what was listed without a number stays so."""
        _, responder = self.that_favour(name, most=most)
        return self._initiator, {**responder, **self._told}


def _filled(priorities: Priorities, name: str, own: int, others: int) -> Numbers:
    """The numbers that were told, `own` for `name` where it has none, and `others` for the rest."""
    return {one: number if number is not None else own if one == name else others for one, number in priorities.items()}
