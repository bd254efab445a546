# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit negotiate`: two lists in, every rule's winner out; with no lists, the example of the paper."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import click

from analyzer.cli.materials import load_inventory, load_policy
from analyzer.cli.terminal import open_pen
from analyzer.cli.typed_lists import Lists, find_lists, list_of, read_list, unregistered
from analyzer.errors import UsageError
from analyzer.model.exit_code import ExitCode
from analyzer.model.negotiation import COMPUTED_RULES, CapabilityKind, Carrier, Method, Preference, SelectionRule
from analyzer.model.policy import Policy
from analyzer.negotiation.inventory import Inventory
from analyzer.negotiation.prospects import read_prospects
from analyzer.negotiation.selection import Selection, dominated_by, select
from analyzer.policies import DEFAULT_POLICY
from reports.pen import Pen
from reports.table import Cell, Column, Table
from reports.wrapping import Piece

MAX_PAIRS = 400
TABLE_4 = (
    "PSK=0,PKE=1,DH=2,AES_CM_128_HMAC_SHA1_80=0,AES_CM_128_HMAC_SHA1_32=1",
    "PKE=0,DH=1,PSK=2,AES_CM_128_HMAC_SHA1_32=0,F8_128_HMAC_SHA1_80=1",
)
INTRODUCTION = (
    "Table 4 of the paper: Alice prefers PSK, Bob prefers PKE. Lower numbers are better; what is not in both lists"
    " can't be chosen. The paper says that comparing the priorities gives PKE and AES_CM_128_HMAC_SHA1_32, and not"
    " how: that rules out initiator-first, and min-sum is the reading under which both sides' wishes count. Strength is"
    " another question: the outcome has the 32-bit tag."
)
NARROW = 80  # cells, under which the names of the two sides are shortened in titles
TITLES = {CapabilityKind.KEY_AGREEMENT: "Key agreements", CapabilityKind.SUITE: "Crypto suites"}
NOTHING_COMMON = "nothing is common: the call must fail, never fall back to clear media"


class _Rows(NamedTuple):
    """One category: both lists, the policy's strengths, and what each rule selects."""

    kind: CapabilityKind
    initiator: dict[str, int]
    responder: dict[str, int]
    strength: dict[str, int]
    selections: dict[SelectionRule, Selection]

    @property
    def common(self) -> tuple[str, ...]:
        """What stands in both lists."""
        return tuple(name for name in self.initiator if name in self.responder)

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

    Without numbers the order counts. With an inventory and no names, each of its endpoints calls each other. With
    nothing at all, the example of the paper is explained.
    """
    if (initiator is None) != (responder is None):
        raise UsageError("negotiate takes two lists, or none")
    resolved = load_policy(policy)
    pen = open_pen(no_color)
    known = None if inventory is None else load_inventory(inventory)
    if initiator is None or responder is None:
        if known is not None:
            _print_pairs(known, resolved, pen)
            return ExitCode.OK
        pen.line((INTRODUCTION, ""))
        pen.line()
        lists = [read_list(text) for text in TABLE_4]
    else:
        lists = [read_list(one) if known is None else find_lists(known, one) for one in (initiator, responder)]
    for name in unregistered(lists) if known is None else ():  # of an inventory it was said when it was read
        click.echo(f"note: {name} is no registered suite", err=True)
    for rows in _categories(lists[0], lists[1], resolved):
        _print_category(rows, pen)
    return ExitCode.OK


def _categories(initiator: Lists, responder: Lists, policy: Policy) -> Iterator[_Rows]:
    strengths = {
        CapabilityKind.KEY_AGREEMENT: dict(policy.key_agreement_strength),
        CapabilityKind.SUITE: dict(policy.suite_strength),
    }
    for kind in CapabilityKind:
        own, peer, strength = initiator[kind], responder[kind], strengths[kind]
        if own or peer:
            yield _Rows(kind, own, peer, strength, {rule: select(own, peer, rule, strength) for rule in COMPUTED_RULES})


def _print_category(rows: _Rows, pen: Pen) -> None:
    sides = ("init.", "resp.") if pen.width < NARROW else ("initiator", "responder")
    columns = [Column("", wraps=False)]
    columns += [Column(title, right=True) for title in (*sides, "sum", "max", "strength")]
    if any(map(rows.dominated, rows.common)):
        columns.append(Column("dominated by"))
    names = dict.fromkeys((*rows.initiator, *rows.responder))
    table = Table(columns, "bold", TITLES[rows.kind])
    table.rows += [_cells(name, rows, pen)[: len(columns)] for name in names]
    pen.table(table)
    if rows.common:
        for rule, selection in rows.selections.items():
            pen.line(*_winner_line(rule, selection))
        pen.line((f"  {'undominated':<16} ", ""), *_listed(_undominated(rows)))
    for line in _method_lines(rows) if rows.initiator and rows.responder else ():
        pen.line(*line)
    if not (rows.initiator and rows.responder):
        pen.line(("one side lists none of these, so nothing can be told", "dim"), indent=2)
    elif not rows.common:
        pen.line((NOTHING_COMMON, "red"), indent=2)
    elif (weaker := _weaker(rows)) is not None:
        pen.line((weaker, "yellow"), indent=2)
    pen.line()


def _listed(names: Sequence[str]) -> Iterator[Piece]:
    """Names with commas between them; each is a piece, since a piece is cut where it is long."""
    for number, name in enumerate(names):
        yield (f", {name}" if number else name), ""


def _cells(name: str, rows: _Rows, pen: Pen) -> list[Cell]:
    own, peer = rows.initiator.get(name), rows.responder.get(name)
    common = name in rows.initiator and name in rows.responder
    numbers = (own, peer, own + peer if own is not None and peer is not None else None)
    greatest = max(own, peer) if own is not None and peer is not None else None
    shown = ("–" if number is None else str(number) for number in (*numbers, greatest, rows.strength.get(name)))
    rivals = _listed(rows.dominated(name)) if common else ()
    return [pen.text(name, "" if common else "dim"), *map(pen.text, shown), pen.cell(*rivals)]


def _winner_line(rule: SelectionRule, selection: Selection) -> list[Piece]:
    rivals = [name for name in selection.tie if name != selection.winner]
    tie = f"   tied with {', '.join(rivals)}" if rivals else ""
    return [(f"  {rule.value:<16} ", ""), (selection.winner or "not known", "bold"), (tie, "")]


def _undominated(rows: _Rows) -> list[str]:
    return [name for name in rows.common if not rows.dominated(name)]


def _method_lines(rows: _Rows) -> Iterator[list[Piece]]:
    """What the paper's other two methods make of the lists."""
    offered, answered = _preferences(rows.kind, rows.initiator), _preferences(rows.kind, rows.responder)
    for prospect in read_prospects(rows.kind, offered, answered, None, None):
        if prospect.method is Method.PRIORITY:
            continue
        found = " or ".join(prospect.candidates)
        said = "no agreement" if prospect.agreed is False else found if prospect.agreed else f"depends: {found}"
        yield [(f"  {prospect.method.value:<16} {said}", "dim")]


def _preferences(kind: CapabilityKind, priorities: dict[str, int]) -> list[Preference]:
    return [
        Preference(kind, name, number, Carrier.PRIORITY_EXTENSION, None, None) for name, number in priorities.items()
    ]


def _weaker(rows: _Rows) -> str | None:
    """A sentence where the outcome is weaker than another common capability: priorities are not strength."""
    winner = rows.selections[SelectionRule.MIN_SUM].winner
    ranked = [name for name in rows.common if name in rows.strength]
    if winner not in ranked:
        return None
    strongest = max(ranked, key=lambda name: rows.strength[name])
    return None if strongest == winner else f"{strongest} is common too, and stronger than min-sum's {winner}"


def _print_pairs(inventory: Inventory, policy: Policy, pen: Pen) -> None:
    """What each endpoint gets when it calls each other one, by the rule the policy names (min-sum if it names none)."""
    rule = policy.selection_rule if policy.selection_rule in COMPUTED_RULES else SelectionRule.MIN_SUM
    pairs = list(permutations(inventory.endpoints, 2))
    if not pairs:
        raise UsageError("negotiate compares the endpoints of an inventory, and this one has fewer than two")
    columns = [Column(title, folds=True) for title in ("initiator", "responder", "key agreement", "suite")]
    table = Table(columns, "bold", f"Each calls each other, by {rule}", edged=True)
    for one, other in pairs[:MAX_PAIRS]:
        rows = {found.kind: found for found in _categories(list_of(one), list_of(other), policy)}
        outcomes = (pen.cell(*_outcome(rows.get(kind), rule)) for kind in CapabilityKind)
        table.rows.append([pen.text(one.id), pen.text(other.id), *outcomes])
    pen.table(table)
    if len(pairs) > MAX_PAIRS:
        pen.line((f"and {len(pairs) - MAX_PAIRS} more pairs", "dim"))


def _outcome(rows: _Rows | None, rule: SelectionRule) -> list[Piece]:
    if rows is None or not (rows.initiator and rows.responder):
        return [("not listed by both", "dim")]
    selection = rows.selections[rule]
    if not rows.common:
        return [("nothing common", "red")]
    rivals: Sequence[str] = [name for name in selection.tie if name != selection.winner]
    return [(selection.winner or "not known", ""), (f" (tied with {', '.join(rivals)})" if rivals else "", "dim")]
