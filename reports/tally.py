# SPDX-License-Identifier: GPL-2.0-only
"""Counting a report: verdicts, outcomes, severities, what is worst, what could not be judged."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from analyzer.model.call import CallState
from analyzer.model.outcome import Finding, Outcome, OutcomeValue, Severity, Verdict
from analyzer.model.report import AuditedCall, AuditedMedia, Report

VERDICT_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}
SEVERITIES = tuple(sorted(Severity, key=lambda severity: -severity.rank))
FAULTY = frozenset((Verdict.UNPROTECTED, Verdict.MISMATCH, Verdict.DOWNGRADE))
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


def all_outcomes(report: Report) -> Iterator[Outcome]:
    """Every outcome of a report: of calls, of streams and of messages outside calls."""
    for call in report.calls:
        yield from call.outcomes
    for stream in report.streams:
        yield from stream.outcomes
    for message in report.messages:
        yield from message.outcomes


def verdict_counts(report: Report) -> dict[Verdict, int]:
    """Media lines by verdict, all six in order, strongest first."""
    counts = Counter(media.verdict for call in report.calls for media in call.media)
    return {verdict: counts[verdict] for verdict in Verdict}


def call_verdict(call: AuditedCall) -> Verdict | None:
    """The strongest verdict among a call's media lines.

    Without a media line a call that was refused or given up had no media; any other is not judged: None.
    """
    if not call.media and call.call.state in _NEVER_SET_UP:
        return Verdict.NO_MEDIA
    return min((media.verdict for media in call.media), key=VERDICT_RANK.__getitem__, default=None)


def call_verdict_counts(report: Report) -> dict[Verdict | None, int]:
    """Calls by their strongest verdict; under None those without a media line."""
    counts = Counter(map(call_verdict, report.calls))
    return {verdict: counts[verdict] for verdict in (*Verdict, None)}


def outcome_counts(outcomes: Iterable[Outcome]) -> dict[OutcomeValue, int]:
    """All five outcomes with their counts."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {value: counts[value] for value in OutcomeValue}


def severity_counts(findings: Iterable[Finding]) -> dict[Severity, int]:
    """All five severities with the number of findings, worst first."""
    counts = Counter(finding.severity for finding in findings)
    return {severity: counts[severity] for severity in SEVERITIES}


def sorted_findings(report: Report) -> tuple[Finding, ...]:
    """Findings, worst first, then by rule."""
    return tuple(sorted(report.findings, key=lambda finding: (-finding.severity.rank, finding.rule)))


def worst_failure(outcomes: Iterable[Outcome]) -> Outcome | None:
    """The failed rule of the highest severity; None where nothing failed."""
    failures = [outcome for outcome in outcomes if outcome.outcome is OutcomeValue.FAIL]
    return max(failures, key=lambda outcome: outcome.severity.rank, default=None)


def needs_a_page(call: AuditedCall) -> bool:
    """Whether a call has anything that somebody must read: a fault, a failure, or something unknown."""
    if call_verdict(call) in (*FAULTY, Verdict.INCONCLUSIVE, None):
        return True
    quiet = (OutcomeValue.PASS, OutcomeValue.NOT_APPLICABLE)
    return any(outcome.outcome not in quiet for outcome in call.outcomes)


def urgency(call: AuditedCall) -> tuple[bool, int, int]:
    """Sort key that puts first the calls somebody must read, the strongest verdict and the worst failure leading."""
    verdict = call_verdict(call)
    worst = worst_failure(call.outcomes)
    rank = VERDICT_RANK[Verdict.INCONCLUSIVE] if verdict is None else VERDICT_RANK[verdict]
    return (not needs_a_page(call), rank, -worst.severity.rank if worst else 1)


def proved_streams(media: Iterable[AuditedMedia]) -> tuple[int, int]:
    """How many streams have packets that authenticated without contradiction, and how many there are."""
    streams = [stream for line in media for stream in line.streams]
    return sum(stream.wire.value == "proved" for stream in streams), len(streams)


def count_rules(report: Report) -> tuple[RuleCount, ...]:
    """One row for each rule that was applied, sorted by id."""
    counts: dict[str, Counter[OutcomeValue]] = {}
    for outcome in all_outcomes(report):
        counts.setdefault(outcome.rule, Counter())[outcome.outcome] += 1
    titles = {text.id: text.title for text in report.rules}
    return tuple(
        RuleCount(rule, titles.get(rule, rule), tuple(counts[rule][value] for value in OutcomeValue))
        for rule in sorted(counts)
    )


def list_unjudged(report: Report) -> tuple[Unjudged, ...]:
    """Unknown and error outcomes grouped by rule and by what was missing, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in all_outcomes(report):
        if outcome.outcome in (OutcomeValue.UNKNOWN, OutcomeValue.ERROR):
            counts[outcome.rule, outcome.missing or outcome.explanation] += 1
    titles = {text.id: text.title for text in report.rules}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Unjudged(rule, titles.get(rule, rule), missing, places) for (rule, missing), places in ordered)
