# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's PRFs against vectors of others and against a second, literal writing of RFC 3830 §4.1.2."""

import mikey_vectors as vectors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from literal_prf import literal_prf

from analyzer.errors import KeyMaterialError
from analyzer.keying.mikey_prf import (
    KeyConstant,
    PrfVariant,
    crypto_session_label,
    derive_mikey_key,
    differs_in_libmikey,
    message_label,
)
from dissectors.grammar.secret import Secret

CSB_ID = 0x12345678
RAND = bytes(range(0x10, 0x20))


@pytest.mark.parametrize(("constant", "cs_id", "csb_id", "expected"), vectors.STREAMWIDE)
def test_prf_hmac_sha_256_gives_the_keys_that_streamwide_publishes(
    constant: str, cs_id: int, csb_id: int, expected: str
) -> None:
    label = crypto_session_label(
        KeyConstant(bytes.fromhex(constant)), cs_id, csb_id, bytes.fromhex(vectors.STREAMWIDE_RAND)
    )
    key = derive_mikey_key(Secret(bytes.fromhex(vectors.STREAMWIDE_TGK)), label, len(expected) // 2, 1)
    assert key.reveal().hex() == expected


@pytest.mark.parametrize(
    ("constant", "octets", "name"),
    [
        (KeyConstant.TEK, 16, "tek"),
        (KeyConstant.TGK_SALT, 14, "salt"),
        (KeyConstant.TGK_AUTHENTICATION_KEY, 20, "auth"),
        (KeyConstant.TGK_ENCRYPTION_KEY, 16, "enc"),
    ],
)
def test_a_tgk_of_six_blocks_gives_the_expected_keys(constant: KeyConstant, octets: int, name: str) -> None:
    label = crypto_session_label(constant, 1, CSB_ID, RAND)
    assert derive_mikey_key(Secret(bytes(range(192))), label, octets, 0).reveal().hex() == vectors.V5[name]


def test_libmikey_takes_the_last_block_of_a_whole_number_of_blocks_as_empty() -> None:
    label = crypto_session_label(KeyConstant.TEK, 1, CSB_ID, RAND)
    tgk = Secret(bytes(range(192)))
    assert derive_mikey_key(tgk, label, 16, 0, PrfVariant.LIBMIKEY).reveal().hex() == vectors.V5["tek_libmikey"]


def test_libmikey_ignores_a_pre_shared_key_of_one_block() -> None:
    label = message_label(KeyConstant.MESSAGE_ENCRYPTION_KEY, CSB_ID, RAND)
    for octets in (bytes(32), bytes(range(32))):
        key = derive_mikey_key(Secret(octets), label, 16, 0, PrfVariant.LIBMIKEY)
        assert key.reveal().hex() == vectors.V2["libmikey_encr_key"]


def test_an_output_of_several_rounds_gives_the_expected_key() -> None:
    label = crypto_session_label(KeyConstant.TEK, 1, CSB_ID, RAND)
    key = derive_mikey_key(Secret(bytes(range(0x20, 0x30))), label, 94, 0)
    assert key.reveal().hex() == vectors.V5["out94"]


def test_a_diffie_hellman_secret_gives_the_expected_keys() -> None:
    tgk = Secret(bytes.fromhex(vectors.OAKLEY_5["tgk"]))
    for constant, octets, name in (
        (KeyConstant.TEK, 16, "cs1_tek"),
        (KeyConstant.TGK_SALT, 14, "cs1_salt"),
    ):
        label = crypto_session_label(constant, 1, CSB_ID, RAND)
        assert derive_mikey_key(tgk, label, octets, 0).reveal().hex() == vectors.OAKLEY_5[name]


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=40), st.integers(1, 130), st.sampled_from([0, 1]))
def test_every_length_agrees_with_the_literal_writing_of_the_rfc(
    inkey: bytes, label: bytes, out_octets: int, prf_function: int
) -> None:
    expected = literal_prf(inkey, label, out_octets, ("sha1", "sha256")[prf_function])
    assert derive_mikey_key(Secret(inkey), label, out_octets, prf_function).reveal() == expected
    variant = derive_mikey_key(Secret(inkey), label, out_octets, prf_function, PrfVariant.LIBMIKEY).reveal()
    assert variant == literal_prf(inkey, label, out_octets, ("sha1", "sha256")[prf_function], as_libmikey=True)
    assert (variant != expected) == differs_in_libmikey(Secret(inkey)) or out_octets < 8


def test_an_unassigned_prf_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="PRF function 7"):
        derive_mikey_key(Secret(b"key"), b"label", 16, 7)
