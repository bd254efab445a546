# SPDX-License-Identifier: GPL-2.0-only
"""Requests to a KMS with public keys: REQUEST_INIT_PK, RESOLVE_INIT_PK, REQUEST_KEY_PKE: signed, with an envelope.

The response is keyed by the envelope key, which the KMS's private key opens (RFC 6043 §4.2.1, §4.2.3, RFC 6267 §4.2.1).
"""

from collections.abc import Sequence
from pathlib import Path

import mikey_builders as keys
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from ibe_builders import Service
from mikey_builders import rsa_key
from test_mikey_exchanges import evidence

from analyzer.api import audit
from analyzer.keying.key_ring import IbeEntry, KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_exchanges import check_mode_response, open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.model.call import Side
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_facts import KnownBy
from dissectors.grammar.mikey import (
    CertificateHash,
    IdentityWithRole,
    Kemac,
    KeyData,
    Payload,
    Rand,
    RandWithRole,
    Sign,
    TicketPolicy,
    Timestamp,
    build_mikey,
    link_payloads,
    parse_mikey,
)
from dissectors.grammar.secret import Secret
from tests.cli.command_line import pcapng
from tests.keying import ticket_builders as made
from tests.keying.ticket_builders import ALICE, BOB, CSB_ID, KMS, RAND_I, RAND_R, Protector, T, chain, counted

ENVELOPE = keys.ENVELOPE_KEY
ALICE_CERT, BOB_CERT = (keys.certify(rsa_key(name), uri.decode()) for name, uri in (("alice", ALICE), ("bob", BOB)))
KMS_CERT = keys.certify(rsa_key("kms"), KMS.decode())
RING = keys.ring(private=[rsa_key("kms")], certificates=[ALICE_CERT, BOB_CERT, KMS_CERT])
GIVEN = made.ticket(key=b"known to the KMS alone")
CSB = CSB_ID.to_bytes(4, "big")
KINDS = (12, 17, 20)
IBE = Service()


def signed(kind: int, payloads: Sequence[Payload], user: bytes, signer: str, *, names: bool = True) -> bytes:
    """SIGN over the message and the identities of user and KMS (RFC 6043 §5.5)."""
    octets = build_mikey(link_payloads(made.header(kind), [*payloads, Sign(0, bytes(256))]))[:-256]
    covered = octets + (user + KMS if names else b"")
    return octets + rsa_key(signer).sign(covered, padding.PKCS1v15(), hashes.SHA256())


def request(
    kind: int, *, signer: str = "", certificate: bool = False, chash: bool = False, names: bool = True
) -> bytes:
    """One of the three requests, by Alice or, to resolve a ticket, by Bob."""
    user, name, role = (BOB, "bob", 2) if kind == 17 else (ALICE, "alice", 1)
    policy = TicketPolicy(1, 1, 1, 1, made.D | made.H, 0, bytes((14,)) + chain([IdentityWithRole(2, 1, BOB)]))
    rand: Payload = {12: RandWithRole(1, RAND_I), 17: RandWithRole(2, RAND_R), 20: Rand(RAND_I)}[kind]
    own = [keys.cert_payload({"alice": ALICE_CERT, "bob": BOB_CERT}[name])] if certificate else []
    middle: list[Payload] = {12: [policy], 17: [GIVEN], 20: []}[kind]  # type: ignore[assignment]
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(KMS_CERT.public_bytes(Encoding.DER))
    envelope = [*([CertificateHash(2, hashed.finalize())] if chash else []), keys.envelope(rsa_key("kms"))]
    who = [IdentityWithRole(role, 1, user), *own, IdentityWithRole(3, 1, KMS)]
    return signed(kind, [Timestamp(0, T), rand, *who, *middle, *envelope], user, signer or name, names=names)


def response(kind: int, first: bytes) -> bytes:
    """REQUEST_RESP, RESOLVE_RESP or REQUEST_KEY_RESP under the envelope key."""
    if kind == 12:
        return made.request_response(first, ENVELOPE, GIVEN)
    if kind == 17:
        return made.resolve_response(first, ENVELOPE)
    protector = Protector(ENVELOPE, CSB, RAND_I)
    private = IBE.private_key(ALICE + b"2026")
    inside = [IdentityWithRole(1, 1, ALICE), KeyData(7, private)]
    sealed = seal(protector, inside)
    names = [IdentityWithRole(1, 1, ALICE), IdentityWithRole(3, 1, KMS)]
    return made.finish(made.header(21), [Timestamp(0, T), *names, sealed], protector, ALICE + KMS)


def seal(protector: Protector, payloads: Sequence[Payload]) -> Payload:
    """KEMAC = E(encr_key, ID ‖ K_PR) (RFC 6267 §4.2.1.3)."""
    mask = bytes(2) + protector.csb + T
    iv = bytes(x ^ y for x, y in zip(protector.derive(made.SALT, 14), mask, strict=True)) + bytes(2)
    encryptor = Cipher(algorithms.AES(protector.derive(made.ENCR, 16)), modes.CTR(iv)).encryptor()
    return Kemac(1, Secret(encryptor.update(chain(payloads))), 0, b"")


def exchange(
    first: bytes, second: bytes, ring: KeyRing = RING, books: MikeyBooks | None = None
) -> tuple[OpenedMikey, MikeyEvidence]:
    books = books or MikeyBooks()
    opened = open_mode_message(evidence(first), ring, "", "", None, books)
    return check_mode_response(opened, evidence(second, Side.ANSWERER), ring, ("", ""), None, books)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("certificate", [False, True])
@pytest.mark.parametrize("chash", [False, True])
def test_signature_and_envelope_prove_request_and_response(kind: int, certificate: bool, chash: bool) -> None:
    first = request(kind, certificate=certificate, chash=chash)
    opened, checked = exchange(first, response(kind, first))
    assert (opened.evidence.mac.verified, opened.evidence.mac.how) == (True, "signature verifies")
    assert (checked.mac.verified, checked.mac.how) == (True, "V verifies")
    transported = {fact.what: fact.known_by for fact in checked.facts}
    assert transported == {"private key" if kind == 20 else "ticket": KnownBy.MAC}
    assert not (opened.evidence.defects + checked.defects)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_a_flipped_bit_and_another_signer_each_say_their_own(kind: int) -> None:
    first = request(kind)
    second = response(kind, first)
    without = keys.ring(certificates=[ALICE_CERT, BOB_CERT])
    opened, checked = exchange(first, second, without)
    assert opened.evidence.mac.verified is True
    assert (checked.mac.verified, checked.mac.how) == (None, "no key in the ring fits")
    stranger = keys.ring(private=[rsa_key("mallory")], certificates=[ALICE_CERT, BOB_CERT])
    assert exchange(first, second, stranger)[1].mac.verified is None
    flipped = bytearray(first)
    flipped[30] ^= 1
    opened, checked = exchange(bytes(flipped), second)
    assert (opened.evidence.mac.verified, checked.mac.verified) == (False, None)
    assert "over other octets" in opened.evidence.mac.how
    forged, _ = exchange(request(kind, signer="mallory"), second)
    assert forged.evidence.mac.verified is False
    altered = bytearray(second)
    altered[-1] ^= 1
    opened, checked = exchange(first, bytes(altered))
    assert (opened.evidence.mac.verified, checked.mac.verified) == (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_over_the_message_alone_is_named(kind: int) -> None:
    first = request(kind, names=False)
    opened, _ = exchange(first, response(kind, first))
    assert opened.evidence.mac.verified is True
    assert [defect.code for defect in opened.evidence.defects] == ["signature-coverage"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_of_its_own_making_vouches_for_nobody(kind: int) -> None:
    first = request(kind, certificate=True)
    opened, _ = exchange(first, response(kind, first), keys.ring(private=[rsa_key("kms")]))
    assert (opened.evidence.mac.verified, opened.evidence.mac.authentic) == (True, None)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_on_the_way_there_and_back(kind: int) -> None:
    for octets in (request(kind, certificate=True, chash=True), response(kind, request(kind))):
        parsed = parse_mikey(octets)
        assert build_mikey(parsed) == octets
        assert parsed.defects == ()


def test_a_private_key_that_was_sent_opens_ibake_afterwards() -> None:
    from analyzer.keying.ibe_payloads import find_ibe_keys

    books, first = MikeyBooks(), request(20)
    exchange(first, response(20, first), books=books)
    (learnt,) = books.ibake.learnt
    assert learnt.id == ALICE.decode()
    (key,) = find_ibe_keys((IbeEntry(IBE.block, None, None, 1),), books.ibake.learnt, ())
    assert key.point == IBE.private_point(ALICE + b"2026")


def test_over_udp_they_are_paired_and_their_secrets_stay_unseen(tmp_path: Path) -> None:
    user, kms = "192.0.2.1:2269", "192.0.2.9:2269"
    requests = {kind: request(kind) for kind in KINDS}
    packets = []
    for kind, first in requests.items():
        packets += [(user, kms, first), (kms, user, response(kind, first))]
    (tmp_path / "x.pcapng").write_bytes(pcapng(packets))
    found = audit([tmp_path / "x.pcapng"], ring=RING).mikey
    assert [each.evidence.mac.verified for each in found] == [True] * 6
    assert IBE.private_key(ALICE + b"2026").reveal().hex() not in repr(found)


def test_the_label_of_the_response_holds_the_rand_of_the_request() -> None:
    first = request(12)
    other = made.finish(
        made.header(13),
        [Timestamp(0, T), IdentityWithRole(3, 1, KMS)],
        Protector(ENVELOPE, CSB, b"\2" + counted(RAND_R, b"")),
        first,
    )
    assert exchange(first, other)[1].mac.verified is False
