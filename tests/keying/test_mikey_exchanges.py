# SPDX-License-Identifier: GPL-2.0-only
"""Messages of a call in every mode: what a ring's keys make of offer and answer, and what updates take over."""

import hmac
from dataclasses import replace
from random import Random

import mikey_builders as made
import pytest
from mikey_builders import ALICE, BOB, rsa_key
from test_mikey_dh import PSK, XI, answer, dhhmac, request, signed
from test_mikey_pke import ALICE_CERT, BOB_CERT, payloads
from test_mikey_pke import message as pke_message
from test_mikey_pke import response as pke_response
from test_mikey_rsa_r import request as rsa_r_request
from test_mikey_rsa_r import response as rsa_r_response

from analyzer.keying.key_ring import EMPTY_KEY_RING, KeyRing, PskEntry
from analyzer.keying.mikey_bundles import remember, take_over
from analyzer.keying.mikey_exchanges import check_mode_responses, open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey, open_initiator_message
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.mikey_protection import ProtectionKeySource
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.mikey import Kemac, SrtpIdEntry, Timestamp, parse_mikey
from dissectors.grammar.secret import Secret

RING = replace(
    made.ring(private=[rsa_key("alice"), rsa_key("bob")], certificates=[ALICE_CERT, BOB_CERT], exponents=[XI]),
    psk=(PskEntry(Secret(PSK), ALICE, 1),),
)
RESPONSE_SESSIONS = (SrtpIdEntry(1, 0, 0xDECAFBAD, 0), SrtpIdEntry(2, 0, 0xFEEDFACE, 0))


def evidence(data: bytes, side: Side = Side.OFFERER) -> MikeyEvidence:
    unread = MacState(None, "no key in the ring fits")
    ref = FrameRef(0, 1)
    return MikeyEvidence(ref, "media", 1, side, "mikey", data, parse_mikey(data), unread, bound_key=False)


def exchange(offer: bytes, reply: bytes, ring: KeyRing = RING) -> tuple[OpenedMikey, MikeyEvidence]:
    opened = open_mode_message(evidence(offer), ring, ALICE, BOB, None)
    found, checked = check_mode_responses([opened], [evidence(reply, Side.ANSWERER)], ring, (ALICE, BOB), [None])
    return found[0], checked[0]


def modes() -> dict[str, tuple[bytes, bytes]]:
    return {
        "PKE": (pke_message(), pke_response()),
        "DH": signed(),
        "DHHMAC": (dhhmac(7, request(), 0, 1), dhhmac(8, answer(), 0, 1)),
        "RSA-R": (rsa_r_request(), rsa_r_response()),
    }


@pytest.mark.parametrize("mode", ["PKE", "DH", "DHHMAC", "RSA-R"])
def test_offer_and_answer_of_each_mode(mode: str) -> None:
    offer, reply = modes()[mode]
    opened, checked = exchange(offer, reply)
    assert opened.evidence.mac.verified is True
    assert checked.mac.verified is True
    assert [key.cs_id for key in opened.keys] == [1, 2]
    assert [len(key.master_key) for key in opened.keys] == [16, 16]


@pytest.mark.parametrize("mode", ["PKE", "DH", "DHHMAC", "RSA-R"])
def test_an_altered_answer_fails_and_leaves_the_offer_alone(mode: str) -> None:
    offer, reply = modes()[mode]
    for place in (len(reply) - 1, 20):
        altered = bytearray(reply)
        altered[place] ^= 1
        opened, checked = exchange(offer, bytes(altered))
        assert opened.evidence.mac.verified is True
        assert (checked.mac.verified, checked.bound_key) == (False, True)


@pytest.mark.parametrize(("opens", "said"), [(True, "TGK of 16 octets"), (False, "not opened: no ")])
def test_what_the_responder_of_rsa_r_sent_is_said_of_its_own_message(opens: bool, said: str) -> None:
    ring = RING if opens else replace(RING, private_key=RING.private_key[1:])
    offer, reply = modes()["RSA-R"]
    opened, checked = exchange(offer, reply.replace(made.T_ALICE, made.T_ALICE[:-1] + b"\1", 1), ring)
    facts = {fact.what: fact.detail for fact in checked.facts}
    assert facts["key data"].startswith(said)
    assert "timestamp-not-echoed" in {defect.code for defect in checked.defects}
    assert opened.evidence.defects == ()
    assert not isinstance(opened.opening, ModeOpening) or [step.what for step in opened.opening.steps] == ["sender"]


@pytest.mark.parametrize("mode", ["PKE", "DH", "DHHMAC", "RSA-R"])
def test_without_keys_nothing_is_known(mode: str) -> None:
    opened, checked = exchange(*modes()[mode], EMPTY_KEY_RING)
    assert (opened.evidence.mac.verified, checked.mac.verified, opened.keys) == (None, None, ())
    assert opened.evidence.mac.how


def test_an_unbound_key_that_fits_the_answer_alone_convicts_the_offer() -> None:
    offer, reply = modes()["DHHMAC"]
    unbound = replace(RING, psk=(PskEntry(Secret(b"another key of 16"), None, 1), PskEntry(Secret(PSK), None, 2)))
    altered = offer[:-1] + bytes((offer[-1] ^ 1,))
    opened, checked = exchange(altered, reply, unbound)
    assert checked.mac.verified is True
    assert opened.evidence.mac == MacState(False, "altered message: its key verifies the other message")
    stranger = replace(RING, psk=(PskEntry(Secret(b"another key of 16"), None, 1),))
    opened, checked = exchange(offer, reply, stranger)
    assert (opened.evidence.mac.verified, checked.mac.verified) == (None, None)


@pytest.mark.parametrize("mode", ["PKE", "DH", "DHHMAC", "RSA-R"])
def test_an_answer_that_repeats_another_csb_id_is_not_authentic(mode: str) -> None:
    """Its V, MAC or signature covers the CSB ID; that it answers this offer, SIP tells."""
    offer, reply = modes()[mode]
    opened, checked = exchange(offer, reply[:4] + b"\0\0\0\1" + reply[8:])
    assert (opened.evidence.mac.verified, checked.mac.verified) == (True, False)
    unkeyed = exchange(offer, reply[:4] + b"\0\0\0\1" + reply[8:], KeyRing())[1]
    assert unkeyed.mac.verified is None


def test_an_answer_of_another_mode_answers_nothing() -> None:
    _, checked = exchange(modes()["PKE"][0], modes()["DH"][1])
    assert checked.mac == MacState(None, "it answers no message of the offer")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (6, "an error message"),
        (11, "no verification message"),
        (14, "no ticket"),
        (19, "no verification message"),
        (22, "no MAC"),
        (99, "unknown 99"),
    ],
)
def test_why_the_others_stay_shut(kind: int, words: str) -> None:
    data = made.build(kind, [Timestamp(0, made.T_ALICE)])
    opened = open_mode_message(evidence(data), RING, ALICE, BOB, None)
    assert opened.evidence.mac.verified is None
    assert words in opened.evidence.mac.how


def test_updates_take_over_rand_keys_and_policies() -> None:
    first = open_mode_message(
        evidence(pke_message(pke=made.envelope(rsa_key("bob"), cache_type=2))), RING, ALICE, BOB, None
    )
    bundle = remember(first, None)
    assert bundle is not None
    assert bundle.update_key is not None
    empty = made.seal(b"")
    without_rand = [part for part in payloads(kemac=empty) if type(part).__name__ != "Rand"]
    update = made.sign(2, without_rand, rsa_key("alice"), sessions=())
    updated = take_over(open_mode_message(evidence(update), RING, ALICE, BOB, bundle), bundle)
    assert updated.evidence.mac.verified is True
    assert [key.master_key for key in updated.keys] == [key.master_key for key in first.keys]
    kept = remember(updated, bundle)
    assert kept is not None
    assert kept.key_data == bundle.key_data


def test_a_pre_shared_key_update_under_the_cached_envelope_key() -> None:
    offer = pke_message(pke=made.envelope(rsa_key("bob"), cache_type=1))
    bundle = remember(open_mode_message(evidence(offer), RING, ALICE, BOB, None), None)
    assert bundle is not None
    assert bundle.update_key is not None
    update = psk_update()
    opened = open_initiator_message(evidence(update), (bundle.update_key,), (ALICE, BOB), bundle.rand)
    assert opened.evidence.mac.verified is True
    with_keys = take_over(opened, bundle)
    assert [key.cs_id for key in with_keys.keys] == [1, 2, 3]
    assert take_over(opened, None) is opened


def psk_update(csb_id: int = made.CSB_ID, rand: bytes = made.RAND) -> bytes:
    """A new crypto session for the same keys, authenticated with the envelope key; no RAND."""
    source = ProtectionKeySource(Secret(made.ENVELOPE_KEY), csb_id, rand, 0)
    auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
    sessions = (*RESPONSE_SESSIONS, SrtpIdEntry(3, 0, 7, 0))
    parts = [Timestamp(0, made.T_ALICE), Kemac(0, Secret(b""), 1, bytes(20))]
    data = made.build(0, parts, sessions=sessions)[:-20]
    data = data[:4] + csb_id.to_bytes(4, "big") + data[8:]
    return data + hmac.digest(auth_key, data, "sha1")


@pytest.mark.parametrize("mode", ["PKE", "DH", "DHHMAC", "RSA-R"])
def test_mutated_messages_raise_nothing_and_are_never_taken_for_authentic(mode: str) -> None:
    random = Random(mode)
    offer, reply = modes()[mode]
    for _ in range(60):
        pair = [offer, reply]
        which = random.randrange(2)
        altered = bytearray(pair[which])
        for _ in range(random.randrange(1, 4)):
            place = random.randrange(10, len(altered))
            altered[place] = random.randrange(256)
        if random.random() < 0.3:
            del altered[random.randrange(10, len(altered)) :]
        if bytes(altered) == pair[which]:
            continue
        pair[which] = bytes(altered)
        opened, checked = exchange(*pair)
        assert (opened.evidence if which == 0 else checked).mac.verified is not True
