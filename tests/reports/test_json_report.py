# SPDX-License-Identifier: GPL-2.0-only
"""The JSON report: its schema, its names, the same octets each time, nothing in it that steers a terminal."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import reports
from analyzer.model.call import Resolution
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import FrameRef
from analyzer.model.report import Report
from reports.json_report import render_json
from tests.reports import builders
from tests.reports.builders import Plan, Words, full_report, make_call, make_report, message, outcome

SCHEMA = json.loads((Path(reports.__file__).parent / "schema" / "report-1.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def parsed(report: Report) -> Any:
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    return document


def unseen_offer() -> Report:
    call = make_call()
    exchange = call.media[0].line.exchange._replace(offer=None, answer=None, resolution=Resolution.OFFER_UNSEEN)
    line = replace(call.media[0].line, exchange=exchange, offer=None, answer=None)
    negotiation = call.media[0].negotiation._replace(winners=(), offer_preferences=())
    return make_report([replace(call, media=(replace(call.media[0], line=line, negotiation=negotiation),))])


def test_schema_is_a_schema_and_admits_nothing_unnamed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = parsed(full_report())
    for place in (document, document["calls"][0], document["calls"][0]["media"][0], document["captures"][0]):
        place["surplus"] = 1
        assert not VALIDATOR.is_valid(document)
        del place["surplus"]


@pytest.mark.parametrize(
    "report",
    [
        make_report([]),
        make_report([], captures=()),
        make_report([make_call(Plan(answered=None))]),
        unseen_offer(),
        full_report(Words(caller="", callee="", call_id="", display_name="")),
    ],
    ids=["no calls", "no captures", "rejected", "offer unseen", "empty names"],
)
def test_every_shape_keeps_to_the_schema(report: Report) -> None:
    parsed(report)


def test_a_failure_without_frames_breaks_the_schema() -> None:
    report = make_report([replace(make_call(), outcomes=(outcome("PRI-001", "fail"),))])
    assert not VALIDATOR.is_valid(json.loads(render_json(report)))


def test_names_are_those_of_the_contract() -> None:
    document = parsed(full_report())
    media = document["calls"][1]["media"][0]
    assert document["schema"] == "srtp-audit/report/1"
    assert document["policy"]["selection_rule"] == "by-carrier"
    assert media["offer"]["preferences"][0] == {
        "kind": "key_agreement",
        "name": "MIKEY-PSK",
        "priority": 0,
        "carrier": "priority-extension",
        "authenticated": True,
    }
    assert media["offer"]["profile"] == "RTP/SAVP"
    assert media["winners"]["initiator-first"] == {"key_agreement": "MIKEY-PSK", "suite": builders.CM32}
    assert media["expected"]["rule"] == "min-sum"
    assert media["reasons"] == ["dominated", "not-winner"]
    stream = media["streams"][0]
    assert stream["ssrc"] == "0x1234abcd"
    assert stream["rtcp"] == {"packets": 12, "authenticated": 12, "failed": 0, "clear": 0}
    first, repeat = document["calls"][0]["messages"][0], document["calls"][0]["messages"][2]
    assert (first["method"], first["cseq"], first["time"]) == ("INVITE", "1 INVITE", "2023-11-14T22:13:20.143456789Z")
    assert repeat["retransmission_of"] == first["frame"]
    assert document["calls"][0]["messages"][1]["status"] == 100


def test_summary_counts_what_stands_below() -> None:
    document = parsed(full_report())
    lines = [media["verdict"] for call in document["calls"] for media in call["media"]]
    holders = [*document["calls"], *document["streams"], *document["messages"]]
    outcomes = [one["outcome"] for holder in holders for one in holder["outcomes"]]
    summary = document["summary"]
    assert summary["media_lines"] == len(lines)
    assert summary["verdicts"] == {verdict: lines.count(verdict) for verdict in summary["verdicts"]}
    assert sum(summary["verdicts"].values()) == len(lines)
    assert summary["outcomes"] == {value: outcomes.count(value) for value in summary["outcomes"]}
    assert sum(summary["findings_by_severity"].values()) == len(document["findings"])


def test_same_report_same_octets() -> None:
    assert render_json(full_report()) == render_json(full_report())


def test_rejected_offer_has_no_answer() -> None:
    media = parsed(make_report([make_call(Plan(answered=None))]))["calls"][0]["media"][0]
    assert media["answer"] is None
    assert media["resolution"] == "rejected"


def test_unknown_list_of_the_responder_is_null_and_a_known_empty_one_is_not() -> None:
    unknown = parsed(make_report([make_call()]))["calls"][0]["media"][0]["answer"]
    known = parsed(make_report([make_call(Plan(responder_list=()))]))["calls"][0]["media"][0]["answer"]
    assert unknown["preferences"] is None
    assert [one["kind"] for one in known["preferences"]] == ["key_agreement"]


def test_frames_of_several_captures_stay_apart() -> None:
    refs = (FrameRef(1, 7), FrameRef(0, 9), FrameRef(0, 3), FrameRef(0, 9))
    report = make_report([replace(make_call(), outcomes=(outcome("PRI-001", "fail", refs=refs),))])
    shown = parsed(report)["calls"][0]["outcomes"][0]
    assert (shown["capture"], shown["frames"]) == (0, [3, 9])
    assert shown["elsewhere"] == [{"capture": 1, "frames": [7]}]


def test_text_that_steers_a_terminal_is_escaped_and_keeps_its_value() -> None:
    evil = "a\x1b[2J\x9b31m\u202eb\u200bc\u2066\x7f\ufeffd"
    call = make_call(Plan(words=Words(call_id=evil)))
    text = render_json(make_report([replace(call, call=replace(call.call, call_id=evil))]))
    assert all(character == "\n" or character.isprintable() for character in text)
    assert json.loads(text)["calls"][0]["call_id"] == evil


def test_times_that_rfc_3339_cannot_write_are_null() -> None:
    call = make_call()
    call = replace(call, call=replace(call.call, start_ns=-1, end_ns=2**68))
    document = parsed(make_report([call]))
    assert document["calls"][0]["start"] is None
    assert document["calls"][0]["end"] is None


def test_bodies_other_than_session_descriptions_are_not_shown() -> None:
    body = message(
        5, "INFO sip:b@example.com SIP/2.0", Words(), body=b"Signal=7", content_type="application/dtmf-relay"
    )
    call = make_call()
    call = replace(call, call=replace(call.call, messages=CallMessages((*call.call.messages, body))))
    shown = parsed(make_report([call]))["calls"][0]["messages"][-1]["body"]
    assert shown == [{"content_type": "application/dtmf-relay", "octets": 8, "text": None}]
