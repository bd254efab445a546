# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's pseudo-random functions and the labels of what they derive (RFC 3830 §4.1, RFC 6043 §6.1)."""

import hmac
from enum import Enum

from analyzer.errors import KeyMaterialError
from analyzer.model.words import Word
from dissectors.grammar.mikey.registries import PrfFunction
from dissectors.grammar.secret import Secret

BLOCK_OCTETS = 32
MESSAGE_CS_ID = 0xFF
HASHES: dict[int, tuple[str, int]] = {PrfFunction.MIKEY_1: ("sha1", 20), PrfFunction.PRF_HMAC_SHA_256: ("sha256", 32)}


class PrfVariant(Word):
    """How the input key is cut into blocks."""

    RFC_3830 = "rfc3830"
    LIBMIKEY = "libmikey"  # takes the last block as empty where the key is a multiple of 32 octets long


class KeyConstant(Enum):
    """The constant part of a label (RFC 3830 §4.1.3 and §4.1.4, RFC 6043 §5.1.1 and A.2.2)."""

    TEK = bytes.fromhex("2AD01C64")
    TGK_AUTHENTICATION_KEY = bytes.fromhex("1B5C7973")
    TGK_ENCRYPTION_KEY = bytes.fromhex("15798CEF")
    TGK_SALT = bytes.fromhex("39A2C14B")
    MESSAGE_ENCRYPTION_KEY = bytes.fromhex("150533E1")
    MESSAGE_AUTHENTICATION_KEY = bytes.fromhex("2D22AC75")
    MESSAGE_SALT_KEY = bytes.fromhex("29B88916")
    FORKED_MPK = bytes.fromhex("2B288856")
    FORKED_TGK = bytes.fromhex("1512B54A")
    MPK_OF_INITIATOR = bytes.fromhex("220E99A2")
    MPK_OF_RESPONDER = bytes.fromhex("1F4D675B")


def crypto_session_label(constant: KeyConstant, cs_id: int, csb_id: int, rand: bytes) -> bytes:
    """The label of a key for one crypto session: constant ‖ cs_id ‖ csb_id ‖ RAND (RFC 3830 §4.1.3)."""
    return constant.value + bytes((cs_id,)) + csb_id.to_bytes(4, "big") + rand


def message_label(constant: KeyConstant, csb_id: int, rand: bytes) -> bytes:
    """The label of a key that protects MIKEY messages: constant ‖ 0xFF ‖ csb_id ‖ RAND (RFC 3830 §4.1.4)."""
    return crypto_session_label(constant, MESSAGE_CS_ID, csb_id, rand)


def differs_in_libmikey(key: Secret) -> bool:
    """Whether libmikey derives other keys from `key` than RFC 3830 §4.1.2 does."""
    return len(key) % BLOCK_OCTETS == 0


def derive_mikey_key(
    inkey: Secret, label: bytes, out_octets: int, prf_function: int, variant: PrfVariant = PrfVariant.RFC_3830
) -> Secret:
    """`out_octets` octets from PRF(inkey, label); raises `KeyMaterialError` for an unassigned PRF (RFC 3830 §4.1.2).

    The blocks stay 32 octets long under PRF-HMAC-SHA-256, where only the hash and its length change (RFC 6043 §6.1).
    """
    if prf_function not in HASHES:
        message = f"PRF function {prf_function} is not known"
        raise KeyMaterialError(message)
    hash_name, hash_octets = HASHES[prf_function]
    rounds = -(-out_octets // hash_octets)
    result = 0
    for block in _blocks(inkey.reveal(), variant):
        result ^= int.from_bytes(_p_function(block, label, rounds, hash_name), "big")
    return Secret(result.to_bytes(rounds * hash_octets, "big")[:out_octets])


def _blocks(inkey: bytes, variant: PrfVariant) -> list[bytes]:
    blocks = [inkey[start : start + BLOCK_OCTETS] for start in range(0, len(inkey), BLOCK_OCTETS)] or [b""]
    if variant is PrfVariant.LIBMIKEY and len(inkey) % BLOCK_OCTETS == 0:
        blocks[-1] = b""
    return blocks


def _p_function(block: bytes, label: bytes, rounds: int, hash_name: str) -> bytes:
    """P(s, label, m) (RFC 3830 §4.1.2)."""
    chained = label
    output = []
    for _ in range(rounds):
        chained = hmac.digest(block, chained, hash_name)
        output.append(hmac.digest(block, chained + label, hash_name))
    return b"".join(output)
