# SPDX-License-Identifier: GPL-2.0-only
"""Lists that are learnt elsewhere: their rank, their age, and what they decide."""

from dataclasses import replace

import pytest
from counted_work import functions_called
from scenes import CM_32, CM_80, F8, POLICY, Scene, crypto, message, session

from analyzer.model.call import Resolution, Side
from analyzer.model.evidence import SignallingMessage
from analyzer.model.negotiation import CapabilityKind, Carrier, ListOrigin, Method, Preference, SelectionRule
from analyzer.negotiation.completions import Evidence, judge_choice
from analyzer.negotiation.inventory import Endpoint, Inventory
from analyzer.negotiation.knowledge import Knowledge, build_observations
from analyzer.negotiation.negotiate import negotiate
from dissectors.grammar.sip import make_sip

SECOND = 1_000_000_000
LATER_LINE = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(2, CM_32)), start_ns=60 * SECOND)


def options_answer(*attributes: str, time_ns: int = 0, status: str = "200 OK") -> SignallingMessage:
    body = ("\r\n".join(session(*attributes, port=0)) + "\r\n").encode()
    headers = [("To", "<sip:bob@example.com>"), ("CSeq", "7 OPTIONS"), ("Content-Type", "application/sdp")]
    sip = make_sip(f"SIP/2.0 {status}", headers, body)
    return SignallingMessage(0, 99, time_ns, "192.0.2.2:5060", "192.0.2.1:5060", "UDP", sip)


def judged(scene: Scene, *calls: Scene, outside: tuple[SignallingMessage, ...] = ()):
    observed = build_observations([scene.call, *(one.call for one in calls)], outside)
    return scene.negotiate(knowledge=Knowledge(observed=lambda: observed))


def learnt(found) -> list[tuple[ListOrigin, int, float | None, bool]]:
    sources = [one for one in found.all_sources() if one.side is Side.ANSWERER and one.kind is CapabilityKind.SUITE]
    return [(one.origin, one.rank, None if one.age_ns is None else one.age_ns / SECOND, one.used) for one in sources]


def test_an_answer_to_options_tells_what_the_answer_leaves_open() -> None:
    both = judged(LATER_LINE, outside=(options_answer(crypto(1, CM_80), crypto(2, CM_32), time_ns=50 * SECOND),))
    assert (both.undominated.holds, both.winner.holds) == (False, False)
    assert learnt(both) == [(ListOrigin.OPTIONS, 5, 10.0, True)]
    assert both.sources[-1].ref == (0, 99)
    alone = judged(LATER_LINE, outside=(options_answer(crypto(1, CM_32)),))
    assert (alone.undominated.holds, alone.winner.holds) == (True, True)


@pytest.mark.parametrize("answer", [options_answer(), options_answer(crypto(1, CM_80), status="486 Busy")])
def test_an_answer_that_describes_nothing_proves_nothing(answer) -> None:
    assert judged(LATER_LINE, outside=(answer,)).winner.holds is None


def test_what_was_accepted_elsewhere_proves_support_and_is_no_list() -> None:
    other = Scene(session(crypto(1, CM_80)), session(crypto(1, CM_80)), start_ns=90 * SECOND, frame=11)
    found = judged(LATER_LINE, other)
    assert found.winner.holds is False
    assert found.undominated.holds is None
    assert found.answer_preferences is None
    assert learnt(found) == [(ListOrigin.OTHER_ANSWER, 7, -30.0, True)]
    assert dict(found.winners)[SelectionRule.INITIATOR_FIRST].suite == CM_80
    third = Scene(session(crypto(1, F8), crypto(2, CM_80), crypto(3, CM_32)), session(crypto(2, CM_80)))
    assert judged(third, Scene(session(crypto(1, CM_32)), session(crypto(1, CM_32)), frame=11)).winner.holds is None


def test_the_best_evidence_counts_and_the_rest_is_shown() -> None:
    own = Scene(session(crypto(1, CM_32)), None, swapped=True, start_ns=30 * SECOND, frame=11)
    older = Scene(session(crypto(1, F8)), None, swapped=True, frame=21)
    other = Scene(session(crypto(1, CM_32)), session(crypto(1, CM_32)), frame=31)
    found = judged(LATER_LINE, older, own, other, outside=(options_answer(crypto(1, CM_80)),))
    assert found.winner.holds is True
    assert learnt(found) == [
        (ListOrigin.OWN_OFFER, 4, 30.0, True),
        (ListOrigin.OPTIONS, 5, 60.0, False),
        (ListOrigin.OTHER_ANSWER, 7, 60.0, False),
    ]


def test_what_was_accepted_elsewhere_counts_against_a_list_from_elsewhere() -> None:
    own = Scene(session(crypto(1, CM_32)), None, swapped=True, start_ns=30 * SECOND, frame=11)
    accepted = Scene(session(crypto(1, CM_80)), session(crypto(1, CM_80)), frame=31)
    found = judged(LATER_LINE, own, accepted)
    assert (found.winner.holds, found.undominated.holds) == (False, None)
    assert learnt(found) == [(ListOrigin.OWN_OFFER, 4, 30.0, True), (ListOrigin.OTHER_ANSWER, 7, 60.0, True)]
    listed = Preference(CapabilityKind.SUITE, CM_32, 0, Carrier.INVENTORY, True, None)
    inventory = Inventory((Endpoint("sip:bob@example.com", (listed,)),))
    observed = build_observations([accepted.call])
    against = LATER_LINE.negotiate(knowledge=Knowledge(inventory, lambda: observed))
    assert (against.winner.holds, learnt(against)[-1]) == (False, (ListOrigin.OTHER_ANSWER, 7, 60.0, True))
    alone = LATER_LINE.negotiate(knowledge=Knowledge(inventory))
    assert (alone.winner.holds, alone.undominated.holds) == (True, True)


FIRST_LINE = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(1, CM_80)), start_ns=60 * SECOND)


def test_lists_that_could_change_nothing_are_shown_all_the_same() -> None:
    own = Scene(session(crypto(1, CM_32), crypto(2, F8)), None, swapped=True, start_ns=30 * SECOND, frame=11)
    other = Scene(session(crypto(1, CM_32)), session(crypto(1, CM_32)), start_ns=70 * SECOND, frame=21)
    for _ in range(2):  # the second time from what is remembered of such lines
        found = judged(FIRST_LINE, own, other)
        assert (found.winner.holds, found.answer_preferences) == (True, None)
        assert learnt(found) == [(ListOrigin.OWN_OFFER, 4, 30.0, False), (ListOrigin.OTHER_ANSWER, 7, -10.0, False)]
        assert {one.kind for one in found.all_sources() if one.origin is ListOrigin.OWN_OFFER} == set(CapabilityKind)
    assert learnt(judged(FIRST_LINE)) == []


def test_such_lists_are_looked_up_when_somebody_shows_them() -> None:
    def refuse() -> None:
        raise AssertionError

    FIRST_LINE.negotiate(knowledge=Knowledge(observed=refuse))


def test_many_answers_of_one_endpoint_cost_each_of_its_lines_little() -> None:
    def cost(calls: int) -> int:
        scenes = [replace(FIRST_LINE, frame=11 * each, start_ns=each * SECOND) for each in range(1, calls + 1)]
        observed = build_observations([one.call for one in scenes])
        lines = [one.negotiate(knowledge=Knowledge(observed=lambda: observed)) for one in scenes]
        return functions_called(lambda: [line.all_sources() for line in lines])

    assert cost(400) < 5 * cost(100)


def test_a_refusal_in_another_call_counts() -> None:
    refusing = ("\r\n".join(session(message(6, (CM_32,)))) + "\r\n").encode()
    sip = make_sip("SIP/2.0 488 Not Acceptable Here", [("Content-Type", "application/sdp")], refusing)
    final = SignallingMessage(0, 5, 5, "192.0.2.2:5060", "192.0.2.1:5060", "UDP", sip)
    scene = Scene(session(message(0, (CM_80, CM_32))), session(message(1, (CM_32,))), start_ns=5 * SECOND, frame=11)
    first = Scene(session(message(0, (CM_80,))), None, resolution=Resolution.REJECTED)
    line = replace(first.line, exchange=first.line.exchange._replace(final=final))
    call = replace(first.call, exchanges=(line.exchange,), media=(line,))
    knowledge = Knowledge(observed=lambda: build_observations([call]))
    found = negotiate(scene.line, scene.keying, POLICY, knowledge, scene.call)
    assert (ListOrigin.OTHER_REFUSAL, 6, 5.0, True) in learnt(found)
    assert {one.name for one in found.answer_preferences if one.carrier is Carrier.OBSERVED} == {CM_32}
    assert found.undominated.holds is True


def test_support_is_a_lower_bound_of_every_list_that_has_it() -> None:
    """By brute force: over all lists that contain what is supported, the judgement says no more than they agree on."""
    offer = {CM_80: 0, CM_32: 1, F8: 2}
    for chosen in offer:
        for supported in ({CM_80}, {CM_32}, {F8}, {CM_80, F8}, set()):
            sure = {chosen, *supported}
            rest = [name for name in offer if name not in sure]
            completions = [sure | {name for place, name in enumerate(rest) if mask >> place & 1} for mask in range(4)]
            wins = {min(names, key=lambda name: offer[name]) == chosen for names in completions}
            evidence = Evidence(offer, None, supported=frozenset(supported))
            found = judge_choice(chosen, evidence, SelectionRule.INITIATOR_FIRST, {})
            assert found.winner == (wins.pop() if len(wins) == 1 else None)


def test_the_three_methods_of_the_paper() -> None:
    found = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(1, CM_80))).negotiate()
    suites = {one.method: (one.agreed, one.candidates) for one in found.prospects if one.kind is CapabilityKind.SUITE}
    assert suites == {
        Method.STATIC: (None, (CM_80,)),
        Method.AUTOMATIC: (True, (CM_80, CM_32)),
        Method.PRIORITY: (True, (CM_80,)),
    }
