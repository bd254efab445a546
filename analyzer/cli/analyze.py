# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit analyze`: captures in, verdicts out."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from analyzer.api import audit
from analyzer.capture.windows import available_cores
from analyzer.cli.capture_paths import expand_paths
from analyzer.cli.files import check_outputs
from analyzer.cli.leaving import hold
from analyzer.cli.options import evidence_options, load_inventory, load_policy, load_ring, output_options
from analyzer.cli.progress import progress_line
from analyzer.cli.rendering import Outputs, call_renderer, write_report
from analyzer.model.cross_check import CrossCheck
from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Severity
from analyzer.model.report import Report
from analyzer.rules.exit_decision import decide_exit_code


@click.command("analyze", short_help="Audit captures.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Threads and processes for large captures [default: all cores]."
)
@click.option("--cross-check", "second", is_flag=True, help="Let tshark read the captures too, and compare.")
@evidence_options
@output_options
def analyze_command(
    captures: tuple[str, ...],
    jobs: int | None,
    second: bool,
    keys: str | None,
    policy: str,
    inventory: str | None,
    json_target: str | None,
    html_target: str | None,
    fail_on: str,
    quiet: bool,
    verbose: bool,
    no_color: bool,
) -> ExitCode:
    """Audit captures as one set: pcap or pcapng files, directories of them, or - for standard input.

    Without --json or --html a summary is printed. Exit codes: 0 nothing to complain about, 4 something is unknown or
    could not be read, 3 nothing to judge, 5 a rule failed at or above --fail-on, 2 wrong usage, policy or key file.
    """
    check_outputs([json_target, html_target])
    if second:
        from analyzer.crosscheck.wireshark import tshark_version  # noqa: PLC0415 - only for whoever asks

        tshark_version()  # refuse before the work, not after it
    outputs = Outputs(json_target, html_target, quiet, verbose, no_color)
    paths = expand_paths(captures)
    ring, resolved, known = load_ring(keys), load_policy(policy), load_inventory(inventory)
    with no_search_for_cycles():
        with progress_line(quiet) as progress:
            report = audit(
                paths,
                policy=resolved,
                ring=ring,
                inventory=known,
                progress=progress,
                jobs=jobs or available_cores(),
                render=call_renderer(outputs),
                keep_calls=False,
                digests=bool(json_target or html_target),  # nothing else shows them
            )
            if second:
                report = replace(report, cross_check=_second_opinion(paths, report))
        hold(report)
        write_report(report, outputs)
        return decide_exit_code(report, Severity(fail_on))


def _second_opinion(paths: Sequence[str], report: Report) -> CrossCheck:
    from analyzer.crosscheck.compare import cross_check  # noqa: PLC0415 - only for whoever asks

    return cross_check(paths, report)


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Pause Python's collector: all that an audit builds are trees which live to its end, and each look is in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # what is left is let go by count; the first look after the pause would be the longest
            gc.enable()
