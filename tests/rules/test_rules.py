# SPDX-License-Identifier: GPL-2.0-only
"""Each rule says yes, no, can't tell and not applicable where it should, and its text is complete."""

import re
from dataclasses import replace

import pytest
from rule_builders import KEY_A, KEY_B, Scene
from rule_cases import CASES, MIKEY, PLAIN, SDES

from analyzer.model.outcome import Confidence, Outcome, OutcomeValue, Severity, Verdict
from analyzer.policies import read_policy
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.registry import RULES
from analyzer.rules.runner import evaluate_call

OVERLAYS = (read_policy("priority"), read_policy("e2e-bcp"))
POLICY = replace(
    OVERLAYS[0], sha256="all rules", rules=tuple({one.id: one for policy in OVERLAYS for one in policy.rules}.values())
)
ORDINARY = (OutcomeValue.PASS, OutcomeValue.FAIL, OutcomeValue.UNKNOWN, OutcomeValue.NOT_APPLICABLE)
TABLE = [
    pytest.param(rule, value, scene, id=f"{rule}-{value}-{number}")
    for rule, by_value in CASES.items()
    for value, scenes in by_value.items()
    for number, scene in enumerate(scenes)
]


def outcomes_of(scene: Scene) -> dict[str, Outcome]:
    return {one.rule: one for one in evaluate_call(*scene.build(), POLICY)}


@pytest.mark.parametrize(("rule", "value", "scene"), TABLE)
def test_outcome(rule: str, value: OutcomeValue, scene: Scene) -> None:
    outcomes = outcomes_of(scene)
    got = outcomes[rule]
    assert got.outcome is value, got
    assert got.explanation
    assert (got.missing != "") == (value is OutcomeValue.UNKNOWN)
    if value is OutcomeValue.FAIL:
        assert got.refs
    assert OutcomeValue.ERROR not in {one.outcome for one in outcomes.values()}
    assert not any(key in one.explanation for one in outcomes.values() for key in (KEY_A, KEY_B))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.absent], ids=lambda rule: rule.id)
def test_without_its_subject_a_rule_finds_what_it_says(rule) -> None:
    lines = [LineFacts(one) for param in TABLE for one in param.values[2].build()[1]]
    bare = [facts for facts in lines if rule.absent.subject not in facts.subjects]
    assert len(bare) > 20
    assert {rule.check_line(facts) for facts in bare} == {rule.absent.result}


@pytest.mark.parametrize(("suite", "guards"), [("AES_CM_128_HMAC_SHA1_80", 1), ("AEAD_AES_128_GCM", 2)])
def test_what_looks_like_an_mki_behind_the_tag_of_an_aead_alone_is_guarded(suite: str, guards: int) -> None:
    (found, *_) = CASES["SRT-009"][OutcomeValue.FAIL]
    scene = replace(found, streams=tuple(replace(stream, suite=suite) for stream in found.streams))
    assert len(outcomes_of(scene)["SRT-009"].guards) == guards


def test_one_line_and_many_are_judged_alike() -> None:
    for scene in (PLAIN, SDES, MIKEY):
        call, media = scene.build()
        second = replace(media[0], line=replace(media[0].line, index=1))
        each = [evaluate_call(call, (one,), POLICY) for one in (media[0], second)]
        both = evaluate_call(call, (media[0], second), POLICY)
        assert set(both) == {*each[0], *each[1]}
        assert [one for one in both if one.media_index != 1] == list(each[0])


def test_every_rule_has_a_case_for_every_outcome() -> None:
    assert set(CASES) == {rule.id for rule in RULES}
    for rule, by_value in CASES.items():
        assert set(by_value) == set(ORDINARY), rule
        assert all(by_value.values()), rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_text_is_complete(rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}-[0-9]{3}", rule.id)
    assert re.search(r"RFC [0-9]+ §[0-9]", rule.citation)
    assert rule.title
    assert rule.needs
    assert all(text.endswith(".") for text in (rule.remediation, *rule.meaning))
    assert rule.check_call or rule.check_line


def test_outcomes_stand_at_their_media_line() -> None:
    outcomes = outcomes_of(SDES)
    assert (outcomes["SIG-002"].media_index, outcomes["SIG-002"].exchange) == (None, None)
    of_calls = {"SIG-002", "SIG-010", "SIG-011", "KMG-009", "PRI-006", "DTL-007"}
    assert all((one.media_index, one.exchange) == (0, 0) for rule, one in outcomes.items() if rule not in of_calls)


def test_healthy_calls_fail_nothing_but_what_they_are() -> None:
    failed = {rule for rule, one in outcomes_of(MIKEY).items() if one.outcome is OutcomeValue.FAIL}
    assert failed == set()
    failed = {rule for rule, one in outcomes_of(PLAIN).items() if one.outcome is OutcomeValue.FAIL}
    assert failed == {"PRO-001"}


def test_proof_raises_confidence() -> None:
    scenes = CASES["KMG-003"][OutcomeValue.FAIL]
    assert [outcomes_of(scene)["KMG-003"].confidence for scene in scenes[:2]] == [Confidence.C3, Confidence.C4]


def test_failing_frames_are_cited() -> None:
    by_frames = [outcomes_of(scene)["SRT-003"].refs for scene in CASES["SRT-003"][OutcomeValue.FAIL]]
    assert [[ref.frame for ref in refs] for refs in by_frames] == [[10, 12], [10]]


NEGOTIATED = {rule for rule in CASES if rule.startswith("PRI")}  # their judgements are set by hand above
SEVERE = {Verdict.UNPROTECTED, Verdict.MISMATCH, Verdict.DOWNGRADE}


@pytest.mark.parametrize(("rule", "value", "scene"), [one for one in TABLE if one.values[0] not in NEGOTIATED])
def test_verdict_and_outcomes_agree(rule: str, value: OutcomeValue, scene: Scene) -> None:
    call, media = scene.build()
    outcomes = evaluate_call(call, media, POLICY)
    if media[0].verdict in SEVERE:
        failed = [one for one in outcomes if one.outcome is OutcomeValue.FAIL]
        assert any(one.severity.rank >= Severity.MEDIUM.rank for one in failed), media[0].reasons
    if media[0].verdict is Verdict.INCONCLUSIVE:
        assert any(one.outcome is OutcomeValue.UNKNOWN for one in outcomes), media[0].reasons
    unprotected = {one.rule for one in outcomes if one.outcome is OutcomeValue.FAIL} & {"PRO-001"}
    assert bool(unprotected) == (media[0].verdict is Verdict.UNPROTECTED)
