# SPDX-License-Identifier: GPL-2.0-only
"""What endpoints offer over all calls, in which order, and when it changed: on whole captures of the call flows."""

import json
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.model.endpoint import EndpointProfile
from analyzer.model.report import Report
from pcaps.flow_script import START_NS, FlowScript, write_capture
from reports.endpoints import differences, listed_text
from reports.html_report import render_html
from reports.json_report import render_json

SDES = (("SDES", 0),)
CM_80 = (("AES_CM_128_HMAC_SHA1_80", 0),)
DAY_NS = 86_400 * 1_000_000_000


def report_of(folder: Path, *texts: str) -> Report:
    """One call after another, a day apart."""
    datagrams = []
    for number, text in enumerate(texts):
        script = FlowScript(f"call{number}", time_ns=START_NS + number * DAY_NS)
        datagrams += script.run(text)
    path = folder / "calls.pcapng"
    path.write_bytes(write_capture(datagrams))
    return audit([path])


def call(offer: str, answer: str = "B", agent: str = "Phone/1") -> str:
    return f"A>B INVITE {offer} | User-Agent: {agent}\nB>A 200 {answer}\nA>B ACK\nA>B BYE\nB>A 200"


def profile(report: Report, aor: str = "alice@example.com") -> EndpointProfile:
    (found,) = [one for one in report.endpoints if one.aor == aor]
    return found


def test_equal_offers_are_one_period(tmp_path: Path) -> None:
    report = report_of(tmp_path, *[call("A.2"), call("A.3"), call("A")])
    (period,) = profile(report).periods
    assert (period.offers, period.offered.proto) == (3, "RTP/SAVP")
    assert [name for name, _ in period.offered.key_agreements] == ["SDES"]
    assert [name for name, _ in period.offered.suites] == ["AES_CM_128_HMAC_SHA1_80"]
    assert (period.first_ns, period.last_ns) == (START_NS, START_NS + 2 * DAY_NS)
    assert (period.first.frame, period.last.frame, period.hosts) == (1, 11, ("10.20.0.10",))
    assert profile(report).changes() == ()


def test_a_change_and_its_return_are_told_with_their_frames(tmp_path: Path) -> None:
    report = report_of(tmp_path, call("A"), call("A.avp", "B.avp"), call("A"))
    found = profile(report)
    assert [(period.offered.proto, period.first.frame) for period in found.periods] == [
        ("RTP/SAVP", 1), ("RTP/AVP", 6), ("RTP/SAVP", 11),
    ]  # fmt: skip
    before, after = found.changes()[0]
    assert list(differences(before.offered, after.offered)) == [
        "profile RTP/SAVP to RTP/AVP", "key agreement SDES gone", "suite AES_CM_128_HMAC_SHA1_80 gone",
    ]  # fmt: skip
    page = render_html(report)
    assert "Changed: profile RTP/SAVP to RTP/AVP; key agreement SDES gone" in page
    document = json.loads(render_json(report))["endpoints"]
    assert [(one["aor"], one["changes"]) for one in document] == [("alice@example.com", 2)]
    assert [one["first"]["frame"] for one in document[0]["offered"]] == [1, 6, 11]


@pytest.mark.captures
def test_what_a_handshake_in_the_media_offers_is_none_of_the_offer(captures: Path) -> None:
    (caller,) = audit([captures / "peers/baresip/udp_dtls_srtp.pcap"]).endpoints
    (period,) = caller.periods
    assert [name for name, _ in period.offered.key_agreements] == ["DTLS-SRTP"]
    assert period.offered.suites == ()


def test_agents_of_one_address_are_endpoints_of_their_own(tmp_path: Path) -> None:
    report = report_of(tmp_path, call("A"), call("A.avp", "B.avp", agent="Softphone <b>"))
    assert [(one.user_agent, len(one.periods)) for one in report.endpoints] == [("Phone/1", 1), ("Softphone <b>", 1)]
    assert "Softphone <b>" not in render_html(report)


def test_media_types_change_apart_and_the_callee_offers_too(tmp_path: Path) -> None:
    text = """
        A>B INVITE A
        B>A 200 B
        A>B ACK
        A>B INVITE A.video.v2
        B>A 200 B.video.v2
        A>B ACK
        B>A INVITE B.avp
        A>B 200 A.avp
        B>A ACK
    """
    report = report_of(tmp_path, text)
    assert [(one.offered.media_type, one.offers) for one in profile(report).periods] == [("audio", 2), ("video", 1)]
    assert [one.offered.proto for one in profile(report, "bob@example.com").periods] == ["RTP/AVP"]
    assert all(one.changes() == () for one in report.endpoints)


def test_offers_that_somebody_rewrote_and_refused_lines_do_not_count(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, "A>P INVITE A\nP>B INVITE A.avp\nB>P 200 B.avp\nP>A 200 B\nA>P ACK\nA>P INVITE A.zero\nP>A 200 B.zero"
    )
    assert len(report.calls[0].call.exchanges) == 3
    assert [(one.offered.proto, one.offers) for one in profile(report).periods] == [("RTP/SAVP", 1)]


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ((), "nothing"),
        ((("MIKEY-PSK", 0), ("SDES", 1)), "MIKEY-PSK, SDES"),
        ((("MIKEY-PSK", 3), ("SDES", 0)), "MIKEY-PSK (3), SDES (0)"),
        ((("DTLS-SRTP", None),), "DTLS-SRTP"),
    ],
)
def test_lists_are_written_in_order(listed: tuple[tuple[str, int | None], ...], text: str) -> None:
    assert listed_text(listed) == text
