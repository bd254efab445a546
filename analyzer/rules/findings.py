# SPDX-License-Identifier: GPL-2.0-only
"""Failed rules over the whole capture set, gravest first."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from analyzer.model.outcome import Finding, FindingEvidence, Outcome, OutcomeValue, Severity
from analyzer.model.report import AuditedCall, AuditedMessage, AuditedStream
from analyzer.rules.registry import RULES, rule_by_id


class _Failure(NamedTuple):
    """A failed outcome and the call it was found in (None: outside calls)."""

    call_id: str | None
    outcome: Outcome


def collect_findings(
    calls: tuple[AuditedCall, ...],
    streams: tuple[AuditedStream, ...] = (),
    messages: tuple[AuditedMessage, ...] = (),
) -> tuple[Finding, ...]:
    """One finding for each failed rule, by falling severity and then in the order of the catalogue.

    Its evidence is in the order of the calls, then streams and messages of no call; frames rise and stand once.
    """
    by_rule: dict[str, list[_Failure]] = {}
    for failure in _failures(calls, streams, messages):
        by_rule.setdefault(failure.outcome.rule, []).append(failure)
    found = [_finding(rule.id, by_rule[rule.id]) for rule in RULES if rule.id in by_rule]
    return tuple(sorted(found, key=lambda finding: -finding.severity.rank))


def _failures(
    calls: tuple[AuditedCall, ...], streams: tuple[AuditedStream, ...], messages: tuple[AuditedMessage, ...]
) -> Iterator[_Failure]:
    for call in calls:
        for outcome in call.outcomes:
            if outcome.outcome is OutcomeValue.FAIL:
                yield _Failure(call.call.call_id, outcome)
    outside = chain((one.outcomes for one in streams), (one.outcomes for one in messages))
    for outcome in chain.from_iterable(outside):
        if outcome.outcome is OutcomeValue.FAIL:
            yield _Failure(None, outcome)


def _finding(rule_id: str, failures: list[_Failure]) -> Finding:
    rule = rule_by_id(rule_id)
    severity: Severity = max((failure.outcome.severity for failure in failures), key=lambda one: one.rank)
    return Finding(rule.id, rule.title, severity, rule.citation, rule.remediation, _evidence(failures))


def _evidence(failures: list[_Failure]) -> tuple[FindingEvidence, ...]:
    """Frames grouped by call and capture."""
    groups: dict[tuple[str | None, int], set[int]] = {}
    for failure in failures:
        for ref in failure.outcome.refs:
            _group(groups, failure.call_id, ref)
    return tuple(
        FindingEvidence(call_id, capture, tuple(sorted(frames))) for (call_id, capture), frames in groups.items()
    )


def _group(groups: dict[tuple[str | None, int], set[int]], call_id: str | None, ref: FrameRef) -> None:
    groups.setdefault((call_id, ref.capture), set()).add(ref.frame)
