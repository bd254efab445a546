# SPDX-License-Identifier: GPL-2.0-only
"""PRI-006 where each try, or each leg, has a Call-ID of its own: a list that was stripped between them is found."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.model.outcome import Outcome
from analyzer.policies import read_policy
from tests.cli.command_line import ALICE, BOB, KEY_A, KEY_B, message, pcapng, sdp

PBX, PBX_SIDE = "192.0.2.9:5060", "192.0.2.9"
CM_80 = f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}"
CM_32 = f"crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_B}"
FIRST, SECOND = "try-1@192.0.2.1", "try-2@192.0.2.1"
INVITE = "INVITE sip:bob@example.com SIP/2.0"
Packets = list[tuple[str, str, bytes]]


def offered(call_id: str, *lines: str, host: str = "192.0.2.1") -> bytes:
    body = sdp(host, 4000, *lines, proto="RTP/SAVP" if lines else "RTP/AVP")
    return message(INVITE, "1 INVITE", body, call_id, "")


def answered(call_id: str, *lines: str) -> bytes:
    body = sdp("192.0.2.2", 6000, *lines, proto="RTP/SAVP" if lines else "RTP/AVP")
    return message("SIP/2.0 200 OK", "1 INVITE", body, call_id)


def tries(status: str, again: Sequence[str]) -> Packets:
    """An offer of two lines that is refused, and the same caller's next call with these lines."""
    contact = b"Contact: <sip:bob@example.com>\r\nCSeq"
    refusal = message(f"SIP/2.0 {status}", "1 INVITE", call_id=FIRST).replace(b"CSeq", contact, 1)
    return [
        (ALICE, BOB, offered(FIRST, CM_80, CM_32)),
        (BOB, ALICE, refusal),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "1 ACK", call_id=FIRST)),
        (ALICE, BOB, offered(SECOND, *again)),
        (BOB, ALICE, answered(SECOND, *again[:1])),
    ]


def found(folder: Path, packets: Packets, call_id: str = SECOND) -> Outcome:
    (folder / "x.pcapng").write_bytes(pcapng(packets))
    report = audit([folder / "x.pcapng"], policy=read_policy("priority"))
    call = next(each for each in report.calls if each.call.call_id == call_id)
    return next(one for one in call.outcomes if one.rule == "PRI-006")


@pytest.mark.parametrize("status", ["488 Not Acceptable Here", "415 Unsupported Media Type", "606 Not Acceptable"])
@pytest.mark.parametrize(
    ("again", "detail"),
    [
        ((CM_32,), "this one lacks crypto AES_CM_128_HMAC_SHA1_80"),
        ((CM_32, CM_80), "this one has the order"),
        ((), "this one lacks crypto AES_CM_128_HMAC_SHA1_80, crypto AES_CM_128_HMAC_SHA1_32"),
    ],
)
def test_a_list_that_changed_after_a_refusal_is_found(
    tmp_path: Path, status: str, again: Sequence[str], detail: str
) -> None:
    outcome = found(tmp_path, tries(status, again))
    assert outcome.outcome == "fail"
    assert outcome.confidence == "C2"
    assert detail in outcome.explanation
    assert {ref.frame for ref in outcome.refs} == {1, 4}


def test_a_list_that_changed_after_a_redirection_is_found(tmp_path: Path) -> None:
    outcome = found(tmp_path, tries("302 Moved Temporarily", (CM_32,)))
    assert outcome.outcome == "fail"
    assert outcome.explanation.startswith("The call that was redirected offered another list")


@pytest.mark.parametrize("status", ["488 Not Acceptable Here", "302 Moved Temporarily", "486 Busy Here"])
def test_a_list_that_stayed_is_no_fault(tmp_path: Path, status: str) -> None:
    assert found(tmp_path, tries(status, (CM_80, CM_32))).outcome == "unknown"


def test_who_is_busy_asks_for_no_other_list(tmp_path: Path) -> None:
    assert found(tmp_path, tries("486 Busy Here", (CM_32,))).outcome == "not-applicable"


@pytest.mark.parametrize(("onward", "value"), [((CM_80, CM_32), "unknown"), ((CM_32,), "fail"), ((), "fail")])
def test_a_list_that_changed_between_legs_is_found(tmp_path: Path, onward: Sequence[str], value: str) -> None:
    """A back-to-back user agent: the leg behind it names the Call-ID of the one before."""
    leg = offered(SECOND, *onward, host=PBX_SIDE).replace(b"CSeq", f"X-Call-ID: {FIRST}\r\nCSeq".encode(), 1)
    packets = [
        (ALICE, PBX, offered(FIRST, CM_80, CM_32)),
        (PBX, BOB, leg),
        (BOB, PBX, answered(SECOND, *onward[:1])),
        (PBX, ALICE, answered(FIRST, CM_80)),
    ]
    outcome = found(tmp_path, packets)
    assert outcome.outcome == value
    if value == "fail":
        assert outcome.explanation.startswith("The leg before offered another list")
