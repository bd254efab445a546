# SPDX-License-Identifier: GPL-2.0-only
"""The selection rules against the paper's Table 4 and the cases that tell the rules apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.selection import dominated_by, read_priorities, select

MIN_SUM, RESPONDER_FIRST, INITIATOR_FIRST, MIN_MAX = COMPUTED_RULES
STRENGTH = {"DHHMAC": 4, "DH": 3, "PKE": 2, "PSK": 1}

# (name, initiator, responder, {rule: (winner after the tie-break, tied before it)})
CASES = [
    (
        "Table 4, key agreements",
        {"PSK": 0, "PKE": 1, "DH": 2},
        {"PKE": 0, "DH": 1, "PSK": 2},
        {MIN_SUM: ("PKE", ()), RESPONDER_FIRST: ("PKE", ()), INITIATOR_FIRST: ("PSK", ()), MIN_MAX: ("PKE", ())},
    ),
    (
        "Table 4, suites",
        {"AES_CM_128_HMAC_SHA1_80": 0, "AES_CM_128_HMAC_SHA1_32": 1},
        {"AES_CM_128_HMAC_SHA1_32": 0, "F8_128_HMAC_SHA1_80": 1},
        dict.fromkeys(COMPUTED_RULES, ("AES_CM_128_HMAC_SHA1_32", ())),
    ),
    (
        "T1",
        {"PSK": 0, "PKE": 1, "DH": 2},
        {"DH": 0, "PSK": 1, "PKE": 2},
        {MIN_SUM: ("PSK", ()), RESPONDER_FIRST: ("DH", ()), INITIATOR_FIRST: ("PSK", ()), MIN_MAX: ("PSK", ())},
    ),
    (
        "T2: a tie of two",
        {"PSK": 0, "PKE": 1},
        {"PKE": 0, "PSK": 1},
        {
            MIN_SUM: ("PKE", ("PKE", "PSK")),
            RESPONDER_FIRST: ("PKE", ()),
            INITIATOR_FIRST: ("PSK", ()),
            MIN_MAX: ("PKE", ("PKE", "PSK")),
        },
    ),
    (
        "T3: all tie",
        {"PSK": 0, "PKE": 1, "DH": 2, "DHHMAC": 3},
        {"DHHMAC": 0, "DH": 1, "PKE": 2, "PSK": 3},
        {
            MIN_SUM: ("DHHMAC", ("DHHMAC", "DH", "PKE", "PSK")),
            RESPONDER_FIRST: ("DHHMAC", ()),
            INITIATOR_FIRST: ("PSK", ()),
            MIN_MAX: ("DH", ("DH", "PKE")),
        },
    ),
    (
        "T4: holes, numbers not re-ranked",
        {"X": 0, "PSK": 1, "PKE": 2},
        {"PKE": 0, "Y": 1, "PSK": 2},
        {
            MIN_SUM: ("PKE", ()),
            RESPONDER_FIRST: ("PKE", ()),
            INITIATOR_FIRST: ("PSK", ()),
            MIN_MAX: ("PKE", ("PKE", "PSK")),
        },
    ),
    (
        "T5: gaps",
        {"PSK": 0, "DH": 10},
        {"DH": 0, "PSK": 5},
        {MIN_SUM: ("PSK", ()), RESPONDER_FIRST: ("DH", ()), INITIATOR_FIRST: ("PSK", ()), MIN_MAX: ("PSK", ())},
    ),
    ("T6: nothing common", {"CM80": 0}, {"F8": 0}, dict.fromkeys(COMPUTED_RULES, (None, ()))),
]


@pytest.mark.parametrize(
    ("initiator", "responder", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
@pytest.mark.parametrize("rule", COMPUTED_RULES)
def test_winner_and_tie(initiator, responder, expected, rule: SelectionRule) -> None:
    selection = select(initiator, responder, rule, STRENGTH)
    assert (selection.winner, selection.tie) == expected[rule]


def test_scores_of_table_4() -> None:
    scores = select({"PSK": 0, "PKE": 1, "DH": 2}, {"PKE": 0, "DH": 1, "PSK": 2}, MIN_SUM, STRENGTH).scores
    assert scores == (("PKE", 1), ("PSK", 2), ("DH", 3))


def test_strength_breaks_what_the_responder_number_leaves_tied() -> None:
    same = {"PSK": 0, "DH": 0}
    assert select(same, same, MIN_SUM, STRENGTH).winner == "DH"
    assert select(same, same, MIN_SUM, {}).winner == "DH"  # and the name, so that the order is total


def test_dominance_in_table_4() -> None:
    initiator, responder = CASES[0][1], CASES[0][2]
    assert dominated_by("DH", initiator, responder) == ("PKE",)
    assert dominated_by("PSK", initiator, responder) == ()
    assert dominated_by("PKE", initiator, responder) == ()
    assert dominated_by("SAKKE", initiator, responder) == ()


def test_defects_of_lists() -> None:
    priorities, defects = read_priorities([("A", 0), ("B", -1), ("A", 2), ("C", 1), ("C", 1)])
    assert priorities == {"A": None, "B": None, "C": 1}
    assert [defect.code for defect in defects] == ["priority-negative", "priority-repeated"]


LISTS = st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 6), max_size=5)


@given(LISTS, LISTS, st.sampled_from(COMPUTED_RULES))
def test_a_winner_is_common_and_never_dominated_under_min_sum(initiator, responder, rule) -> None:
    selection = select(initiator, responder, rule, STRENGTH)
    common = initiator.keys() & responder.keys()
    assert (selection.winner is None) == (not common)
    if common:
        assert selection.winner in common
        assert not selection.tie or selection.winner == selection.tie[0]
        assert [score for _, score in selection.scores] == sorted(score for _, score in selection.scores)
        if rule is MIN_SUM:
            assert dominated_by(selection.winner, initiator, responder) == ()
