# SPDX-License-Identifier: GPL-2.0-only
"""The judgement of one category (key agreements, or suites): rule, winners, three questions about the choice."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from analyzer.model.negotiation import COMPUTED_RULES, Preference, SelectionRule
from analyzer.negotiation.carriers.sdes import Skipped
from analyzer.negotiation.completions import Agreement, Evidence, certain_selection, judge_choice
from analyzer.negotiation.precedence import ELSEWHERE, Effective, read_rule, select_list
from dissectors.grammar.defects import Defect

Strengths = tuple[tuple[str, int], ...]


class Gaps(NamedTuple):
    """What nobody told: the responder's list, or a number in what is known of it from elsewhere; numbers on the wire.

    `offered` and `answered` are the capabilities that stand without one in the offer, and in the responder's own list.
    """

    responder_list: bool
    offered: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()


class Category(NamedTuple):
    """What one category shows; `agreement` is None where nothing was chosen or the offered list is not known.

    `gaps` is what an unknown answer in `agreement` depends on. `binding` is False where alternatives stand in an order
    that binds nobody. `choice_offered` says that the choice stands in the initiator's list.
    """

    chosen: str | None
    rule: SelectionRule | None
    expected: str | None
    tie: tuple[str, ...]
    winners: tuple[str | None, ...]
    agreement: Agreement | None
    choice_offered: bool
    gaps: Gaps
    binding: bool
    defects: tuple[Defect, ...]
    skipped: Skipped | None = None


NO_WINNERS: tuple[str | None, ...] = (None,) * len(COMPUTED_RULES)


def unreadable_category(chosen: str | None) -> Category:
    """A choice of which nothing can be said, as what was offered was not seen or can't be read."""
    return Category(chosen, None, None, (), NO_WINNERS, None, False, Gaps(True), True, ())


def unoffered_category(chosen: str | None) -> Category:
    """A choice beside an offer that was read whole and names nothing of this kind: it was not offered."""
    agreement = None if chosen is None else Agreement(mutual=False, undominated=None, winner=False)
    return Category(chosen, None, None, (), NO_WINNERS, agreement, False, Gaps(False), True, ())


def with_skipped(category: Category, skipped: Skipped | None) -> Category:
    """The judgement of the suites where a line of the same suite stood before the accepted one (RFC 4568 §5.1.2)."""
    agreement = category.agreement
    if skipped is None or agreement is None or not agreement.mutual or agreement.winner is False:
        return category
    rule = SelectionRule.INITIATOR_FIRST if category.rule is SelectionRule.SINGLE else category.rule
    lost = skipped.supported and rule is SelectionRule.INITIATOR_FIRST
    winner = agreement._replace(winner=False if lost else None)
    return category._replace(
        rule=rule, agreement=winner, skipped=skipped, gaps=category.gaps._replace(responder_list=True)
    )


def judge_category(
    chosen: str | None,
    offered: Sequence[Preference],
    answered: Sequence[Preference],
    selection_rule: SelectionRule,
    strengths: Strengths,
    supported: frozenset[str] = frozenset(),
    *,
    whole: bool = True,
) -> Category:
    """The judgement of one category from the lists of both sides, () where a side's list is not known.

    `supported` is what the responder is known to have where it sent no list. Where its list is not `whole`, what can
    be read of it shows support and no more.
    """
    offer = select_list(offered)
    if offer is None:
        return unreadable_category(chosen)
    answer = select_list(answered)
    rule = read_rule(selection_rule, chosen, offer, answer)
    judged = _drop_unordered(offer, chosen, rule)
    if answer is not None and not whole:
        supported = supported.union(answer.priorities)
        answer, answered = None, ()
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
    """Under a rule that compares numbers, what has no order to the choice is not compared with it."""
    if rule not in COMPUTED_RULES or chosen in offer.unordered:
        return offer.priorities
    unordered = offer.unordered | offer.companions(chosen)
    return {name: number for name, number in offer.priorities.items() if name not in unordered}


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
    evidence = Evidence(offer, answer, sent, supported)
    agreement = None if chosen is None else judge_choice(chosen, evidence, rule, strength)
    selections = [certain_selection(chosen, evidence, one, strength) for one in COMPUTED_RULES]
    expected: str | None = None
    tie: tuple[str, ...] = ()
    if rule in COMPUTED_RULES:
        selection = selections[COMPUTED_RULES.index(rule)]
        expected, tie = selection.winner, selection.tie
    elif len(set(winners := [selection.winner for selection in selections])) == 1 and _alone(chosen, evidence):
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
        _find_gaps(chosen, evidence),
        binding,
        defects,
    )


def _find_gaps(chosen: str | None, evidence: Evidence) -> Gaps:
    """The gaps among what may be common."""
    offer, answer, sent = evidence.initiator, evidence.responder, evidence.responder_sent
    proved = frozenset() if sent else evidence.supported | {chosen}
    common = tuple(name for name in offer if answer is None or name in answer or name in proved)
    offered = tuple(name for name in common if offer[name] is None)
    if answer is None:
        return Gaps(True, offered)
    answered = tuple(name for name in common if answer.get(name) is None)
    return Gaps(False, offered, answered) if sent else Gaps(bool(answered), offered)


def _alone(chosen: str | None, evidence: Evidence) -> bool:
    """Whether one capability alone can be common."""
    offer, answer = evidence.initiator, evidence.responder
    if answer is None:
        return len(offer) == 1
    return len({name for name in offer if name in answer or name == chosen or name in evidence.supported}) == 1
