# SPDX-License-Identifier: GPL-2.0-only
"""The properties of each selection rule, proved by search or refuted by a counterexample that search finds too.

`docs/selection-rules.md` says the same in words; a test holds the two together.
"""

import re
from collections.abc import Callable, Iterator
from itertools import permutations, product
from pathlib import Path

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.selection import dominated_by, select

MIN_SUM, RESPONDER_FIRST, INITIATOR_FIRST, MIN_MAX = COMPUTED_RULES
NAMES = "ABCD"
STRENGTH = {"A": 4, "B": 3, "C": 2, "D": 1}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "selection-rules.md"
Lists = dict[str, int]
Property = Callable[[SelectionRule, Lists, Lists], bool]

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


ALL = frozenset(COMPUTED_RULES)
FIRST = frozenset({INITIATOR_FIRST, RESPONDER_FIRST})
FAIR = frozenset({MIN_SUM, MIN_MAX})
# Property, the lists it is asked of, the rules that have it.
PROPERTIES: dict[str, tuple[Property, st.SearchStrategy[Lists], frozenset[SelectionRule]]] = {
    "totality": (is_total, RAW, ALL),
    "symmetry": (is_symmetric, STRICT, frozenset()),
    "symmetry up to ties": (is_symmetric_up_to_ties, STRICT, FAIR),
    "Pareto optimality, strict lists": (is_pareto_optimal, STRICT, ALL),
    "Pareto optimality, shared numbers": (is_pareto_optimal, RAW, frozenset({MIN_SUM, INITIATOR_FIRST})),
    "independence, written numbers": (is_independent, RAW, ALL),
    "independence, positions": (is_independent_by_position, STRICT, FIRST),
    "monotonicity": (is_monotonic, RAW, ALL),
    "initiator can't manipulate by numbers": (initiator_gains_nothing_by_numbers, STRICT, FIRST),
    "responder can't manipulate by numbers": (responder_gains_nothing_by_numbers, STRICT, FIRST),
    "initiator can't manipulate by omission": (
        initiator_gains_nothing_by_omission, STRICT, frozenset({INITIATOR_FIRST})
    ),
    "responder can't manipulate by omission": (
        responder_gains_nothing_by_omission, STRICT, frozenset({RESPONDER_FIRST})
    ),
}  # fmt: skip
CASES = [pytest.param(name, rule, id=f"{name}: {rule}") for name in PROPERTIES for rule in COMPUTED_RULES]


def _decide(name: str, rule: SelectionRule, examples: int) -> None:
    """A proved property holds on every example; of a refuted one a counterexample is found."""
    holds, lists, having = PROPERTIES[name]
    if rule in having:

        @settings(max_examples=examples, deadline=None, database=None)
        @given(lists, lists)
        def prove(initiator: Lists, responder: Lists) -> None:
            assert holds(rule, initiator, responder)

        prove()
        return
    settings_ = settings(max_examples=5_000, deadline=None, database=None)
    pair = find(st.tuples(lists, lists), lambda found: not holds(rule, *found), settings=settings_)
    assert not holds(rule, *pair)


@pytest.mark.parametrize(("name", "rule"), CASES)
def test_property(name: str, rule: SelectionRule) -> None:
    _decide(name, rule, 40)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "rule"), CASES)
def test_property_in_full(name: str, rule: SelectionRule) -> None:
    """Hypothesis with many examples; and of strict lists every pair over three capabilities."""
    _decide(name, rule, 3_000)
    holds, lists, having = PROPERTIES[name]
    if lists is STRICT and rule in having:
        orders = [order for size in (1, 2, 3) for order in permutations("ABC", size)]
        every = [{capability: place for place, capability in enumerate(order)} for order in orders]
        assert all(holds(rule, one, other) for one in every for other in every)


def test_the_search_can_come_back_empty() -> None:
    """What refutes must be able to fail: there is no counterexample to a property that holds."""
    with pytest.raises(NoSuchExample):
        find(st.tuples(RAW, RAW), lambda found: not is_total(MIN_SUM, *found), settings=settings(max_examples=200))


@pytest.mark.parametrize("rule", COMPUTED_RULES)
def test_the_first_rules_are_mirrors(rule: SelectionRule) -> None:
    mirror = {RESPONDER_FIRST: INITIATOR_FIRST, INITIATOR_FIRST: RESPONDER_FIRST}.get(rule)
    for one, other in product(permutations("ABC"), repeat=2):
        lists = [{name: place for place, name in enumerate(order)} for order in (one, other)]
        if mirror is not None:
            assert winner(rule, *lists) == winner(mirror, *reversed(lists))


def test_the_page_says_what_is_proved_here() -> None:
    row = re.compile(r"^\| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \| (yes|no) \|", re.MULTILINE)
    said = {name: tuple(cell == "yes" for cell in cells) for name, *cells in row.findall(PAGE.read_text())}
    proved = {name: tuple(rule in having for rule in COMPUTED_RULES) for name, (_, _, having) in PROPERTIES.items()}
    assert said == proved
