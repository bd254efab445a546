# SPDX-License-Identifier: GPL-2.0-only
"""Counting a report: verdicts, outcomes, severities, what is worst, what could not be judged."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model.brief import CallBrief
from analyzer.model.call import CallState
from analyzer.model.outcome import Finding, Outcome, OutcomeValue, Severity, Verdict
from analyzer.model.report import Report

VERDICT_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}
_CALL_RANK = {**VERDICT_RANK, Verdict.NO_MEDIA: len(VERDICT_RANK)}  # a hold does not undo what was said before it
SEVERITIES = tuple(sorted(Severity, key=lambda severity: -severity.rank))
FAULTY = frozenset((Verdict.UNPROTECTED, Verdict.MISMATCH, Verdict.DOWNGRADE))
_FINE = frozenset((Verdict.CONFORM, Verdict.NO_MEDIA))
_NEVER_SET_UP = frozenset((CallState.REJECTED, CallState.CANCELLED))


class RuleCount(NamedTuple):
    """How often one rule came to each outcome."""

    rule: str
    title: str
    counts: tuple[int, ...]  # in the order of OutcomeValue


class Unjudged(NamedTuple):
    """What was missing for one rule, and in how many places."""

    rule: str
    title: str
    missing: str
    places: int


def verdict_counts(report: Report) -> dict[Verdict, int]:
    """Media lines by verdict, all six in order, strongest first."""
    counts = Counter(line.verdict for call in report.briefs for line in call.lines)
    return {verdict: counts[verdict] for verdict in Verdict}


def call_verdict(call: CallBrief) -> Verdict | None:
    """The strongest verdict among a call's media lines; those without media count where no other line is.

    Without a media line a call that was refused or given up had no media; any other is not judged: None.
    """
    if not call.lines and call.call.state in _NEVER_SET_UP:
        return Verdict.NO_MEDIA
    if len(call.lines) == 1:
        return call.lines[0].verdict
    return min((line.verdict for line in call.lines), key=_CALL_RANK.__getitem__, default=None)


def call_verdict_counts(report: Report) -> dict[Verdict | None, int]:
    """Calls by their strongest verdict; under None those without a media line."""
    counts = Counter(map(call_verdict, report.briefs))
    return {verdict: counts[verdict] for verdict in (*Verdict, None)}


def outcome_counts(outcomes: Iterable[Outcome]) -> dict[OutcomeValue, int]:
    """All five outcomes with their counts."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {value: counts[value] for value in OutcomeValue}


def all_outcome_counts(report: Report) -> dict[OutcomeValue, int]:
    """The same over a whole report: of calls, of streams and of messages outside calls."""
    counts: Counter[OutcomeValue] = Counter()
    for (_, value), number in report.tally.outcomes.items():
        counts[value] += number
    return {value: counts[value] for value in OutcomeValue}


def severity_counts(findings: Iterable[Finding]) -> dict[Severity, int]:
    """All five severities with the number of findings, worst first."""
    counts = Counter(finding.severity for finding in findings)
    return {severity: counts[severity] for severity in SEVERITIES}


def sorted_findings(report: Report) -> tuple[Finding, ...]:
    """Findings, worst first, then by rule."""
    return tuple(sorted(report.findings, key=lambda finding: (-finding.severity.rank, finding.rule)))


def needs_a_page(call: CallBrief) -> bool:
    """Whether a call has anything that somebody must read: a fault, a failure, or something unknown."""
    return not call.is_quiet or call_verdict(call) not in _FINE


def urgency(call: CallBrief) -> tuple[bool, int, int]:
    """Sort key that puts first the calls somebody must read, the strongest verdict and the worst failure leading."""
    verdict, worst = call_verdict(call), call.worst
    rank = VERDICT_RANK[Verdict.INCONCLUSIVE] if verdict is None else VERDICT_RANK[verdict]
    return (call.is_quiet and verdict in _FINE, rank, -worst.severity.rank if worst else 1)


def count_rules(report: Report) -> tuple[RuleCount, ...]:
    """One row for each rule that was applied, sorted by id."""
    counts: dict[str, Counter[OutcomeValue]] = {}
    for (rule, value), number in report.tally.outcomes.items():
        counts.setdefault(rule, Counter())[value] = number
    titles = {text.id: text.title for text in report.rules}
    return tuple(
        RuleCount(rule, titles.get(rule, rule), tuple(counts[rule][value] for value in OutcomeValue))
        for rule in sorted(counts)
    )


def list_unjudged(report: Report) -> tuple[Unjudged, ...]:
    """Unknown and error outcomes grouped by rule and by what was missing, the most frequent first."""
    titles = {text.id: text.title for text in report.rules}
    ordered = sorted(report.tally.unjudged.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Unjudged(rule, titles.get(rule, rule), missing, places) for (rule, missing), places in ordered)
