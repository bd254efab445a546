# SPDX-License-Identifier: GPL-2.0-only
"""V and signatures of MIKEY error messages in each mode: who sent them, and what that makes of the list inside."""

import hmac
from collections.abc import Sequence

import mikey_builders as made
import pytest
from mikey_builders import ALICE, BOB, rsa_key
from test_mikey_dh import PSK, dhhmac, request, signed
from test_mikey_exchanges import RING, evidence
from test_mikey_pke import ALICE_CERT, BOB_CERT
from test_mikey_pke import message as pke_message
from test_mikey_rsa_r import request as rsa_r_request

from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_errors import verify_error
from analyzer.keying.mikey_exchanges import check_mode_responses, open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey, open_initiator_message
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.mikey_protection import ProtectionKeySource
from analyzer.model.call import Side
from analyzer.model.keying import MikeyEvidence
from dissectors.grammar.mikey import ErrorPayload, Identity, Payload, Rand, Timestamp, Verification, parse_mikey
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.secret import Secret
from tests.keying.mikey_vectors import V1
from tests.keying.ticket_builders import ALICE as T_ALICE
from tests.keying.ticket_builders import KMS, TPK, D, F, H, finish, header, mpk, protector, transfer_init

PARTIES = (ALICE, BOB)
LISTED = ("AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80")
V1_PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")


def parts() -> list[Payload]:
    policies: list[Payload] = [build_policy_for_suite(suite, number) for number, suite in enumerate(LISTED)]
    return [Timestamp(0, made.T_ALICE), ErrorPayload(10, 0), *policies]


def error(key: bytes, appended: bytes, *, csb_id: int = made.CSB_ID, rand: bytes = made.RAND) -> bytes:
    """HDR, T, ERR, {SP}, V (RFC 3830 §5.1.2)."""
    octets = made.build(6, [*parts(), Verification(1, bytes(20))], v=False)[:-20]
    octets = octets[:4] + csb_id.to_bytes(4, "big") + octets[8:]
    source = ProtectionKeySource(Secret(key), csb_id, rand, 0)
    auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
    return octets + hmac.digest(auth_key, octets + appended, "sha1")


NAMES = ALICE.encode() + BOB.encode() + made.T_ALICE


def offers(ring: KeyRing = RING) -> dict[str, OpenedMikey]:
    messages = {"PKE": pke_message(), "DH": signed()[0], "DHHMAC": dhhmac(7, request(), 0, 1), "RSA-R": rsa_r_request()}
    books = MikeyBooks()
    return {mode: open_mode_message(evidence(octets), ring, *PARTIES, None, books) for mode, octets in messages.items()}


def checked(octets: bytes, offered: Sequence[OpenedMikey], ring: KeyRing = RING) -> MikeyEvidence:
    return verify_error(evidence(octets, Side.ANSWERER), offered, ring, PARTIES)


def altered(octets: bytes, place: int) -> bytes:
    changed = bytearray(octets)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("appended", [NAMES, b""], ids=["as a verification message", "message alone"])
@pytest.mark.parametrize(("mode", "key"), [("PKE", made.ENVELOPE_KEY), ("DHHMAC", PSK)])
def test_v_is_keyed_as_the_offer_was(mode: str, key: bytes, appended: bytes) -> None:
    offered = [offers()[mode]]
    good = checked(error(key, appended), offered)
    assert (good.mac.verified, good.bound_key) == (True, True)
    bad = checked(altered(error(key, appended), 30), offered)
    assert (bad.mac.verified, bad.bound_key) == (False, True)
    assert "does not verify V of the error" in bad.mac.how
    other_bundle = checked(error(key, appended, csb_id=7), offered)
    assert (other_bundle.mac.verified, other_bundle.mac.how) == (None, "it answers no message of the offer")


def test_without_the_key_nothing_is_known_and_nobody_accused() -> None:
    bare = KeyRing()
    found = checked(error(made.ENVELOPE_KEY, NAMES), [offers(bare)["PKE"]], bare)
    assert (found.mac.verified, found.mac.how) == (None, "no key in the ring fits")
    stranger = KeyRing(psk=(PskEntry(Secret(b"another"), "carol@example.com", 1),))
    found = checked(error(PSK, NAMES), [offers(bare)["DHHMAC"]], stranger)
    assert found.mac.verified is None


def test_an_error_without_v_is_covered_by_nothing() -> None:
    found = checked(made.build(6, parts(), v=False), [offers()["DHHMAC"]])
    assert (found.mac.verified, found.mac.how) == (None, "no MAC")


@pytest.mark.parametrize("mode", ["DH", "RSA-R", "PKE"])
@pytest.mark.parametrize("appended", [NAMES, b""], ids=["as a verification message", "message alone"])
def test_a_signature_is_the_responders(mode: str, appended: bytes) -> None:
    octets = made.sign(6, parts(), rsa_key("bob"), appended=appended, v=False)
    offered = [offers()[mode]]
    assert checked(octets, offered).mac == (True, "signature of the error message verifies", True)
    forged = made.sign(6, parts(), rsa_key("mallory"), appended=appended, v=False)
    assert checked(forged, offered).mac.verified is False
    assert checked(altered(octets, 30), offered).mac.verified is False


def test_a_signature_under_a_certificate_of_its_own_vouches_for_nothing() -> None:
    own = made.certify(rsa_key("mallory"), BOB)
    octets = made.sign(6, [*parts()[:1], made.cert_payload(own), *parts()[1:]], rsa_key("mallory"), v=False)
    found = checked(octets, [offers()["DH"]], made.ring(certificates=[ALICE_CERT]))
    assert (found.mac.verified, found.mac.authentic) == (True, None)
    assert "the signer is not known" in found.mac.how
    convicted = checked(octets, [offers()["DH"]], made.ring(certificates=[BOB_CERT]))
    assert convicted.mac.verified is False


def test_errors_of_a_ticket_transfer_have_the_authentication_key_of_the_transfer() -> None:
    first = transfer_init(D | F | H)
    ring = KeyRing(psk=(PskEntry(Secret(TPK), KMS.decode(), 1),))
    parties = (T_ALICE.decode(), BOB)
    opened = open_mode_message(evidence(first), ring, *parties, None, MikeyBooks())
    head = header(6, parse_mikey(first).header.crypto_sessions)  # type: ignore[arg-type]
    octets = finish(head, [Timestamp(0, made.T_ALICE), ErrorPayload(15, 0)], protector(mpk("i"), 1), b"")
    assert verify_error(evidence(octets, Side.ANSWERER), [opened], ring, parties).mac.verified is True
    bad = verify_error(evidence(altered(octets, -1), Side.ANSWERER), [opened], ring, parties)
    assert bad.mac.verified is False


def test_an_error_in_an_answer_is_checked_as_the_other_responses_are() -> None:
    offered = [offers()["DHHMAC"]]
    answer = evidence(error(PSK, NAMES), Side.ANSWERER)
    _, (found,) = check_mode_responses(offered, [answer], RING, PARTIES, [None])
    assert found.mac.verified is True


@pytest.mark.parametrize("known", [True, False], ids=["the offer verified", "the key alone"])
def test_v_of_an_error_to_a_pre_shared_key_offer(known: bool) -> None:
    octets = bytes.fromhex(V1["I"])
    first = parse_mikey(octets)
    rand, timestamp = first.find(Rand), first.find(Timestamp)
    assert rand is not None
    assert timestamp is not None
    entry = PskEntry(Secret(V1_PSK), None, 1)
    opened = open_initiator_message(evidence(octets), (entry,) if known else (), PARTIES)
    names = b"".join(each.data for each in first.find_all(Identity)) + timestamp.value
    good = error(V1_PSK, names, csb_id=first.header.csb_id, rand=rand.data)
    ring = KeyRing(psk=(entry,))
    assert checked(good, [opened], ring).mac.verified is True
    assert checked(altered(good, -1), [opened], ring).mac.verified is (False if known else None)
