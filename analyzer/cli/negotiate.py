# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit negotiate`: two lists in, every rule's winner out; with no lists, the example of the paper."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analyzer.cli.options import load_inventory, load_policy, wants_color
from analyzer.errors import UsageError
from analyzer.model.exit_code import ExitCode
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import COMPUTED_RULES, CapabilityKind, SelectionRule
from analyzer.model.policy import Policy
from analyzer.negotiation.inventory import Identity, Inventory
from analyzer.negotiation.selection import Selection, dominated_by, read_priorities, select
from analyzer.policies import DEFAULT_POLICY
from dissectors.grammar.sdes import canonical_suite

KEY_AGREEMENTS = {mode.removeprefix("MIKEY-").upper(): mode for mode in MIKEY_MODES.values()}
KEY_AGREEMENTS |= {mode.upper(): mode for mode in (*MIKEY_MODES.values(), "SDES", "DTLS-SRTP", "ZRTP")}
ENTRY = re.compile(r"\s*([A-Za-z0-9_-]{1,64})\s*(?:[=:]\s*(-?[0-9]{1,9}))?\s*")
TABLE_4 = (
    "PSK=0,PKE=1,DH=2,AES_CM_128_HMAC_SHA1_80=0,AES_CM_128_HMAC_SHA1_32=1",
    "PKE=0,DH=1,PSK=2,AES_CM_128_HMAC_SHA1_32=0,F8_128_HMAC_SHA1_80=1",
)
INTRODUCTION = """\
Table 4 of the paper: Alice prefers PSK, Bob prefers PKE. Lower numbers are better; what is not in both lists can't be
chosen. The paper says that comparing the priorities gives PKE and AES_CM_128_HMAC_SHA1_32, and not how: that rules out
initiator-first, and min-sum is the reading under which both sides' wishes count. Strength is another question: the
outcome has the 32-bit tag.
"""
TITLES = {CapabilityKind.KEY_AGREEMENT: "Key agreements", CapabilityKind.SUITE: "Crypto suites"}

Lists = dict[CapabilityKind, dict[str, int | None]]


class _Rows(NamedTuple):
    """One category: both lists, and what each rule selects."""

    initiator: dict[str, int | None]
    responder: dict[str, int | None]
    selections: dict[SelectionRule, Selection]

    def dominated(self, name: str) -> tuple[str, ...]:
        """The common capabilities that are better than `name` for one side and worse for none."""
        return dominated_by(name, self.initiator, self.responder)


@click.command("negotiate", short_help="Compare two priority lists.")
@click.argument("initiator", required=False, metavar="[INITIATOR")
@click.argument("responder", required=False, metavar="RESPONDER]")
@click.option("--inventory", metavar="FILE.toml", help="Take INITIATOR and RESPONDER as names of its endpoints.")
@click.option(
    "--policy", default=DEFAULT_POLICY, metavar="NAME|FILE", show_default=True, help="Its strengths break ties."
)
@click.option("--no-color", is_flag=True, help="Plain text (NO_COLOR does the same).")
def negotiate_command(
    initiator: str | None, responder: str | None, inventory: str | None, policy: str, no_color: bool
) -> ExitCode:
    """Two lists such as PSK=0,PKE=1,AES_CM_128_HMAC_SHA1_80=0 in; the matrix, every rule's winner and the ties out.

    Without numbers the order counts. With no lists at all, the example of the paper is explained.
    """
    if (initiator is None) != (responder is None):
        raise UsageError("negotiate takes two lists, or none")
    resolved = load_policy(policy)
    if initiator is None or responder is None:
        click.echo(INTRODUCTION)
        lists = [read_list(text) for text in TABLE_4]
    elif inventory is not None:
        known = load_inventory(inventory)
        lists = [_listed(known, name) for name in (initiator, responder)]
    else:
        lists = [read_list(initiator), read_list(responder)]
    color = wants_color(no_color)
    console = Console(no_color=not color, force_terminal=None if color else False, highlight=False, markup=False)
    _print(lists[0], lists[1], resolved, console)
    return ExitCode.OK


def read_list(text: str) -> Lists:
    """A list as it is typed: NAME=NUMBER or NAME, separated by commas; raises UsageError for what is none."""
    entries: dict[CapabilityKind, list[tuple[str, int | None]]] = {kind: [] for kind in CapabilityKind}
    for part in filter(str.strip, text.split(",")):
        found = ENTRY.fullmatch(part)
        if found is None:
            raise UsageError(f"{part.strip()[:64]!r} is not NAME=NUMBER")
        agreement = KEY_AGREEMENTS.get(found[1].upper())
        kind = CapabilityKind.SUITE if agreement is None else CapabilityKind.KEY_AGREEMENT
        name = canonical_suite(found[1]) if agreement is None else agreement
        entries[kind].append((name, len(entries[kind]) if found[2] is None else int(found[2])))
    return {kind: _priorities(entries[kind]) for kind in CapabilityKind}


def _priorities(entries: Iterable[tuple[str, int | None]]) -> dict[str, int | None]:
    priorities, defects = read_priorities(entries)
    if defects:
        raise UsageError("; ".join(defect.detail for defect in defects))
    return priorities


def _listed(inventory: Inventory, name: str) -> Lists:
    party = Identity(name, name, name.removeprefix("ua:"))
    lists = {
        kind: _priorities((one.name, one.priority) for one in inventory.preferences(party, kind))
        for kind in CapabilityKind
    }
    if not any(lists.values()):
        raise UsageError(f"the inventory has no endpoint {name[:64]!r}")
    return lists


def _print(initiator: Lists, responder: Lists, policy: Policy, console: Console) -> None:
    strengths = {
        CapabilityKind.KEY_AGREEMENT: dict(policy.key_agreement_strength),
        CapabilityKind.SUITE: dict(policy.suite_strength),
    }
    for kind in CapabilityKind:
        if not (initiator[kind] or responder[kind]):
            continue
        selections = {rule: select(initiator[kind], responder[kind], rule, strengths[kind]) for rule in COMPUTED_RULES}
        _print_category(TITLES[kind], _Rows(initiator[kind], responder[kind], selections), console)


def _print_category(title: str, rows: _Rows, console: Console) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", "initiator", "responder", "sum", "max", "dominated by"):
        table.add_column(column, justify="left" if column in {"", "dominated by"} else "right")
    for name in dict.fromkeys((*rows.initiator, *rows.responder)):
        table.add_row(*_cells(name, rows))
    console.print(table)
    if any(name in rows.responder for name in rows.initiator):
        for rule, selection in rows.selections.items():
            console.print(_winner_line(rule, selection))
    else:
        console.print(Text("  nothing is common: the call must fail, never fall back to clear media", "red"))
    console.print()


def _cells(name: str, rows: _Rows) -> tuple[Text, ...]:
    own, peer = rows.initiator.get(name), rows.responder.get(name)
    common = name in rows.initiator and name in rows.responder
    numbers = (own, peer, own + peer if own is not None and peer is not None else None)
    greatest = max(own, peer) if own is not None and peer is not None else None
    shown = tuple(Text("–" if number is None else str(number)) for number in (*numbers, greatest))
    rivals = ", ".join(rows.dominated(name)) if common else ""
    return (Text(name, style="" if common else "dim"), *shown, Text(rivals))


def _winner_line(rule: SelectionRule, selection: Selection) -> Text:
    rivals = [name for name in selection.tie if name != selection.winner]
    tie = f"   tied with {', '.join(rivals)}" if rivals else ""
    return Text.assemble(f"  {rule.value:<16} ", (selection.winner or "not known", "bold"), tie)
