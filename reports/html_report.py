# SPDX-License-Identifier: GPL-2.0-only
"""The report as one self-contained HTML file: every value escaped, no script, nothing that leaves the file."""

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analyzer.model.outcome import OutcomeValue, Verdict
from analyzer.model.report import CaptureFacts, Report
from reports import spelling, wording
from reports.endpoints import view_endpoints
from reports.html_views import (
    BAR_WIDTH,
    MAX_FRAMES_SHOWN,
    MAX_OUTSIDE,
    divide_bar,
    view_findings,
    view_page,
    view_rows,
    view_stream,
)
from reports.messages import message_name, mikey_name, shown_parts
from reports.safe_text import VisibleText, visible, visible_block
from reports.second_opinion import MAX_DIFFERENCES, describe_difference, describe_gap
from reports.summary import headline, plain_words
from reports.tally import (
    all_outcome_counts,
    call_verdict_counts,
    count_rules,
    list_unjudged,
    severity_counts,
    verdict_counts,
)

MAX_CAPTURE_CARDS = 4  # more captures are rows of a table
MAX_ENDPOINTS = 200
MAX_OPEN_ENDPOINTS = 12  # more of them are folded away
MAX_PERIODS = 12  # of one endpoint


def _finalize(value: object) -> object:
    """What every printed expression passes: captured text becomes visible and short before it is escaped."""
    if value is None:
        return ""
    if isinstance(value, Markup | VisibleText):
        return value
    return visible(value) if isinstance(value, str) else value


def _frames(frames: Any) -> str:
    return spelling.frames_text(frames, MAX_FRAMES_SHOWN)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "aor": spelling.short_uri,
        "block": visible_block,
        "clock": spelling.clock_text,
        "damage": spelling.damage_text,
        "count": spelling.count_text,
        "age": spelling.age_text,
        "duration": spelling.duration_text,
        "frames": _frames,
        "missing": wording.explain_missing,
        "octets": spelling.octets_text,
        "reason": wording.explain_reason,
        "ssrc": spelling.ssrc_text,
        "endpoint": spelling.endpoint_text,
    }
    environment.globals |= {
        "BAR_WIDTH": BAR_WIDTH,
        "MAX_CAPTURE_CARDS": MAX_CAPTURE_CARDS,
        "MAX_DIFFERENCES": MAX_DIFFERENCES,
        "describe_difference": describe_difference,
        "describe_gap": describe_gap,
        "MAX_ENDPOINTS": MAX_ENDPOINTS,
        "MAX_OPEN_ENDPOINTS": MAX_OPEN_ENDPOINTS,
        "MAX_OUTSIDE": MAX_OUTSIDE,
        "MAX_PERIODS": MAX_PERIODS,
        "message_name": message_name,
        "mikey_name": mikey_name,
        "plural": spelling.plural,
        "shown_parts": shown_parts,
        "words": wording,
    }
    return environment


def style_hash(style: str) -> str:
    """The CSP source expression that admits exactly this style sheet (CSP3 §2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")


def _report_id(report: Report) -> str:
    parts = [report.tool_version, report.policy.sha256, *(capture.sha256 for capture in report.captures)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _span(captures: tuple[CaptureFacts, ...]) -> tuple[int | None, int | None]:
    first = [capture.first_time_ns for capture in captures if capture.first_time_ns is not None]
    last = [capture.last_time_ns for capture in captures if capture.last_time_ns is not None]
    return min(first, default=None), max(last, default=None)


def _key_sources(report: Report) -> list[tuple[str, int]]:
    """How many master keys came from where; never their values."""
    return sorted(report.tally.master_keys.items())


def _verdict_tiles(report: Report) -> list[tuple[Verdict, int]]:
    counts = call_verdict_counts(report)
    return [(verdict, counts[verdict]) for verdict in reversed(Verdict)]


def _context(report: Report) -> dict[str, Any]:
    rows = view_rows(report)
    trees = {(tree.capture, tree.frame): tree for tree in report.trees}
    tiles = _verdict_tiles(report)
    without = call_verdict_counts(report)[None]
    return {
        "report": report,
        "report_id": _report_id(report),
        "headline": headline(report),
        "sentences": plain_words(report),
        "tiles": tiles,
        "not_judged": without,
        "bar": divide_bar([*((verdict.value, count) for verdict, count in tiles), ("none", without)]),
        "media_lines": sum(verdict_counts(report).values()),
        "span": _span(report.captures),
        "rows": rows,
        "rows_omitted": len(report.briefs) - len(rows),
        "pages": (view_page(row, report.calls[row.number - 1], trees) for row in rows if row.has_page),
        "page_count": sum(row.has_page for row in rows),
        "findings": view_findings(report, rows),
        "severities": severity_counts(report.findings),
        "outcomes": all_outcome_counts(report),
        "controls": count_rules(report),
        "unjudged": list_unjudged(report),
        "streams": [(view_stream(stream.audit), stream.outcomes) for stream in report.streams[:MAX_OUTSIDE]],
        "messages": report.messages[:MAX_OUTSIDE],
        "key_sources": _key_sources(report),
        "endpoints": view_endpoints(report),
        "outcome_values": tuple(OutcomeValue),
        "Verdict": Verdict,
    }


def render_html(report: Report) -> str:
    """The whole report as one HTML document; the same report gives the same octets."""
    environment = _environment()
    style = environment.get_template("report.css").render()
    template = environment.get_template("report.html.j2")
    return template.render(style_hash=style_hash(style), **_context(report))
