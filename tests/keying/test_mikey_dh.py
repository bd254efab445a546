# SPDX-License-Identifier: GPL-2.0-only
"""Diffie-Hellman modes: signatures and MACs of both sides, and the TGK from one known exponent."""

import hmac

import mikey_builders as made
import mikey_vectors as vectors
import pytest
from cryptography.hazmat.primitives.asymmetric import dh
from mikey_builders import ALICE, BOB, rsa_key

from analyzer.keying.mikey_dh import (
    PRIMES,
    agree,
    degenerate_value,
    open_dh_exchange,
    responder_value,
    verify_dh_message,
    verify_dhhmac_message,
)
from analyzer.keying.mikey_prf import KeyConstant, PrfVariant
from analyzer.keying.mikey_protection import ProtectionKeySource
from analyzer.keying.mikey_psk import Authentication
from dissectors.grammar.mikey import Dh, Kemac, Payload, Timestamp, parse_mikey
from dissectors.grammar.mikey.key_payloads import DH_VALUE_OCTETS
from dissectors.grammar.secret import Secret

VERIFIED, FAILED, NO_KEY = Authentication.VERIFIED, Authentication.FAILED, Authentication.NO_KEY
XI, XR = int.from_bytes(bytes(range(1, 33)), "big"), int.from_bytes(bytes(range(0x81, 0xA1)), "big")
PSK = b"sixteen octets.."
ALICE_CERT, BOB_CERT = made.certify(rsa_key("alice"), ALICE), made.certify(rsa_key("bob"), BOB)
RING = made.ring(certificates=[ALICE_CERT, BOB_CERT]).certificate


def value(exponent: int, group: int = 0) -> Dh:
    number = pow(2, exponent, PRIMES[group])
    return Dh(group, number.to_bytes(DH_VALUE_OCTETS[group], "big"))


def request(group: int = 0, exponent: int = XI) -> list[Payload]:
    return made.opening_payloads(made.identity(ALICE), made.identity(BOB), value(exponent, group))


def answer(group: int = 0, exponent: int = XR, echoed: int = XI) -> list[Payload]:
    identities = [made.identity(BOB), made.identity(ALICE)]
    return [Timestamp(0, made.T_ALICE), *identities, value(exponent, group), value(echoed, group)]


def signed(group: int = 0) -> tuple[bytes, bytes]:
    return made.sign(4, request(group), rsa_key("alice")), made.sign(5, answer(group), rsa_key("bob"))


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
@pytest.mark.parametrize("group", [0, 1, 2])
def test_agreement_is_that_of_the_library(group: int) -> None:
    numbers = dh.DHParameterNumbers(PRIMES[group], 2)
    assert PRIMES[group].bit_length() == {0: 1536, 1: 768, 2: 1024}[group]
    first, second = (parse_mikey(made.build(kind, parts)) for kind, parts in ((4, request(group)), (5, answer(group))))
    for exponent in (XI, XR):
        found = agree(first, second, made.ring(exponents=[3, exponent]).dh)
        assert found.tgk is not None
        assert found.tgk.reveal() == pow(2, XI * XR, PRIMES[group]).to_bytes(DH_VALUE_OCTETS[group], "big")
    private = dh.DHPrivateNumbers(XI, dh.DHPublicNumbers(pow(2, XI, PRIMES[group]), numbers)).private_key()
    public = dh.DHPublicNumbers(pow(2, XR, PRIMES[group]), numbers).public_key()
    assert private.exchange(public) == found.tgk.reveal()


def test_the_vector_of_group_5_gives_its_keys() -> None:
    vector = vectors.OAKLEY_5
    first, second = (parse_mikey(data) for data in signed())
    sent, own = first.find(Dh), second.find(Dh)
    assert sent is not None
    assert own is not None
    assert (sent.value.hex(), own.value.hex()) == (vector["dh_i"], vector["dh_r"])
    opening = open_dh_exchange(first, second, made.ring(exponents=[XR]).dh)
    assert [key.key.reveal().hex() for key in opening.key_data] == [vector["tgk"]]
    assert opening.crypto_session_keys[0].master_key.reveal().hex() == vector["cs1_tek"]
    assert opening.crypto_session_keys[0].master_salt.reveal().hex() == vector["cs1_salt"]
    assert {key.prf_variant for key in opening.alternate_session_keys} == {PrfVariant.LIBMIKEY}


def test_both_signatures_verify_and_a_flipped_bit_fails_each() -> None:
    for data, first in zip(signed(), (None, parse_mikey(signed()[0])), strict=True):
        assert verify_dh_message(data, parse_mikey(data), RING, "", first).outcome is VERIFIED
        for payload in parse_mikey(data).payloads:
            altered = bytearray(data)
            altered[payload.offset + payload.length - 1] ^= 1
            check = verify_dh_message(bytes(altered), parse_mikey(bytes(altered)), RING, "", first)
            assert check.outcome is not VERIFIED
        cut = data[:-5]
        assert verify_dh_message(cut, parse_mikey(cut), RING, "", first).outcome is Authentication.ABSENT


def test_a_ring_without_the_exponent_or_the_certificate_says_so() -> None:
    data, reply = signed()
    first, second = parse_mikey(data), parse_mikey(reply)
    assert open_dh_exchange(first, second, ()).reason == "no exponent in the key ring"
    wrong = open_dh_exchange(first, second, made.ring(exponents=[12345]).dh)
    assert (wrong.outcome, wrong.key_data) == (NO_KEY, ())
    assert verify_dh_message(data, first, ()).outcome is NO_KEY


def test_leading_zeros_of_the_tgk_are_tried_both_ways() -> None:
    exponent = next(x for x in range(2, 5000) if pow(2, x * XI, PRIMES[1]) >> 760 == 0)
    first = parse_mikey(made.build(4, request(1)))
    second = parse_mikey(made.build(5, answer(1, exponent)))
    found = agree(first, second, made.ring(exponents=[XI]).dh)
    assert found.tgk is not None
    assert found.alternate is not None
    assert (len(found.tgk), found.tgk.reveal().lstrip(b"\0")) == (96, found.alternate.reveal())
    opening = open_dh_exchange(first, second, made.ring(exponents=[XI]).dh)
    assert PrfVariant.RFC_3830 in {key.prf_variant for key in opening.alternate_session_keys}


def test_what_the_responder_must_repeat() -> None:
    first = parse_mikey(signed()[0])
    for parts, code in (
        (answer(0, XR, XI + 1), "dh-value-not-echoed"),
        (answer(2), "dh-group-differs"),
    ):
        data = made.sign(5, parts, rsa_key("bob"))
        check = verify_dh_message(data, parse_mikey(data), RING, "", first)
        assert code in [defect.code for defect in check.defects]
    other_group = parse_mikey(made.build(5, answer(2)))
    assert agree(first, other_group, made.ring(exponents=[XI]).dh).reason == "the two sides use different groups"
    lone = parse_mikey(made.build(5, answer()[:3]))
    assert agree(first, lone, made.ring(exponents=[XI]).dh).reason == "the responder's public value is missing"


def test_degenerate_values_are_a_defect() -> None:
    ends = (0, 1, PRIMES[0] - 1)
    for number in ends:
        parts = [*answer()[:3], Dh(0, number.to_bytes(192, "big")), value(XI)]
        first, second = parse_mikey(signed()[0]), parse_mikey(made.build(5, parts))
        assert agree(first, second, made.ring(exponents=[XI]).dh).defects == ()  # they are the initiator's
        (found,) = degenerate_value(responder_value(first, second))
        assert (found.code, found.offset) == ("dh-value-degenerate", second.find_all(Dh)[0].offset)
        offered = parse_mikey(made.build(4, [*request()[:-1], Dh(0, number.to_bytes(192, "big"))]))
        assert [defect.code for defect in agree(offered, parse_mikey(signed()[1]), ()).defects] == [found.code]


def dhhmac(kind: int, parts: list[Payload], encryption: int, algorithm: int, psk: bytes = PSK) -> bytes:
    source = ProtectionKeySource(Secret(psk), made.CSB_ID, made.RAND, 0)
    auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
    data = made.build(kind, [*parts, Kemac(encryption, Secret(b""), algorithm, b"")])
    return data + hmac.digest(auth_key, data, "sha1")


@pytest.mark.parametrize(("encryption", "algorithm"), [(0, 1), (2, 0), (0, 0)])
def test_dhhmac_by_either_numbering(encryption: int, algorithm: int) -> None:
    data, reply = dhhmac(7, request(), encryption, algorithm), dhhmac(8, answer(), encryption, algorithm)
    first = parse_mikey(data)
    for octets, initiator in ((data, None), (reply, first)):
        check = verify_dhhmac_message(octets, parse_mikey(octets), Secret(PSK), initiator)
        assert (check.outcome, check.prf_variant) == (VERIFIED, PrfVariant.RFC_3830)
        assert "by RFC 3830 §6.2" in check.reading
        assert "by RFC 4650 §4.2; 20 octets follow" in check.reading
        assert verify_dhhmac_message(octets, parse_mikey(octets), Secret(b"x" * 16), initiator).outcome is FAILED
        assert verify_dhhmac_message(octets, parse_mikey(octets), None, initiator).outcome is NO_KEY
        for place in range(0, len(octets), 41):
            altered = bytearray(octets)
            altered[place] ^= 0x10
            parsed = parse_mikey(bytes(altered))
            assert verify_dhhmac_message(bytes(altered), parsed, Secret(PSK), initiator).outcome is not VERIFIED
    opening = open_dh_exchange(first, parse_mikey(reply), made.ring(exponents=[XI]).dh)
    assert opening.key_data[0].key.reveal().hex() == vectors.OAKLEY_5["tgk"]


@pytest.mark.parametrize(("encryption", "algorithm"), [(0, 0), (2, 1)])
def test_dhhmac_without_a_mac_by_either_numbering(encryption: int, algorithm: int) -> None:
    data = made.build(7, [*request(), Kemac(encryption, Secret(b""), algorithm, b"")])
    check = verify_dhhmac_message(data, parse_mikey(data), Secret(PSK))
    assert (check.outcome, check.reason) == (Authentication.ABSENT, "no MAC")


def test_dhhmac_with_a_32_octet_key_in_libmikeys_way_proves_nothing() -> None:
    source = ProtectionKeySource(Secret(bytes(32)), made.CSB_ID, made.RAND, 0, PrfVariant.LIBMIKEY)
    auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
    data = made.build(7, [*request(), Kemac(0, Secret(b""), 1, b"")])
    data += hmac.digest(auth_key, data, "sha1")
    check = verify_dhhmac_message(data, parse_mikey(data), Secret(bytes(range(32))))
    assert (check.outcome, check.prf_variant) == (VERIFIED, PrfVariant.LIBMIKEY)
    assert "not used at all" in check.defects[0].detail
