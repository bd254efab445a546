# SPDX-License-Identifier: GPL-2.0-only
"""Lists in MIKEY error messages of other calls: who sent them is checked there too, and said where they are shown."""

import base64
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.model.negotiation import ListOrigin, ListSource
from analyzer.model.report import AuditedMedia, Report
from dissectors.grammar.mikey import ErrorPayload, Timestamp, parse_mikey
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.secret import Secret
from pcaps.keying import CM_32, CM_80, F8_80, PskExchange
from tests.cli.command_line import ALICE, BOB, call, message, pcapng, sdp
from tests.keying import ticket_builders as tickets

OFFER = "INVITE sip:bob@example.com SIP/2.0"
RIGHT = KeyRing(psk=(PskEntry(Secret(PskExchange("").psk), "sip:alice@example.com", 1),))
TAG = bytes((18, 1))  # type and length of the parameter that gives the octets of SRTP's tag


def described(octets: bytes, address: str = "192.0.2.1") -> bytes:
    return sdp(address, 4000, f"key-mgmt:mikey {base64.b64encode(octets).decode()}")


def refused(error: bytes, offered: bytes | None = None) -> list[tuple[str, str, bytes]]:
    """A call of its own that Bob refuses with that message."""
    offer = described(offered or PskExchange("refused").offer())
    return [
        (ALICE, BOB, message(OFFER, "1 INVITE", offer, "call-0@192.0.2.1", to_tag="")),
        (BOB, ALICE, message("SIP/2.0 488 Not Acceptable Here", "1 INVITE", described(error), "call-0@192.0.2.1")),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "1 ACK", b"", "call-0@192.0.2.1")),
    ]


def judged(folder: Path, *errors: bytes, ring: KeyRing = RIGHT) -> tuple[AuditedMedia, list[ListSource]]:
    """A call with _32 agreed after those refusals, and what it learnt from there."""
    exchange = PskExchange("taken", (CM_80, CM_32))
    taken = call(described(exchange.offer()), described(exchange.answer(1), "192.0.2.2"))
    before = [
        (source, to, octets.replace(b"call-0@", f"call-0-{number}@".encode()))
        for number, each in enumerate(errors)
        for source, to, octets in refused(each)
    ]
    (folder / "calls.pcapng").write_bytes(pcapng([*before, *taken]))
    report = audit([folder / "calls.pcapng"], ring=ring)
    (media,) = next(each.media for each in report.calls if each.call.call_id == "call-1@192.0.2.1")
    return media, [one for one in media.negotiation.all_sources() if one.origin is ListOrigin.OTHER_REFUSAL]


def retried(folder: Path, refusal: bytes, *, lost: int = 0) -> Report:
    """Bob refuses with that message, and takes _32 in the next try; of the same call the first `lost` are missing."""
    exchange = PskExchange("taken", (CM_80, CM_32))
    packets = [(source, to, octets.replace(b"call-0@", b"call-1@")) for source, to, octets in refused(refusal)]
    taken = call(described(exchange.offer()), described(exchange.answer(1), "192.0.2.2"))
    again = [
        (source, to, octets.replace(b"CSeq: 1 ", b"CSeq: 2 ").replace(b"branch=z9hG4bK-1", b"branch=z9hG4bK-2"))
        for source, to, octets in taken[:3]
    ]
    (folder / "calls.pcapng").write_bytes(pcapng([*packets[lost:], *again]))
    return audit([folder / "calls.pcapng"], ring=RIGHT)


@pytest.mark.parametrize("altered", [False, True], ids=["as it was sent", "altered"])
def test_in_the_same_call_an_altered_list_is_shown_once_and_decides_nothing(tmp_path: Path, altered: bool) -> None:
    (found,) = retried(tmp_path, error(altered=altered)).calls
    first, second = found.media
    sources = [one for one in second.negotiation.all_sources() if "refusal" in one.origin.value]
    assert [(one.origin, one.used) for one in sources] == [(ListOrigin.REFUSAL, not altered)]
    assert (second.negotiation.answer_preferences is None) is altered
    said = {one.exchange: one.outcome.value for one in found.outcomes if one.rule == "MKY-025"}
    assert said == {0: "fail" if altered else "pass", 1: "pass"}
    assert first.verdict == "no-media"


@pytest.mark.parametrize(("lost", "names"), [(1, [CM_32, F8_80]), (2, None)])
def test_a_refusal_tells_the_list_though_the_offer_it_refused_was_not_captured(
    tmp_path: Path, lost: int, names: list[str] | None
) -> None:
    (found,) = retried(tmp_path, error(), lost=lost).calls
    (media,) = found.media
    listed = media.negotiation.answer_preferences
    assert (listed and [one.name for one in listed]) == names
    sources = [one for one in media.negotiation.all_sources() if one.origin is ListOrigin.REFUSAL]
    untried = "claimed: its V or signature was not tried"  # it covers what the missing offer brought
    assert [(one.used, one.how) for one in sources] == ([(True, untried)] if names else [])
    assert {one.outcome.value for one in found.outcomes if one.rule == "MKY-025"} == {"pass"}


def error(*, signed: bool = True, altered: bool = False) -> bytes:
    exchange = PskExchange("refused")
    octets = exchange.error((CM_32, F8_80), exchange.psk if signed else b"")
    return octets.replace(TAG + b"\x04", TAG + b"\x0a", 1) if altered else octets


def test_a_list_under_v_is_proved_and_decides(tmp_path: Path) -> None:
    media, (source,) = judged(tmp_path, error())
    assert (source.used, source.how) == (True, "proved by MAC: V of the error message verifies")
    assert media.negotiation.winner.holds is True
    assert {one.authenticated for one in media.negotiation.answer_preferences or ()} == {True}


@pytest.mark.parametrize("ring", [RIGHT, KeyRing()], ids=["key", "no key"])
def test_a_list_without_v_is_claimed(tmp_path: Path, ring: KeyRing) -> None:
    _, (source,) = judged(tmp_path, error(signed=False), ring=ring)
    assert (source.used, source.how) == (True, "claimed: no MAC")


def test_without_the_key_a_list_under_v_is_claimed(tmp_path: Path) -> None:
    media, (source,) = judged(tmp_path, error(), ring=KeyRing())
    assert (source.used, source.how) == (True, "claimed: no key in the ring fits")
    assert {one.authenticated for one in media.negotiation.answer_preferences or ()} == {None}


def test_a_list_that_was_altered_is_shown_and_decides_nothing(tmp_path: Path) -> None:
    media, (source,) = judged(tmp_path, error(altered=True))
    assert not source.used
    assert source.how.startswith("not authentic: altered message")
    assert media.negotiation.answer_preferences is None
    whole, _ = judged(tmp_path, error(altered=True), ring=KeyRing())
    assert whole.negotiation.answer_preferences is not None


def test_of_many_altered_lists_the_nearest_is_shown_and_one_that_is_proved_decides(tmp_path: Path) -> None:
    forged = error(altered=True)
    media, sources = judged(tmp_path, forged, error(), forged, forged)
    assert [one.used for one in sources] == [False, True]
    assert media.negotiation.winner.holds is True
    assert {one.authenticated for one in media.negotiation.answer_preferences or ()} == {True}


KMS_PSK = b"what Alice and her KMS share"
GIVEN = tickets.ticket(key=b"known to the KMS alone")


def granted(way: str) -> list[tuple[str, str, bytes]]:
    """The ticket comes over UDP, or in the session descriptions of a call to the KMS."""
    request = tickets.request(KMS_PSK)
    response = tickets.request_response(request, KMS_PSK, GIVEN)
    if way == "udp":
        kms, user = "203.0.113.9:2269", "192.0.2.1:40000"
        return [(user, kms, request), (kms, user, response)]
    packets = call(described(request), described(response, "192.0.2.2"))
    return [(source, to, octets.replace(b"call-1@", b"call-kms@")) for source, to, octets in packets]


def refused_transfer(*, altered: bool = False) -> list[tuple[str, str, bytes]]:
    """Bob refuses a transfer with an error under the MPKi of its ticket (RFC 6043 §5.4)."""
    first = tickets.transfer_init(given=GIVEN)
    head = tickets.header(6, parse_mikey(first).header.crypto_sessions)  # type: ignore[arg-type]
    said = [Timestamp(0, tickets.T), ErrorPayload(10, 0), build_policy_for_suite(CM_32, 0)]
    octets = tickets.finish(head, said, tickets.protector(tickets.mpk("i"), 1), b"")
    return refused(octets.replace(TAG + b"\x04", TAG + b"\x0a", 1) if altered else octets, first)


@pytest.mark.parametrize("altered", [False, True], ids=["as it was sent", "altered"])
@pytest.mark.parametrize("way", ["udp", "call"])
@pytest.mark.parametrize("judged_first", [False, True], ids=["in their order", "the judged call first"])
def test_a_ticket_of_a_third_exchange_verifies_the_refusal(
    tmp_path: Path, way: str, altered: bool, judged_first: bool
) -> None:
    exchange = PskExchange("taken", (CM_80, CM_32))
    taken = call(described(exchange.offer()), described(exchange.answer(1), "192.0.2.2"))
    before = [*granted(way), *refused_transfer(altered=altered)]
    (tmp_path / "calls.pcapng").write_bytes(pcapng([*taken, *before] if judged_first else [*before, *taken]))
    report = audit([tmp_path / "calls.pcapng"], ring=KeyRing(psk=(PskEntry(Secret(KMS_PSK), None, 1),)))
    (media,) = next(each.media for each in report.calls if each.call.call_id == "call-1@192.0.2.1")
    (source,) = [one for one in media.negotiation.all_sources() if one.origin is ListOrigin.OTHER_REFUSAL]
    assert source.used is not altered
    expected = "not authentic: altered message" if altered else "proved by MAC: V of the error message verifies"
    assert source.how.startswith(expected)
