# SPDX-License-Identifier: GPL-2.0-only
"""The straight road through a call gives what the careful way gives, whatever happens in the call."""

import random
from collections import defaultdict

import pytest
from call_builders import ALICE, ANSWER, BOB, OFFER, PROXY, Script, answered, sdp
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.calls import dialog
from analyzer.calls.plain_dialog import read_plain_dialog
from analyzer.calls.session_reader import SessionReader
from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sip import parse_sip
from pcaps.flow_script import Datagram
from pcaps.flow_table import FLOWS, Flow
from tests.calls.flow_calls import datagrams_of

MINUTE_NS = 60 * 1_000_000_000
BODIES = (b"", b"", OFFER, ANSWER, sdp(version=2), sdp(port=4002), b"no description")
HOPS = ((ALICE, BOB), (BOB, ALICE), (ALICE, PROXY), (PROXY, BOB))
REQUESTS = ("INVITE", "ACK", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO")
STATUSES = (100, 180, 183, 200, 200, 202, 302, 404, 487)


def both_ways(messages: list[SignallingMessage]) -> bool:
    """Whether the straight road leads anywhere; where it does, both ways must give the same."""
    sessions = SessionReader()
    plain = read_plain_dialog(messages, sessions)
    if plain is None:
        return False
    carefully = dialog._read_carefully("id", messages, sessions, retry_within_ns=MINUTE_NS)
    assert dialog._from_plain("id", messages, plain) == carefully
    return True


def calls_of(datagrams: list[Datagram]) -> list[list[SignallingMessage]]:
    """The SIP messages of each Call-ID."""
    calls: dict[str, list[SignallingMessage]] = defaultdict(list)
    for frame, (time_ns, source, destination, payload) in enumerate(sorted(datagrams)):
        try:
            sip = parse_sip(payload)
        except GrammarError:
            continue
        calls[sip.call_id or ""].append(SignallingMessage(0, frame, time_ns, source, destination, "UDP", sip))
    return list(calls.values())


def changed(call: list[SignallingMessage], chance: random.Random) -> list[SignallingMessage]:
    """The call with messages gone, seen again or out of order."""
    call = [each for each in call if chance.random() > 0.1] or call
    for _ in range(chance.randrange(3)):
        place = chance.randrange(len(call))
        again = call[place]._replace(retransmission_of=call[place].ref) if chance.random() < 0.5 else call[place]
        call.insert(chance.randrange(len(call) + 1), again)
    if chance.random() < 0.3:
        place = chance.randrange(len(call))
        call.insert(chance.randrange(len(call)), call.pop(place))
    return call


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_both_ways_agree_on_every_flow(flow: Flow) -> None:
    chance = random.Random(flow.name)
    for call in calls_of(datagrams_of(flow)):
        both_ways(call)
        for _ in range(20):
            both_ways(changed(list(call), chance))


def test_many_flows_go_the_straight_road() -> None:
    taken = [both_ways(call) for flow in FLOWS for call in calls_of(datagrams_of(flow))]
    assert 0.1 < sum(taken) / len(taken) < 0.9


@st.composite
def scripts(draw: st.DrawFn) -> list[SignallingMessage]:
    """An ordinary call among whose messages others may stand, of any kind and from anywhere."""
    script = answered(Script(clock=0.0), bye=draw(st.booleans()))
    invite = script.messages[0]
    for _ in range(draw(st.integers(0, 3))):
        body, tag = draw(st.sampled_from(BODIES)), draw(st.sampled_from(("a", "b", "c", None)))
        if draw(st.booleans()):
            hop, cseq = draw(st.sampled_from(HOPS)), draw(st.sampled_from((1, 1, 2)))
            method, frm = draw(st.sampled_from(REQUESTS)), draw(st.sampled_from(("a", "b")))
            request = script.request(method, cseq, body, to_tag=tag, frm=frm, hop=hop)
            if draw(st.booleans()):
                script.response(request, draw(st.sampled_from(STATUSES)), draw(st.sampled_from(BODIES)))
        else:
            script.response(invite, draw(st.sampled_from(STATUSES)), body, to_tag=tag or "b")
    ordinary, more = script.messages[:6], script.messages[6:]
    for message in more:
        ordinary.insert(draw(st.integers(0, len(ordinary))), message)
    return ordinary[draw(st.integers(0, 1)) :]


@given(scripts())
@settings(max_examples=400)
def test_both_ways_agree_whatever_happens(messages: list[SignallingMessage]) -> None:
    both_ways(messages)


def test_an_ordinary_call_goes_the_straight_road() -> None:
    assert both_ways(answered().messages)
    assert both_ways(answered(bye=False).messages)


def test_what_is_not_plain_goes_the_careful_way() -> None:
    refused, forked = Script(), Script()
    refused.response(refused.request("INVITE", 1, OFFER), 486)
    invite = forked.request("INVITE", 1, OFFER)
    forked.response(invite, 183, ANSWER, to_tag="c")
    forked.response(invite, 200, ANSWER, to_tag="b")
    without_offer = answered(offer=b"")
    changed_answer = Script()
    invite = changed_answer.request("INVITE", 1, OFFER)
    changed_answer.response(invite, 183, ANSWER)
    changed_answer.response(invite, 200, sdp("10.0.0.2", 6002))
    for script in (refused, forked, without_offer, changed_answer):
        assert not both_ways(script.messages)
