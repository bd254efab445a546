# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY outside session descriptions: raw on UDP 2269, in bodies of SIP messages; what it proves and keys."""

import base64
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.model.evidence import MikeyCarrier, Wire
from analyzer.model.negotiation import Carrier
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedCall, Report
from dissectors.grammar.secret import Secret
from tests.cli.command_line import ALICE, BOB, call, message, pcapng
from tests.keying import ticket_builders as made
from tests.keying.mikey_vectors import V1, V2
from tests.keying.test_mikey_media import A, B, Packets, body, protect
from tests.keying.ticket_builders import tek, ticket, transfer_init

PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
KMS_PSK = b"what Alice and her KMS share"
A_MIKEY, B_MIKEY = "192.0.2.1:2269", "192.0.2.2:2269"
USER, KMS = "192.0.2.1:40000", "203.0.113.9:2269"
INVITE = "INVITE sip:bob@example.com SIP/2.0"
SSRCS = (0xDECAFBAD, 0xFEEDFACE)


def audited(folder: Path, packets: Packets, *keys: bytes, name: str | None = None) -> Report:
    (folder / "x.pcapng").write_bytes(pcapng(packets))
    return audit([folder / "x.pcapng"], ring=KeyRing(psk=tuple(PskEntry(Secret(key), name, 1) for key in keys)))


def v1_media() -> Packets:
    keys = [bytes.fromhex(V1[f"cs{n}_tek"] + V1[f"cs{n}_salt"]) for n in (1, 2)]
    return [*protect(A, SSRCS[0], keys[0]), *protect(B, SSRCS[1], keys[1])]


def states(report: Report) -> list[tuple[str | None, bool | None, str]]:
    return [(each.method, each.evidence.mac.verified, each.evidence.mac.how) for each in report.mikey]


def raw() -> Packets:
    return [(A_MIKEY, B_MIKEY, bytes.fromhex(V1["I"])), (B_MIKEY, A_MIKEY, bytes.fromhex(V1["R"]))]


def test_raw_mikey_is_verified_and_keys_the_media_between_its_hosts(tmp_path: Path) -> None:
    report = audited(tmp_path, [*raw(), *v1_media()], PSK)
    assert states(report) == [("MIKEY-PSK", True, "MAC verifies"), ("MIKEY-PSK", True, "V verifies")]
    assert {each.message.carrier for each in report.mikey} == {MikeyCarrier.UDP}
    assert not report.calls
    found = {each.audit.bound.stream.ssrc: each.audit for each in report.streams}
    assert {ssrc: (each.authenticated, each.failed, each.wire) for ssrc, each in found.items()} == {
        SSRCS[0]: (60, 0, Wire.PROVED),
        SSRCS[1]: (60, 0, Wire.PROVED),
    }
    assert {each.keying.method for each in report.streams} == {"MIKEY-PSK"}


def test_without_a_key_nothing_is_proved_and_nothing_refuted(tmp_path: Path) -> None:
    report = audited(tmp_path, [*raw(), *v1_media()])
    assert [state[1] for state in states(report)] == [None, None]
    assert all(each.audit.failed == 0 for each in report.streams)


def test_a_response_without_its_request_says_so(tmp_path: Path) -> None:
    report = audited(tmp_path, raw()[1:], PSK)
    assert states(report) == [("MIKEY-PSK", None, "the message that it answers was not seen")]


@pytest.mark.parametrize("octets", [b"\1", b"\1\0\x0b", b"\1\x63" + bytes(20)])
def test_what_is_no_mikey_on_its_port_is_shown_with_its_defects(tmp_path: Path, octets: bytes) -> None:
    (found,) = audited(tmp_path, [(A_MIKEY, B_MIKEY, octets)]).mikey
    assert found.evidence.defects
    assert found.evidence.mac.verified is None


def test_other_traffic_on_the_port_is_left_alone(tmp_path: Path) -> None:
    packets = [(A_MIKEY, B_MIKEY, b"\2hello"), (A_MIKEY, B_MIKEY, b""), ("192.0.2.1:2270", BOB, raw()[0][2])]
    assert audited(tmp_path, packets).mikey == ()


def kms_exchange() -> tuple[Packets, bytes]:
    """The request over UDP, and the ticket that it brings; its own key nobody knows."""
    given = ticket(key=b"known to the KMS alone")
    first = made.request(KMS_PSK)
    packets = [(USER, KMS, first), (KMS, USER, made.request_response(first, KMS_PSK, given))]
    return packets, transfer_init(given=given)


def test_a_ticket_granted_over_udp_opens_the_call_that_uses_it(tmp_path: Path) -> None:
    exchange, first = kms_exchange()
    media = [*protect(A, 0xA1, tek(1)), *protect(B, 0xB1, tek(2))]
    line = "mikey " + base64.b64encode(first).decode()
    packets = [*exchange, *call(body("192.0.2.1", 4000, media=line), body("192.0.2.2", 6000), media)]
    report = audited(tmp_path, packets, KMS_PSK)
    assert states(report) == [("MIKEY-TICKET", True, "V verifies"), ("MIKEY-TICKET", True, "V verifies")]
    granted = {fact.what: fact.detail for fact in report.mikey[1].evidence.facts}
    assert granted["ticket"] == "the KMS gave its keys to the initiator"
    (line_found,) = report.calls[0].media
    assert line_found.keying.verified is True
    assert [(s.authenticated, s.failed) for s in line_found.streams] == [(60, 0), (60, 0)]


def test_a_ticket_resolved_over_udp_opens_a_forked_transfer(tmp_path: Path) -> None:
    flags = made.D | made.E | made.F | made.G | made.H | made.FORKING
    given = ticket(flags, key=b"known to the KMS alone")
    asked = made.resolve(KMS_PSK, given)
    first = transfer_init(flags, given=given)
    offer, answer = (
        "mikey " + base64.b64encode(each).decode() for each in (first, made.transfer_response(first, flags))
    )
    rands, tgk = (made.RAND_I, made.RAND_R), made.forked(made.TGK, "1512B54A")
    media = [*protect(A, 0xA1, tek(1, tgk, rands)), *protect(B, 0xB1, tek(2, tgk, rands))]
    exchange = [(USER, KMS, asked), (KMS, USER, made.resolve_response(asked, KMS_PSK))]
    signalled = call(body("192.0.2.1", 4000, media=offer), body("192.0.2.2", 6000, media=answer), media)
    report = audited(tmp_path, [*exchange, *signalled], KMS_PSK)
    assert [state[1] for state in states(report)] == [True, True]
    (line,) = report.calls[0].media
    assert line.keying.verified is True
    assert [(s.authenticated, s.failed) for s in line.streams] == [(60, 0), (60, 0)]


def test_a_private_key_of_ibake_is_seen_to_be_sent_and_never_shown(tmp_path: Path) -> None:
    exchange = [(USER, KMS, made.key_request(KMS_PSK)), (KMS, USER, made.key_response(KMS_PSK))]
    report = audited(tmp_path, exchange, KMS_PSK)
    assert states(report) == [("MIKEY-IBAKE", True, "V verifies")] * 2
    facts = {fact.what: fact.detail for fact in report.mikey[1].evidence.facts}
    assert facts["private key"] == "1 of 64 octets: who opens this reads IBAKE"
    wrong = audited(tmp_path, exchange, b"another key")
    assert [state[1] for state in states(wrong)] == [None, None]


def test_an_altered_answer_of_the_kms_fails_and_opens_nothing(tmp_path: Path) -> None:
    exchange, _ = kms_exchange()
    (source, destination, octets) = exchange[1]
    altered = (source, destination, octets[:40] + bytes((octets[40] ^ 1,)) + octets[41:])
    report = audited(tmp_path, [exchange[0], altered], KMS_PSK)
    assert [state[1] for state in states(report)] == [True, False]
    assert states(report)[1][2] == "altered message: the key that fits the request does not verify V"


def test_a_bound_key_that_does_not_fit_the_request_fails(tmp_path: Path) -> None:
    report = audited(tmp_path, kms_exchange()[0], b"another key", name="sip:alice@example.com")
    assert states(report)[0] == ("MIKEY-TICKET", False, "wrong key or altered message")


def with_parts(*parts: tuple[str, bytes], start: str = INVITE, cseq: str = "1 INVITE", to_tag: str = "") -> bytes:
    octets = (
        b"".join(b"--x\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + b"--x--\r\n"
    )
    plain = message(start, cseq, octets, to_tag=to_tag)
    return plain.replace(b"Content-Type: application/sdp", b'Content-Type: multipart/mixed;boundary="x"', 1)


SDP_PART, MIKEY_PART = "Content-Type: application/sdp", "Content-Type: Application/mikey"


@pytest.mark.parametrize(
    ("head", "encode"),
    [
        (f"{MIKEY_PART}\r\nContent-Transfer-Encoding: binary", bytes),
        (f"{MIKEY_PART}\r\nContent-Transfer-Encoding: base64", base64.b64encode),
    ],
)
def test_mikey_beside_a_description_is_that_calls(tmp_path: Path, head: str, encode: type[bytes]) -> None:
    invite = with_parts((SDP_PART, body("192.0.2.1", 4000)), (head, encode(bytes.fromhex(V2["I"]))))
    report = audited(tmp_path, [(ALICE, BOB, invite)], b"another key")
    assert report.mikey == ()
    (found,) = report.calls[0].media[0].keying.mikey
    assert (found.level, found.octets, found.transport) == ("body", bytes.fromhex(V2["I"]), "UDP")


def body_call(answer: bytes = bytes.fromhex(V1["R"])) -> Packets:
    """A call whose descriptions have no keying attribute, and MIKEY beside them."""
    packets = call(b"offer", b"answer", v1_media())
    offered = (SDP_PART, body("192.0.2.1", 4000)), (MIKEY_PART, bytes.fromhex(V1["I"]))
    answered = (SDP_PART, body("192.0.2.2", 6000)), (MIKEY_PART, answer)
    packets[0] = (ALICE, BOB, with_parts(*offered))
    packets[1] = (BOB, ALICE, with_parts(*answered, start="SIP/2.0 200 OK", to_tag="b"))
    return packets


def test_bodies_beside_descriptions_key_their_call(tmp_path: Path) -> None:
    report = audited(tmp_path, body_call(), PSK)
    (line,) = report.calls[0].media
    assert [(s.authenticated, s.failed) for s in line.streams] == [(60, 0), (60, 0)]
    assert (line.keying.method, line.keying.verified) == ("MIKEY-PSK", True)
    assert (line.negotiation.chosen.key_agreement, line.verdict) == ("MIKEY-PSK", Verdict.CONFORM)
    assert {one.carrier for one in line.negotiation.offer_preferences} == {Carrier.MIKEY_BODY, Carrier.SP}
    assert values(report, "MKY-025") == {"pass"}
    assert values(report, "KMG-002") == {"not-applicable"}
    assert values(report, "PRO-004") <= {"pass", "not-applicable"}


def test_an_altered_body_is_that_calls_fault(tmp_path: Path) -> None:
    answer = bytearray.fromhex(V1["R"])
    answer[-1] ^= 1
    report = audited(tmp_path, body_call(bytes(answer)), PSK)
    assert values(report, "MKY-025") == {"fail"}
    assert report.calls[0].media[0].keying.authentic is False


def test_without_a_key_the_bodies_leave_the_call_unproved(tmp_path: Path) -> None:
    report = audited(tmp_path, body_call())
    (line,) = report.calls[0].media
    assert line.keying.verified is None
    assert all(stream.failed == 0 for stream in line.streams)
    assert values(report, "MKY-025") == {"unknown"}


def info(start: str = "INFO sip:bob@example.com SIP/2.0", octets: bytes = bytes.fromhex(V1["I"])) -> bytes:
    return message(start, "2 INFO", octets).replace(SDP_PART.encode(), MIKEY_PART.encode(), 1)


@pytest.mark.parametrize("key", [PSK, b"another key"])
def test_a_body_alone_is_bound_to_the_call_that_carried_it(tmp_path: Path, key: bytes) -> None:
    packets = call(body("192.0.2.1", 4000), body("192.0.2.2", 6000))
    packets[3:3] = [(ALICE, BOB, info()), (BOB, ALICE, info("SIP/2.0 200 OK", bytes.fromhex(V1["R"]))), *v1_media()]
    report = audited(tmp_path, packets, key)
    assert report.mikey == ()
    (line,) = report.calls[0].media
    assert [each.level for each in line.keying.mikey] == ["message", "message"]
    opened = key == PSK
    assert line.keying.verified is (True if opened else None)
    assert [(s.authenticated, s.failed) for s in line.streams] == ([(60, 0), (60, 0)] if opened else [(0, 0), (0, 0)])
    assert values(report, "MKY-025") == {"pass" if opened else "unknown"}
    assert values(report, "MKY-004") == {"pass"}


def test_a_replayed_body_is_found_in_the_call(tmp_path: Path) -> None:
    """The same bodies in a call that comes after the first was over."""
    again = [(source, destination, each.replace(b"call-1@", b"call-2@")) for source, destination, each in body_call()]
    report = audited(tmp_path, [*body_call(), *again], PSK)
    found = {each.call.call_id: value_in(each, "MKY-004") for each in report.calls}
    assert found == {"call-1@192.0.2.1": "pass", "call-2@192.0.2.1": "fail"}


def value_in(call: AuditedCall, rule: str) -> str:
    return next(one.outcome.value for one in call.outcomes if one.rule == rule)


def values(report: Report, rule: str) -> set[str]:
    return {value_in(each, rule) for each in report.calls}


def test_a_description_in_a_multipart_body_keys_its_call(tmp_path: Path) -> None:
    line = "mikey " + base64.b64encode(bytes.fromhex(V1["I"])).decode()
    answer = "mikey " + base64.b64encode(bytes.fromhex(V1["R"])).decode()
    offer = body("192.0.2.1", 4000, media=line)
    invite = with_parts(("Content-Type: text/plain", b"hello"), (SDP_PART, offer))
    packets = call(offer, body("192.0.2.2", 6000, media=answer), v1_media())
    packets[0] = (ALICE, BOB, invite)
    (found,) = audited(tmp_path, packets, PSK).calls
    assert found.media[0].keying.verified is True
    assert [(s.authenticated, s.failed) for s in found.media[0].streams] == [(60, 0), (60, 0)]
