# SPDX-License-Identifier: GPL-2.0-only
"""What a call came out of, and what is odd about its messages, in every report."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pcaps.flow_table import FLOWS
from reports.html_report import render_html
from reports.json_report import render_json
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
    render_terminal(report, Console(file=stream, width=160))
    assert words[1:] in stream.getvalue()
    assert words in render_html(report)
    document = json.loads(render_json(report))
    VALIDATOR.validate(document)
    assert {link["kind"] for call in document["calls"] for link in call["links"]} == kinds


def test_a_retry_within_a_call_names_the_exchange_that_was_refused(tmp_path: Path) -> None:
    (flow,) = [one for one in FLOWS if one.name == "retry-606-same"]
    report = audit_datagrams(datagrams_of(flow), tmp_path)
    stream = io.StringIO()
    render_terminal(report, Console(file=stream, width=160))
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
