# SPDX-License-Identifier: GPL-2.0-only
"""What all lists agree on where lists or numbers are not known, against enumeration of every list over small sets."""

from collections.abc import Iterator
from itertools import product
from math import prod

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.completions import Evidence, certain_selection, judge_choice
from analyzer.negotiation.selection import dominated_by, select

MIN_SUM, RESPONDER_FIRST, INITIATOR_FIRST, MIN_MAX = COMPUTED_RULES
STRENGTH = {"A": 3, "B": 1, "C": 2}
MOST_COMPLETIONS = 3000
Numbers = dict[str, int]
Lists = dict[str, int | None]

# Two capabilities with gaps and shared numbers, or three; None is a number that was not told.
LISTS = st.one_of(
    st.dictionaries(st.sampled_from("AB"), st.none() | st.integers(0, 3), min_size=1),
    st.dictionaries(st.sampled_from("ABC"), st.none() | st.integers(0, 1), min_size=1),
)
UNKNOWN = st.builds(Evidence, LISTS, st.none(), st.just(False), st.frozensets(st.sampled_from("ABC")))
ELSEWHERE = st.builds(Evidence, LISTS, LISTS, st.just(False))
SENT = st.builds(Evidence, LISTS, LISTS, st.just(True))
EVIDENCE = st.one_of(UNKNOWN, ELSEWHERE, SENT)


def pairs(evidence: Evidence, chosen: str | None) -> Iterator[tuple[Numbers, Numbers]]:
    """Every pair of complete lists: unknown numbers from 0 to one past each sum of known ones, any support."""
    initiator, told = evidence.initiator, evidence.responder
    proved = {chosen} if chosen is not None and not evidence.responder_sent else set[str]()
    supported = {**dict.fromkeys((evidence.supported if told is None else set()) | proved), **(told or {})}
    known = [number for lists in (initiator, supported) for number in lists.values() if number is not None]
    numbers = tuple(range(2 * max(known, default=0) + 2))
    possible = [name for name in initiator if told is None and name not in supported]
    own = [numbers if number is None else (number,) for number in initiator.values()]
    peer = [numbers if number is None else (number,) for number in supported.values()]
    maybe = [(None, *numbers)] * len(possible)
    assume(prod(map(len, (*own, *peer, *maybe))) <= MOST_COMPLETIONS)
    for mine in product(*own):
        for theirs in product(*peer, *maybe):
            listed = dict(zip((*supported, *possible), theirs, strict=True))
            yield (
                dict(zip(initiator, mine, strict=True)),
                {name: number for name, number in listed.items() if number is not None},
            )


def agreed(values) -> object:
    """The value that all share, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def judge(chosen: str, rule: SelectionRule, offer: Lists, answer: Lists | None, *, sent: bool = False):
    return judge_choice(chosen, Evidence(offer, answer, sent), rule, STRENGTH)


def assert_all_agree(evidence: Evidence, chosen: str, rule: SelectionRule) -> None:
    """What is said of a choice is what every completion says, neither more nor less."""
    got = judge_choice(chosen, evidence, rule, STRENGTH)
    complete = list(pairs(evidence, chosen))
    mutual = agreed(chosen in one and chosen in other for one, other in complete)
    assert got.mutual is mutual
    if not mutual:
        assert got.winner is False
        return
    assert got.winner is agreed(select(*lists, rule, STRENGTH).winner == chosen for lists in complete)
    assert got.undominated is agreed(not dominated_by(chosen, *lists) for lists in complete)
    if got.undominated is False:
        assert got.rivals
    assert all(set(got.rivals) <= set(dominated_by(chosen, *lists)) for lists in complete)


@settings(max_examples=150)
@given(EVIDENCE, st.sampled_from("ABC"), st.sampled_from(COMPUTED_RULES))
@example(Evidence({"A": 0, "B": None}, {"A": 0, "B": 1}, True), "A", MIN_SUM)
@example(Evidence({"A": 1, "B": 0, "C": None}, {"A": 1, "B": 0, "C": 0}, True), "A", MIN_SUM)
@example(Evidence({"A": None, "B": 1}, {"A": None, "B": 1}, True), "A", MIN_MAX)
def test_what_all_completions_agree_on_is_said(evidence, chosen, rule) -> None:
    assert_all_agree(evidence, chosen, rule)


@settings(max_examples=100)
@given(EVIDENCE, st.none() | st.sampled_from("ABC"), st.sampled_from(COMPUTED_RULES))
@example(Evidence({"A": 0, "B": 0, "C": None}, {"A": 0, "B": 0, "C": 1}, True), None, RESPONDER_FIRST)
@example(Evidence({"A": 0, "B": 0, "C": 1}, {"A": 0, "B": 0, "C": None}, True), None, MIN_SUM)
@example(Evidence({"A": 0, "B": 0, "C": None}, {"A": 0, "B": 1, "C": 1}, True), None, INITIATOR_FIRST)
def test_a_winner_of_all_completions_is_named_and_its_tie(evidence, chosen, rule) -> None:
    selections = [select(*lists, rule, STRENGTH) for lists in pairs(evidence, chosen)]
    got = certain_selection(chosen, evidence, rule, STRENGTH)
    assert got.winner == agreed(one.winner for one in selections)
    if got.winner is not None:
        tied = frozenset.intersection(*(frozenset(one.tie) for one in selections))
        assert frozenset(got.tie) == (tied if len(tied) > 1 else frozenset())


@pytest.mark.proof
@settings(max_examples=4_000, database=None)
@given(EVIDENCE, st.sampled_from("ABC"), st.sampled_from(COMPUTED_RULES))
def test_what_all_completions_agree_on_in_full(evidence, chosen, rule) -> None:
    assert_all_agree(evidence, chosen, rule)


@given(
    st.one_of(UNKNOWN, ELSEWHERE, SENT),
    st.sampled_from("ABC"),
    st.sampled_from((SelectionRule.ANY_COMMON, SelectionRule.SINGLE)),
)
def test_where_no_rule_compares_numbers_a_missing_one_is_no_order(evidence, chosen, rule) -> None:
    """What has no number is dropped from the question of dominance, and any common choice wins."""
    got = judge_choice(chosen, evidence, rule, STRENGTH)
    assert got.mutual is got.winner is evidence.allows(chosen)
    if not got.mutual:
        return
    told = evidence._replace(
        initiator={name: number for name, number in evidence.initiator.items() if number is not None},
        responder=evidence.responder
        and {name: number for name, number in evidence.responder.items() if number is not None or name == chosen},
    )
    compared = chosen in told.initiator and (evidence.responder or {}).get(chosen, 0) is not None
    expected = agreed(not dominated_by(chosen, *one) for one in pairs(told, chosen)) if compared else True
    assert got.undominated is expected


def test_sdes_as_the_page_of_verdicts_says() -> None:
    offer: Lists = {"CM_80": 0, "CM_32": 1}
    rule = INITIATOR_FIRST
    assert judge("CM_80", rule, offer, None).winner is True
    assert judge("CM_32", rule, offer, None).winner is None
    assert judge("F8", rule, offer, None).mutual is False
    assert judge("CM_32", rule, offer, {"CM_80": 0}).winner is False
    assert judge("CM_32", rule, offer, {"CM_32": 0}).winner is True


def test_repeated_lines_without_the_list_of_the_responder_are_open() -> None:
    assert judge("MIKEY-PSK", MIN_SUM, {"MIKEY-PSK": 0, "MIKEY-PKE": 1}, None)[:3] == (True, True, None)


@pytest.mark.parametrize(
    ("offer", "answer", "said"),
    [
        ({"A": 0, "B": 1, "C": None}, {"A": 0, "B": 1, "C": 2}, (True, True, True)),  # C comes to 2 at the least
        ({"A": 0, "B": 1, "C": None}, {"A": 1, "B": 2, "C": 0}, (True, None, None)),  # C may have 0 in both
        ({"A": 1, "B": 0, "C": None}, {"A": 1, "B": 0, "C": 2}, (True, False, False)),  # whatever C has, B is better
        ({"A": 0, "B": 1, "C": None}, {"A": 1, "B": 0, "C": 1}, (True, True, False)),  # B wins their tie
    ],
)
def test_a_number_missing_in_a_list_that_was_sent(offer, answer, said) -> None:
    assert judge("A", MIN_SUM, offer, answer, sent=True)[:3] == said
