# SPDX-License-Identifier: GPL-2.0-only
"""The properties of each selection rule, proved by search or refuted by a counterexample.

Together they tell the rules apart: whatever other formula a rule is given breaks a property that it has.
`docs/selection-rules.md` says the same in words; a test holds the two together.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.selection import SCORES, dominated_by, select

MIN_SUM, RESPONDER_FIRST, INITIATOR_FIRST, MIN_MAX = COMPUTED_RULES
NAMES = "ABCD"
STRENGTH = {"A": 4, "B": 3, "C": 2, "D": 1}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "selection-rules.md"
Lists = dict[str, int]
Pair = tuple[Lists, Lists]
Holds = Callable[[SelectionRule, Lists, Lists], bool]

RAW = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 9), min_size=1)  # gaps and shared numbers
STRICT = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(
    lambda names: {name: place for place, name in enumerate(names)}
)


def winner(rule: SelectionRule, initiator: Lists, responder: Lists) -> str | None:
    return select(initiator, responder, rule, STRENGTH).winner


def is_total(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """There is a winner exactly where something is common."""
    return (winner(rule, initiator, responder) is None) == initiator.keys().isdisjoint(responder)


def is_symmetric(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Who calls whom makes no difference."""
    return winner(rule, initiator, responder) == winner(rule, responder, initiator)


def is_symmetric_up_to_ties(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Who calls whom makes no difference to the set of those with the best score."""
    best = []
    for one, other in ((initiator, responder), (responder, initiator)):
        scores = select(one, other, rule, STRENGTH).scores
        best.append({name for name, score in scores if score == scores[0][1]})
    return best[0] == best[1]


def is_pareto_optimal(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Nothing common is at least as good for both sides and better for one."""
    found = winner(rule, initiator, responder)
    return found is None or not dominated_by(found, initiator, responder)


def is_independent(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Taking out a capability that does not win changes no winner, where the numbers of the others stay."""
    found = winner(rule, initiator, responder)
    return all(
        winner(rule, _without(initiator, name), _without(responder, name)) == found
        for name in (initiator.keys() | responder.keys()) - {found}
    )


def is_independent_by_position(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """The same where the numbers are places: what stands behind moves up."""
    found = winner(rule, _ranked(initiator), _ranked(responder))
    return all(
        winner(rule, _ranked(_without(initiator, name)), _ranked(_without(responder, name))) == found
        for name in (initiator.keys() | responder.keys()) - {found}
    )


def is_monotonic(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """What wins still wins when a side likes it better."""
    found = winner(rule, initiator, responder)
    if found is None:
        return True
    better_own = {**initiator, found: max(0, initiator[found] - 1)}
    better_peer = {**responder, found: max(0, responder[found] - 1)}
    return winner(rule, better_own, responder) == found == winner(rule, initiator, better_peer)


def initiator_gains_nothing_by_numbers(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """No other numbers for the same capabilities bring the initiator what it likes better."""
    return not any(_gains(rule, initiator, responder, told, 0) for told in _renumbered(initiator))


def responder_gains_nothing_by_numbers(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """No other numbers for the same capabilities bring the responder what it likes better."""
    return not any(_gains(rule, initiator, responder, told, 1) for told in _renumbered(responder))


def initiator_gains_nothing_by_omission(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Keeping back a capability does not bring the initiator what it likes better."""
    return not any(_gains(rule, initiator, responder, told, 0) for told in _omitted(initiator))


def responder_gains_nothing_by_omission(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Keeping back a capability does not bring the responder what it likes better."""
    return not any(_gains(rule, initiator, responder, told, 1) for told in _omitted(responder))


def no_change_gains_more_than_it_costs(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """What another choice gains one side costs the other as much or more."""
    found = winner(rule, initiator, responder)
    return found is None or all(
        initiator[found] - initiator[name] <= responder[name] - responder[found]
        for name in initiator.keys() & responder.keys()
    )


def nobody_fares_worse_than_need_be(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """No other choice is better for both sides than this one for the side that fares worse."""
    found = winner(rule, initiator, responder)
    if found is None:
        return True
    worse = max(initiator[found], responder[found])
    common = initiator.keys() & responder.keys()
    return not any(initiator[name] < worse and responder[name] < worse for name in common)


def initiator_has_its_favourite(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Of what is common the initiator likes nothing better."""
    found = winner(rule, initiator, responder)
    return found is None or all(initiator[found] <= initiator[name] for name in initiator.keys() & responder.keys())


def responder_has_its_favourite(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Of what is common the responder likes nothing better."""
    found = winner(rule, initiator, responder)
    return found is None or all(responder[found] <= responder[name] for name in initiator.keys() & responder.keys())


def breaks_ties_for_the_responder(rule: SelectionRule, initiator: Lists, responder: Lists) -> bool:
    """Of those with the best score the responder likes the winner best; then it is the strongest."""
    scores = select(initiator, responder, rule, STRENGTH).scores
    tied = [name for name, score in scores if score == scores[0][1]]
    return winner(rule, initiator, responder) == min(
        tied, key=lambda name: (responder[name], -STRENGTH[name]), default=None
    )


def _without(lists: Lists, name: str) -> Lists:
    return {one: number for one, number in lists.items() if one != name}


def _ranked(lists: Lists) -> Lists:
    return {name: place for place, name in enumerate(sorted(lists, key=lambda name: (lists[name], name)))}


def _renumbered(lists: Lists) -> Iterator[Lists]:
    for numbers in product((0, 1, 2, 5, 9), repeat=len(lists)):
        if len(set(numbers)) == len(numbers):
            yield dict(zip(lists, numbers, strict=True))


def _omitted(lists: Lists) -> Iterator[Lists]:
    yield from (_without(lists, name) for name in lists if len(lists) > 1)


def _gains(rule: SelectionRule, initiator: Lists, responder: Lists, told: Lists, side: int) -> bool:
    honest = winner(rule, initiator, responder)
    pair = (told, responder) if side == 0 else (initiator, told)
    other, own = winner(rule, *pair), (initiator, responder)[side]
    return honest is not None and other is not None and own[other] < own[honest]


class Property(NamedTuple):
    """A property, the lists it is asked of, and of each rule that has it not a counterexample: initiator; responder."""

    holds: Holds
    lists: st.SearchStrategy[Lists]
    refuted: dict[SelectionRule, str]

    def is_of(self, rule: SelectionRule) -> bool:
        return rule not in self.refuted


OPPOSED = "A0 B1; B0 A1"
UNEQUAL = "A0 B1 C2; A1 C0"
PROPERTIES = {
    "totality": Property(is_total, RAW, {}),
    "ties go to the responder, then to strength": Property(breaks_ties_for_the_responder, RAW, {}),
    "symmetry": Property(is_symmetric, STRICT, dict.fromkeys(COMPUTED_RULES, OPPOSED)),
    "symmetry up to ties": Property(
        is_symmetric_up_to_ties, STRICT, dict.fromkeys((RESPONDER_FIRST, INITIATOR_FIRST), OPPOSED)
    ),
    "Pareto optimality, strict lists": Property(is_pareto_optimal, STRICT, {}),
    "Pareto optimality, shared numbers": Property(
        is_pareto_optimal, RAW, {RESPONDER_FIRST: "A1 B0; A0 B0", MIN_MAX: "A1 B0; A1 B1"}
    ),
    "independence, written numbers": Property(is_independent, RAW, {}),
    "independence, positions": Property(
        is_independent_by_position, STRICT, {MIN_SUM: UNEQUAL, MIN_MAX: "A0 B1 C2; B1 C0"}
    ),
    "monotonicity": Property(is_monotonic, RAW, {}),
    "initiator can't manipulate by numbers": Property(
        initiator_gains_nothing_by_numbers, STRICT, dict.fromkeys((MIN_SUM, MIN_MAX), OPPOSED)
    ),
    "responder can't manipulate by numbers": Property(
        responder_gains_nothing_by_numbers, STRICT, {MIN_SUM: UNEQUAL, MIN_MAX: "A0 B1 C2; B1 C0"}
    ),
    "initiator can't manipulate by omission": Property(
        initiator_gains_nothing_by_omission, STRICT, dict.fromkeys((MIN_SUM, RESPONDER_FIRST, MIN_MAX), OPPOSED)
    ),
    "responder can't manipulate by omission": Property(
        responder_gains_nothing_by_omission,
        STRICT,
        {MIN_SUM: UNEQUAL, INITIATOR_FIRST: OPPOSED, MIN_MAX: "A0 B1 C2; B1 C0"},
    ),
    "no change gains one side more than it costs the other": Property(
        no_change_gains_more_than_it_costs,
        RAW,
        {RESPONDER_FIRST: "A1 B0; A0 B0", INITIATOR_FIRST: "A0 B1; A2 B0", MIN_MAX: "A1 B0; A1 B1"},
    ),
    "the side that fares worse can't fare better": Property(
        nobody_fares_worse_than_need_be,
        RAW,
        {MIN_SUM: "A1 B2; A1 B0", RESPONDER_FIRST: "A1 B0; A0 B0", INITIATOR_FIRST: "A0 B1; A2 B0"},
    ),
    "the initiator has its favourite": Property(
        initiator_has_its_favourite, RAW, {MIN_SUM: OPPOSED, RESPONDER_FIRST: "A1 B0; A0 B0", MIN_MAX: OPPOSED}
    ),
    "the responder has its favourite": Property(
        responder_has_its_favourite,
        RAW,
        {MIN_SUM: "A0 B2; A1 B0", INITIATOR_FIRST: OPPOSED, MIN_MAX: "A0 B2; A1 B0"},
    ),
}
CASES = [
    pytest.param(name, rule, id=f"{name}: {rule}")
    for name, one in PROPERTIES.items()
    for rule in COMPUTED_RULES
    if one.is_of(rule)
]
FORMULAS: dict[str, Callable[[int, int], int]] = {
    "sum": lambda one, other: one + other,
    "responder's": lambda _one, other: other,
    "initiator's": lambda one, _other: one,
    "greater": max,
    "smaller": min,
    "product": lambda one, other: one * other,
    "difference": lambda one, other: abs(one - other),
    "initiator's twice": lambda one, other: 2 * one + other,
    "responder's twice": lambda one, other: one + 2 * other,
    "greater, then smaller": lambda one, other: 10 * max(one, other) + min(one, other),
    "negative sum": lambda one, other: -one - other,
    "no": lambda _one, _other: 0,
}


def read_pair(text: str) -> Pair:
    """Lists as the page writes them: `A0 B1; B0 A1`."""
    initiator, responder = ({word[0]: int(word[1:]) for word in lists.split()} for lists in text.split(";"))
    return initiator, responder


@cache
def every_pair() -> list[Pair]:
    """All pairs of lists over few capabilities and numbers, shared and skipped numbers included."""
    pairs = []
    for names, numbers in (("ABC", range(3)), ("AB", range(5))):
        entries = product((None, *numbers), repeat=len(names))
        lists = [{n: p for n, p in zip(names, one, strict=True) if p is not None} for one in entries]
        pairs += product(filter(None, lists), repeat=2)
    return pairs


@cache
def strict_pairs() -> list[Pair]:
    """Those in which every number from 0 on stands once."""
    return [pair for pair in every_pair() if all(sorted(one.values()) == list(range(len(one))) for one in pair)]


def first_counterexample(one: Property, rule: SelectionRule) -> Pair | None:
    """Of all pairs over three capabilities with numbers from 0 to 2, and over two with numbers from 0 to 4."""
    pairs = strict_pairs() if one.lists is STRICT else every_pair()
    return next((pair for pair in pairs if not one.holds(rule, *pair)), None)


def prove(one: Property, rule: SelectionRule, examples: int) -> None:
    @settings(max_examples=examples, database=None)
    @given(one.lists, one.lists)
    def search(initiator: Lists, responder: Lists) -> None:
        assert one.holds(rule, initiator, responder)

    search()


@pytest.mark.parametrize(("name", "rule"), CASES)
def test_a_property_holds(name: str, rule: SelectionRule) -> None:
    """Of every pair over few capabilities, and of examples over four with greater numbers."""
    assert first_counterexample(PROPERTIES[name], rule) is None
    prove(PROPERTIES[name], rule, 40)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "rule"), CASES)
def test_a_property_holds_in_full(name: str, rule: SelectionRule) -> None:
    prove(PROPERTIES[name], rule, 3_000)
    if PROPERTIES[name].lists is STRICT:
        orders = [order for size in (1, 2, 3, 4) for order in permutations(NAMES, size)]
        every = [{capability: place for place, capability in enumerate(order)} for order in orders]
        assert all(PROPERTIES[name].holds(rule, one, other) for one in every for other in every)


@pytest.mark.parametrize(
    ("name", "rule", "pair"),
    [(name, *refuted) for name, one in PROPERTIES.items() for refuted in one.refuted.items()],
)
def test_a_counterexample_refutes_a_property(name: str, rule: SelectionRule, pair: str) -> None:
    assert not PROPERTIES[name].holds(rule, *read_pair(pair))


@pytest.mark.parametrize("rule", COMPUTED_RULES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_no_other_formula_has_the_properties_of_a_rule(monkeypatch, rule: SelectionRule, formula: str) -> None:
    """A property that the rule has is lost, or one that it has not is won."""
    own = SCORES[rule]
    monkeypatch.setitem(SCORES, rule, FORMULAS[formula])
    broken = any(one.is_of(rule) and first_counterexample(one, rule) is not None for one in PROPERTIES.values())
    kept = all(not one.holds(rule, *read_pair(one.refuted[rule])) for one in PROPERTIES.values() if not one.is_of(rule))
    assert (kept and not broken) is all(
        FORMULAS[formula](*numbers) == own(*numbers) for numbers in product(range(5), repeat=2)
    )


@pytest.mark.parametrize("rule", COMPUTED_RULES)
def test_the_first_rules_are_mirrors(rule: SelectionRule) -> None:
    mirror = {RESPONDER_FIRST: INITIATOR_FIRST, INITIATOR_FIRST: RESPONDER_FIRST}.get(rule)
    for one, other in product(permutations("ABC"), repeat=2):
        lists = [{name: place for place, name in enumerate(order)} for order in (one, other)]
        if mirror is not None:
            assert winner(rule, *lists) == winner(mirror, *reversed(lists))


def test_the_page_says_what_is_proved_here() -> None:
    row = re.compile(r"^\| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \| ([^|]+) \|", re.MULTILINE)
    rows = {name: ([cell == "yes" for cell in cells], why) for name, *cells, why in row.findall(PAGE.read_text())}
    assert rows.keys() == PROPERTIES.keys()
    for name, one in PROPERTIES.items():
        said, why = rows[name]
        assert said == [one.is_of(rule) for rule in COMPUTED_RULES]
        assert [pair for pair in one.refuted.values() if pair not in why] == []
