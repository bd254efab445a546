# SPDX-License-Identifier: GPL-2.0-only
"""Feeding messages: order, growth, ended calls, and input made to hurt."""

import random

import pytest
from call_builders import (
    A_RTP,
    ANSWER,
    B_RTP,
    OFFER,
    Packets,
    Script,
    answered,
    media,
    renumbered,
    rtcp,
    sdp,
    track,
)  # fmt: skip
from counted_work import functions_called
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.calls import CallTracker
from analyzer.calls.claims import Claim, Timeline
from analyzer.model.call import CallState
from analyzer.model.evidence import MediaEvidence

NOTHING = MediaEvidence()


def feed_all(tracker, script, start=0):
    for message in script.messages[start:]:
        tracker.feed(message)


def test_a_call_is_ended_when_its_bye_is_answered_and_is_told_once():
    tracker, script = CallTracker(), answered()
    for message in script.messages[:-1]:
        tracker.feed(message)
        assert tracker.ended() == ()
    tracker.feed(script.messages[-1])
    assert (tracker.ended(), tracker.ended()) == (("call-1",), ())
    assert tracker.call("call-1", NOTHING).state is CallState.ENDED


def test_a_bye_never_answered_ends_the_call_after_a_while():
    tracker, script = CallTracker(), answered()
    for message in script.messages[:-1]:
        tracker.feed(message)
    tracker.feed(Script("other").request("OPTIONS", 1, at=100))
    assert tracker.ended() == ("call-1",)


def test_a_challenge_does_not_end_a_call_but_a_refusal_does():
    tracker, script = CallTracker(), Script()
    script.response(script.request("INVITE", 1, OFFER), 407)
    feed_all(tracker, script)
    assert tracker.ended() == ()
    script.response(script.request("INVITE", 2, OFFER), 486)
    feed_all(tracker, script, 2)
    assert tracker.ended() == ("call-1",)


def test_a_refused_reinvite_does_not_end_a_call():
    tracker, script = CallTracker(), answered(bye=False)
    script.response(script.request("INVITE", 2, sdp(port=9), to_tag="b"), 488)
    feed_all(tracker, script)
    assert tracker.ended() == ()


def test_an_unknown_call_id_is_a_key_error():
    tracker = CallTracker()
    feed_all(tracker, Script(messages=[Script("x").request("OPTIONS", 1)]))
    for name in ("y", "x"):
        with pytest.raises(KeyError):
            tracker.call(name, NOTHING)


def test_finish_again_with_more_messages_and_more_media():
    tracker, script = CallTracker(), answered()
    for message in script.messages[:2]:
        tracker.feed(message)
    assert tracker.finish(NOTHING).calls[0].state is CallState.TRYING
    feed_all(tracker, script, 2)
    evidence = media(Packets(A_RTP, B_RTP, (5.0,)))
    assert tracker.finish(evidence) == track(script, evidence=evidence)
    assert tracker.finish(evidence) == tracker.finish(evidence)


def _script(number, kind, start):
    script = Script(f"call-{number}", clock=start)
    offer, answer = sdp(port=4000 + 10 * (number % 3)), sdp("10.0.0.2", 6000 + 10 * (number % 2))
    if kind == 0:
        answered(script, offer, answer)
    elif kind == 1:
        script.response(script.request("INVITE", 1, offer), 486)
    elif kind == 2:
        script.response(script.request("REGISTER", 1), 401)
    else:
        answered(script, offer, answer, bye=False)
        script.response(script.request("INVITE", 2, sdp(port=4444), to_tag="b"), 200, answer)
    return script


calls = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=6)


@settings(max_examples=60)
@given(calls=calls, seed=st.integers(0, 2**32))
def test_any_interleaving_gives_the_same_calls(calls, seed):
    scripts = [_script(number, kind, start) for number, (kind, start) in enumerate(calls)]
    messages = [message for script in scripts for message in script.messages]
    by_time = renumbered(sorted(messages, key=lambda message: message.timestamp_ns))
    ports = (4000, 4010, 4020, 4444)
    streams = [Packets(B_RTP, f"10.0.0.1:{port}", tuple(range(1, 90, 4)), ssrc=port) for port in ports]
    flows = [rtcp(B_RTP, f"10.0.0.1:{port}", (20, 50), port) for port in ports]
    expected = _finish(by_time, media(*streams, rtcp=flows))
    shuffled = list(by_time)
    random.Random(seed).shuffle(shuffled)
    shuffled.sort(key=lambda message: message.timestamp_ns)  # equal times come in any order
    per_call = {m.sip.call_id: [x for x in by_time if x.sip.call_id == m.sip.call_id] for m in by_time}
    shuffled = [per_call[message.sip.call_id].pop(0) for message in shuffled]
    assert _finish(shuffled, media(*streams, rtcp=flows)) == expected


def _prepared(messages, moments=None):
    """What comes out where calls are read ahead after some messages, or after each."""
    tracker = CallTracker()
    for number, message in enumerate(messages):
        tracker.feed(message)
        if moments is None or number in moments:
            tracker.prepare(tracker.ended())
    return tracker.finish(NOTHING)


def _unprepared(messages):
    return _prepared(messages, ())


@settings(max_examples=60)
@given(calls=calls, moments=st.frozensets(st.integers(0, 60)))
def test_calls_read_as_they_end_are_those_read_at_the_end(calls, moments):
    scripts = [_script(number, kind, start) for number, (kind, start) in enumerate(calls)]
    messages = [message for script in scripts for message in script.messages]
    by_time = renumbered(sorted(messages, key=lambda message: message.timestamp_ns))
    assert _prepared(by_time, moments) == _unprepared(by_time)


def test_a_call_that_goes_on_after_it_was_read_is_read_anew():
    script = Script()
    refused = script.request("INVITE", 1, OFFER)
    script.response(refused, 488)  # which counts as the end of the call
    again = script.request("INVITE", 2, OFFER, at=40)
    script.response(again, 200, ANSWER)
    later = answered(Script("call-2", clock=50))  # as it would come out of the first, had that been refused for good
    messages = renumbered([*script.messages, *later.messages])
    found = _prepared(messages)
    assert found == _unprepared(messages)
    assert [call.state for call in found.calls] == [CallState.ANSWERED, CallState.ENDED]
    assert found.calls[1].links == ()


def test_a_call_that_ends_again_and_again_is_read_ahead_once():
    def script(ends):
        made = answered(bye=False)
        for number in range(ends):
            made.response(made.request("BYE", 2 + number, to_tag="b"), 200)
        return made.messages

    few, many = script(50), script(200)
    assert functions_called(lambda: _prepared(many)) < 5 * functions_called(lambda: _prepared(few))
    assert _prepared(few) == _unprepared(few)


def _finish(messages, evidence):
    tracker = CallTracker()
    for message in messages:
        tracker.feed(message)
    found = tracker.finish(evidence)
    for call in found.calls:
        assert tracker.call(call.call_id, evidence) == call
    for stream in evidence.streams:  # every packet stands in exactly one place
        bound = [each for call in found.calls for line in call.media for each in line.streams]
        bound = sorted((b.start, b.stop) for b in (*bound, *found.unbound) if b.stream is stream)
        assert [start for start, _ in bound] == [0, *(stop for _, stop in bound[:-1])]
        assert bound[-1][1] == len(stream)
    return found


claims = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 15)), max_size=12)


@given(claims=claims)
def test_a_timeline_is_what_asking_each_moment_gives(claims):
    made = [
        Claim(begin, begin + length, ((begin, 0, 0, str(number)), number), (0,), None)
        for number, (begin, length) in enumerate(claims)
    ]
    timeline = Timeline(made)
    for moment in range(-1, 50):
        holding = [claim for claim in made if claim.begin <= moment < claim.end]
        latest = [claim for claim in holding if claim.begin == max(each.begin for each in holding)]
        expected = [min(latest, key=lambda claim: claim.order)] if latest else []
        assert [span.claim for span in timeline.between(moment, moment + 1)] == expected


def _many_invites(count):
    script = Script()
    for number in range(count):
        script.request("INVITE", 1, OFFER, branch=f"z9hG4bK{number}")
        script.response(script.messages[-1], 180 + number % 100, ANSWER, to_tag=f"t{number}")
    return script


def _many_reinvites(count):
    script = answered(bye=False)
    for number in range(count):
        script.response(script.request("INVITE", 2 + number, sdp(port=4000 + number % 2), to_tag="b"), 200, ANSWER)
    return script


def _many_updates(count):
    script = Script()
    invite = script.request("INVITE", 1)
    for number in range(count):
        script.response(invite, 183, sdp("10.0.0.2", 6000 + number % 50), to_tag=f"t{number % 7}")
        script.request("PRACK", 2 + number, OFFER, to_tag=f"t{number % 7}", headers=("RAck: 1 1 INVITE",))
    return script


@pytest.mark.parametrize("make", [_many_invites, _many_reinvites, _many_updates])
def test_work_grows_with_the_messages_and_no_faster(make):
    def work(count):
        script = make(count)
        last = script.messages[-1].timestamp_ns // 10**9
        streams = [Packets(A_RTP, B_RTP, (3, last), ssrc=ssrc) for ssrc in range(20)]
        evidence = media(*streams, dtls=streams[:5], rtcp=(rtcp(A_RTP, B_RTP, (5, last), 3),))
        return functions_called(lambda: track(script, evidence=evidence))

    assert work(4000) < 4.5 * work(1000)


def test_a_frame_with_two_messages_is_no_retransmission():
    script = answered()
    messages = [message._replace(frame=7) for message in script.messages]
    (call,) = track(Script(messages=messages)).calls
    assert all(message.retransmission_of is None for message in call.messages)
