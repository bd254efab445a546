# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit analyze`: captures in, verdicts out."""

import click

from analyzer.capture.windows import available_cores
from analyzer.cli.capture_paths import expand_paths
from analyzer.cli.files import check_outputs
from analyzer.cli.options import evidence_options, output_options
from analyzer.cycles import no_search_for_cycles
from analyzer.evidence.reading_ahead import start_reading
from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Severity


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
    paths = expand_paths(captures)
    jobs = jobs or available_cores()
    digests = bool(json_target or html_target)  # nothing else shows them
    with no_search_for_cycles(freeze=True), start_reading(paths[0], jobs, digest=digests) as ahead:
        from analyzer.cli.analysis import analyze  # noqa: PLC0415 - imported while the capture is read
        from analyzer.cli.rendering import Outputs  # noqa: PLC0415

        return analyze(
            paths,
            Outputs(json_target, html_target, quiet, verbose, no_color),
            keys=keys,
            policy=policy,
            inventory=inventory,
            fail_on=Severity(fail_on),
            second=second,
            jobs=jobs,
            digests=digests,
            ahead=ahead,
        )
