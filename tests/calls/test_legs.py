# SPDX-License-Identifier: GPL-2.0-only
"""Two calls are legs of one where they share what only legs share, and what the element between changed is told."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from analyzer.calls.legs import RecentLegs
from analyzer.model.call import Call
from analyzer.model.legs import LegChange, LegEvidence
from analyzer.model.report import AuditedCall
from pcaps.flow_script import FlowScript, write_capture
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal
from reports.terminal_calls import render_call
from tests.calls.call_builders import ALICE, BOB, PROXY, Script, sdp, track
from tests.samples.sample_cases import FOLDER

UUID = "ab30317f1a784dc48ff824d0d3715d86"
SESSION = f"Session-ID: {UUID};remote={'0' * 32}"
KEY, OTHER_KEY = "inline:" + "A" * 40, "inline:" + "B" * 40
CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
MIKEY = "AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAJAAAQbWlrZXk="


def savp(*attributes: str, port: int = 4000, address: str = "10.0.0.1") -> bytes:
    return sdp(address, port, *attributes, proto="RTP/SAVP")


def leg(call_id: str, offer: bytes, *headers: str, at: float, hop: tuple[str, str]) -> Script:
    script = Script(call_id, clock=at, frame=int(100 * at))
    invite = script.request("INVITE", 1, offer, hop=hop, headers=headers)
    script.response(invite, 200, sdp("10.0.0.2", 6000 if hop[0] == ALICE else 6500))
    script.response(script.request("BYE", 2, to_tag="b", at=script.clock + 20, hop=hop), 200)
    return script


def two(
    first: bytes, second: bytes, *headers: str, later: float = 0.5, second_headers: Any = None
) -> tuple[Call, Call]:
    one = leg("leg-one@host", first, *headers, at=1, hop=(ALICE, PROXY))
    other = leg("leg-two@host", second, *(second_headers or headers), at=1 + later, hop=(PROXY, BOB))
    calls = track(one, other).calls
    assert [call.call_id for call in calls] == ["leg-one@host", "leg-two@host"]
    return calls[0], calls[1]


OFFER_1 = savp(f"crypto:1 {CM_80} {KEY}")
OFFER_2 = savp(f"crypto:1 {CM_80} {KEY}", port=7000, address="10.0.0.9")


@pytest.mark.parametrize(
    ("headers", "second_headers", "evidence"),
    [
        ((SESSION,), (SESSION,), LegEvidence.SESSION_ID),
        ((SESSION,), (f"Session-ID:\r\n {UUID.upper()}",), LegEvidence.SESSION_ID),
        ((), ("X-CID: leg-one@host",), LegEvidence.CALL_ID_IN_HEADER),
        ((), ("In-Reply-To: leg-one@host",), LegEvidence.CALL_ID_IN_HEADER),
        (("X-Call-ID: 8af3-77102",), ("X-Call-ID: 8af3-77102",), LegEvidence.HEADER_ID),
        (("P-Charging-Vector: icid-value=1234bc98;orig=a",) * 1, None, LegEvidence.HEADER_ID),
    ],
)
def test_identifiers_in_headers(headers: Any, second_headers: Any, evidence: LegEvidence) -> None:
    first, second = two(OFFER_1, OFFER_2, *headers, second_headers=second_headers)
    (there,), (back,) = first.other_legs, second.other_legs
    assert (there.call_id, there.is_earlier, back.call_id, back.is_earlier) == (
        second.call_id,
        False,
        first.call_id,
        True,
    )
    assert there.evidence == back.evidence == (evidence,)
    assert 0.7 <= there.confidence == back.confidence <= 0.95
    assert there.offer.differences == ()


def test_origin_media_address_and_csb_id() -> None:
    origin = OFFER_1.replace(b"o=- 1 1", b"o=pbx 1234567 1")
    first, _ = two(origin, origin)
    assert first.other_legs[0].evidence == (LegEvidence.SDP_ORIGIN, LegEvidence.MEDIA_ADDRESS)
    assert first.other_legs[0].confidence == pytest.approx(0.94)
    first, _ = two(savp(f"key-mgmt:mikey {MIKEY}"), savp(f"key-mgmt:mikey {MIKEY}", port=7000, address="10.0.0.9"))
    assert first.other_legs[0].evidence == (LegEvidence.CSB_ID,)


def test_nothing_shared_joins_nothing() -> None:
    for headers, later in (((), 0.5), (("X-Account: acme-company",), 0.5), ((SESSION,), 12.0), ((SESSION,), 40.0)):
        first, second = two(OFFER_1, OFFER_2, *headers, later=later)
        assert first.other_legs == second.other_legs == ()
    network = "P-Charging-Vector: icid-value=1;orig-ioi=home12345.net"
    assert two(OFFER_1, OFFER_2, network)[0].other_legs == ()
    nil = f"Session-ID: {'0' * 32}"
    assert two(OFFER_1, OFFER_2, nil)[0].other_legs == ()


def test_an_identifier_of_many_calls_is_none() -> None:
    headers = ("X-Call-ID: trunk-00017",)
    scripts = [
        leg(f"call-{n}@host", savp(port=7000 + 2 * n), *headers, at=1 + n / 100, hop=(ALICE, BOB)) for n in range(30)
    ]
    joined = [call.call_id for call in track(*scripts).calls if call.other_legs]
    assert len(joined) < 10


def changes(first: bytes, second: bytes) -> dict[LegChange, str]:
    one, other = two(first, second, SESSION)
    differences = one.other_legs[0].offer.differences
    assert [each.change for each in other.other_legs[0].offer.differences] == [each.change for each in differences]
    for each in differences:
        assert (each.here.frame, each.there.frame) == (101, 151)
        assert "AAAA" not in each.detail
        assert "BBBB" not in each.detail
    return {each.change: each.detail for each in differences}


def test_what_was_changed_between_the_legs() -> None:
    two_lines = (f"crypto:1 {CM_80} {KEY}", f"crypto:2 {CM_32} {OTHER_KEY}")
    at = {"port": 7000, "address": "10.0.0.9"}
    assert changes(savp(*two_lines), savp(two_lines[1], **at)) == {LegChange.LINES_REMOVED: f"crypto {CM_80}"}
    assert changes(savp(two_lines[0]), savp(*two_lines, **at)) == {LegChange.LINES_ADDED: f"crypto {CM_32}"}
    assert changes(savp(*two_lines), savp(*two_lines[::-1], **at)) == {
        LegChange.LINES_REORDERED: f"crypto {CM_32}, crypto {CM_80}"
    }
    assert changes(savp(f"crypto:1 {CM_80} {KEY}"), savp(f"crypto:1 {CM_80} {OTHER_KEY}", **at)) == {
        LegChange.KEYS_REPLACED: f"crypto {CM_80}"
    }
    assert changes(savp(two_lines[0]), sdp("10.0.0.9", 7000)) == {
        LegChange.PROFILE_CHANGED: "RTP/SAVP → RTP/AVP",
        LegChange.LINES_REMOVED: f"crypto {CM_80}",
    }
    prints = [f"fingerprint:sha-256 {':'.join([byte] * 32)}" for byte in ("AA", "BB")]
    assert changes(savp(prints[0]), savp(prints[1], **at)) == {LegChange.FINGERPRINT_REPLACED: "fingerprint sha-256"}
    assert changes(savp(prints[0]), savp(f"fingerprint:SHA-256 {':'.join(['aa'] * 32)}", **at)) == {}
    sha_1 = f"fingerprint:sha-1 {':'.join(['CC'] * 20)}"
    assert changes(savp(prints[0], sha_1), savp(sha_1, prints[0], **at)) == {}
    for other in ((sha_1,), (prints[0], sha_1)):
        assert changes(savp(prints[0]), savp(*other, **at)) == {LegChange.FINGERPRINT_REPLACED: "fingerprint sha-1"}
    assert changes(savp(prints[0], two_lines[0]), savp(two_lines[0], prints[0], **at)) == {}
    potential = [f"acap:1 crypto:1 {CM_80} {key}" for key in (KEY, OTHER_KEY)]
    assert changes(savp(potential[0]), savp(potential[1], **at)) == {LegChange.KEYS_REPLACED: f"acap crypto {CM_80}"}
    assert changes(savp(f"key-mgmt:mikey {MIKEY}"), sdp("10.0.0.9", 7000)) == {
        LegChange.PROFILE_CHANGED: "RTP/SAVP → RTP/AVP",
        LegChange.LINES_REMOVED: "key-mgmt mikey (MIKEY-PSK)",
    }


LEGS = f"""
    A>P INVITE A | {SESSION}
    P>B INVITE A.far call=2 caller=A callee=B by=A | {SESSION}
    B>P 200 B call=2
    P>A 200 B
    A>P ACK
    P>B ACK call=2
"""
FORK = f"""
    A>P INVITE A | {SESSION}
    P>B INVITE A.2 call=2 caller=A callee=B by=A | {SESSION}
    P>C INVITE A.2 call=3 caller=A callee=C by=A | {SESSION}
    C>P 200 C call=3
    B>P 200 B call=2
    P>A 200 B
"""
LATE = f"""
    A>P INVITE | {SESSION}
    P>B INVITE call=2 caller=A callee=B by=A | {SESSION}
    B>P 200 B call=2
    P>A 200 B.avp
    A>P ACK A.avp
    P>B ACK A.avp call=2
"""
CHANGES = [LegChange.PROFILE_CHANGED, LegChange.LINES_REMOVED]


@pytest.mark.parametrize(
    ("lines", "changed", "says"),
    [
        (LEGS, ([], []), ("pass", "pass")),
        (LEGS.replace("P>A 200 B", "P>A 200 B.avp"), ([], CHANGES), ("fail", "pass")),
        (LEGS.replace("P>A 200 B", "P>A 200 B.k2"), ([], [LegChange.KEYS_REPLACED]), ("pass", "pass")),
        (LEGS.replace("P>A 200 B", "P>A 200 B unseen"), ([], None), ("unknown", "pass")),
        (LEGS.replace("B>P 200 B", "B>P 200 B unseen"), ([], None), ("unknown", "pass")),
        (LEGS.replace("200 B", "486").split("A>P ACK", maxsplit=1)[0], ([], []), ("not-applicable", "pass")),
        (LATE, (CHANGES, []), ("fail", "not-applicable")),
        (LATE.replace(".avp", ""), ([], []), ("pass", "pass")),
        (LATE.replace(".avp", "").replace("P>B ACK A", "P>B ACK A.avp"), ([], CHANGES), ("pass", "fail")),
        (LATE.replace("P>A 200 B.avp", "P>A 200 B unseen"), ([], []), ("unknown", "not-applicable")),
        (LATE.replace(".avp", "").replace("P>B ACK A", "P>B ACK A unseen"), ([], None), ("pass", "unknown")),
    ],
)
def test_what_became_of_the_answer_on_its_way_back(
    lines: str, changed: tuple[list[LegChange], list[LegChange] | None], says: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "legs.pcapng"
    path.write_bytes(write_capture(FlowScript("legs").run(lines)))
    report = audit([path])
    for call in report.calls:
        (leg,) = call.call.other_legs
        assert [each.change for each in leg.offer.differences] == changed[0]
    told = json.loads(render_json(report))["calls"][0]["other_legs"][0]["answer_differences"]
    assert (told and [each["change"] for each in told]) == changed[1]
    assert tuple(_says(call, "KMG-009") for call in report.calls) == says


def test_which_leg_comes_first_its_elements_tell_before_the_clock_does() -> None:
    """The leg from the proxy to Bob was captured by a clock that is behind."""
    one = leg("leg-one@host", OFFER_1, SESSION, at=2, hop=(ALICE, PROXY))
    other = leg("leg-two@host", sdp("10.0.0.9", 7000), SESSION, at=1.5, hop=(PROXY, BOB))
    later, earlier = track(one, other).calls
    assert [call.call_id for call in (later, earlier)] == ["leg-two@host", "leg-one@host"]
    assert later.other_legs[0].is_earlier
    assert LegChange.LINES_REMOVED in {each.change for each in later.other_legs[0].offer.differences}
    assert not earlier.other_legs[0].is_earlier


def _says(call: AuditedCall, rule: str) -> str:
    return next(one.outcome.value for one in call.outcomes if one.rule == rule)


def test_an_answer_comes_from_the_leg_that_it_resembles(tmp_path: Path) -> None:
    for answer, says in (("B.dtls", "pass"), ("C.dtls", "pass"), ("D.dtls", "fail")):
        path = tmp_path / "legs.pcapng"
        lines = FORK.replace("INVITE A", "INVITE A.dtls").replace("A.dtls.2", "A.dtls")
        lines = lines.replace("200 B call", "200 B.dtls call").replace("200 C call", "200 C.dtls call")
        path.write_bytes(write_capture(FlowScript("fork").run(lines.replace("P>A 200 B", f"P>A 200 {answer}"))))
        assert _says(audit([path]).calls[0], "DTL-007") == says


def test_a_retry_after_a_refusal_is_no_leg() -> None:
    offer = OFFER_1.replace(b"o=- 1 1", b"o=pbx 1234567 1")
    one = Script("first@host")
    one.response(one.request("INVITE", 1, offer), 488)
    other = leg("second@host", offer, at=4, hop=(ALICE, BOB))
    assert [call.other_legs for call in track(one, other).calls] == [(), ()]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("b2bua_strips_keying", [LegChange.PROFILE_CHANGED, LegChange.LINES_REMOVED]),
        ("b2bua_keys_anew", [LegChange.KEYS_REPLACED]),
    ],
)
def test_the_legs_of_a_b2bua(name: str, changes: list[LegChange]) -> None:
    document = json.loads(render_json(audit([FOLDER / f"{name}.pcapng"])))
    incoming, outgoing = document["calls"]
    (after,), (before,) = incoming["other_legs"], outgoing["other_legs"]
    assert (after["call_id"], before["call_id"]) == (outgoing["call_id"], incoming["call_id"])
    assert after["evidence"] == ["session-id"]
    assert [each["change"] for each in after["differences"]] == changes
    assert [each["change"] for each in before["differences"]] == changes
    assert after["differences"][0]["frame"] == before["differences"][0]["there"]["frame"]


def test_a_call_that_ends_while_a_capture_runs_finds_its_legs_among_those_that_ended() -> None:
    incoming, outgoing = audit([FOLDER / "b2bua_keys_anew.pcapng"]).calls
    recent = RecentLegs()
    first, second = (recent.join(replace(each.call, other_legs=())) for each in (incoming, outgoing))
    assert first.other_legs == ()
    assert second.other_legs == outgoing.call.other_legs != ()
    small = RecentLegs(most=1)
    for each in (incoming, outgoing, outgoing):
        last = small.join(replace(each.call, other_legs=()))
    assert last.other_legs == ()


def test_legs_are_named_on_the_terminal() -> None:
    report = audit([FOLDER / "b2bua_keys_anew.pcapng"])
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 160))
    assert "call 2  is a later leg of call 1" in stream.getvalue()
    render_call(report.briefs[1], 2, Pen(stream, 200))
    assert f"leg of {report.calls[0].call.call_id}" in stream.getvalue()
