# SPDX-License-Identifier: GPL-2.0-only
"""Streams and messages of no call, calls without media lines, crashes, severities, and how much work all rules are."""

import inspect
from dataclasses import fields, replace

import pytest
from counted_work import functions_called
from rule_builders import (
    KEY_A,
    Scene,
    bare_call,
    clear,
    hop_message,
    proved,
    sdes_scene,
    sdp_lines,
    sip_message,
    stream,
    unseen,
)
from rule_cases import PLAIN, after_calls, at, clocked, signed

from analyzer.model.call import CallState
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import FrameRef
from analyzer.model.outcome import OutcomeValue, Severity
from analyzer.policies import read_policy
from analyzer.rules import registry, runner
from analyzer.rules.runner import evaluate_call, evaluate_messages, evaluate_stream

POLICY = read_policy()
SDES_SDP = sdp_lines("RTP/SAVP", (f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}",))
MOST_FUNCTIONS_A_RULE = 30


def values(outcomes):
    return {one.rule: one.outcome.value for one in outcomes}


@pytest.mark.parametrize(
    ("audit", "expected"),
    [
        (clear(), {"PRO-001": "fail", "SRT-001": "fail"}),
        (stream(), {"PRO-001": "unknown", "SRT-001": "unknown"}),
        (unseen(), {"PRO-001": "unknown", "SRT-001": "unknown"}),
        (
            proved(),
            {"PRO-001": "unknown", "SRT-001": "unknown", "SRT-002": "pass", "SRT-003": "pass", "SRT-009": "pass"},
        ),
        (
            stream(bound_key=True, failed=100),
            {"PRO-001": "unknown", "SRT-001": "unknown", "SRT-002": "unknown", "SRT-003": "fail", "SRT-009": "unknown"},
        ),
        (
            stream(failed=100),
            {
                "PRO-001": "unknown",
                "SRT-001": "unknown",
                "SRT-002": "unknown",
                "SRT-003": "unknown",
                "SRT-009": "unknown",
            },
        ),
    ],
)
def test_streams_of_no_call(audit, expected) -> None:
    outcomes = evaluate_stream(audit, POLICY)
    assert values(outcomes) == expected
    unseen_signalling = {one.missing for one in outcomes if one.rule in {"PRO-001", "SRT-001"}}
    assert unseen_signalling == ({""} if expected["PRO-001"] == "fail" else {"signalling-unseen"})
    assert all(one.refs for one in outcomes if one.outcome is OutcomeValue.FAIL)


def test_messages_outside_calls() -> None:
    keyed = sip_message(4, SDES_SDP, method="MESSAGE")
    messages = (sip_message(1, method="REGISTER"), keyed, keyed._replace(frame=5, transport="TLS"))
    said = evaluate_messages(messages, POLICY)
    assert [values(one) for one in said] == [{"SIG-002": value} for value in ("not-applicable", "fail", "pass")]
    assert said[1][0].refs == ((0, 4),)


def test_security_agreements_of_registrations() -> None:
    listed, other = "digest;q=0.2, tls;q=0.1", "digest;q=0.2"
    client, credentials = "Security-Client: tls, digest", "Authorization: Digest username=alice"
    messages = [
        hop_message(1, "REGISTER", 1, client),
        hop_message(2, "401 REGISTER", 1, f"Security-Server: {listed}"),
        hop_message(3, "REGISTER", 2, client, credentials, f"Security-Verify: {listed}"),
        hop_message(4, "200 REGISTER", 2),
        hop_message(5, "REGISTER", 3, client, credentials, f"Security-Verify: {other}"),
        hop_message(6, "200 REGISTER", 3),
        hop_message(7, "REGISTER", 4, client, credentials, f"Security-Verify: {other}"),
    ]
    said = [values(one) for one in evaluate_messages(messages, POLICY)]
    nothing = {"SIG-002": "not-applicable"}
    assert said[:2] == [nothing, nothing]
    assert [one.get("SIG-010") for one in said[2::2]] == ["pass", "fail", "unknown"]
    assert [one.get("SIG-011") for one in said[2::2]] == ["pass"] * 3


def test_the_key_of_a_capability_line_counts() -> None:
    lines = sdp_lines("RTP/AVP", (f"acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}",))
    (said,) = evaluate_messages((sip_message(1, lines),), POLICY)
    assert values(said) == {"SIG-002": "fail"}


def test_retransmissions_are_not_cited() -> None:
    call, media = sdes_scene().build()
    repeat = call.messages[0]._replace(frame=2, retransmission_of=FrameRef(0, 1))
    outcomes = evaluate_call(replace(call, messages=CallMessages((*call.messages, repeat))), media, POLICY)
    assert outcomes[0].refs == ((0, 1), (0, 3))


@pytest.mark.parametrize("state", [CallState.MID_CALL, CallState.TRYING, CallState.ANSWERED, CallState.ENDED])
def test_a_call_without_media_lines_is_unknown(state) -> None:
    outcomes = evaluate_call(bare_call(state, (sip_message(1, method="BYE"),)), (), POLICY)
    got = {one.rule: one.missing for one in outcomes if one.outcome is OutcomeValue.UNKNOWN}
    assert got == {"PRO-001": "signalling-unseen", "SRT-001": "signalling-unseen", "SIG-002": "signalling-unseen"}
    assert len(outcomes) == len(POLICY.rules)


@pytest.mark.parametrize("state", [CallState.REJECTED, CallState.CANCELLED])
def test_a_call_that_came_to_nothing_asks_nothing_of_media(state) -> None:
    got = values(evaluate_call(bare_call(state), (), POLICY))
    assert got["PRO-001"] == got["SRT-001"] == "not-applicable"


def test_a_crash_is_an_error_of_that_rule_alone(monkeypatch) -> None:
    def crash(_media):
        raise ValueError("inline:secret")

    broken = replace(registry.rule_by_id("PRO-003"), check_line=crash)
    monkeypatch.setattr(runner, "rule_by_id", lambda name: broken if name == broken.id else registry.rule_by_id(name))
    policy = replace(POLICY, sha256="of another policy")  # what a policy selects is looked up once
    outcomes = evaluate_call(*sdes_scene().build(), policy)
    errors = [one for one in outcomes if one.outcome is OutcomeValue.ERROR]
    assert [one.rule for one in errors] == ["PRO-003"]
    assert "ValueError" in errors[0].explanation
    assert "secret" not in errors[0].explanation
    assert len(outcomes) == len(POLICY.rules)


def test_the_policy_sets_the_severity() -> None:
    outcomes = {one.rule: one for one in evaluate_call(*sdes_scene().build(), read_policy("priority"))}
    assert outcomes["PRI-003"].severity is Severity.HIGH


@pytest.mark.parametrize(
    ("rule", "parameter", "scene", "allows", "forbids", "worst"),
    [
        ("MKY-009", "max_skew_seconds", clocked(at(1 + 300)), 300, 299, OutcomeValue.FAIL),
        ("KMG-009", "habit_calls", after_calls(PLAIN, 2), 3, 2, OutcomeValue.FAIL),
        ("KMG-009", "mostly_percent", after_calls(PLAIN, 3, 1), 75, 74, OutcomeValue.UNKNOWN),
        ("IDN-002", "max_age_seconds", signed(issued_s=1 + 300), 300, 299, OutcomeValue.FAIL),
    ],
)
def test_the_policy_sets_what_a_rule_asks_it_for(rule, parameter, scene, allows, forbids, worst) -> None:
    def judged(value: int) -> OutcomeValue:
        settings = tuple(
            replace(one, parameters=((parameter, value),)) if one.id == rule else one for one in POLICY.rules
        )
        policy = replace(POLICY, sha256=f"{rule} {value}", rules=settings)
        return next(one.outcome for one in evaluate_call(*scene.build(), policy) if one.rule == rule)

    assert judged(allows) is not worst
    assert judged(forbids) is worst


def test_parameters_are_keywords_of_every_check_of_their_rule() -> None:
    for rule in registry.RULES:
        named = {one.name: one.default for one in rule.parameters}
        for check in (getattr(rule, one.name) for one in fields(rule) if one.name.startswith("check_")):
            if check is not None:
                found = inspect.signature(check).parameters.values()
                keywords = {one.name: one.default for one in found if one.kind is inspect.Parameter.KEYWORD_ONLY}
                assert keywords == named, rule.id


def test_every_line_is_judged() -> None:
    call, media = sdes_scene().build()
    second = replace(media[0], line=replace(media[0].line, index=1))
    outcomes = evaluate_call(call, (*media, second), POLICY)
    assert [one.media_index for one in outcomes if one.rule == "PRO-001"] == [0, 1]
    assert [one.media_index for one in outcomes if one.rule == "SIG-002"] == [None]


@pytest.mark.parametrize("scene", [Scene(streams=(stream(),)), sdes_scene()], ids=["plain", "sdes"])
def test_a_rule_is_little_work(scene) -> None:
    call, media = scene.build()
    assert functions_called(lambda: evaluate_call(call, media, POLICY)) < MOST_FUNCTIONS_A_RULE * len(POLICY.rules)
