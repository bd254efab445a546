# SPDX-License-Identifier: GPL-2.0-only
"""What a call came out of, and what is odd about its messages, in every report."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.model.session_life import read_session_life
from pcaps.flow_script import FlowScript
from pcaps.flow_table import FLOWS
from reports.html_report import render_html
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.calls.flow_calls import audit_datagrams, datagrams_of
from tests.captures.end_to_end import VALIDATOR

SAID = {
    "retry-488-new": ("Tries again after the refusal of call", {"retry-of"}),
    "redirect-new": ("Goes where a redirection pointed in call", {"redirect-of"}),
    "rfc5359-2.5": ("Takes the place of call", {"replaces", "transfer-of"}),
    "rfc5359-2.11": ("Joins call", {"joins"}),
}


@pytest.mark.parametrize("name", SAID)
def test_links_are_shown(name: str, tmp_path: Path) -> None:
    words, kinds = SAID[name]
    (flow,) = [one for one in FLOWS if one.name == name]
    report = audit_datagrams(datagrams_of(flow), tmp_path)
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 160))
    assert words[1:] in stream.getvalue()
    assert words in render_html(report)
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    assert {link["kind"] for call in document["calls"] for link in call["links"]} == kinds


def test_a_retry_within_a_call_names_the_exchange_that_was_refused(tmp_path: Path) -> None:
    (flow,) = [one for one in FLOWS if one.name == "retry-606-same"]
    report = audit_datagrams(datagrams_of(flow), tmp_path)
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 160))
    assert "exchange 1 tries again what was refused in exchange 0" in stream.getvalue()
    assert "tries again what was refused in exchange 0" in render_html(report)
    assert [media["retry_of"] for media in json.loads(render_json(report))["calls"][0]["media"]] == [None, 0]


def test_oddities_of_messages_stand_in_the_json_with_their_secrets_masked(tmp_path: Path) -> None:
    (flow,) = [one for one in FLOWS if one.name == "rfc3665-3.1"]
    datagrams = [
        (time, source, target, octets.replace(b"CSeq: 1 INVITE", b"CSeq: a=crypto:1 X inline:c2VjcmV0"))
        for time, source, target, octets in datagrams_of(flow)
    ]
    document = json.loads(render_json(audit_datagrams(datagrams, tmp_path)))
    VALIDATOR.validate(document)
    found = [one for call in document["calls"] for message in call["messages"] for one in message["defects"]]
    assert "cseq-form" in {defect["code"] for defect in found}
    assert "c2VjcmV0" not in json.dumps(document)


REFRESHED = """
    A>B INVITE A | P-Asserted-Identity: "Alice" <sip:+1555@Carrier.example>, <sip:alice@example.com>
    B>A 200 B | Session-Expires: 90;refresher=uac
    A>B ACK
    wait 80
    A>B UPDATE
    B>A 200 | Session-Expires: 120;refresher=uac
"""
HUNG_UP = """
    A>B BYE | Reason: Q.850;cause=16;text="a=crypto:1 X inline:c2VjcmV0", SIP;cause=200;text="<b>\x1b[31m"
    B>A 200
"""


def test_why_a_message_was_sent(tmp_path: Path) -> None:
    report = audit_datagrams(FlowScript("why").run(REFRESHED + HUNG_UP), tmp_path)
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    (call,) = document["calls"]
    reasons = {message.get("method"): message["reasons"] for message in call["messages"]}
    assert [(one["protocol"], one["cause"]) for one in reasons["BYE"]] == [("Q.850", 16), ("SIP", 200)]
    assert reasons["INVITE"] == []
    page = render_html(report)
    assert "Q.850 16" in page
    assert "c2VjcmV0" not in page + json.dumps(document)
    assert "<b>" not in page
    assert "\x1b" not in page


def test_a_session_whose_end_was_not_seen_says_when_it_would_be_over(tmp_path: Path) -> None:
    report = audit_datagrams(FlowScript("timer").run(REFRESHED), tmp_path)
    (call,) = json.loads(render_json(report))["calls"]
    timer = call["session_timer"]
    assert (call["state"], timer["seconds"], timer["refresher"], timer["frame"]) == ("answered", 120, "uac", 5)
    assert timer["refreshed"] == call["end"]
    assert timer["expires"] == "2026-01-01T12:03:20.080000000Z"
    assert "Over unless refreshed" in render_html(report)
    ended = audit_datagrams(FlowScript("timer").run(REFRESHED + HUNG_UP), tmp_path)
    assert "Over unless refreshed" not in render_html(ended)


ELSEWHERE = "\nwait {0}\nC>D INVITE C call=2\nD>C 486 call=2\n"


@pytest.mark.parametrize(
    ("more", "has_run_out", "text"),
    [
        (ELSEWHERE.format(119), False, "after the capture ended"),
        (ELSEWHERE.format(121), True, "nobody refreshed it"),
        ("\nA>B UPDATE" + ELSEWHERE.format(121), None, "may be missing"),
        ("\nA>B UPDATE\nB>A 491" + ELSEWHERE.format(121), True, "nobody refreshed it"),
        ("\nwait 121\nA~B 12\n", None, "may be missing"),
        ("\nA~B 12" + ELSEWHERE.format(121), True, "nobody refreshed it"),
        (HUNG_UP + ELSEWHERE.format(121), None, ""),
    ],
)
def test_a_session_that_nobody_refreshed_until_the_capture_ended(
    more: str, has_run_out: bool | None, text: str, tmp_path: Path
) -> None:
    report = audit_datagrams(FlowScript("timer").run(REFRESHED.replace("INVITE A ", "INVITE A.avp ") + more), tmp_path)
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    assert document["calls"][0]["session_timer"]["has_run_out"] is has_run_out
    page = render_html(report)
    assert text in page
    assert ("Over unless refreshed" in page) is bool(text)


def test_a_session_of_which_nobody_knows_how_long_it_was_watched(tmp_path: Path) -> None:
    (audited,) = audit_datagrams(FlowScript("timer").run(REFRESHED), tmp_path).calls
    life = read_session_life(replace(audited.call, watched_until_ns=None))
    assert life is not None
    assert life.has_run_out is None


def test_other_names_that_a_network_vouches_for_stand_beside_the_endpoint(tmp_path: Path) -> None:
    report = audit_datagrams(FlowScript("names").run(REFRESHED), tmp_path)
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    found = {one["aor"]: one["asserted"] for one in document["endpoints"]}
    assert found["alice@example.com"] == ["+1555@carrier.example"]
    assert "asserted: " in render_html(report)


def test_a_redirected_call_that_was_sent_on_again_is_known_by_its_history(tmp_path: Path) -> None:
    lines = """
        A>B INVITE A
        B>A 302 | Contact: <sip:carol@example.com>
        A>B ACK refused
        A>D INVITE A call=2 callee=D | History-Info: <sip:carol@example.com>;index=1, <sip:dave@example.com>;index=1.1
        D>A 200 D call=2
    """
    links = {}
    for kept in (True, False):
        text = lines if kept else lines.replace("sip:carol@example.com>;index", "sip:erin@example.com>;index")
        document = json.loads(render_json(audit_datagrams(FlowScript("history").run(text), tmp_path)))
        links[kept] = [link["kind"] for call in document["calls"] for link in call["links"]]
    assert links == {True: ["redirect-of"], False: []}
