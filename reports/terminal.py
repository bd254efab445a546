# SPDX-License-Identifier: GPL-2.0-only
"""The report for a terminal: a row for each call, findings with frames, what stayed unknown, one last sentence."""

from collections.abc import Iterator

from analyzer.model.brief import NotedStream, note_stream
from analyzer.model.outcome import Finding
from analyzer.model.report import CaptureFacts, Report
from reports.endpoints import PeriodView, view_endpoints
from reports.messages import mikey_name
from reports.pen import MAX_LINES, SEVERITY_STYLES, Pen, print_list, print_more
from reports.safe_text import visible
from reports.second_opinion import print_second_opinion
from reports.spelling import clock_text, count_text, damage_text, frames_text, plural, short_uri, ssrc_text
from reports.summary import headline
from reports.tally import list_unjudged, sorted_findings
from reports.terminal_calls import print_calls, print_steering
from reports.wording import explain_capture_defect, explain_missing, explain_tls, name_traffic

MAX_PLACES = 3
MAX_MIKEY = 12
MAX_NAMES = 5


def render_terminal(report: Report, pen: Pen, *, verbose: bool = False) -> None:
    """Print the report; `verbose` shows every call and every place instead of the first ones.

    Colours follow the pen.
    """
    _print_header(report, pen)
    if report.briefs:
        print_calls(report, pen, verbose)
    print_steering(report, pen, verbose)
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


def _print_header(report: Report, pen: Pen) -> None:
    policy = report.policy
    pen.line(
        (f"{report.tool_name} {report.tool_version}", "bold"),
        (f"  policy {policy.id}@{policy.version} · selection rule {policy.selection_rule}", "dim"),
    )
    for capture in report.captures:
        _print_capture(capture, pen)
    if report.drops:
        pen.line((f"{plural(report.drops, 'packet')} dropped while capturing", "yellow"))


def _print_capture(capture: CaptureFacts, pen: Pen) -> None:
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


def _print_findings(report: Report, pen: Pen, verbose: bool) -> None:
    findings = sorted_findings(report)
    if not findings:
        return
    pen.line()
    pen.line(("Findings", "bold"))
    for finding in findings:
        style = SEVERITY_STYLES[finding.severity]
        head = ((f"{finding.severity.value:<8}  ", style), (f"{finding.rule}  ", "bold"), (finding.title, ""))
        pen.line(*head, indent=2)
        for place in _places(finding, report, len(finding.evidence) if verbose else MAX_PLACES):
            pen.line((place, "dim"), indent=12)
        if verbose:
            pen.line((f"{finding.citation}. {finding.remediation}", ""), indent=12)


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


def _print_unjudged(report: Report, pen: Pen, verbose: bool) -> None:
    unjudged = list_unjudged(report)
    if not unjudged:
        return
    limit = len(unjudged) if verbose else MAX_LINES
    pen.line()
    pen.line(("Unknown", "bold magenta"), (" (not a pass)", "dim"))
    for item in unjudged[:limit]:
        text = f"{plural(item.places, 'place')}, missing: {explain_missing(item.missing)}"
        pen.line(("?  ", "magenta"), (f"{item.rule}  ", "bold"), (text, ""), indent=2)
    print_more(len(unjudged) - limit, pen)


def _print_endpoints(report: Report, pen: Pen, verbose: bool) -> None:
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
        print_more(len(rows) - (len(rows) if verbose else MAX_PLACES), pen)
    print_more(len(views) - (len(views) if verbose else MAX_LINES), pen)


def _period_pieces(row: PeriodView, verbose: bool) -> Iterator[tuple[str, str]]:
    period = row.period
    yield f"{clock_text(period.first_ns)}, frame {period.first.frame}: ", "dim"
    if verbose:
        offered = period.offered
        yield f"{offered.media_type} {offered.proto}: {row.key_agreements}; {row.suites}", ""
        yield f" ({plural(period.offers, 'offer')})", "dim"
    if row.changed:
        yield f"{'; ' if verbose else ''}{'; '.join(row.changed)}", "yellow"


def _print_noted(report: Report, pen: Pen, verbose: bool) -> None:
    """What stays shut, and why; what is odd about streams that open."""
    noted = list(_noted_streams(report))
    shut = [_noted_text(place, stream) for place, stream in noted if stream.is_shut] + list(_shut_connections(report))
    odd = [_noted_text(place, stream) for place, stream in noted if not stream.is_shut]
    print_list("Not opened", ("?  ", "magenta"), shut, pen, verbose)
    print_list("Noted", ("·  ", "dim"), odd, pen, verbose)


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


def _print_damage(report: Report, pen: Pen, verbose: bool) -> None:
    """What could not be read in messages, and where."""
    found = [(f"call {number}, ", each) for number, call in enumerate(report.briefs, 1) for each in call.damage]
    lines = []
    for call, damage in (*found, *(("", each) for each in report.damage)):
        path = f" of {report.captures[damage.capture].path}" if len(report.captures) > 1 else ""
        lines.append(f"{call}frame {damage.frame}{path}: {damage_text(damage)}")
    print_list("Not readable", ("!  ", "yellow"), lines, pen, verbose)


def _print_outside(report: Report, pen: Pen) -> None:
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
