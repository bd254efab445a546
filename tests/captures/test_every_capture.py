# SPDX-License-Identifier: GPL-2.0-only
"""Every real capture gets a report: sane, within the schema, verdict and outcomes in agreement, as once blessed."""

import io
from pathlib import Path

import pytest

from reports.html_report import render_html
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.captures.end_to_end import check_verdicts_agree, document_of, every_capture, report_of
from tests.captures.golden import read_table, row_of

pytestmark = pytest.mark.captures
GOLDEN = read_table()
MANY_CALLS = 700


def test_the_table_speaks_of_captures(captures: Path) -> None:
    assert set(every_capture()) == set(GOLDEN)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_sane_report_as_blessed(captures: Path, name: str) -> None:
    report = report_of(name)
    document = document_of(report)
    assert row_of(report, document) == GOLDEN[name]
    check_verdicts_agree(document)
    counted = document["summary"]["verdicts"]
    assert sum(counted.values()) == sum(len(call["media"]) for call in document["calls"])
    assert document["summary"]["outcomes"]["error"] == 0
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 100))
    assert Path(name).name in stream.getvalue().replace("\n", "")
    if len(report.calls) < MANY_CALLS:
        assert render_html(report).startswith("<!DOCTYPE html>")
