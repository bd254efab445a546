# SPDX-License-Identifier: GPL-2.0-only
"""The terminal report: fits, obeys NO_COLOR, never lets captured text steer the terminal, ends in one sentence."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.model.reasons import Reason
from analyzer.model.report import Report
from pcaps.flow_script import FlowScript, write_capture
from reports.pen import Pen
from reports.terminal import render_terminal
from reports.terminal_calls import MAX_ROWS, render_call
from tests.reports.builders import Words, full_report, make_call, make_report

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(report: Report, width: int = 80, *, colour: bool = False, verbose: bool = False) -> str:
    stream = io.StringIO()
    render_terminal(report, Pen(stream, width, colored=colour), verbose=verbose)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 140, 220])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(full_report(), width).splitlines())) <= width


@pytest.mark.parametrize("width", [56, 60, 66])
def test_a_narrow_terminal_keeps_the_numbers_of_calls(width: int) -> None:
    lines = shown(full_report(), width).splitlines()
    title = next(number for number, line in enumerate(lines) if line.startswith("#  Verdict"))
    assert "Proved  Worst" in lines[title]
    assert lines[title + 2].startswith("1  ")


def test_eighty_columns_show_the_first_of_several_keyings_whole() -> None:
    report = make_report([make_call()])
    (brief,) = report.briefs
    first = brief.lines[0]._replace(method="SDES", suite="AES_CM_128_HMAC_SHA1_80")
    several = brief._replace(lines=(first, first._replace(suite="AEAD_AES_256_GCM")))
    lines = shown(replace(report, briefs=(several,)), 80).splitlines()
    assert any("AES_CM_128_HMAC_SHA1_80 " in line for line in lines)
    assert any(line.split() == ["and", "1", "more"] for line in lines)


def test_eighty_columns_tell_everything_at_a_glance() -> None:
    text = shown(full_report())
    for piece in (
        "✓ conform",
        "↓ downgrade",
        "✕ unprotected",
        "? inconclusive",
        "– no-media",
        "≠ mismatch",
        "AES_CM_128_HMAC_SHA1_80",
        "MIKEY-PKE",
        "2/2",
        "SIG-002",
        "critical",
        "call 7: frame 10",
        "missing: the responder's list",
        "ARP (17 packets)",
        "ietf-baseline@1",
        "lab-trunk.pcapng",
    ):
        assert piece in text


def test_a_reason_names_its_exchange_and_verbose_says_what_it_means(tmp_path: Path) -> None:
    held = "A>B INVITE A.hold.v2\nB>A 200 B.recv.v2\nA>B ACK\nwait 3\nA>B BYE\nB>A 200"
    path = tmp_path / "held.pcapng"
    flow = FlowScript("held").run(f"A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 20\n{held}")
    path.write_bytes(write_capture(flow))
    report = audit([path])
    assert "call 1  wire-unseen (exchange 1)\n" in shown(report)
    assert f"wire-unseen: {Reason.WIRE_UNSEEN.explanation}" in shown(report, 120, verbose=True)


def test_last_line_is_the_verdict_in_one_sentence() -> None:
    last = shown(full_report(), 200).splitlines()[-1]
    assert last.strip() == (
        "2 of 7 calls protected as negotiated; 3 not; 1 could not be judged; 1 without media. "
        "5 rules failed, the worst critical (PRI-001)."
    )


def test_colour_only_where_the_page_has_it() -> None:
    assert "\x1b" not in shown(full_report())
    assert "\x1b[32m" in shown(full_report(), colour=True)


@pytest.mark.parametrize("colour", [False, True])
def test_captured_text_is_neither_markup_nor_control(colour: bool) -> None:
    evil = "[bold red]x[/]\x1b[2J\x1b]0;title\x07\x9b\u202e\r\nfake line"
    words = Words(call_id=evil, caller=f"sip:{evil}", callee=evil, path=evil, free_text=evil)
    report = full_report(words)
    text = ESCAPE.sub("", shown(report, 4000, colour=colour, verbose=True))
    assert all(character == "\n" or character.isprintable() or character == "\u202f" for character in text)
    assert "[bold red]x[/]\\x1b[2J" in text
    assert not any(line.startswith("fake line") for line in text.splitlines())


def test_ascii_terminals_get_ascii() -> None:
    octets = io.BytesIO()
    pen = Pen(io.TextIOWrapper(octets, encoding="ascii", write_through=True), 80)
    render_terminal(full_report(Words(caller="sip:jürgen@example.com")), pen)
    text = octets.getvalue().decode("ascii")
    assert "? inconclusive" in text
    assert "+ conform" in text


def test_many_calls_are_bounded_and_the_worst_kept() -> None:
    report = make_report([make_call()] * 300 + [full_report().calls[3]])
    text = shown(report)
    assert text.count("conform") == MAX_ROWS - 1
    assert "unprotected" in text
    assert "251 more calls not shown" in text
    assert shown(report, verbose=True).count("conform") == 300


def test_a_call_as_it_ends() -> None:
    stream = io.StringIO()
    render_call(full_report().briefs[2], 3, Pen(stream, 200))
    assert stream.getvalue().rstrip().strip().split("  ")[1:] == [
        "✓ conform",
        "alice@example.com → bob@example.com",
        "SDES AES_CM_128_HMAC_SHA1_80",
        "2/2 streams proved",
        "critical SIG-002",
    ]


def test_unreadable_captures_give_no_verdict() -> None:
    report = make_report([])
    report = replace(report, captures=(replace(report.captures[0], readable=False),))
    text = shown(report)
    assert "not readable" in text
    assert text.splitlines()[-1] == "Nothing was readable: there is no verdict."
