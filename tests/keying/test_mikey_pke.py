# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY with public-key encryption: signature, envelope, KEMAC and V, and how each one's failure is told apart."""

import hashlib
import hmac
from dataclasses import replace

import mikey_builders as made
import mikey_vectors as vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from mikey_builders import ALICE, BOB, MALLORY, identified_keys, rsa_key, seal

from analyzer.keying.key_ring import EMPTY_KEY_RING, KeyRing
from analyzer.keying.mikey_envelope import kemac_coverage, read_identified_keys
from analyzer.keying.mikey_pke import PkeOpening, open_pke_message, verify_pke_response
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.mikey_protection import ProtectionKeySource, decrypt_kemac, mac_matches
from analyzer.keying.mikey_psk import Authentication, open_psk_message
from analyzer.model.mikey_facts import KnownBy
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import (
    CertificateHash,
    Kemac,
    KeyData,
    Payload,
    Pke,
    Sign,
    Timestamp,
    Verification,
    build_mikey,
    link_payloads,
    parse_mikey,
)
from dissectors.grammar.secret import Secret

VERIFIED, FAILED, NO_KEY = Authentication.VERIFIED, Authentication.FAILED, Authentication.NO_KEY
ALICE_CERT = made.certify(rsa_key("alice"), ALICE)
BOB_CERT = made.certify(rsa_key("bob"), BOB)
RING = made.ring(private=[rsa_key("bob")], certificates=[ALICE_CERT])


def payloads(*, kemac: Kemac | None = None, pke: Pke | None = None, certificate: bool = False) -> list[Payload]:
    middle: list[Payload] = [made.identity(ALICE)]
    if certificate:
        middle.append(made.cert_payload(ALICE_CERT))
    middle += [made.identity(BOB), kemac or seal(identified_keys(ALICE)), pke or made.envelope(rsa_key("bob"))]
    return made.opening_payloads(*middle)


def message(**changes: object) -> bytes:
    return made.sign(2, payloads(**changes), rsa_key("alice"))  # type: ignore[arg-type]


def opened(data: bytes, ring: KeyRing = RING, initiator: str = "") -> PkeOpening:
    return open_pke_message(data, parse_mikey(data), ring, initiator)


def codes(opening: PkeOpening) -> list[str]:
    return [defect.code for defect in opening.defects]


def test_envelope_kemac_of_the_vector_opens_and_verifies() -> None:
    vector = vectors.V6
    wire = bytes.fromhex(vector["kemac_on_wire"])
    head = made.build(2, made.opening_payloads())
    data = head[:2] + b"\5" + head[3:]
    data = (
        data[: -1 - 1 - len(made.RAND)]
        + b"\1"
        + data[-1 - len(made.RAND) :]
        + wire
        + made.envelope(rsa_key("bob")).build()
    )
    kemac = parse_mikey(data).find(Kemac)
    assert kemac is not None
    assert kemac.next_payload == 2
    source = ProtectionKeySource(Secret(made.ENVELOPE_KEY), 0x12345678, made.RAND, 0)
    for constant, name in (
        (KeyConstant.MESSAGE_ENCRYPTION_KEY, "encr_key"),
        (KeyConstant.MESSAGE_AUTHENTICATION_KEY, "auth_key"),
        (KeyConstant.MESSAGE_SALT_KEY, "salt_key"),
    ):
        assert source.derive(constant, len(vector[name]) // 2).reveal().hex() == vector[name]
    assert mac_matches(source, 1, kemac_coverage(kemac, data), kemac.mac)
    clear = decrypt_kemac(source, 1, kemac.data, bytes.fromhex("c8e350ea00000000"))
    assert clear is not None
    assert clear.reveal().hex() == vector["plain"]
    content = read_identified_keys(clear)
    assert content is not None
    assert content.identity is not None
    assert (content.identity.text, content.keys[0].key.reveal()) == (ALICE, bytes(range(32, 48)))


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
@pytest.mark.parametrize("oaep", [None, hashes.SHA1(), hashes.SHA256()])
def test_signature_and_envelope_schemes(
    scheme: int, digest: hashes.HashAlgorithm, oaep: hashes.HashAlgorithm | None
) -> None:
    data = made.sign(
        2, payloads(pke=made.envelope(rsa_key("bob"), oaep=oaep)), rsa_key("alice"), scheme=scheme, digest=digest
    )
    opening = opened(data)
    names = {"sha1": "SHA-1", "sha256": "SHA-256"}
    assert (opening.outcome, opening.reason, opening.mac) == (VERIFIED, "", VERIFIED)
    assert opening.signature.scheme == f"{('RSA/PKCS#1/1.5', 'RSA/PSS')[scheme]}, {names[digest.name]}"
    assert opening.envelope_key is not None
    assert opening.envelope_key.scheme == ("RSA/PKCS#1/1.5" if oaep is None else f"RSA/OAEP, {names[oaep.name]}")
    assert [key.key.reveal() for key in opening.key_data] == [made.TGK]
    assert [key.cs_id for key in opening.crypto_session_keys] == [1, 2]
    assert opening.crypto_session_keys[0].master_key.reveal().hex() == vectors.V1["cs1_tek"]  # same CSB ID, RAND, TGK
    assert opening.crypto_session_keys[1].master_salt.reveal().hex() == vectors.V1["cs2_salt"]
    assert {step.what: step.known_by for step in opening.steps} == {
        "sender": KnownBy.SIGNATURE,
        "envelope key": KnownBy.MAC,
        "key data": KnownBy.SIGNATURE,
    }
    assert opening.defects == ()


@pytest.mark.parametrize(("encryption", "mac"), [(1, 1), (3, 1), (2, 0), (2, 1), (0, 1)])
def test_kemac_algorithms(encryption: int, mac: int) -> None:
    opening = opened(message(kemac=seal(identified_keys(ALICE), encryption=encryption, mac=mac)))
    assert [key.key.reveal() for key in opening.key_data] == [made.TGK]
    assert opening.outcome is VERIFIED
    assert opening.mac is (VERIFIED if mac else Authentication.ABSENT)


def test_own_certificate_verifies_but_vouches_for_nobody() -> None:
    data = message(certificate=True)
    alone = opened(data, made.ring(private=[rsa_key("bob")]))
    assert alone.outcome is VERIFIED
    assert "certificate-not-trusted" in codes(alone)
    assert alone.steps[0].known_by is KnownBy.CONSISTENT
    assert not alone.signature.trusted
    trusted = opened(data)
    assert trusted.signature.trusted
    assert codes(trusted) == []


def test_certificate_issued_by_one_in_the_ring_is_trusted_for_its_own_identity_only() -> None:
    authority = rsa_key("authority")
    root = made.certify(authority, "sip:root.example", ca=True)
    good, other = (
        made.certify(rsa_key("alice"), name, issuer=authority, issuer_name="sip:root.example")
        for name in (ALICE, MALLORY)
    )
    not_an_authority = made.certify(authority, "sip:root.example")
    for certificate, roots, trusted in ((good, root, True), (other, root, False), (good, not_an_authority, False)):
        middle = [made.identity(ALICE), made.cert_payload(certificate)]
        data = made.sign(
            2,
            made.opening_payloads(*middle, seal(identified_keys(ALICE)), made.envelope(rsa_key("bob"))),
            rsa_key("alice"),
        )
        opening = opened(data, made.ring(private=[rsa_key("bob")], certificates=[roots]))
        assert opening.outcome is VERIFIED
        assert opening.signature.trusted is trusted
        assert ("certificate-identity-differs" in codes(opening)) is (certificate is other)


def test_without_any_certificate_the_mac_proves_nothing_about_the_sender() -> None:
    opening = opened(message(), made.ring(private=[rsa_key("bob")]))
    assert opening.outcome is NO_KEY
    assert opening.mac is VERIFIED
    assert "anyone can make an envelope" in opening.reason
    assert opening.steps[0].known_by is KnownBy.CLAIMED


def test_wrong_certificate_accuses_only_where_it_is_bound() -> None:
    data = message()
    stranger = made.certify(rsa_key("mallory"), MALLORY)
    forged = made.certify(rsa_key("mallory"), ALICE)
    assert opened(data, made.ring(certificates=[stranger])).outcome is NO_KEY
    assert opened(data, made.ring(certificates=[forged])).outcome is FAILED


def test_wrong_private_key_leaves_the_envelope_shut_and_accuses_nobody() -> None:
    opening = opened(message(), made.ring(private=[rsa_key("mallory")], certificates=[ALICE_CERT]))
    assert (opening.outcome, opening.mac, opening.key_data) == (VERIFIED, NO_KEY, ())
    assert opening.reason == "no private key in the key ring opens the envelope"


def test_chash_names_the_certificate() -> None:
    for function, name in ((0, "sha1"), (2, "sha256"), (1, "md5")):
        digest = hashlib.new(name, BOB_CERT.public_bytes(Encoding.DER)).digest()
        parts = [*payloads()[:-1], CertificateHash(function, digest), made.envelope(rsa_key("bob"))]
        data = made.sign(2, parts, rsa_key("alice"))
        both = made.ring(private=[rsa_key("mallory"), rsa_key("bob")], certificates=[ALICE_CERT, BOB_CERT])
        opening = opened(data, both)
        assert opening.outcome is VERIFIED
        assert opening.envelope_key is not None
        assert opening.envelope_key.bound
        missing = opened(data, made.ring(private=[rsa_key("mallory")], certificates=[ALICE_CERT, BOB_CERT]))
        assert "CHASH names" in missing.reason


def test_envelope_of_somebody_else_is_told_by_the_identity_inside() -> None:
    opening = opened(message(kemac=seal(identified_keys(MALLORY))))
    assert (opening.outcome, opening.signature.outcome, opening.mac) == (FAILED, VERIFIED, VERIFIED)
    assert opening.reason == "the keys inside are somebody else's than the sender's"
    assert codes(opening) == ["kemac-identity-differs"]


def test_keys_without_identity_are_a_defect() -> None:
    opening = opened(message(kemac=seal(identified_keys(None))))
    assert opening.outcome is VERIFIED
    assert codes(opening) == ["kemac-identity-missing"]
    assert len(opening.key_data) == 1


def test_altered_kemac_under_a_good_signature_fails() -> None:
    kemac = seal(identified_keys(ALICE))
    opening = opened(message(kemac=replace(kemac, mac=bytes(20))))
    assert (opening.outcome, opening.mac) == (FAILED, FAILED)
    assert opening.reason == "altered KEMAC: the envelope key opens well-formed key data"


def test_ecdsa_and_other_certificates() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = made.certify(key, ALICE)
    data = made.sign(2, payloads(), key, digest=hashes.SHA256())
    opening = opened(data, made.ring(private=[rsa_key("bob")], certificates=[certificate]))
    assert opening.outcome is VERIFIED
    assert opening.signature.scheme == "ECDSA, SHA-256"
    assert codes(opening) == ["signature-type-differs"]


def test_chain_out_of_order_and_unreadable_certificates() -> None:
    other = made.certify(rsa_key("mallory"), MALLORY)
    middle = [made.identity(ALICE), made.cert_payload(other), made.cert_payload(ALICE_CERT)]
    tail = [seal(identified_keys(ALICE)), made.envelope(rsa_key("bob"))]
    opening = opened(made.sign(2, made.opening_payloads(*middle, *tail), rsa_key("alice")))
    assert (opening.outcome, codes(opening)) == (VERIFIED, ["certificate-order"])
    broken = replace(made.cert_payload(ALICE_CERT), data=b"0\x03\x02\x01\x01")
    data = made.sign(2, made.opening_payloads(middle[0], broken, *tail), rsa_key("alice"))
    assert codes(opened(data)) == ["certificate-unreadable"]
    assert opened(data, EMPTY_KEY_RING).outcome is NO_KEY
    url = replace(broken, cert_type=1, data=b"http://example.com/alice.cer")
    data = made.sign(2, made.opening_payloads(middle[0], url, *tail), rsa_key("alice"))
    assert "behind a URL" in opened(data, EMPTY_KEY_RING).reason


@pytest.mark.parametrize("certificate", [True, False])
def test_a_flipped_bit_anywhere_is_noticed(certificate: bool) -> None:
    data = message(certificate=certificate)
    parsed = parse_mikey(data)
    regions = {type(payload).__name__: payload.offset + payload.length - 1 for payload in parsed.payloads}
    regions |= {"CSB ID": 5, "V": 3, "map": 12, "head of KEMAC": regions["Pke"] - 250, "head of SIGN": len(data) - 258}
    for name, place in regions.items():
        altered = bytearray(data)
        altered[place] ^= 1
        opening = open_pke_message(bytes(altered), parse_mikey(bytes(altered)), RING)
        assert opening.outcome is not VERIFIED, name


def test_truncated_messages_verify_nothing() -> None:
    data = message()
    for length in range(0, len(data), 7):
        try:
            parsed = parse_mikey(data[:length])
        except GrammarError:
            continue
        if parsed.header.data_type == 2:
            assert open_pke_message(data[:length], parsed, RING).outcome in (Authentication.ABSENT, FAILED)


def test_reordered_payloads_fail_and_a_reordered_message_signed_so_verifies() -> None:
    parts = payloads()
    swapped = [*parts[:2], parts[3], parts[2], *parts[4:]]
    sign = parse_mikey(message()).find(Sign)
    assert sign is not None
    header = parse_mikey(message()).header
    moved = build_mikey(link_payloads(header, [*swapped, sign]))
    assert opened(moved).outcome is not VERIFIED
    pke_first = [*parts[:4], parts[5], parts[4]]
    assert opened(made.sign(2, pke_first, rsa_key("alice"))).outcome is VERIFIED


def response(key: bytes = made.ENVELOPE_KEY, appended: bytes | None = None) -> bytes:
    source = ProtectionKeySource(Secret(key), made.CSB_ID, made.RAND, 0)
    auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
    data = made.build(3, [Timestamp(0, made.T_ALICE), Verification(1, bytes(20))], v=False)[:-20]
    identities = ALICE.encode() + BOB.encode() + made.T_ALICE if appended is None else appended
    return data + hmac.digest(auth_key, data + identities, "sha1")


def test_the_responder_proves_that_it_opened_the_envelope() -> None:
    data = message()
    first, opening = parse_mikey(data), opened(data)
    answer = response()
    assert verify_pke_response(answer, parse_mikey(answer), first, opening).outcome is VERIFIED
    wrong = response(bytes(16))
    assert verify_pke_response(wrong, parse_mikey(wrong), first, opening).outcome is FAILED
    shut = opened(data, made.ring(certificates=[ALICE_CERT]))
    result = verify_pke_response(answer, parse_mikey(answer), first, shut)
    assert (result.outcome, result.reason) == (NO_KEY, "the envelope stayed shut, so V can't be checked")
    plain = response(appended=b"")
    assert [d.code for d in verify_pke_response(plain, parse_mikey(plain), first, opening).defects] == ["v-coverage"]


def test_key_validity_by_spi_and_interval() -> None:
    keys = (
        KeyData(0, Secret(made.TGK), validity=made.spi(b"\0\0\0\1")),
        KeyData(1, Secret(made.TGK), Secret(bytes(14)), made.interval(5, 1 << 40)),
    )
    opening = opened(message(kemac=seal(identified_keys(ALICE, *keys))))
    found = [(key.cs_id, key.mki, key.index_range) for key in opening.crypto_session_keys]
    assert found == [(1, b"\0\0\0\1", None), (2, b"\0\0\0\1", None), (1, b"", (5, 1 << 40)), (2, b"", (5, 1 << 40))]


def test_update_without_rand_takes_the_earlier_one() -> None:
    parts = [part for part in payloads() if type(part).__name__ != "Rand"]
    data = made.sign(2, parts, rsa_key("alice"))
    opening = open_pke_message(data, parse_mikey(data), RING, "", made.RAND)
    assert (opening.outcome, opening.mac) == (VERIFIED, VERIFIED)
    assert opening.crypto_session_keys[0].master_key.reveal().hex() == vectors.V1["cs1_tek"]
    assert "rand-missing" in codes(opened(data))


def test_a_cached_envelope_key_is_the_pre_shared_key_of_updates() -> None:
    opening = opened(message(pke=made.envelope(rsa_key("bob"), cache_type=2)))
    assert opening.update_key == Secret(made.ENVELOPE_KEY)
    assert opened(message()).update_key is None
    assert open_psk_message(b"", parse_mikey(message()), opening.update_key).mac is Authentication.UNSUPPORTED


def test_sip_party_stands_in_for_a_missing_identity() -> None:
    parts = [*payloads()[:2], *payloads()[4:]]
    data = made.sign(2, parts, rsa_key("alice"))
    assert opened(data, initiator=ALICE).outcome is VERIFIED
    assert codes(opened(data, initiator=MALLORY)) == [
        "certificate-not-trusted",
        "certificate-identity-differs",
        "kemac-identity-differs",
    ]


def test_certificates_are_compared_at_the_time_of_the_message() -> None:
    late = x509.load_der_x509_certificate(ALICE_CERT.public_bytes(Encoding.DER))
    parts = [Timestamp(0, bytes.fromhex("c8e350ea00000000")), *payloads()[1:]]
    data = made.sign(2, parts, rsa_key("alice"))
    opening = opened(data, made.ring(certificates=[late]))
    assert codes(opening) == ["certificate-not-valid-then"]
