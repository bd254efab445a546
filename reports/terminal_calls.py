# SPDX-License-Identifier: GPL-2.0-only
"""Calls on a terminal: a row for each, why each got its verdict, what it came out of, how far it could be steered."""

from collections.abc import Iterable, Iterator

from analyzer.model.brief import CallBrief
from analyzer.model.outcome import Verdict
from analyzer.model.report import Report
from reports.pen import MAX_LINES, SEVERITY_STYLES, Pen, print_more
from reports.safe_text import visible
from reports.spelling import plural, short_uri
from reports.table import Cell, Column, Table
from reports.tally import call_verdict, needs_a_page, urgency
from reports.wording import CARRIERS, LINKS, VERDICT_ASCII, VERDICT_SYMBOLS, explain_reason

MAX_ROWS = 50
MAX_CALL_ID = 60  # characters of one that are shown
MAX_STEERED = 3
WIDE = 112
MIN_PARTIES = 8

VERDICT_STYLES = {
    Verdict.UNPROTECTED: "bold red",
    Verdict.MISMATCH: "red",
    Verdict.DOWNGRADE: "yellow",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.NO_MEDIA: "dim",
    Verdict.CONFORM: "green",
}


def render_call(call: CallBrief, number: int, pen: Pen) -> None:
    """Print one call as a line of its own, for calls that end while a capture runs."""
    worst = call.worst
    symbol, style = _verdict_text(call_verdict(call), pen)
    pieces = [(f"{number:>4}  ", "dim"), (f"{symbol}  ", style), (_parties(call), "")]
    pieces += [
        (f"  {', '.join(_keyed(call))}", "dim"),
        (f"  {call.proved}/{call.streams} streams proved" if call.streams else "  no stream", ""),
    ]
    if worst is not None:
        pieces.append((f"  {worst.severity} {worst.rule}", SEVERITY_STYLES[worst.severity]))
    pieces += [(f"  leg of {visible(leg.call_id, MAX_CALL_ID)}", "dim") for leg in call.call.other_legs]
    pen.line(*pieces)


def _verdict_text(verdict: Verdict | None, pen: Pen) -> tuple[str, str]:
    if verdict is None:
        return "? not judged", "magenta"
    symbols = VERDICT_ASCII if pen.ascii else VERDICT_SYMBOLS
    return f"{symbols[verdict]} {verdict}", VERDICT_STYLES[verdict]


def _parties(call: CallBrief, separator: str = " → ") -> str:
    caller, callee = short_uri(call.call.caller), short_uri(call.call.callee)
    return f"{visible(caller, 120)}{separator}{visible(callee, 120)}"


def _separator(wide: bool) -> str:
    return " → " if wide else "\n→ "


def _keyed(call: CallBrief, separator: str = " ") -> list[str]:
    texts = []
    for line in call.lines:
        parts = (line.method, line.suite)
        texts.append(separator.join(visible(part, 60) for part in parts if part) or "no keying")
    return list(dict.fromkeys(texts)) or ["–"]


def print_calls(report: Report, pen: Pen, verbose: bool) -> None:
    """A table with a row for each call, reasons and links below it; with `verbose` of all, else of the worst."""
    rows = _chosen_rows(report, verbose)
    wide = pen.width >= WIDE and _fits_one_line(pen, rows)
    table = _table(pen, _widths(pen, rows, wide=wide))
    for number, call in rows:
        table.rows.append(list(_row(number, call, pen, wide=wide)))
    pen.line()
    pen.table(table)
    left_out = len(report.briefs) - len(rows)
    if left_out:
        text = f"{plural(left_out, 'more call')} not shown here, the worst are; --verbose or --json has all."
        pen.line((text, "dim"))
    for number, call in rows[: None if verbose else MAX_LINES]:
        if needs_a_page(call):
            _print_reasons(number, call, pen, verbose)
    _print_links(report, rows, pen, verbose)


def _chosen_rows(report: Report, verbose: bool) -> list[tuple[int, CallBrief]]:
    numbered = list(enumerate(report.briefs, 1))
    if verbose or len(numbered) <= MAX_ROWS:
        return numbered
    return sorted(sorted(numbered, key=lambda item: (urgency(item[1]), item[0]))[:MAX_ROWS])


def _widths(pen: Pen, rows: list[tuple[int, CallBrief]], *, wide: bool) -> list[tuple[str, int]]:
    """Titles and widths of the columns; the parties take what the longest of them needs and is left, at least 8.

    Where even that does not fit, the parties and their keying share what there is, so that no other column shrinks.
    """
    parties = max(len(line) for _, call in rows for line in _parties(call, _separator(wide)).split("\n"))
    keyed = max(len(line) for _, call in rows for line in _keyed_text(call, wide).split("\n"))
    numbers = len(str(rows[-1][0]))
    columns = [("#", numbers), ("Verdict", 14), ("State", 9)][: 3 if wide else 2]
    columns += [
        ("From > to" if pen.ascii else "From → to", 0),
        ("Keyed by", min(37 if wide else 23, max(keyed, 8))),
        ("Proved", 6),
        ("Worst", 16 if wide else 9),
    ]
    left = pen.width - sum(width for _, width in columns) - 2 * (len(columns) - 1)
    if left < MIN_PARTIES:
        shared = left + dict(columns)["Keyed by"]
        left = max(MIN_PARTIES, shared - shared // 2)
        columns = [(title, max(MIN_PARTIES, shared // 2) if title == "Keyed by" else width) for title, width in columns]
    return [(title, width or max(MIN_PARTIES, min(left, max(parties, 9)))) for title, width in columns]


def _fits_one_line(pen: Pen, rows: list[tuple[int, CallBrief]]) -> bool:
    """Whether one line for each call names both parties whole."""
    given = dict(_widths(pen, rows, wide=True))["From > to" if pen.ascii else "From → to"]
    return all(len(_parties(call, _separator(wide=True))) <= given for _, call in rows)


def _table(pen: Pen, columns: list[tuple[str, int]]) -> Table:
    mark = "" if pen.ascii else "…"
    return Table(
        [Column(title, title in ("#", "Proved"), width, wraps=False, mark=mark) for title, width in columns], "dim"
    )


def _keyed_text(call: CallBrief, wide: bool) -> str:
    keyed = _keyed(call, " " if wide else "\n")
    return keyed[0] + (f"{' ' if wide else chr(10)}and {len(keyed) - 1} more" if len(keyed) > 1 else "")


def _row(number: int, call: CallBrief, pen: Pen, *, wide: bool) -> Iterator[Cell]:
    symbol, style = _verdict_text(call_verdict(call), pen)
    state = call.call.state.value
    yield pen.text(str(number), "dim")
    if wide:
        yield pen.text(symbol, style)
        yield pen.text(state, "dim")
    else:
        yield Cell([*pen.text(symbol, style).lines, *pen.text(state, "dim").lines])
    yield pen.text(_parties(call, _separator(wide)))
    yield pen.text(_keyed_text(call, wide))
    proved = f"{call.proved}/{call.streams}" if call.streams else "–"
    yield pen.text(proved, "" if call.proved == call.streams else "magenta")
    worst = call.worst
    if worst is not None:
        yield pen.text(f"{worst.rule}{' ' if wide else chr(10)}{worst.severity}", SEVERITY_STYLES[worst.severity])
    else:
        yield pen.text(f"{call.unknown} unknown", "magenta") if call.unknown else pen.text("none", "dim")


def _print_reasons(number: int, call: CallBrief, pen: Pen, verbose: bool) -> None:
    """Why its lines got their verdicts, and in which exchange where that is not all of them."""
    exchanges = dict.fromkeys(line.exchange.number for line in call.call.media)
    found: dict[str, dict[int, None]] = {}
    for line, said in zip(call.call.media, call.lines, strict=True):
        for reason in said.reasons:
            found.setdefault(reason, {})[line.exchange.number] = None
    told = {reason: "" if len(at) == len(exchanges) else f" (exchange {_numbers(at)})" for reason, at in found.items()}
    if found:
        pen.line((f"call {number}  ", "dim"), (", ".join(f"{reason}{where}" for reason, where in told.items()), ""))
    for reason in found if verbose else ():
        pen.line((f"{reason}: ", "dim"), (explain_reason(reason), "dim"), indent=8)


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _print_links(report: Report, rows: list[tuple[int, CallBrief]], pen: Pen, verbose: bool) -> None:
    """What calls came out of: retries after a refusal, within a call or as a new one, redirections, transfers, legs."""
    numbers: dict[str, int] = {}
    for number, call in enumerate(report.briefs, 1):
        numbers.setdefault(call.call.call_id, number)
    lines = []
    for number, call in rows:
        for exchange in call.call.exchanges:
            if exchange.retry_of is not None:
                said = f"exchange {exchange.number} tries again what was refused in exchange {exchange.retry_of}"
                lines.append((number, said))
        for link in call.call.links:
            other = numbers.get(link.call_id)
            name = str(other) if other else visible(link.call_id, MAX_CALL_ID)
            words = LINKS[link.kind]
            lines.append((number, f"{words[0].lower()}{words[1:]} {name}"))
        earlier = [numbers[leg.call_id] for leg in call.call.other_legs if leg.is_earlier and leg.call_id in numbers]
        lines += [(number, f"is a later leg of call {other}") for other in earlier]
    for number, said in lines if verbose else lines[:MAX_LINES]:
        pen.line((f"call {number}  ", "dim"), (said, ""))
    if not verbose:
        print_more(len(lines) - MAX_LINES, pen)


def print_steering(report: Report, pen: Pen, verbose: bool) -> None:
    """The calls whose lists somebody in the middle could have altered unseen, to a weaker choice than was made."""
    steered = list(
        dict.fromkeys(
            (number, " with ".join(name for name in line.weakest if name), tuple(line.open_carriers))
            for number, call in enumerate(report.briefs, 1)
            for line in call.lines
            if line.weakest is not None
        )
    )
    if not steered:
        return
    calls = len({number for number, _, _ in steered})
    pen.line()
    pen.line(
        ("A man in the middle", "bold"),
        (f" could have altered the lists of {plural(calls, 'call')} unseen, down to", ""),
    )
    for number, weakest, carriers in steered if verbose else steered[:MAX_STEERED]:
        where = ", ".join(dict.fromkeys(CARRIERS[carrier] for carrier in carriers))
        pen.line((f"call {number}: ", "dim"), (weakest, "yellow"), (f" ({where})", "dim"), indent=2)
    if not verbose:
        print_more(len(steered) - MAX_STEERED, pen)
