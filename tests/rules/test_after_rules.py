# SPDX-License-Identifier: GPL-2.0-only
"""What follows from outcomes: findings over a capture set, the exit code, and the page of all rules."""

from pathlib import Path

import pytest
from rule_builders import clear, mikey_scene, sdes_scene, sip_message, stream

from analyzer.model.evidence import FrameRef
from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Confidence, Outcome, OutcomeValue, Severity, Verdict
from analyzer.model.report import AuditedCall, AuditedMessage, AuditedStream, CaptureFacts, Report
from analyzer.policies import read_policy
from analyzer.rules.briefing import brief_call, count_up
from analyzer.rules.catalogue import render_catalogue, rule_texts
from analyzer.rules.exit_decision import decide_exit_code
from analyzer.rules.findings import collect_findings
from analyzer.rules.registry import RULES
from analyzer.rules.runner import evaluate_call
from dissectors.grammar.defects import Defect

POLICY = read_policy("priority")


def outcome(value: OutcomeValue, rule: str = "PRO-001", severity: Severity = Severity.HIGH, *frames: int) -> Outcome:
    refs = tuple(FrameRef(0, frame) for frame in frames)
    return Outcome(rule, value, severity, Confidence.C3, refs, "as the test says")


PASS, UNKNOWN, ERROR = (outcome(value) for value in (OutcomeValue.PASS, OutcomeValue.UNKNOWN, OutcomeValue.ERROR))
FAIL, NA = outcome(OutcomeValue.FAIL, "PRO-001", Severity.HIGH, 3, 1), outcome(OutcomeValue.NOT_APPLICABLE)
LOW = outcome(OutcomeValue.FAIL, "KMG-002", Severity.LOW, 5)


def audited(*outcomes: Outcome, verdict: Verdict = Verdict.CONFORM) -> AuditedCall:
    call, (media,) = sdes_scene().build()
    media = type(media)(media.line, media.negotiation, media.keying, media.streams, verdict, ())
    return AuditedCall(call, (media,), outcomes)


def capture(**changes: object) -> CaptureFacts:
    facts = {"path": "a.pcap", "sha256": "", "format": "pcap", "packets": 1, "bytes": 1, "defects": ()}
    return CaptureFacts(**({"first_time_ns": 0, "last_time_ns": 0} | facts | changes))  # type: ignore[arg-type]


CAPTURES = (capture(),)


def report(*calls: AuditedCall, streams=(), messages=(), captures=CAPTURES, drops=None) -> Report:
    briefs, tally = tuple(map(brief_call, calls)), count_up(calls, streams, messages)
    return Report("srtp-audit", "0", POLICY, captures, briefs, tally, calls, streams, messages, (), (), drops=drops)


REGISTER = AuditedMessage(sip_message(1, method="REGISTER"), (NA,))


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (report(audited(PASS, NA)), ExitCode.OK),
        (report(audited(PASS, UNKNOWN)), ExitCode.INCOMPLETE),
        (report(audited(PASS, verdict=Verdict.INCONCLUSIVE)), ExitCode.INCOMPLETE),
        (report(audited(PASS), drops=3), ExitCode.INCOMPLETE),
        (report(audited(PASS), captures=(capture(defects=(Defect("cut"),)),)), ExitCode.INCOMPLETE),
        (report(audited(PASS), captures=(capture(interface_drops=1),)), ExitCode.INCOMPLETE),
        (report(audited(PASS), captures=(capture(), capture(readable=False))), ExitCode.INCOMPLETE),
        (report(), ExitCode.UNREADABLE),
        (report(captures=()), ExitCode.UNREADABLE),
        (report(messages=(REGISTER,)), ExitCode.UNREADABLE),
        (report(captures=(capture(readable=False),)), ExitCode.UNREADABLE),
        (report(streams=(AuditedStream(stream(), (UNKNOWN,)),)), ExitCode.INCOMPLETE),
        (report(streams=(AuditedStream(clear(), (FAIL,)),)), ExitCode.FINDINGS),
        (report(messages=(AuditedMessage(REGISTER.message, (FAIL,)),)), ExitCode.FINDINGS),
        (report(audited(FAIL, UNKNOWN)), ExitCode.FINDINGS),
        (report(audited(LOW)), ExitCode.OK),
        (report(audited(LOW, UNKNOWN)), ExitCode.INCOMPLETE),
        (report(audited(FAIL, ERROR)), ExitCode.INTERNAL),
    ],
)
def test_exit_code(document: Report, code: ExitCode) -> None:
    assert decide_exit_code(document) is code


def test_the_threshold_decides() -> None:
    assert decide_exit_code(report(audited(FAIL)), Severity.CRITICAL) is ExitCode.OK
    assert decide_exit_code(report(audited(FAIL)), Severity.HIGH) is ExitCode.FINDINGS
    assert decide_exit_code(report(audited(LOW)), Severity.INFO) is ExitCode.FINDINGS


def test_findings_stand_gravest_first_with_frames_by_call_and_capture() -> None:
    elsewhere = Outcome("PRO-001", OutcomeValue.FAIL, Severity.HIGH, Confidence.C1, (FrameRef(1, 9),), "clear")
    critical = outcome(OutcomeValue.FAIL, "SRT-001", Severity.CRITICAL, 7)
    calls = (audited(LOW, FAIL, PASS, UNKNOWN), audited(FAIL, critical))
    findings = collect_findings(tuple(map(brief_call, calls)), (AuditedStream(clear(), (elsewhere,)),))
    assert [one.rule for one in findings] == ["SRT-001", "PRO-001", "KMG-002"]
    evidence = [(one.call_id, one.capture, one.frames) for one in findings[1].evidence]
    assert evidence == [("call@example.com", 0, (1, 3)), (None, 1, (9,))]
    assert findings[0].title == "Clear RTP where SRTP was agreed"
    assert collect_findings((brief_call(audited(PASS, UNKNOWN, NA)),)) == ()


@pytest.mark.parametrize("scene", [sdes_scene(), mikey_scene(), sdes_scene(streams=(clear(),))])
def test_a_severe_verdict_always_has_a_finding(scene) -> None:
    call, media = scene.build()
    outcomes = evaluate_call(call, media, POLICY)
    found = {one.rule for one in collect_findings((brief_call(AuditedCall(call, media, outcomes)),))}
    assert found == {one.rule for one in outcomes if one.outcome is OutcomeValue.FAIL}


def test_rules_md_is_what_the_rules_say() -> None:
    page = Path(__file__).resolve().parents[2] / "RULES.md"
    assert page.read_text(encoding="utf-8") == render_catalogue()


def test_rule_texts_follow_the_policy() -> None:
    assert [one.id for one in rule_texts(POLICY)] == [rule.id for rule in RULES if POLICY.setting(rule.id)]
