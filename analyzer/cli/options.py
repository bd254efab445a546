# SPDX-License-Identifier: GPL-2.0-only
"""Options that several commands share; what they turn into is in `materials.py`, whose imports take longer."""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from analyzer.model.default_policy import DEFAULT_POLICY
from analyzer.model.outcome import Severity

_F = TypeVar("_F", bound=Callable[..., Any])
SEVERITIES = [severity.value for severity in Severity]


def evidence_options(command: _F) -> _F:
    """Keys, policy and inventory: what the auditor brings along."""
    for option in (
        click.option("--inventory", metavar="FILE.toml", help="What endpoints support, in their order."),
        click.option(
            "--policy", default=DEFAULT_POLICY, metavar="NAME|FILE", show_default=True, help="What to demand."
        ),
        click.option("--keys", metavar="FILE", help="Keys: TOML, crypto lines, a key log, a PEM key."),
    ):
        command = option(command)
    return command


def output_options(command: _F) -> _F:
    """Where the report goes, and when a failure shows in the exit code."""
    for option in (
        click.option("--no-color", is_flag=True, help="Plain text (NO_COLOR does the same)."),
        click.option("-v", "--verbose", is_flag=True, help="Show rules that passed, too."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
        click.option(
            "--fail-on",
            type=click.Choice(SEVERITIES),
            default=Severity.MEDIUM.value,
            show_default=True,
            help="Exit with 5 when a rule of this severity or above fails.",
        ),
        click.option("--html", "html_target", metavar="FILE", help="Write the report for people, in one file."),
        click.option("--json", "json_target", metavar="FILE|-", help="Write the report for programs."),
    ):
        command = option(command)
    return command


def wants_color(no_color: bool) -> bool:
    """Whether colour helps: a terminal that shows it, and nobody who asked for none."""
    return not no_color and "NO_COLOR" not in os.environ and sys.stdout.isatty()
