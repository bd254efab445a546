# SPDX-License-Identifier: GPL-2.0-only
"""Options that several commands share, and what they turn into."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from analyzer.keying.key_ring import KeyRing
from analyzer.model.outcome import Severity
from analyzer.model.policy import Policy
from analyzer.negotiation.inventory import Inventory, read_inventory
from analyzer.policies import DEFAULT_POLICY, read_policy

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


def load_ring(path: str | None) -> KeyRing:
    """The key ring, empty without a file; raises KeyMaterialError."""
    if path is None:
        return KeyRing()
    from analyzer.keying.key_ring_file import read_key_ring  # noqa: PLC0415 - only for whoever has keys

    return read_key_ring(Path(path))


def load_policy(name: str) -> Policy:
    """A built-in policy or a file; raises PolicyError."""
    return read_policy(name)


def load_inventory(path: str | None) -> Inventory:
    """The inventory, empty without a file; raises UsageError."""
    return Inventory() if path is None else read_inventory(Path(path))


def wants_color(no_color: bool) -> bool:
    """Whether colour helps: a terminal that shows it, and nobody who asked for none."""
    return not no_color and "NO_COLOR" not in os.environ and sys.stdout.isatty()
