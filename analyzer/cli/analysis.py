# SPDX-License-Identifier: GPL-2.0-only
"""What `srtp-audit analyze` does once it is known what to analyze; a child may be reading the first capture already."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.api import audit
from analyzer.cli.leaving import hold
from analyzer.cli.materials import load_inventory, load_policy, load_ring
from analyzer.cli.progress import progress_line
from analyzer.cli.rendering import Outputs, call_renderer, write_report
from analyzer.evidence.reading_ahead import CaptureReader
from analyzer.model.cross_check import CrossCheck
from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Severity
from analyzer.model.report import Report
from analyzer.rules.exit_decision import decide_exit_code


def analyze(
    paths: Sequence[str],
    outputs: Outputs,
    *,
    keys: str | None,
    policy: str,
    inventory: str | None,
    fail_on: Severity,
    second: bool,
    jobs: int,
    digests: bool,
    ahead: CaptureReader | None,
) -> ExitCode:
    """Audit captures and write what was asked for; `second` asks tshark, too. Raises every `AuditorError`."""
    ring, resolved, known = load_ring(keys), load_policy(policy), load_inventory(inventory)
    with progress_line(outputs.quiet) as progress:
        report = audit(
            paths,
            policy=resolved,
            ring=ring,
            inventory=known,
            progress=progress,
            jobs=jobs,
            ahead=ahead,
            render=call_renderer(outputs),
            keep_calls=False,
            digests=digests,
        )
        if second:
            report = replace(report, cross_check=_second_opinion(paths, report))
    hold(report)
    write_report(report, outputs)
    return decide_exit_code(report, fail_on)


def _second_opinion(paths: Sequence[str], report: Report) -> CrossCheck:
    from analyzer.crosscheck.compare import cross_check  # noqa: PLC0415 - only for whoever asks

    return cross_check(paths, report)
