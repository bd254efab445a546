# SPDX-License-Identifier: GPL-2.0-only
"""What an endpoint used to offer, beside an offer of it without keying: the baseline of the rule on stripped offers."""

from pathlib import Path

import pytest

from analyzer.model.report import AuditedCall
from pcaps.flow_script import FlowScript
from tests.calls.flow_calls import audit_datagrams


def calls(folder: Path, *offers: str) -> list[tuple[AuditedCall, str]]:
    """Calls of Alice, refused each, with these descriptions in turn; each with what KMG-009 says of it."""
    lines = "".join(
        f"A>B INVITE {offer} call={number}\nB>A 486 call={number}\nA>B ACK refused call={number}\nwait 20\n"
        for number, offer in enumerate(offers)
    )
    report = audit_datagrams(FlowScript("habits").run(lines), folder)
    said = [next(one.outcome.value for one in call.outcomes if one.rule == "KMG-009") for call in report.calls]
    return list(zip(report.calls, said, strict=True))


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        (["A", "A", "A", "A.avp"], "fail"),
        (["A", "A.dtls", "A.cap", "A.avp"], "fail"),
        (["A", "A", "A.avp"], "unknown"),
        (["A", "A", "A", "A.avp", "A.avp"], "unknown"),
        (["A", "A.avp", "A.avp"], "not-applicable"),
        (["A.avp", "A.avp", "A.avp", "A"], "not-applicable"),
        (["A", "A", "A", "A"], "not-applicable"),
        (["A", "A", "A", "A.cap"], "not-applicable"),
        (["A.video.avp", "A.video.avp", "A", "A", "A", "A.avp"], "unknown"),
    ],
    ids=" ".join,
)
def test_what_is_said_of_the_last_offer(offers: list[str], said: str, tmp_path: Path) -> None:
    assert calls(tmp_path, *offers)[-1][1] == said


def test_lines_of_one_offer_make_no_habit_for_each_other(tmp_path: Path) -> None:
    script = FlowScript("habits").run("A>B INVITE A\nB>A 486\nA>B ACK refused")
    plain = b"m=audio 40002 RTP/AVP 0\r\n"
    datagrams = [(*rest, _with_line(octets, plain)) for *rest, octets in script]
    (call,) = audit_datagrams(datagrams, tmp_path).calls
    assert len(call.media) == 2
    assert call.call.lost_keying == ()


def _with_line(octets: bytes, line: bytes) -> bytes:
    head, _, body = octets.partition(b"\r\n\r\n")
    if not body:
        return octets
    body += line
    return head.partition(b"Content-Length:")[0] + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_the_fact_names_both_offers(tmp_path: Path) -> None:
    (lost,) = calls(tmp_path, "A", "A", "A", "A.avp")[-1][0].call.lost_keying
    assert (lost.media_index, lost.keyed, lost.plain, lost.last.frame, lost.here.frame) == (0, 3, 0, 7, 10)
