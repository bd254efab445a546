# SPDX-License-Identifier: GPL-2.0-only
"""The sentences: unknown never sounds like a pass, and every code has words."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer import rules
from analyzer.evidence.reading import OTHER_TRAFFIC
from analyzer.model.call import CallState, Resolution
from analyzer.model.evidence import TlsFlow, Wire
from analyzer.model.negotiation import Carrier, SelectionRule
from analyzer.model.outcome import Confidence, OutcomeValue, Verdict
from analyzer.model.reasons import Reason
from analyzer.model.report import AuditedStream
from analyzer.negotiation import judgements
from dissectors.grammar.defects import Defect
from reports import wording
from reports.summary import headline, plain_words
from reports.wording import explain_capture_defect, explain_tls
from tests.reports.builders import Plan, clear, full_report, make_call, make_report, outcome, shut


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (wording.VERDICTS, Verdict), (wording.VERDICT_SYMBOLS, Verdict), (wording.VERDICT_ASCII, Verdict),
        (wording.WIRES, Wire), (wording.WIRE_SYMBOLS, Wire), (wording.OUTCOMES, OutcomeValue),
        (wording.OUTCOME_SYMBOLS, OutcomeValue), (wording.CONFIDENCES, Confidence), (wording.CARRIERS, Carrier),
        (wording.SELECTION_RULES, SelectionRule), (wording.STATES, CallState), (wording.RESOLUTIONS, Resolution),
    ],
)  # fmt: skip
def test_every_name_has_words(table: dict[object, str], names: type) -> None:
    assert set(table) == set(names)
    assert all(table.values())


def test_whatever_a_rule_may_miss_has_words() -> None:
    codes = {judgements.OFFER_LIST, judgements.ANSWER_LIST, judgements.CHOICE}
    for path in Path(rules.__file__).parent.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for call in calls:
            asked = call.args[:1] if getattr(call.func, "id", "") == "unknown" else []
            asked += [keyword.value for keyword in call.keywords if keyword.arg == "missing"]
            codes |= {node.value for node in asked if isinstance(node, ast.Constant) and node.value}
    assert len(codes) > 20
    assert codes <= set(wording.MISSING)


def test_traffic_without_calls_has_its_name() -> None:
    codes = {f"{'EtherType' if kind == 'not-ip' else 'IP protocol'} {number}" for kind, number in OTHER_TRAFFIC}
    assert codes == set(wording.OTHER_TRAFFIC)
    assert (wording.name_traffic("IP protocol 58"), wording.name_traffic("PPP")) == ("ICMPv6", "PPP")


def test_each_verdict_has_its_own_symbol() -> None:
    assert len(set(wording.VERDICT_SYMBOLS.values())) == len(Verdict)
    assert len(set(wording.VERDICT_ASCII.values())) == len(Verdict)


def test_reasons_are_explained_and_unknown_codes_show_themselves() -> None:
    assert wording.explain_reason("dominated") == Reason.DOMINATED.explanation
    assert wording.explain_reason("some-new-code") == "Some new code."


@pytest.mark.parametrize(
    ("defect", "said"),
    [
        (
            Defect("packet-cut-by-snaplen", 0, "", "1 packets"),
            "1 packet cut short by the snaplen: what stood behind is not in the capture",
        ),
        (Defect("damaged-record", 40, "", "octets 40 to 60"), "damaged-record octets 40 to 60 (at octet 40)"),
        (Defect("not-counted", 0, "", "12 packets"), "not-counted 12 packets"),
    ],
)
def test_what_is_amiss_in_a_capture_is_said_in_words(defect: Defect, said: str) -> None:
    assert explain_capture_defect(defect) == said


def test_a_tls_connection_that_carried_nothing_hides_nothing() -> None:
    shut = TlsFlow(0, 1, "10.0.0.1:40000", "10.0.0.2:5061", 9, reason="no key at hand")
    empty = shut._replace(reason="")
    assert (shut.is_shut, explain_tls(shut)) == (True, "no key at hand; its port is that of SIP over TLS")
    assert (empty.is_shut, explain_tls(empty)) == (False, "nothing but a handshake was sent")


def test_a_healthy_call() -> None:
    assert headline(make_report([make_call()])) == "1 of 1 call protected as negotiated. No rule failed."


def test_a_call_that_was_on_hold_for_a_while_had_media() -> None:
    """Its lines without media say nothing of the others; where all are so, the call had none."""
    call = make_call()
    held = replace(call.media[0], verdict=Verdict.NO_MEDIA, reasons=(Reason.INACTIVE,), streams=())
    text = headline(make_report([replace(call, media=(*call.media, held, *call.media))]))
    assert text == "1 of 1 call protected as negotiated. No rule failed."
    assert headline(make_report([replace(call, media=(held, held))])).startswith("1 without media")


def test_unknown_is_said_even_where_nothing_failed() -> None:
    call = replace(make_call(), outcomes=(outcome("SRT-003", "unknown", missing="usable-key"),))
    assert headline(make_report([call])).endswith("No rule failed, 1 check stayed unknown.")


def test_an_inconclusive_call_is_no_pass() -> None:
    report = make_report([make_call(Plan(verdict=Verdict.INCONCLUSIVE))])
    assert headline(report).startswith("0 of 1 call protected as negotiated; 1 could not be judged")
    assert any("this is not a pass" in sentence for sentence in plain_words(report))


def test_proof_and_consistency_are_told_apart() -> None:
    plan = Plan(reasons=(Reason.WIRE_NOT_PROVED,), streams=(shut(),))
    assert "no key was at hand to prove it" in plain_words(make_report([make_call(plan)]))[0]
    assert "no key was at hand" not in plain_words(make_report([make_call()]))[0]


def test_a_conforming_call_that_fails_a_grave_rule_is_not_praised() -> None:
    assert "1 of them fails a rule of high or critical severity all the same" in plain_words(full_report())[0]


def test_media_without_signalling_gets_no_call_verdict() -> None:
    stream = AuditedStream(clear(), (outcome("PRO-001", "unknown"),))
    text = headline(make_report([], streams=(stream,)))
    assert text == "No call was found, only 1 media stream outside calls. No rule failed, 1 check stayed unknown."
