# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit explain`: one rule in full."""

import difflib

import click

from analyzer.errors import UsageError
from analyzer.model.exit_code import ExitCode
from analyzer.rules.catalogue import render_rule
from analyzer.rules.registry import RULES


@click.command("explain", short_help="Explain a rule.")
@click.argument("rule", metavar="RULE")
def explain_command(rule: str) -> ExitCode:
    """What a rule asks, which clause says so, what its outcomes mean, and how to repair a failure."""
    known = {each.id.upper(): each for each in RULES}
    found = known.get(rule.upper())
    if found is None:
        near = difflib.get_close_matches(rule.upper(), known, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"no rule is called {rule[:40]!r}{hint or '.'} The rules are {', '.join(known)}.")
    click.echo(render_rule(found))
    return ExitCode.OK
