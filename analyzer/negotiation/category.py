# SPDX-License-Identifier: GPL-2.0-only
"""The judgement of one category (key agreements, or suites): rule, winners, three questions about the choice."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from analyzer.model.negotiation import COMPUTED_RULES, Preference, SelectionRule
from analyzer.negotiation.completions import Agreement, certain_selection, judge_choice
from analyzer.negotiation.precedence import ELSEWHERE, Effective, read_rule, select_list
from dissectors.grammar.defects import Defect

Strengths = tuple[tuple[str, int], ...]


class Category(NamedTuple):
    """What one category shows; `agreement` is None where nothing was chosen or the offered list is not known.

    `binding` is False where alternatives stand in an order that binds nobody. `choice_offered` says that the choice
    stands in the initiator's list.
    """

    chosen: str | None
    rule: SelectionRule | None
    expected: str | None
    tie: tuple[str, ...]
    winners: tuple[str | None, ...]
    agreement: Agreement | None
    choice_offered: bool
    responder_known: bool
    binding: bool
    defects: tuple[Defect, ...]


NO_WINNERS: tuple[str | None, ...] = (None,) * len(COMPUTED_RULES)


def judge_category(
    chosen: str | None,
    offered: Sequence[Preference],
    answered: Sequence[Preference],
    selection_rule: SelectionRule,
    strengths: Strengths,
    supported: frozenset[str] = frozenset(),
) -> Category:
    """The judgement of one category from the lists of both sides, () where a side's list is not known.

    `supported` is what the responder is known to have where its list is not known.
    """
    offer = select_list(offered)
    if offer is None:
        return Category(chosen, None, None, (), NO_WINNERS, None, False, bool(answered), True, ())
    answer = select_list(answered)
    rule = read_rule(selection_rule, chosen, offer, answer)
    judged = _drop_unordered(offer, chosen, rule)
    sent = any(one.carrier not in ELSEWHERE for one in answered)
    return _judge(
        chosen,
        tuple(judged.items()),
        None if answer is None else tuple(answer.priorities.items()),
        rule,
        strengths,
        sent,
        offer.defects + (answer.defects if answer is not None and sent else ()),
        tuple(offer.priorities),
        supported,
    )


def _drop_unordered(offer: Effective, chosen: str | None, rule: SelectionRule) -> Mapping[str, int | None]:
    """Under a rule that compares numbers, what stands outside the order is not compared."""
    if rule not in COMPUTED_RULES or not offer.unordered or chosen in offer.unordered:
        return offer.priorities
    return {name: number for name, number in offer.priorities.items() if name not in offer.unordered}


@lru_cache(maxsize=4096)
def _judge(
    chosen: str | None,
    offered: tuple[tuple[str, int | None], ...],
    answered: tuple[tuple[str, int | None], ...] | None,
    rule: SelectionRule,
    strengths: Strengths,
    sent: bool,
    defects: tuple[Defect, ...],
    names: tuple[str, ...],
    supported: frozenset[str],
) -> Category:
    offer = dict(offered)
    answer = None if answered is None else dict(answered)
    strength = dict(strengths)
    agreement = None
    if chosen is not None:
        agreement = judge_choice(chosen, offer, answer, rule, strength, responder_sent=sent, supported=supported)
    selections = [
        certain_selection(chosen, offer, answer, one, strength, responder_sent=sent, supported=supported)
        for one in COMPUTED_RULES
    ]
    expected: str | None = None
    tie: tuple[str, ...] = ()
    if rule in COMPUTED_RULES:
        selection = selections[COMPUTED_RULES.index(rule)]
        expected, tie = selection.winner, selection.tie
    elif len(set(winners := [selection.winner for selection in selections])) == 1 and _alone(chosen, offer, answer):
        expected = winners[0]
    ordered = sum(number is not None for number in offer.values()) > 1
    binding = rule is not SelectionRule.ANY_COMMON or not ordered
    return Category(
        chosen,
        rule,
        expected,
        tie,
        tuple(selection.winner for selection in selections),
        agreement,
        chosen in names,
        answer is not None,
        binding,
        defects,
    )


def _alone(chosen: str | None, offer: Mapping[str, int | None], answer: Mapping[str, int | None] | None) -> bool:
    """Whether one capability alone can be common."""
    if answer is None:
        return len(offer) == 1
    return len({name for name in offer if name in answer or name == chosen}) == 1
