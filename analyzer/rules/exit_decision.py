# SPDX-License-Identifier: GPL-2.0-only
"""Which exit code a finished audit earns."""

from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import OutcomeValue, Severity, Verdict
from analyzer.model.report import Report

DEFAULT_FAIL_ON = Severity.MEDIUM


def decide_exit_code(report: Report, fail_on: Severity = DEFAULT_FAIL_ON) -> ExitCode:
    """The strongest code that holds: a crashed rule, a failure at or above `fail_on`, nothing to judge, gaps, fine."""
    values = {value for (_, value), count in report.tally.outcomes.items() if count}
    if OutcomeValue.ERROR in values:
        return ExitCode.INTERNAL
    if any(count and severity.rank >= fail_on.rank for severity, count in report.tally.failures.items()):
        return ExitCode.FINDINGS
    nothing_readable = bool(report.captures) and not any(capture.readable for capture in report.captures)
    if nothing_readable or not (report.briefs or report.streams):
        return ExitCode.UNREADABLE
    return ExitCode.INCOMPLETE if OutcomeValue.UNKNOWN in values or _has_gaps(report) else ExitCode.OK


def _has_gaps(report: Report) -> bool:
    """Whether a verdict is missing, packets were lost by the capture, or a part of it could not be read."""
    if report.drops or any(line.verdict is Verdict.INCONCLUSIVE for call in report.briefs for line in call.lines):
        return True
    return any(not one.readable or one.defects or one.interface_drops for one in report.captures)
