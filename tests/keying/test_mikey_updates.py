# SPDX-License-Identifier: GPL-2.0-only
"""Updates of a bundle in every mode: without a RAND, and with one that has no effect (RFC 3830 §4.5, RFC 4650 §3.1)."""

import base64
from dataclasses import replace
from pathlib import Path

import mikey_builders as made
import pytest
import test_mikey_dh as dh
import test_mikey_media
import test_mikey_pke as pke
import test_mikey_rsa_r as rsa_r
from mikey_builders import identified_keys, rsa_key, seal

from analyzer.api import audit
from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_opener import MikeyOpener
from analyzer.keying.mikey_prf import KeyConstant, crypto_session_label, derive_mikey_key
from analyzer.model.call import Side
from analyzer.model.report import AuditedMedia
from dissectors.grammar.mikey import ErrorPayload, GeneralExtension, IdentityWithRole, KeyData, Payload, Rand, Timestamp
from dissectors.grammar.secret import Secret
from tests.cli.command_line import ALICE, BOB, call, message, pcapng
from tests.keying import ticket_builders as tickets
from tests.keying.test_mikey_exchanges import RING as PEERS
from tests.keying.test_mikey_exchanges import evidence, psk_update
from tests.keying.test_mikey_media import body

RING = replace(PEERS, psk=(*PEERS.psk, PskEntry(Secret(tickets.TPK), tickets.KMS.decode(), 1)))
FORKED = tickets.D | tickets.E | tickets.F | tickets.G | tickets.H | tickets.FORKING
LATER = Timestamp(0, (int.from_bytes(made.T_ALICE, "big") + (5 << 32)).to_bytes(8, "big"))
OTHER_RAND, OTHER_TGK = bytes(range(0xE0, 0xF0)), bytes(range(0xC0, 0xD0))


def two_rounds(folder: Path, *messages: bytes) -> tuple[AuditedMedia, AuditedMedia]:
    """Offer and answer of an INVITE, then of a re-INVITE; an empty answer has no message."""
    lines = ["mikey " + base64.b64encode(octets).decode() if octets else "" for octets in messages]
    bodies = [
        body(*ends, media=line, version=1 + number // 2)
        for number, (ends, line) in enumerate(zip([("192.0.2.1", 4000), ("192.0.2.2", 6000)] * 2, lines, strict=True))
    ]
    begin = call(bodies[0], bodies[1])
    again = [
        (ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "3 INVITE", bodies[2])),
        (BOB, ALICE, message("SIP/2.0 200 OK", "3 INVITE", bodies[3])),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "3 ACK")),
    ]
    (folder / "x.pcapng").write_bytes(pcapng([*begin[:-2], *again, *begin[-2:]]))
    (found,) = audit([folder / "x.pcapng"], ring=RING).calls
    first, second = found.media
    return first, second


def tek(tgk: bytes, rand: bytes = made.RAND, cs_id: int = 1, csb_id: int = made.CSB_ID) -> bytes:
    label = crypto_session_label(KeyConstant.TEK, cs_id, csb_id, rand)
    return derive_mikey_key(Secret(tgk), label, 16, 0).reveal()


def teks(media: AuditedMedia) -> dict[str, bytes]:
    """The offerer's keys by their labels."""
    return {key.label: key.key.reveal() for key in media.keying.keys if key.sender is Side.OFFERER}


def updated(parts: list[Payload], rand: bytes | None) -> list[Payload]:
    """The same with a later T, and with another RAND or none."""
    kept = [part for part in parts[1:] if not isinstance(part, Rand)]
    return [LATER, *([] if rand is None else [Rand(rand)]), *kept]


@pytest.mark.parametrize("rand", [None, OTHER_RAND], ids=["without RAND", "with one that has no effect"])
def test_a_public_key_update_is_under_the_first_rand(tmp_path: Path, rand: bytes | None) -> None:
    sealed = later_seal(identified_keys(made.ALICE, KeyData(0, Secret(OTHER_TGK))))
    again = made.sign(2, updated(pke.payloads(kemac=sealed), rand), rsa_key("alice"), v=False)
    first, second = two_rounds(tmp_path, pke.message(), b"", again, b"")
    assert teks(first)[""] == tek(made.TGK)
    assert second.keying.verified is True
    assert teks(second)[""] == tek(OTHER_TGK)
    assert ("rand-in-update" in {each.code for each in second.keying.defects}) is (rand is not None)


def later_seal(clear: bytes, *, csb_id: int = made.CSB_ID, rand: bytes = made.RAND) -> Payload:
    """KEMAC under the later T: its IV holds T."""
    kept, made.T_ALICE = made.T_ALICE, LATER.value
    try:
        return seal(clear, csb_id=csb_id, rand=rand)
    finally:
        made.T_ALICE = kept


@pytest.mark.parametrize("rand", [None, OTHER_RAND], ids=["without RAND", "with one that has no effect"])
def test_a_dhhmac_update_is_under_the_first_rand(tmp_path: Path, rand: bytes | None) -> None:
    exponents = 0xABCDEF, 0x123456789
    request = dh.dhhmac(7, updated(dh.request(exponent=exponents[0]), rand), 0, 1)
    answer = dh.dhhmac(8, updated(dh.answer(exponent=exponents[1], echoed=exponents[0]), None), 0, 1)
    initial = dh.dhhmac(7, dh.request(), 0, 1), dh.dhhmac(8, dh.answer(), 0, 1)
    first, second = two_rounds(tmp_path, *initial, request, answer)
    assert (first.keying.verified, second.keying.verified) == (True, True)
    assert second.keying.authentic is True


def test_a_signed_diffie_hellman_update_with_a_rand_is_left_to_the_packets(tmp_path: Path) -> None:
    request = made.sign(4, updated(dh.request(), OTHER_RAND), rsa_key("alice"))
    answer = made.sign(5, updated(dh.answer(), None), rsa_key("bob"))
    _, second = two_rounds(tmp_path, *dh.signed(), request, answer)
    agreed = pow(2, dh.XI * dh.XR, dh.PRIMES[0]).to_bytes(192, "big")
    assert second.keying.verified is True
    found = teks(second)
    assert found[""] == tek(agreed, OTHER_RAND)
    assert found["RAND of the exchange that it updates"] == tek(agreed)


def test_a_diffie_hellman_update_without_rand(tmp_path: Path) -> None:
    request = made.sign(4, updated(dh.request(), None), rsa_key("alice"))
    answer = made.sign(5, updated(dh.answer(), None), rsa_key("bob"))
    _, second = two_rounds(tmp_path, *dh.signed(), request, answer)
    assert teks(second)[""] == tek(pow(2, dh.XI * dh.XR, dh.PRIMES[0]).to_bytes(192, "big"))


def test_a_cached_envelope_key_of_rsa_r_is_the_pre_shared_key_of_updates(tmp_path: Path) -> None:
    tail = [made.identity(made.BOB), seal(identified_keys(made.BOB)), made.envelope(rsa_key("alice"), cache_type=1)]
    parts: list[Payload] = [Timestamp(0, made.T_ALICE), *tail]
    answer = made.sign(10, parts, rsa_key("bob"), appended=rsa_r.APPENDED, with_head=False)
    first, second = two_rounds(tmp_path, rsa_r.request(), answer, psk_update(), b"")
    assert first.keying.verified is True
    assert second.keying.how == "MAC verifies; the response is missing"
    assert teks(second)[""] == tek(made.TGK)


GROUP, PAIR = 0xCAFEF00D, (made.ALICE, made.BOB)


def group_answer(csb_id: int | None = GROUP, *, rand: bytes = OTHER_RAND) -> bytes:
    """The responder sets RAND and, for a group, the CSB ID (RFC 4738 §3.6)."""
    sealed = seal(identified_keys(made.BOB), csb_id=csb_id or made.CSB_ID, rand=rand)
    extension = [] if csb_id is None else [GeneralExtension(4, csb_id.to_bytes(4, "big"))]
    envelope = made.envelope(rsa_key("alice"), cache_type=1)
    parts = [Timestamp(0, made.T_ALICE), *extension, Rand(rand), made.identity(made.BOB), sealed, envelope]
    return made.sign(10, parts, rsa_key("bob"), appended=rsa_r.APPENDED, with_head=False)


@pytest.mark.parametrize("group", [GROUP, None], ids=["a group", "two parties"])
def test_what_the_responder_set_up_is_found_by_updates(tmp_path: Path, group: int | None) -> None:
    csb_id = group or made.CSB_ID
    update = psk_update(csb_id, OTHER_RAND)
    first, second = two_rounds(tmp_path, rsa_r.request(rand=False), group_answer(group), update, b"")
    assert (first.keying.verified, second.keying.how) == (True, "MAC verifies; the response is missing")
    assert teks(first)[""] == teks(second)[""] == tek(made.TGK, OTHER_RAND, csb_id=csb_id)
    assert [one.faults for one in second.freshness.updates] == [("its timestamp is the old one",)]
    altered = bytearray(update)
    altered[12] ^= 1
    _, wrong = two_rounds(tmp_path, rsa_r.request(rand=False), group_answer(group), bytes(altered), b"")
    assert not wrong.keying.verified


def test_a_bundle_is_not_replaced_by_what_nobody_is_known_to_have_signed(tmp_path: Path) -> None:
    """A second answer under the group's CSB ID with another RAND, by a signer of whom the ring has no certificate."""
    other = bytes(range(0x40, 0x50))
    ring = made.ring(private=[rsa_key("alice")], certificates=[pke.ALICE_CERT])
    opener = MikeyOpener(ring, MikeyBooks())
    for rand in (OTHER_RAND, other):
        first = opener.open("call", evidence(rsa_r.request(rand=False)), PAIR)
        opener.check_answers("call", [first], [evidence(group_answer(GROUP, rand=rand), Side.ANSWERER)], PAIR)
    update = opener.open("call", evidence(psk_update(GROUP, OTHER_RAND)), PAIR)
    assert update.evidence.mac.verified is True


def test_an_update_of_another_bundle_than_the_group_s_stays_shut(tmp_path: Path) -> None:
    update = psk_update(GROUP + 1, OTHER_RAND)
    _, second = two_rounds(tmp_path, rsa_r.request(rand=False), group_answer(), update, b"")
    assert (second.keying.verified, second.freshness.updates) == (None, ())
    assert "the exchange that it updates was not seen" in second.keying.how


def unseen_updates() -> dict[str, tuple[bytes, bytes]]:
    """Updates and their answers, under a RAND that only the exchange before them has."""
    sealed = later_seal(identified_keys(made.ALICE, KeyData(0, Secret(OTHER_TGK))))
    return {
        "PSK": (psk_update(), b""),
        "PKE": (made.sign(2, updated(pke.payloads(kemac=sealed), None), rsa_key("alice"), v=False), b""),
        "DHHMAC": (
            dh.dhhmac(7, updated(dh.request(), None), 0, 1),
            dh.dhhmac(8, updated(dh.answer(), None), 0, 1),
        ),
    }


@pytest.mark.parametrize("mode", ["PSK", "PKE", "DHHMAC"])
def test_an_update_whose_exchange_was_not_seen_accuses_nobody(tmp_path: Path, mode: str) -> None:
    """A capture that begins in the middle of a call: RAND goes into every key of the message."""
    first, _ = two_rounds(tmp_path, *unseen_updates()[mode], b"", b"")
    if mode == "PKE":  # whose signature needs no RAND
        assert (first.keying.verified, first.keying.authentic) == (True, True)
        return
    assert (first.keying.verified, first.keying.authentic) == (None, None)
    assert "it has no RAND, and the exchange that it updates was not seen" in first.keying.how


def test_a_request_sent_again_is_no_update_of_its_own_answer(tmp_path: Path) -> None:
    asked = rsa_r.request(rand=False)
    _, second = two_rounds(tmp_path, asked, group_answer(None), asked, group_answer(None))
    assert second.freshness.updates == ()


def test_an_rsa_r_update_takes_rand_and_map_from_the_group(tmp_path: Path) -> None:
    asked = bytearray(made.build(9, [LATER, made.identity(made.ALICE)], sessions=()))
    asked[4:8] = GROUP.to_bytes(4, "big")
    sealed = later_seal(identified_keys(made.BOB, KeyData(0, Secret(OTHER_TGK))), csb_id=GROUP, rand=OTHER_RAND)
    parts: list[Payload] = [LATER, made.identity(made.BOB), sealed, made.envelope(rsa_key("alice"))]
    answer = bytearray(made.build(10, parts, v=False, sessions=()))
    answer[4:8] = GROUP.to_bytes(4, "big")
    _, second = two_rounds(tmp_path, rsa_r.request(rand=False), group_answer(), bytes(asked), bytes(answer))
    assert teks(second)[""] == tek(OTHER_TGK, OTHER_RAND, csb_id=GROUP)


def test_an_altered_update_with_a_rand_is_still_convicted(tmp_path: Path) -> None:
    sealed = replace(later_seal(identified_keys(made.ALICE)), mac=bytes(20))  # type: ignore[type-var]
    again = made.sign(2, updated(pke.payloads(kemac=sealed), OTHER_RAND), rsa_key("alice"), v=False)  # type: ignore[arg-type]
    _, second = two_rounds(tmp_path, pke.message(), b"", again, b"")
    assert second.keying.verified is False


def ticket_update(kind: int, source: tickets.Protector, appended: bytes, *, new: bytes | None = None) -> bytes:
    """TRANSFER_INIT or TRANSFER_RESP without ticket and RANDs (RFC 6043 §5.2)."""
    names = [IdentityWithRole(1, 1, tickets.ALICE), IdentityWithRole(2, 1, tickets.BOB)]
    kemac = [] if new is None else [source.seal([KeyData(0, Secret(new))])]
    head = tickets.header(kind, tickets.sessions(answered=True), v=kind == 14)
    return tickets.finish(head, [Timestamp(0, tickets.T), *names, *kemac], source, appended)


@pytest.mark.parametrize("flags", [tickets.D | tickets.H, tickets.D | tickets.F | tickets.H, FORKED], ids=str)
@pytest.mark.parametrize("new", [None, OTHER_TGK], ids=["the old keys", "new keys"])
def test_a_ticket_update_is_under_the_keys_of_the_last_message(tmp_path: Path, flags: int, new: bytes | None) -> None:
    first = tickets.transfer_init(flags)
    answered = bool(flags & tickets.F)
    answer = tickets.transfer_response(first, flags) if answered else b""
    rand_r = tickets.RAND_R if flags & tickets.G else b""
    mpk = tickets.forked(tickets.mpk("r"), "2B288856") if flags & tickets.FORKING else tickets.mpk("i")
    source = tickets.protector(mpk, 2, rand_r) if answered else tickets.protector(mpk, 1)
    again = ticket_update(14, source, tickets.ALICE + tickets.BOB, new=new)
    last = ticket_update(15, source, again)
    before, after = two_rounds(tmp_path, first, answer, again, last)
    assert (before.keying.verified, after.keying.verified) == (True, True)
    tgk = new or (tickets.forked(tickets.TGK, "1512B54A") if flags & tickets.FORKING else tickets.TGK)
    assert teks(after)[""] == tickets.tek(1, tgk, (tickets.RAND_I, rand_r))[:16]
    altered = bytearray(again)
    altered[-1] ^= 1
    _, refused = two_rounds(tmp_path, first, answer, bytes(altered), last)
    assert refused.keying.verified is False


def test_a_ticket_update_of_a_transfer_that_stayed_shut_accuses_nobody(tmp_path: Path) -> None:
    source = tickets.protector(tickets.mpk("i"), 1)
    first = tickets.transfer_init(tickets.D | tickets.H, given=tickets.ticket(key=b"nobody has this one"))
    again = ticket_update(14, source, tickets.ALICE + tickets.BOB)
    _, second = two_rounds(tmp_path, first, b"", again, ticket_update(15, source, again))
    assert second.keying.verified is None
    assert "it updates a transfer that was not opened" in second.keying.how


@pytest.mark.parametrize("flags", [tickets.D | tickets.F | tickets.H, FORKED], ids=str)
def test_an_update_after_a_response_that_was_not_seen_accuses_nobody(tmp_path: Path, flags: int) -> None:
    mpk = tickets.forked(tickets.mpk("r"), "2B288856") if flags & tickets.FORKING else tickets.mpk("i")
    source = tickets.protector(mpk, 2, tickets.RAND_R if flags & tickets.G else b"")
    again = ticket_update(14, source, tickets.ALICE + tickets.BOB)
    _, second = two_rounds(tmp_path, tickets.transfer_init(flags), b"", again, b"")
    assert (second.keying.verified, second.keying.authentic) == (None, None)
    assert "no response that verifies was seen to the transfer that it updates" in second.keying.how


def update_error(source: tickets.Protector) -> bytes:
    """HDR, T, ERR, V under the key of the message in which the error occurred, nothing appended (RFC 6043 §5.4)."""
    return tickets.finish(tickets.header(6), [Timestamp(0, tickets.T), ErrorPayload(15, 0)], source, b"")


@pytest.mark.parametrize("flags", [tickets.D | tickets.H, tickets.D | tickets.F | tickets.H, FORKED], ids=str)
@pytest.mark.parametrize("update_altered", [False, True], ids=["an update", "an altered update"])
def test_an_error_that_refuses_a_ticket_update_is_under_the_keys_of_the_transfer(
    tmp_path: Path, flags: int, update_altered: bool
) -> None:
    first = tickets.transfer_init(flags)
    answer = tickets.transfer_response(first, flags) if flags & tickets.F else b""
    mpk = tickets.forked(tickets.mpk("r"), "2B288856") if flags & tickets.FORKING else tickets.mpk("i")
    rand_r = tickets.RAND_R if flags & tickets.G else b""
    source = tickets.protector(mpk, 2, rand_r) if answer else tickets.protector(mpk, 1)
    again = bytearray(ticket_update(14, source, tickets.ALICE + tickets.BOB))
    again[-1] ^= update_altered
    said = update_error(source)
    _, after = two_rounds(tmp_path, first, answer, bytes(again), said)
    assert [(each.mac.verified, each.mac.how) for each in after.keying.mikey if each.octets == said] == [
        (True, "V of the error message verifies")
    ]
    flipped = said[:-1] + bytes((said[-1] ^ 1,))
    _, after = two_rounds(tmp_path, first, answer, bytes(again), flipped)
    states = [each.mac.verified for each in after.keying.mikey if each.octets == flipped]
    assert states == [None if update_altered else False]


def test_an_error_to_an_update_of_a_transfer_that_stayed_shut_says_why(tmp_path: Path) -> None:
    source = tickets.protector(tickets.mpk("i"), 1)
    first = tickets.transfer_init(tickets.D | tickets.H, given=tickets.ticket(key=b"nobody has this one"))
    said = update_error(source)
    _, after = two_rounds(tmp_path, first, b"", ticket_update(14, source, tickets.ALICE + tickets.BOB), said)
    (found,) = [each for each in after.keying.mikey if each.octets == said]
    assert found.mac.verified is None
    assert "it updates a transfer that was not opened" in found.mac.how


def over_udp(folder: Path, *messages: bytes) -> list[bool | None]:
    """The states of messages that the two hosts send by turns on MIKEY's own port."""
    ends = ("192.0.2.1:2269", "192.0.2.2:2269")
    packets = [(*(ends if number % 2 == 0 else ends[::-1]), octets) for number, octets in enumerate(messages) if octets]
    (folder / "x.pcapng").write_bytes(pcapng(packets))
    return [each.evidence.mac.verified for each in audit([folder / "x.pcapng"], ring=RING).mikey]


def test_updates_on_mikeys_own_port_are_under_the_first_rand_too(tmp_path: Path) -> None:
    psk = test_mikey_media.psk_message
    bound = replace(RING, psk=(PskEntry(Secret(test_mikey_media.PSK), "sip:alice@example.com", 1),))
    assert bound.psk[0].id is not None
    first, again = (
        base64.b64decode(psk(test_mikey_media.SESSIONS, [test_mikey_media.key()], rand=rand, at=at).split()[1])
        for rand, at in ((made.RAND, 0), (None, 5))
    )
    (tmp_path / "x.pcapng").write_bytes(
        pcapng([("192.0.2.1:2269", "192.0.2.2:2269", octets) for octets in (first, again)])
    )
    found = audit([tmp_path / "x.pcapng"], ring=bound).mikey
    assert [each.evidence.mac.verified for each in found] == [True, True]
    initial = dh.dhhmac(7, dh.request(), 0, 1), dh.dhhmac(8, dh.answer(), 0, 1)
    for rand in (None, OTHER_RAND):
        request = dh.dhhmac(7, updated(dh.request(), rand), 0, 1)
        answer = dh.dhhmac(8, updated(dh.answer(), None), 0, 1)
        assert over_udp(tmp_path, *initial, request, answer) == [True] * 4
    sealed = later_seal(identified_keys(made.ALICE, KeyData(0, Secret(OTHER_TGK))))
    renewed = made.sign(2, updated(pke.payloads(kemac=sealed), None), rsa_key("alice"), v=False)
    assert over_udp(tmp_path, pke.message(), b"", renewed) == [True, True]
    flags = tickets.D | tickets.F | tickets.H
    transfer = tickets.transfer_init(flags)
    source = tickets.protector(tickets.mpk("i"), 2)
    later = ticket_update(14, source, tickets.ALICE + tickets.BOB)
    rounds = (transfer, tickets.transfer_response(transfer, flags), later, ticket_update(15, source, later))
    assert over_udp(tmp_path, *rounds) == [True] * 4
