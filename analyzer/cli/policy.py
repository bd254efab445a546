# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit policy`: what can be demanded of a call."""

import click

from analyzer.model.exit_code import ExitCode
from analyzer.policies import check_policy, list_policies, read_policy
from analyzer.rules.registry import rule_by_id
from reports.safe_text import visible


@click.group("policy", short_help="List, show and check policies.")
def policy_command() -> None:
    """List, show and check policies."""


@policy_command.command("list")
def list_command() -> ExitCode:
    """The policies that come with the program."""
    for summary in list_policies():
        click.echo(f"{summary.id}@{summary.version}  {summary.title}")
    return ExitCode.OK


@policy_command.command("show")
@click.argument("name", metavar="NAME|FILE")
def show_command(name: str) -> ExitCode:
    """One policy after its parents were merged: selection rule, rules, severities, digest."""
    policy = read_policy(name)
    click.echo(f"{policy.id}@{policy.version}  {policy.title}")
    click.echo(f"sha256          {policy.sha256}")
    click.echo(f"selection rule  {policy.selection_rule.value}")
    click.echo(f"tolerated       {policy.tolerated_failures:.2%} of a stream's packets may fail")
    click.echo(f"retry           within {policy.retry_seconds} s of a refusal")
    for setting in policy.rules:
        click.echo(f"{setting.id}  {setting.severity.value:<8}  {rule_by_id(setting.id).title}")
        for name, value in setting.parameters:
            click.echo(f"         {name} = {value}")
    return ExitCode.OK


@policy_command.command("check")
@click.argument("path", metavar="FILE")
def check_command(path: str) -> ExitCode:
    """Whether a policy file can be used; says what is wrong with it, and where."""
    problems = check_policy(path)
    for problem in problems:
        click.echo(visible(problem), err=True)
    if not problems:
        click.echo(f"{visible(path)}: usable")
    return ExitCode.USAGE if problems else ExitCode.OK
