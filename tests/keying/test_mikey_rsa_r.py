# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-RSA-R: both signatures, and the keys that the responder sealed for the initiator."""

import mikey_builders as made
import mikey_vectors as vectors
import pytest
from mikey_builders import ALICE, BOB, MALLORY, identified_keys, rsa_key, seal

from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_rsa_r import RsaROpening, open_rsa_r_response, verify_rsa_r_request
from dissectors.grammar.mikey import GeneralExtension, Kemac, Payload, Rand, Timestamp, parse_mikey

VERIFIED, FAILED, NO_KEY = Authentication.VERIFIED, Authentication.FAILED, Authentication.NO_KEY
CERTIFICATES = [made.certify(rsa_key("alice"), ALICE), made.certify(rsa_key("bob"), BOB)]
RING = made.ring(private=[rsa_key("alice")], certificates=CERTIFICATES)
APPENDED = ALICE.encode() + BOB.encode() + made.T_ALICE


def request(*, rand: bool = True) -> bytes:
    parts = made.opening_payloads(made.identity(ALICE), made.identity(BOB), rand=rand)
    return made.sign(9, parts, rsa_key("alice"))


def response(
    kemac: Kemac | None = None,
    *,
    extra: list[Payload] | None = None,
    appended: bytes = APPENDED,
    with_head: bool = False,
) -> bytes:
    kemac = kemac or seal(identified_keys(BOB))
    tail = [made.identity(BOB), kemac, made.envelope(rsa_key("alice"))]
    parts: list[Payload] = [Timestamp(0, made.T_ALICE), *(extra or []), *tail]
    return made.sign(10, parts, rsa_key("bob"), appended=appended, with_head=with_head)


def opened(data: bytes, first: bytes | None = None) -> RsaROpening:
    return open_rsa_r_response(data, parse_mikey(data), parse_mikey(first or request()), RING)


def codes(opening: RsaROpening) -> list[str]:
    return [defect.code for defect in opening.defects]


@pytest.mark.parametrize("with_head", [True, False])
def test_both_directions_verify_and_open(with_head: bool) -> None:
    data = request()
    assert verify_rsa_r_request(data, parse_mikey(data), RING.certificate).outcome is VERIFIED
    opening = opened(response(with_head=with_head))
    assert (opening.outcome, opening.mac, codes(opening)) == (VERIFIED, VERIFIED, [])
    assert opening.signature.coverage.endswith("identities, T")
    assert opening.crypto_session_keys[0].master_key.reveal().hex() == vectors.V1["cs1_tek"]
    assert opening.crypto_session_keys[1].master_salt.reveal().hex() == vectors.V1["cs2_salt"]


def test_a_signature_over_less_is_named() -> None:
    assert codes(opened(response(appended=b""))) == ["signature-coverage"]


def test_rand_comes_from_exactly_one_side() -> None:
    own = [Rand(made.RAND)]
    without = opened(response(extra=own), request(rand=False))
    assert (without.outcome, codes(without)) == (VERIFIED, [])
    assert without.crypto_session_keys[0].master_key.reveal().hex() == vectors.V1["cs1_tek"]
    assert "rand-in-both" in codes(opened(response(extra=own)))
    assert "rand-missing" in codes(opened(response(), request(rand=False)))


def test_a_group_takes_the_responders_csb_id_and_rand() -> None:
    group, rand = 0xCAFEF00D, bytes(range(64, 80))
    extra: list[Payload] = [GeneralExtension(4, group.to_bytes(4, "big")), Rand(rand)]
    sealed = seal(identified_keys(BOB), csb_id=group, rand=rand)
    opening = opened(response(sealed, extra=extra))
    assert (opening.outcome, opening.mac, codes(opening)) == (VERIFIED, VERIFIED, [])
    own_id = opened(response(seal(identified_keys(BOB), rand=rand), extra=extra))
    assert (own_id.mac, codes(own_id)) == (VERIFIED, ["kemac-csb-id"])
    assert own_id.crypto_session_keys[0].master_key == opening.crypto_session_keys[0].master_key


def test_keys_sealed_by_somebody_else_fail() -> None:
    opening = opened(response(seal(identified_keys(MALLORY))))
    assert (opening.outcome, codes(opening)) == (FAILED, ["kemac-identity-differs"])


def test_wrong_keys_and_altered_messages() -> None:
    data, first = response(), parse_mikey(request())
    parsed = parse_mikey(data)
    shut = open_rsa_r_response(data, parsed, first, made.ring(private=[rsa_key("bob")], certificates=CERTIFICATES))
    assert (shut.outcome, shut.mac, shut.key_data) == (VERIFIED, NO_KEY, ())
    unknown = open_rsa_r_response(data, parsed, first, made.ring(private=[rsa_key("alice")]))
    assert (unknown.outcome, unknown.mac) == (NO_KEY, VERIFIED)
    for payload in parsed.payloads:
        altered = bytearray(data)
        altered[payload.offset + payload.length - 1] ^= 1
        assert opened(bytes(altered)).outcome is not VERIFIED
    assert opened(data[:-3]).outcome is Authentication.ABSENT
    elsewhere = made.sign(9, made.opening_payloads(made.identity(MALLORY), made.identity(BOB)), rsa_key("alice"))
    assert opened(data, elsewhere).outcome is FAILED  # it answers another initiator


def test_an_altered_request_fails() -> None:
    data = bytearray(request())
    for place in (5, 12, 30, 60, len(data) - 1):
        altered = bytearray(data)
        altered[place] ^= 1
        parsed = parse_mikey(bytes(altered))
        assert verify_rsa_r_request(bytes(altered), parsed, RING.certificate).outcome is not VERIFIED
