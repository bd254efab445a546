# SPDX-License-Identifier: GPL-2.0-only
"""The closed forms for unknown lists, against enumeration of every list over small sets."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.completions import certain_selection, judge_choice
from analyzer.negotiation.selection import dominated_by, select

RULES = (*COMPUTED_RULES, SelectionRule.ANY_COMMON, SelectionRule.SINGLE)
STRENGTH = {"A": 3, "B": 1, "C": 2}
NUMBERS = range(8)  # past every number of the initiator's lists below, and twice that

OFFERS = st.dictionaries(st.sampled_from("ABC"), st.integers(0, 3), min_size=1, max_size=3)


def answers(chosen, initiator, responder, rule):
    """The three answers for one complete pair of lists, by definition."""
    mutual = chosen in initiator and chosen in responder
    undominated = not dominated_by(chosen, initiator, responder)
    won = mutual if rule not in COMPUTED_RULES else select(initiator, responder, rule, STRENGTH).winner == chosen
    return mutual, undominated, won


def certain(chosen, initiator, responder, rule):
    return certain_selection(chosen, initiator, responder, rule, STRENGTH, responder_sent=False).winner


def agreed(values):
    """The value that all share, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def all_responders(chosen, initiator):
    """Every list over the offered capabilities (None: not supported) that supports the choice."""
    others = [name for name in initiator if name != chosen]
    for numbers in product((None, *NUMBERS), repeat=len(others)):
        base = {name: number for name, number in zip(others, numbers, strict=True) if number is not None}
        for own in NUMBERS:
            yield {**base, chosen: own}


@settings(deadline=None, max_examples=60)
@given(OFFERS, st.sampled_from("ABC"), st.sampled_from(RULES))
def test_nothing_known_of_the_responder(initiator, chosen, rule) -> None:
    got = judge_choice(chosen, initiator, None, rule, STRENGTH, responder_sent=False)
    table = [answers(chosen, initiator, responder, rule) for responder in all_responders(chosen, initiator)]
    mutual, undominated, won = (agreed(column) for column in zip(*table, strict=True))
    assert got.mutual is mutual
    assert got.winner is won
    if mutual:
        assert got.undominated is undominated
    for computed in COMPUTED_RULES:
        winners = [select(initiator, r, computed, STRENGTH).winner for r in all_responders(chosen, initiator)]
        assert certain(chosen, initiator, None, computed) == agreed(winners)


@settings(deadline=None)
@given(OFFERS, OFFERS, st.sampled_from("ABC"), st.sampled_from(RULES))
def test_a_list_from_elsewhere_without_the_choice(initiator, known, chosen, rule) -> None:
    got = judge_choice(chosen, initiator, known, rule, STRENGTH, responder_sent=False)
    completions = [known] if chosen in known else [{**known, chosen: own} for own in NUMBERS]
    table = [answers(chosen, initiator, responder, rule) for responder in completions]
    mutual, undominated, won = (agreed(column) for column in zip(*table, strict=True))
    assert got.mutual is mutual
    assert got.winner is won
    if mutual:
        assert got.undominated is undominated
        for computed in COMPUTED_RULES:
            winners = [select(initiator, responder, computed, STRENGTH).winner for responder in completions]
            assert certain(chosen, initiator, known, computed) == agreed(winners)


@given(OFFERS, OFFERS, st.sampled_from("ABC"), st.sampled_from(RULES))
def test_both_lists_on_the_wire(initiator, responder, chosen, rule) -> None:
    got = judge_choice(chosen, initiator, responder, rule, STRENGTH, responder_sent=True)
    mutual, undominated, won = answers(chosen, initiator, responder, rule)
    assert (got.mutual, got.winner) == (mutual, won)
    if mutual:
        assert got.undominated is undominated


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from("ABC"), st.none() | st.integers(0, 2), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from("ABC"), st.none() | st.integers(0, 2), min_size=1, max_size=3),
    st.sampled_from("ABC"),
    st.sampled_from(COMPUTED_RULES),
)
def test_numbers_that_were_not_told_are_free(initiator, responder, chosen, rule) -> None:
    """What is claimed with numbers missing holds for every way of filling them in."""
    got = judge_choice(chosen, initiator, responder, rule, STRENGTH, responder_sent=True)
    if not got.mutual:
        return
    table = [answers(chosen, own, peer, rule) for own in filled(initiator) for peer in filled(responder)]
    _, undominated, won = (agreed(column) for column in zip(*table, strict=True))
    assert got.undominated in (None, undominated)
    assert got.winner in (None, won)


def filled(priorities):
    """Every way of giving numbers to those that have none."""
    names = list(priorities)
    for numbers in product(*((range(4) if priorities[name] is None else (priorities[name],)) for name in names)):
        yield dict(zip(names, numbers, strict=True))


def test_sdes_as_the_page_of_verdicts_says() -> None:
    offer = {"CM_80": 0, "CM_32": 1}
    rule = SelectionRule.INITIATOR_FIRST
    assert judge_choice("CM_80", offer, None, rule, {}, responder_sent=False).winner is True
    assert judge_choice("CM_32", offer, None, rule, {}, responder_sent=False).winner is None
    assert judge_choice("F8", offer, None, rule, {}, responder_sent=False).mutual is False
    assert judge_choice("CM_32", offer, {"CM_80": 0}, rule, {}, responder_sent=False).winner is False
    assert judge_choice("CM_32", offer, {"CM_32": 0}, rule, {}, responder_sent=False).winner is True


def test_repeated_lines_without_the_list_of_the_responder_are_open() -> None:
    offer = {"MIKEY-PSK": 0, "MIKEY-PKE": 1}
    got = judge_choice("MIKEY-PSK", offer, None, SelectionRule.MIN_SUM, {}, responder_sent=False)
    assert got[:3] == (True, True, None)
