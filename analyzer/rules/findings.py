# SPDX-License-Identifier: GPL-2.0-only
"""Failed rules over the whole capture set, gravest first."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from analyzer.model.brief import CallBrief, Failure
from analyzer.model.outcome import Finding, FindingEvidence, Outcome, Severity
from analyzer.model.report import AuditedMessage, AuditedMikey, AuditedStream
from analyzer.rules.briefing import brief_failures, outcomes_outside
from analyzer.rules.registry import RULES, rule_by_id


class _Place(NamedTuple):
    """A failed rule and the call it was found in (None: outside calls)."""

    call_id: str | None
    failure: Failure


def collect_findings(
    calls: tuple[CallBrief, ...],
    streams: tuple[AuditedStream, ...] = (),
    messages: tuple[AuditedMessage, ...] = (),
    mikey: tuple[AuditedMikey, ...] = (),
) -> tuple[Finding, ...]:
    """One finding for each failed rule, by falling severity and then in the order of the catalogue.

    Its evidence is in the order of the calls, then streams, messages and MIKEY of no call; frames rise and stand once.
    """
    by_rule: dict[str, list[_Place]] = {}
    outside = outcomes_outside(streams, messages, mikey)
    for place in _places(calls, outside):
        by_rule.setdefault(place.failure.rule, []).append(place)
    found = [_finding(rule.id, by_rule[rule.id]) for rule in RULES if rule.id in by_rule]
    return tuple(sorted(found, key=lambda finding: -finding.severity.rank))


def _places(calls: tuple[CallBrief, ...], outside: Iterable[tuple[Outcome, ...]]) -> Iterator[_Place]:
    for call in calls:
        for failure in call.failures:
            yield _Place(call.call.call_id, failure)
    for outcomes in outside:
        for failure in brief_failures(outcomes):
            yield _Place(None, failure)


def _finding(rule_id: str, places: list[_Place]) -> Finding:
    rule = rule_by_id(rule_id)
    severity: Severity = max((place.failure.severity for place in places), key=lambda one: one.rank)
    return Finding(rule.id, rule.title, severity, rule.citation, rule.remediation, _evidence(places))


def _evidence(places: list[_Place]) -> tuple[FindingEvidence, ...]:
    """Frames grouped by call and capture."""
    groups: dict[tuple[str | None, int], set[int]] = {}
    for call_id, failure in places:
        for capture, frame in failure.places:
            groups.setdefault((call_id, capture), set()).add(frame)
    return tuple(
        FindingEvidence(call_id, capture, tuple(sorted(frames))) for (call_id, capture), frames in groups.items()
    )
