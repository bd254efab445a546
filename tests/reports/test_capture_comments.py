# SPDX-License-Identifier: GPL-2.0-only
"""Comments of a capture stand where their frames are cited, its names of addresses with its facts, as harmless text."""

import io
import json
from dataclasses import replace

from analyzer.model.capture_comment import CaptureComment, CaptureName
from analyzer.model.report import Report
from reports.html_report import render_html
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.reports.builders import full_report

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def commented() -> Report:
    report = full_report()
    evidence = report.findings[0].evidence[0]
    about = ((0, "taken at the trunk"), (evidence.frames[0], HOSTILE), (999_999, "cited nowhere"))
    comments = tuple(CaptureComment(frame, text) for frame, text in about)
    captures = list(report.captures)
    names = tuple(CaptureName(f"192.0.2.{number}", f"pbx{number}.example{HOSTILE}") for number in range(60))
    captures[evidence.capture] = replace(captures[evidence.capture], comments=comments, names=names)
    return replace(report, captures=tuple(captures))


def test_html() -> None:
    page = render_html(commented())
    assert "Comment in the capture: taken at the trunk" in page
    assert "Comment on frame" in page
    assert "<script>alert(1)" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "cited nowhere" not in page
    assert "pbx49.example" in page
    assert "and 10 more in the JSON report" in page


def test_terminal() -> None:
    stream = io.StringIO()
    render_terminal(commented(), Pen(stream, 200))
    text = stream.getvalue()
    assert "comment on frame" in text
    assert "names: pbx0.example" in text
    assert "and 55 more" in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text


def test_json() -> None:
    document = json.loads(render_json(commented()))
    frames = [one["frame"] for one in document["captures"][0]["comments"]]
    assert (len(frames), frames[0]) == (3, None)
    assert document["captures"][0]["names"][59]["address"] == "192.0.2.59"
