# SPDX-License-Identifier: GPL-2.0-only
"""A finished report to wherever the command line wants it."""

from collections.abc import Callable

from analyzer.cli.files import write_output
from analyzer.model.brief import CallBrief
from analyzer.model.report import AuditedCall, Report
from dissectors.grammar.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Outputs:
    """Targets (None: not wanted) and how much to print."""

    json: str | None
    html: str | None
    quiet: bool
    verbose: bool
    no_color: bool

    @property
    def to_terminal(self) -> bool:
        """The summary is printed when no other output was named."""
        return not self.quiet and self.json is None and self.html is None


def call_renderer(outputs: Outputs) -> Callable[[int, AuditedCall], bytes] | None:
    """What is to be rendered of each call where it is audited, None where no output has all calls in full."""
    if outputs.json is None:
        return None
    from reports.json_report import render_json_call  # noqa: PLC0415 - a second saved where no JSON is wanted

    return lambda _, call: render_json_call(call)


def write_report(report: Report, outputs: Outputs) -> None:
    """Render and write every wanted output; a renderer is imported only when it is used. Raises UsageError."""
    if outputs.json is not None:
        from reports.json_report import iter_json, render_json_call  # noqa: PLC0415

        write_output(outputs.json, iter_json(report, report.renditions or map(render_json_call, report.calls)))
    if outputs.html is not None:
        from reports.html_report import render_html  # noqa: PLC0415 - Jinja is not free

        write_output(outputs.html, [render_html(report).encode()])
    if outputs.to_terminal:
        print_summary(report, outputs)


def print_summary(report: Report, outputs: Outputs) -> None:
    """The summary on standard output."""
    from analyzer.cli.terminal import open_pen  # noqa: PLC0415
    from reports.terminal import render_terminal  # noqa: PLC0415

    render_terminal(report, open_pen(outputs.no_color), verbose=outputs.verbose)


def print_call(call: CallBrief, number: int, outputs: Outputs) -> None:
    """One call on standard output, as it ends."""
    from analyzer.cli.terminal import open_pen  # noqa: PLC0415
    from reports.terminal_calls import render_call  # noqa: PLC0415

    render_call(call, number, open_pen(outputs.no_color))
