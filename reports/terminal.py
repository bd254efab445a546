# SPDX-License-Identifier: GPL-2.0-only
"""The report for a terminal: a row for each call, findings with frames, what stayed unknown, one last sentence."""

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console, OverflowMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.model.brief import CallBrief, NotedStream, note_stream
from analyzer.model.outcome import Finding, Severity, Verdict
from analyzer.model.report import CaptureFacts, Report
from reports.endpoints import PeriodView, view_endpoints
from reports.messages import mikey_name
from reports.safe_text import visible
from reports.second_opinion import print_second_opinion
from reports.spelling import clock_text, count_text, damage_text, frames_text, plural, short_uri, ssrc_text
from reports.summary import headline
from reports.tally import (
    call_verdict,
    list_unjudged,
    needs_a_page,
    sorted_findings,
    urgency,
)
from reports.wording import (
    CARRIERS,
    LINKS,
    VERDICT_ASCII,
    VERDICT_SYMBOLS,
    explain_capture_defect,
    explain_missing,
    explain_reason,
    explain_tls,
    name_traffic,
)

MAX_ROWS = 50
MAX_CALL_ID = 60  # characters of one that are shown
MAX_PLACES = 3
MAX_LINES = 12
MAX_MIKEY = 12
MAX_NAMES = 5
WIDE = 112
MIN_PARTIES = 8

_VERDICT_STYLES = {
    Verdict.UNPROTECTED: "bold red",
    Verdict.MISMATCH: "red",
    Verdict.DOWNGRADE: "yellow",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.NO_MEDIA: "dim",
    Verdict.CONFORM: "green",
}
_SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "default",
    Severity.INFO: "dim",
}
_ASCII = str.maketrans({"→": ">", "·": "-", "…": "~", "–": "-", "\u202f": " ", "✕": "X", "§": "s."})


class _Pen:
    """Makes rich texts out of plain ones: never markup, never a control character, ASCII where nothing else shows."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.ascii = console.options.ascii_only
        self.width = console.width

    def text(self, text: str, style: str = "") -> Text:
        """One piece of one line."""
        shown = "\n".join(visible(line) for line in text.split("\n"))
        if self.ascii:
            shown = shown.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
        return Text(shown, style=style)

    def line(self, *pieces: tuple[str, str], indent: int = 0) -> None:
        """Print one line of styled pieces; where it wraps, the rest keeps the indent."""
        line = Text()
        for text, style in pieces:
            line.append_text(self.text(visible(text), style))
        self._console.print(Padding(line, (0, 0, 0, indent), expand=False) if indent else line)

    def table(self, table: Table) -> None:
        """Print a table."""
        self._console.print(table)


def render_terminal(report: Report, console: Console, *, verbose: bool = False) -> None:
    """Print the report; `verbose` shows every call and every place instead of the first ones.

    Colours follow the console, which has none when it is no terminal or NO_COLOR is set.
    """
    pen = _Pen(console)
    _print_header(report, pen)
    if report.briefs:
        _print_calls(report, pen, verbose)
    _print_steering(report, pen, verbose)
    _print_findings(report, pen, verbose)
    _print_unjudged(report, pen, verbose)
    _print_noted(report, pen, verbose)
    _print_damage(report, pen, verbose)
    _print_endpoints(report, pen, verbose)
    _print_outside(report, pen)
    if report.cross_check is not None:
        print_second_opinion(report.cross_check, pen, None if verbose else MAX_LINES)
    for note in report.notes:
        pen.line(("note  ", "dim"), (note, ""))
    pen.line()
    pen.line((headline(report), "bold"))


def render_call(call: CallBrief, number: int, console: Console) -> None:
    """Print one call as a line of its own, for calls that end while a capture runs."""
    pen = _Pen(console)
    worst = call.worst
    symbol, style = _verdict_text(call_verdict(call), pen)
    pieces = [(f"{number:>4}  ", "dim"), (f"{symbol}  ", style), (_parties(call), "")]
    pieces += [
        (f"  {', '.join(_keyed(call))}", "dim"),
        (f"  {call.proved}/{call.streams} streams proved" if call.streams else "  no stream", ""),
    ]
    if worst is not None:
        pieces.append((f"  {worst.severity} {worst.rule}", _SEVERITY_STYLES[worst.severity]))
    pieces += [(f"  leg of {visible(leg.call_id, MAX_CALL_ID)}", "dim") for leg in call.call.other_legs]
    pen.line(*pieces)


def _verdict_text(verdict: Verdict | None, pen: _Pen) -> tuple[str, str]:
    if verdict is None:
        return "? not judged", "magenta"
    symbols = VERDICT_ASCII if pen.ascii else VERDICT_SYMBOLS
    return f"{symbols[verdict]} {verdict}", _VERDICT_STYLES[verdict]


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


def _print_header(report: Report, pen: _Pen) -> None:
    policy = report.policy
    pen.line(
        (f"{report.tool_name} {report.tool_version}", "bold"),
        (f"  policy {policy.id}@{policy.version} · selection rule {policy.selection_rule}", "dim"),
    )
    for capture in report.captures:
        _print_capture(capture, pen)
    if report.drops:
        pen.line((f"{plural(report.drops, 'packet')} dropped while capturing", "yellow"))


def _print_capture(capture: CaptureFacts, pen: _Pen) -> None:
    if not capture.readable:
        pen.line((f"{capture.path}  ", ""), ("not readable", "bold red"))
    else:
        facts = [capture.format, plural(capture.packets, "packet"), plural(capture.signalling_messages, "message")]
        facts.append(f"from {clock_text(capture.first_time_ns)}")
        pen.line((capture.path, ""))
        pen.line((" · ".join(facts), "dim"), indent=2)
    if capture.names:
        named = [f"{name} {address}" for address, name in capture.names[:MAX_NAMES]]
        more = len(capture.names) - len(named)
        pen.line((f"names: {', '.join(named)}{f' and {count_text(more)} more' if more else ''}", "dim"), indent=2)
    for defect in capture.defects[:MAX_LINES]:
        pen.line((explain_capture_defect(defect), "yellow"), indent=2)
    skipped = [f"{name_traffic(what)} ({plural(packets, 'packet')})" for what, packets in capture.unread]
    if capture.interface_drops:
        skipped.insert(0, f"dropped at the interface ({plural(capture.interface_drops, 'packet')})")
    if skipped:
        pen.line((f"skipped: {', '.join(skipped)}", "dim"), indent=2)


def _chosen_rows(report: Report, verbose: bool) -> list[tuple[int, CallBrief]]:
    numbered = list(enumerate(report.briefs, 1))
    if verbose or len(numbered) <= MAX_ROWS:
        return numbered
    return sorted(sorted(numbered, key=lambda item: (urgency(item[1]), item[0]))[:MAX_ROWS])


def _widths(pen: _Pen, rows: list[tuple[int, CallBrief]], *, wide: bool) -> list[tuple[str, int]]:
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


def _fits_one_line(pen: _Pen, rows: list[tuple[int, CallBrief]]) -> bool:
    """Whether one line for each call names both parties whole."""
    given = dict(_widths(pen, rows, wide=True))["From > to" if pen.ascii else "From → to"]
    return all(len(_parties(call, _separator(wide=True))) <= given for _, call in rows)


def _table(pen: _Pen, columns: list[tuple[str, int]]) -> Table:
    cut: OverflowMethod = "crop" if pen.ascii else "ellipsis"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for title, width in columns:
        right = title in ("#", "Proved")
        table.add_column(title, justify="right" if right else "left", no_wrap=True, overflow=cut, width=width)
    return table


def _keyed_text(call: CallBrief, wide: bool) -> str:
    keyed = _keyed(call, " " if wide else "\n")
    return keyed[0] + (f"{' ' if wide else chr(10)}and {len(keyed) - 1} more" if len(keyed) > 1 else "")


def _row(number: int, call: CallBrief, pen: _Pen, *, wide: bool) -> Iterator[Text]:
    symbol, style = _verdict_text(call_verdict(call), pen)
    state = call.call.state.value
    yield pen.text(str(number), "dim")
    yield pen.text(symbol, style) if wide else Text("\n").join([pen.text(symbol, style), pen.text(state, "dim")])
    if wide:
        yield pen.text(state, "dim")
    yield pen.text(_parties(call, _separator(wide)))
    yield pen.text(_keyed_text(call, wide))
    proved = f"{call.proved}/{call.streams}" if call.streams else "–"
    yield pen.text(proved, "" if call.proved == call.streams else "magenta")
    worst = call.worst
    if worst is not None:
        yield pen.text(f"{worst.rule}{' ' if wide else chr(10)}{worst.severity}", _SEVERITY_STYLES[worst.severity])
    else:
        yield pen.text(f"{call.unknown} unknown", "magenta") if call.unknown else pen.text("none", "dim")


def _print_calls(report: Report, pen: _Pen, verbose: bool) -> None:
    rows = _chosen_rows(report, verbose)
    wide = pen.width >= WIDE and _fits_one_line(pen, rows)
    table = _table(pen, _widths(pen, rows, wide=wide))
    for number, call in rows:
        table.add_row(*_row(number, call, pen, wide=wide))
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


def _print_links(report: Report, rows: list[tuple[int, CallBrief]], pen: _Pen, verbose: bool) -> None:
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
        _print_more(len(lines) - MAX_LINES, pen)


def _print_reasons(number: int, call: CallBrief, pen: _Pen, verbose: bool) -> None:
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


def _print_steering(report: Report, pen: _Pen, verbose: bool) -> None:
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
    for number, weakest, carriers in steered if verbose else steered[:MAX_PLACES]:
        where = ", ".join(dict.fromkeys(CARRIERS[carrier] for carrier in carriers))
        pen.line((f"call {number}: ", "dim"), (weakest, "yellow"), (f" ({where})", "dim"), indent=2)
    if not verbose:
        _print_more(len(steered) - MAX_PLACES, pen)


def _places(finding: Finding, report: Report, limit: int) -> Iterator[str]:
    numbers: dict[str, int] = {}
    for number, call in enumerate(report.briefs, 1):
        numbers.setdefault(call.call.call_id, number)
    for evidence in finding.evidence[:limit]:
        number = numbers.get(evidence.call_id, 0) if evidence.call_id is not None else 0
        where = f"call {number}" if number else "outside calls"
        path = f" of {report.captures[evidence.capture].path}" if len(report.captures) > 1 else ""
        yield f"{where}: {frames_text(evidence.frames)}{path}"
        for comment in report.captures[evidence.capture].comments:
            if comment.frame in evidence.frames:
                yield f"comment on frame {comment.frame}: {comment.text}"
    if len(finding.evidence) > limit:
        yield f"and {plural(len(finding.evidence) - limit, 'more place')}"


def _print_findings(report: Report, pen: _Pen, verbose: bool) -> None:
    findings = sorted_findings(report)
    if not findings:
        return
    pen.line()
    pen.line(("Findings", "bold"))
    for finding in findings:
        style = _SEVERITY_STYLES[finding.severity]
        head = ((f"{finding.severity.value:<8}  ", style), (f"{finding.rule}  ", "bold"), (finding.title, ""))
        pen.line(*head, indent=2)
        for place in _places(finding, report, len(finding.evidence) if verbose else MAX_PLACES):
            pen.line((place, "dim"), indent=12)
        if verbose:
            pen.line((f"{finding.citation}. {finding.remediation}", ""), indent=12)


def _print_unjudged(report: Report, pen: _Pen, verbose: bool) -> None:
    unjudged = list_unjudged(report)
    if not unjudged:
        return
    limit = len(unjudged) if verbose else MAX_LINES
    pen.line()
    pen.line(("Unknown", "bold magenta"), (" (not a pass)", "dim"))
    for item in unjudged[:limit]:
        text = f"{plural(item.places, 'place')}, missing: {explain_missing(item.missing)}"
        pen.line(("?  ", "magenta"), (f"{item.rule}  ", "bold"), (text, ""), indent=2)
    _print_more(len(unjudged) - limit, pen)


def _print_endpoints(report: Report, pen: _Pen, verbose: bool) -> None:
    """The endpoints that changed what they offer; with `verbose` all of them."""
    views = [view for view in view_endpoints(report) if verbose or view.is_changed]
    if not views:
        return
    pen.line()
    pen.line(("Endpoints", "bold"), ("" if verbose else " that changed what they offer", ""))
    for view in views if verbose else views[:MAX_LINES]:
        agent = f" ({visible(view.profile.user_agent, 60)})" if view.profile.user_agent else ""
        pen.line((f"{visible(short_uri(view.profile.aor), 120)}{agent}", ""), indent=2)
        rows = [row for row in view.rows if verbose or row.changed]
        for row in rows if verbose else rows[:MAX_PLACES]:
            pen.line(*_period_pieces(row, verbose), indent=4)
        _print_more(len(rows) - (len(rows) if verbose else MAX_PLACES), pen)
    _print_more(len(views) - (len(views) if verbose else MAX_LINES), pen)


def _period_pieces(row: PeriodView, verbose: bool) -> Iterator[tuple[str, str]]:
    period = row.period
    yield f"{clock_text(period.first_ns)}, frame {period.first.frame}: ", "dim"
    if verbose:
        offered = period.offered
        yield f"{offered.media_type} {offered.proto}: {row.key_agreements}; {row.suites}", ""
        yield f" ({plural(period.offers, 'offer')})", "dim"
    if row.changed:
        yield f"{'; ' if verbose else ''}{'; '.join(row.changed)}", "yellow"


def _print_noted(report: Report, pen: _Pen, verbose: bool) -> None:
    """What stays shut, and why; what is odd about streams that open."""
    noted = list(_noted_streams(report))
    shut = [_noted_text(place, stream) for place, stream in noted if stream.is_shut] + list(_shut_connections(report))
    odd = [_noted_text(place, stream) for place, stream in noted if not stream.is_shut]
    _print_list("Not opened", ("?  ", "magenta"), shut, pen, verbose)
    _print_list("Noted", ("·  ", "dim"), odd, pen, verbose)


def _print_list(title: str, mark: tuple[str, str], lines: list[str], pen: _Pen, verbose: bool) -> None:
    if not lines:
        return
    limit = len(lines) if verbose else MAX_LINES
    pen.line()
    pen.line((title, f"bold {mark[1]}"))
    for line in lines[:limit]:
        pen.line(mark, (line, ""), indent=2)
    _print_more(len(lines) - limit, pen)


def _print_damage(report: Report, pen: _Pen, verbose: bool) -> None:
    """What could not be read in messages, and where."""
    found = [(f"call {number}, ", each) for number, call in enumerate(report.briefs, 1) for each in call.damage]
    lines = []
    for call, damage in (*found, *(("", each) for each in report.damage)):
        path = f" of {report.captures[damage.capture].path}" if len(report.captures) > 1 else ""
        lines.append(f"{call}frame {damage.frame}{path}: {damage_text(damage)}")
    _print_list("Not readable", ("!  ", "yellow"), lines, pen, verbose)


def _print_more(number: int, pen: _Pen) -> None:
    if number > 0:
        pen.line((f"     and {number} more", "dim"))


def _noted_streams(report: Report) -> Iterator[tuple[str, NotedStream]]:
    """Streams of calls and of none, with the place where they stand."""
    for number, call in enumerate(report.briefs, 1):
        yield from ((f"call {number}", noted) for noted in call.noted)
    for each in report.streams:
        noted = note_stream(each.audit)
        if noted is not None:
            yield "outside calls", noted


def _noted_text(place: str, stream: NotedStream) -> str:
    counts = ((stream.not_tried, "not opened"), (stream.failed, "not authentic"))
    said = ", ".join(f"{plural(number, 'packet')} {what}" for number, what in counts if number)
    return f"{place}, stream {ssrc_text(stream.ssrc)}: {said}{': ' if said else ''}{stream.said}"


def _shut_connections(report: Report) -> Iterator[str]:
    for flow in report.tls_flows:
        if flow.reason:
            what = "" if flow.opened else f"{plural(flow.packets, 'packet')} not opened: "
            yield f"TLS {flow.client} → {flow.server}: {what}{explain_tls(flow)}"


def _print_outside(report: Report, pen: _Pen) -> None:
    parts = _counted(
        (len(report.streams), "media stream"),
        (len(report.messages), "message"),
        (len(report.mikey), "MIKEY message"),
        (len([flow for flow in report.tls_flows if flow.is_shut]), "TLS connection"),
    )
    if parts:
        pen.line()
        pen.line(("Outside calls  ", "bold"), (", ".join(parts), ""))
        for each in report.mikey[:MAX_MIKEY]:
            message = each.message
            said = f"  frame {message.ref.frame}: {mikey_name(each)}, {message.source} → {message.destination}"
            pen.line((f"{said}: {each.evidence.mac.how}", ""))
        if len(report.mikey) > MAX_MIKEY:
            pen.line((f"  {len(report.mikey) - MAX_MIKEY} more MIKEY messages", ""))


def _counted(*pairs: tuple[int, str]) -> list[str]:
    return [plural(number, name) for number, name in pairs if number]
