# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report: closed in itself, escaped everywhere, bounded, and saying what an auditor must see."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import pcaps
import reports
from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.call import CallState
from analyzer.model.outcome import Verdict
from reports import html_views
from reports.html_report import render_html
from reports.spelling import display_filter, frames_text
from tests.reports.builders import Plan, Words, finding, full_report, make_call, make_report, outcome
from tests.reports.html_tree import parse_html

TEMPLATES = Path(reports.__file__).parent / "templates"
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></svg><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "<!--",
    "]]><svg onload=alert(1)>",
    "&lt;script&gt;&#60;b&#62;",
    "\u202e\x1b[31m\x00</p>",
)


def harmless(length: int) -> str:
    return "x" * length


def planted(text: str) -> Words:
    return Words(
        call_id=text,
        display_name=text,
        caller=f"sip:{text}@example.com",
        callee=f"sip:{text}",
        user_agent=text,
        session_name=text,
        reason_phrase=text,
        path=text,
        free_text=text,
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_leaves_the_tag_tree_unchanged(attack: str) -> None:
    clean = parse_html(render_html(full_report(planted(harmless(len(attack))))))
    attacked = parse_html(render_html(full_report(planted(attack))))
    assert attacked.events == clean.events
    assert not [tag for tag in attacked.tags if tag.name in {"script", "img", "iframe", "object", "foreignobject"}]


def test_hostile_text_is_there_to_be_read() -> None:
    text = parse_html(render_html(full_report(planted(ATTACKS[0])))).text
    assert "clash-<script>alert(1)</script>" in text


def test_captured_text_never_becomes_an_attribute() -> None:
    marker = "zqxjkvbwmarker"
    for tag in parse_html(render_html(full_report(planted(marker)))).tags:
        assert marker not in str(tag.attributes)


def test_policy_admits_this_style_sheet_and_nothing_else() -> None:
    tree = parse_html(render_html(full_report()))
    head = [tag for tag in tree.tags if tag.name == "meta"]
    policy = dict(head[0].attributes)
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert tree.tags.index(head[0]) == [tag.name for tag in tree.tags].index("head") + 1
    digest = base64.b64encode(hashlib.sha256(tree.style.encode()).digest()).decode()
    directives = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy["content"] == directives
    assert ("name", "referrer") in head[2].attributes
    assert ("content", "no-referrer") in head[2].attributes


def test_nothing_leaves_the_file_and_nothing_runs() -> None:
    document = render_html(full_report())
    tree = parse_html(document)
    ids = [value for tag in tree.tags for name, value in tag.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for tag in tree.tags:
        for name, value in tag.attributes:
            assert not name.startswith("on")
            assert name not in {"style", "src", "srcset", "action", "ping", "background"}
            if name == "href":
                assert value is not None
                assert re.fullmatch(r"#(top|[a-z]+|call-[0-9]+|finding-[0-9]+)", value)
                assert value[1:] in ids
    assert "http://" not in document
    assert "https://" not in document
    assert "url(" not in tree.style
    assert "@import" not in tree.style


def test_tags_are_balanced() -> None:
    void = {"meta", "br", "rect", "line", "path"}
    open_tags: list[str] = []
    for event in parse_html(render_html(full_report())).events:
        name = event.strip("</>").split(" ")[0]
        if event.startswith("</"):
            if name not in void:
                assert open_tags.pop() == name
        elif name not in void:
            open_tags.append(name)
    assert open_tags == []


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.j2")), ids=lambda path: path.name)
def test_templates_trust_nothing(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*(safe|forceescape)|autoescape|Markup|innerHTML|<script|\son[a-z]+\s*=|\sstyle=", source)


def test_same_report_same_octets() -> None:
    assert render_html(full_report()) == render_html(full_report())


def test_both_lists_the_winner_and_the_choice_are_marked() -> None:
    document = render_html(make_report([full_report().calls[1]]))
    text = re.sub(r"\s+", " ", parse_html(document).text)
    assert "2 MIKEY-DH ● common▶ chosen" in text
    assert "1 MIKEY-PKE ● common★ winner" in text
    assert "by min-sum" in text
    for rule in ("min-sum", "responder-first", "initiator-first", "min-max"):
        assert rule in text


def test_a_list_that_is_not_on_the_wire_is_called_unknown() -> None:
    text = parse_html(render_html(make_report([make_call()]))).text
    assert "? unknown" in text
    assert "not on the wire" in text


def test_unknown_does_not_look_like_pass() -> None:
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    text = parse_html(render_html(full_report())).text
    assert "? inconclusive" in text
    assert "✓ conform" in text
    unknown = re.search(r"\.v-inconclusive[^{]*\{([^}]*)\}", style)
    assert unknown is not None
    assert "dashed" in unknown[1]


def test_findings_name_frames_and_a_display_filter() -> None:
    text = parse_html(render_html(full_report())).text
    assert "frame.number in {1, 10}" in text
    assert "frames 12–159" in text
    assert "RFC 4568 §8.3" in text


@pytest.mark.parametrize(
    ("frames", "filter_text", "words"),
    [
        ((12, 15), "frame.number in {12, 15}", "frames 12, 15"),
        ((7,), "frame.number in {7}", "frame 7"),
        ((5, 3, 4, 3), "frame.number in {3..5}", "frames 3–5"),
        ((1, 2, 9), "frame.number in {1, 2, 9}", "frames 1, 2, 9"),
        ((), "", "no frame"),
    ],
)
def test_filters_and_words_of_frames(frames: tuple[int, ...], filter_text: str, words: str) -> None:
    assert display_filter(frames) == filter_text
    assert frames_text(frames) == words


def test_retransmissions_are_dimmed_and_streams_drawn_in_the_ladder() -> None:
    document = render_html(make_report([make_call()]))
    assert document.count("l-repeated") == 1 + (TEMPLATES / "report.css").read_text(encoding="utf-8").count(
        "l-repeated"
    )
    assert "repeats #1" in document
    assert "SRTP 0x1234abcd · 500 packets · ✓ proved" in document


def test_ten_thousand_calls_stay_small() -> None:
    flawed = (outcome("PRI-002", "fail", frames=(1, 10)),)
    plan = Plan(verdict=Verdict.DOWNGRADE, reasons=("dominated",), outcomes=flawed)
    calls = [make_call(plan), make_call()] * 5_000
    ids = [f"{number}@example.com" for number in range(10_000)]
    calls = [replace(one, call=replace(one.call, call_id=name)) for one, name in zip(calls, ids, strict=True)]
    report = make_report(calls, findings=(finding("PRI-002", "high", ids[::2]),))
    document = render_html(report)
    assert len(document) < 20_000_000
    tree = parse_html(document)
    pages = [
        value for tag in tree.tags for name, value in tag.attributes if name == "id" and str(value).startswith("call-")
    ]
    assert len(pages) == html_views.MAX_CALL_PAGES + html_views.MAX_QUIET_PAGES
    assert "The JSON report has them all." in tree.text
    assert f"{10_000 - len(pages):,}".replace(",", "\u202f") + " are left out here" in tree.text


def test_the_worst_calls_get_their_page_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_views, "MAX_CALL_PAGES", 1)
    monkeypatch.setattr(html_views, "MAX_QUIET_PAGES", 0)
    report = full_report()
    shown = html_views.choose_pages(report)
    assert [report.calls[number].media[0].verdict for number in shown] == [Verdict.UNPROTECTED]


def test_empty_reports_say_that_there_is_no_verdict() -> None:
    assert "there is no verdict" in parse_html(render_html(make_report([]))).text
    assert "there is no verdict" in parse_html(render_html(make_report([], captures=()))).text


def test_a_call_without_media_lines_is_not_judged_unless_it_was_refused() -> None:
    call = make_call()
    bare = replace(call, media=(), outcomes=(), call=replace(call.call, media=(), exchanges=()))
    refused = replace(bare, call=replace(bare.call, state=CallState.REJECTED))
    assert "1 could not be judged" in parse_html(render_html(make_report([bare]))).text
    assert "1 without media" in parse_html(render_html(make_report([refused]))).text


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(first: str, second: str) -> float:
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_meets_wcag_aa(theme: int) -> None:
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{([^}]*)\}", style)[:2]
    colours = {
        name: value
        for block in blocks[: theme + 1]
        for name, value in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)
    }
    grounds = ("paper", "sheet", "faint")
    for name in (
        "ink",
        "soft",
        "accent",
        "unprotected",
        "downgrade",
        "inconclusive",
        "conform",
        "mismatch",
        "no-media",
    ):
        for ground in grounds:
            assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        if f"{name}-bg" in colours:
            assert _contrast(colours[name], colours[f"{name}-bg"]) >= 4.5, name
    assert _contrast(colours["sheet"], colours["unprotected"]) >= 4.5


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (True, "As long as he left any keying in, he could have brought about nothing weaker unseen."),
        (False, "Whether he could have brought about something weaker unseen is not known"),
    ],
)
def test_without_a_key_it_is_not_said_that_nothing_could_be_changed(keys: bool, said: str) -> None:
    sample = Path(pcaps.__file__).with_name("not_winner_twin.pcapng")
    ring = read_key_ring(sample.with_suffix(".toml")) if keys else KeyRing()
    page = render_html(audit([sample], ring=ring))
    assert (said in page, page.count("nothing weaker unseen") > 0) == (True, keys)
    assert "Taking out all keying, or changing the profile to plain RTP, is unseen under every carrier" in page


@pytest.mark.parametrize("number", [1, 9])
def test_many_captures_are_rows_of_a_table_that_say_as_much(number: int) -> None:
    report = full_report()
    one = replace(report.captures[0], path="<i>.pcap", sha256="c0ffee" * 10, readable=False)
    html = render_html(replace(report, captures=(one,) * number))
    text = parse_html(html).text
    assert ('class="captures"' in html) == (number > 1)
    assert text.count("c0ffee" * 10) == text.count("Not readable.") == number
    assert "<i>" not in html
