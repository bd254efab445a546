# SPDX-License-Identifier: GPL-2.0-only
"""The report in a few plain sentences: the same words for the cover of the HTML and the last line of the terminal."""

from analyzer.model.brief import CallBrief
from analyzer.model.evidence import TlsFlow
from analyzer.model.outcome import OutcomeValue, Severity, Verdict
from analyzer.model.reasons import Reason
from analyzer.model.report import Report
from reports.spelling import plural
from reports.tally import (
    FAULTY,
    all_outcome_counts,
    call_verdict,
    call_verdict_counts,
    sorted_findings,
)
from reports.wording import SIPS_PORT


def headline(report: Report) -> str:
    """One sentence that says how the audit ended; what could not be judged never sounds like a pass."""
    if not report.briefs:
        return _headline_without_calls(report)
    counts = call_verdict_counts(report)
    total = len(report.briefs)
    faulty = sum(counts[verdict] for verdict in FAULTY)
    parts = []
    if counts[Verdict.CONFORM] or counts[Verdict.NO_MEDIA] < total:
        parts.append(f"{counts[Verdict.CONFORM]} of {plural(total, 'call')} protected as negotiated")
    if faulty:
        parts.append(f"{faulty} not")
    unjudged = counts[Verdict.INCONCLUSIVE] + counts[None]
    if unjudged:
        parts.append(f"{unjudged} could not be judged")
    if counts[Verdict.NO_MEDIA]:
        parts.append(f"{counts[Verdict.NO_MEDIA]} without media")
    return "; ".join(parts) + _failures(report) + "."


def _failures(report: Report) -> str:
    findings = sorted_findings(report)
    if not findings:
        unknown = all_outcome_counts(report)[OutcomeValue.UNKNOWN]
        return ". No rule failed" + (f", {plural(unknown, 'check')} stayed unknown" if unknown else "")
    worst = findings[0]
    return f". {plural(len(findings), 'rule')} failed, the worst {worst.severity} ({worst.rule})"


def _headline_without_calls(report: Report) -> str:
    if not report.captures or not any(capture.readable for capture in report.captures):
        return "Nothing was readable: there is no verdict."
    seen = []
    if report.streams:
        seen.append(plural(len(report.streams), "media stream"))
    if report.messages:
        seen.append(plural(len(report.messages), "signalling message"))
    if sips := _shut_sips(report):
        seen.append(f"{plural(len(sips), 'unreadable connection')} of SIP over TLS")
    if not seen:
        return "Neither calls nor media were found: there is no verdict."
    return f"No call was found, only {' and '.join(seen)} outside calls{_failures(report)}."


def plain_words(report: Report) -> tuple[str, ...]:
    """The executive summary, one sentence each."""
    counts = call_verdict_counts(report)
    sentences = [_protected(report, counts)]
    if counts[Verdict.UNPROTECTED]:
        sentences.append(f"{plural(counts[Verdict.UNPROTECTED], 'call')} could be listened to by anyone on the path.")
    if counts[Verdict.MISMATCH]:
        number = plural(counts[Verdict.MISMATCH], "call")
        sentences.append(f"In {number} the answer or the traffic contradicts what was negotiated.")
    if counts[Verdict.DOWNGRADE]:
        number = plural(counts[Verdict.DOWNGRADE], "call")
        sentences.append(f"In {number} both sides could have had, by their own lists, a choice they prefer.")
    unjudged = counts[Verdict.INCONCLUSIVE] + counts[None]
    if unjudged:
        number = plural(unjudged, "call")
        sentences.append(f"{number} could not be judged, because evidence is missing; this is not a pass.")
    if counts[Verdict.NO_MEDIA]:
        sentences.append(f"{plural(counts[Verdict.NO_MEDIA], 'call')} never carried media.")
    sentences.extend(_outside(report))
    return tuple(sentence for sentence in sentences if sentence)


def _protected(report: Report, counts: dict[Verdict | None, int]) -> str:
    if not report.briefs:
        return "The captures show no call."
    total, conform = len(report.briefs), counts[Verdict.CONFORM]
    protected = plural(conform, "was", "were")
    text = f"The captures show {plural(total, 'call')}; {protected} protected as both sides preferred."
    consistent = sum(
        any(Reason.WIRE_NOT_PROVED in line.reasons for line in call.lines)
        and all(line.verdict in (Verdict.CONFORM, Verdict.NO_MEDIA) for line in call.lines)
        for call in report.briefs
    )
    flawed = sum(call_verdict(call) is Verdict.CONFORM and _fails_badly(call) for call in report.briefs)
    if flawed:
        text += f" {plural(flawed, 'of them fails', 'of them fail')} a rule of high or critical severity all the same."
    if consistent:
        text += f" For {consistent} of these the traffic looks encrypted, but no key was at hand to prove it."
    return text


def _fails_badly(call: CallBrief) -> bool:
    return call.worst is not None and call.worst.severity.rank >= Severity.HIGH.rank


def _shut_sips(report: Report) -> list[TlsFlow]:
    """TLS connections that stayed shut and whose port says that signalling is inside."""
    return [flow for flow in report.tls_flows if flow.is_shut and flow.server.endswith(f":{SIPS_PORT}")]


def _outside(report: Report) -> list[str]:
    sentences = []
    if report.streams:
        streams = plural(len(report.streams), "media stream belongs", "media streams belong")
        sentences.append(f"{streams} to no call that the captures show.")
    shut = [flow for flow in report.tls_flows if flow.is_shut]
    sips = _shut_sips(report)
    if sips:
        flows = plural(len(sips), "TLS connection runs", "TLS connections run")
        sentences.append(f"{flows} to the port of SIP over TLS: signalling is present and, without keys, unreadable.")
    if len(shut) > len(sips):
        flows = plural(len(shut) - len(sips), "TLS connection")
        sentences.append(f"{flows} may hide signalling that nobody without their keys can judge.")
    if report.drops:
        sentences.append(f"The capture lost {plural(report.drops, 'packet')}: absences prove nothing there.")
    return sentences
