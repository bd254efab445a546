# SPDX-License-Identifier: GPL-2.0-only
"""Which exit code a finished audit earns."""

from collections.abc import Iterator

from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Outcome, OutcomeValue, Severity, Verdict
from analyzer.model.report import Report

DEFAULT_FAIL_ON = Severity.MEDIUM


def decide_exit_code(report: Report, fail_on: Severity = DEFAULT_FAIL_ON) -> ExitCode:
    """The strongest code that holds: a crashed rule, a failure at or above `fail_on`, nothing to judge, gaps, fine."""
    outcomes = tuple(_outcomes(report))
    if any(outcome.outcome is OutcomeValue.ERROR for outcome in outcomes):
        return ExitCode.INTERNAL
    if any(outcome.outcome is OutcomeValue.FAIL and outcome.severity.rank >= fail_on.rank for outcome in outcomes):
        return ExitCode.FINDINGS
    nothing_readable = bool(report.captures) and not any(capture.readable for capture in report.captures)
    if nothing_readable or not (report.calls or report.streams):
        return ExitCode.UNREADABLE
    return ExitCode.INCOMPLETE if _has_gaps(report, outcomes) else ExitCode.OK


def _outcomes(report: Report) -> Iterator[Outcome]:
    for call in report.calls:
        yield from call.outcomes
    for stream in report.streams:
        yield from stream.outcomes
    for message in report.messages:
        yield from message.outcomes


def _has_gaps(report: Report, outcomes: tuple[Outcome, ...]) -> bool:
    """Whether something is unknown, packets were lost by the capture, or a part of it could not be read."""
    if any(outcome.outcome is OutcomeValue.UNKNOWN for outcome in outcomes) or report.drops:
        return True
    if any(media.verdict is Verdict.INCONCLUSIVE for call in report.calls for media in call.media):
        return True
    return any(not one.readable or one.defects or one.interface_drops for one in report.captures)
