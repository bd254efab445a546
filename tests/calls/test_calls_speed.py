# SPDX-License-Identifier: GPL-2.0-only
"""Ten thousand calls are told apart, and what a call costs does not grow with their number."""

import pytest
from call_builders import Packets, Script, answered, media, sdp
from counted_work import functions_called

from analyzer.calls import CallTracker


def load(calls):
    """Seven messages a call (INVITE, 100, 180, 200, ACK, BYE, 200), each call with a description of its own."""
    messages, streams = [], []
    for number in range(calls):
        script = Script(f"call-{number}", clock=number * 0.01, frame=number * 7)
        port, one, other = 10000 + 2 * (number % 20000), f"10.0.1.{number // 20000}", f"10.0.2.{number // 20000}"
        invite = script.request("INVITE", 1, sdp(one, port, f"tool:{number}"))
        script.response(invite, 100)
        script.response(invite, 180)
        script.response(invite, 200, sdp(other, port, f"tool:{number}"))
        script.ack(1)
        script.response(script.request("BYE", 2, to_tag="b"), 200)
        messages += script.messages
        streams.append(Packets(f"{one}:{port}", f"{other}:{port}", (number * 0.01 + 6.0,), ssrc=number))
    messages.sort(key=lambda message: message.timestamp_ns)
    return messages, media(*streams[:1000])


def track(messages, evidence):
    tracker = CallTracker()
    for message in messages:
        tracker.feed(message)
    return tracker.finish(evidence)


@pytest.mark.proof
def test_ten_thousand_calls_are_told_apart():
    found = track(*load(10_000))
    assert len(found.calls) == 10_000
    assert sum(len(call.media[0].streams) for call in found.calls) == 1000


def work(calls):
    """How many functions are called for so many calls."""
    loaded = load(calls)
    return functions_called(lambda: track(*loaded))


@pytest.mark.proof
def test_a_hundred_thousand_calls_cost_ten_times_ten_thousand():
    assert work(100_000) < 11 * work(10_000)


def test_a_later_call_costs_no_more_than_an_early_one():
    assert work(2000) < 4.4 * work(500)


def test_asking_for_each_call_as_it_ends_gives_what_the_end_gives():
    script = answered()
    tracker = CallTracker()
    for message in script.messages:
        tracker.feed(message)
    evidence = media(Packets("10.0.0.1:4000", "10.0.0.2:6000", (5.0,)))
    assert [tracker.call(call_id, evidence) for call_id in tracker.ended()] == list(tracker.finish(evidence).calls)
