# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit sniff`: live traffic, call by call."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from analyzer.auditor import Auditor
from analyzer.calls.legs import RecentLegs
from analyzer.calls.tracker import CallTracker
from analyzer.capture.live import LiveWriter, open_live
from analyzer.capture.source import Capture
from analyzer.cli.files import check_outputs
from analyzer.cli.materials import load_inventory, load_policy, load_ring
from analyzer.cli.options import evidence_options, output_options
from analyzer.cli.rendering import Outputs, print_call, write_report
from analyzer.errors import UsageError
from analyzer.evidence.reading import Reading, merge_evidence
from analyzer.model.exit_code import ExitCode
from analyzer.model.outcome import Severity
from analyzer.model.report import Report
from analyzer.rules.briefing import brief_call
from analyzer.rules.exit_decision import decide_exit_code

POLL_SECONDS = 0.2
SETTLE_SECONDS = 0.3  # what the kernel still holds when the end is asked for


@click.command("sniff", short_help="Audit live traffic.")
@click.option("-i", "--interface", required=True, metavar="IFACE", help="Where to listen.")
@click.option("-f", "--filter", "capture_filter", default="", metavar="BPF", help="What to capture.")
@click.option("--duration", type=click.FloatRange(min=0.1), metavar="S", help="Stop after so many seconds.")
@click.option("-w", "--write", "keep", metavar="FILE.pcapng", help="Keep what was captured.")
@evidence_options
@output_options
def sniff_command(
    interface: str,
    capture_filter: str,
    duration: float | None,
    keep: str | None,
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
    """Listen on an interface and print each call when it ends; Ctrl-C, SIGTERM or --duration writes the reports.

    A filter on ports loses IP fragments: add "or (ip[6:2] & 0x3fff != 0)". Exit codes are those of analyze.
    """
    check_outputs([json_target, html_target, keep])
    auditor = Auditor(load_policy(policy), load_ring(keys), load_inventory(inventory))
    outputs = Outputs(json_target, html_target, quiet, verbose, no_color)
    with tempfile.TemporaryDirectory(prefix="srtp-audit-") as folder:
        path = Path(folder) / "live.pcapng"
        with open_live(interface, capture_filter, path) as (capture, writer):
            report = _Listener(auditor, interface, outputs).listen(capture, writer, duration)
        if keep is not None:
            _keep(path, keep)
    write_report(report, outputs)
    return decide_exit_code(report, Severity(fail_on))


class _Listener:
    """Follows one growing capture through the stages."""

    def __init__(self, auditor: Auditor, interface: str, outputs: Outputs) -> None:
        self._auditor = auditor
        self._interface = interface
        self._outputs = outputs
        self._reading = Reading(0, auditor.ring.tls_secrets())
        self._tracker = CallTracker(auditor.policy.retry_seconds)
        self._recent = RecentLegs()
        self._printed = 0

    def listen(self, capture: Capture, writer: LiveWriter, duration: float | None) -> Report:
        """Until the duration is over or somebody asks for the end; the report is of everything captured."""
        if not self._outputs.quiet:
            click.echo(f"srtp-audit: listening on {self._interface}; Ctrl-C ends and reports", err=True)
        deadline = None if duration is None else time.monotonic() + duration
        with stop_requests() as stopped:
            while not stopped() and (deadline is None or time.monotonic() < deadline):
                time.sleep(POLL_SECONDS)
                writer.check()
                self._take(capture)
            time.sleep(SETTLE_SECONDS)
            writer.stop()
            self._take(capture)
        return self._conclude(capture)

    def _take(self, capture: Capture) -> None:
        for batch in capture.poll():
            for message in self._reading.feed(batch):
                self._tracker.feed(message)
        for call_id in self._tracker.ended():
            self._print_call(call_id)

    def _print_call(self, call_id: str) -> None:
        if self._outputs.quiet or self._outputs.json == "-":
            return
        call = self._recent.join(self._tracker.call(call_id, merge_evidence([self._reading])))
        audited = self._auditor.audit_call(call, self._auditor.knowledge([call]))
        self._printed += 1
        print_call(brief_call(audited), self._printed, self._outputs)

    def _conclude(self, capture: Capture) -> Report:
        for batch in capture.finish():
            for message in self._reading.feed(batch):
                self._tracker.feed(message)
        for message in self._reading.finish():
            self._tracker.feed(message)
        facts = self._reading.facts(capture, capture.account, f"live: {self._interface}")
        calls = self._tracker.finish(merge_evidence([self._reading]))
        return self._auditor.report([facts], calls, [self._reading])


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """A function that says whether Ctrl-C or SIGTERM came; a second Ctrl-C interrupts as usual."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep(path: Path, target: str) -> None:
    """The captured packets under the name the user gave: the evidence itself, for its owner only."""
    wanted = Path(target)
    if wanted.is_symlink():
        raise UsageError(f"{target}: is a symbolic link; name the file itself")
    try:
        wanted.touch(mode=0o600)
        wanted.chmod(0o600)
        shutil.copyfile(path, wanted)
    except OSError as error:
        raise UsageError(f"{target}: can't be written: {error.strerror}") from error
    click.echo(f"srtp-audit: {target} holds the captured packets themselves", err=True)
