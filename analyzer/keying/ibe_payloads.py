# SPDX-License-Identifier: GPL-2.0-only
"""What IBAKE and ESK hold, for who has the private key of the identity that they are encrypted to (RFC 6267 §6.1)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.boneh_franklin import (
    IbeParameters,
    decrypt,
    is_ciphertext,
    read_ibe_parameters,
    read_ibe_private_key,
)
from analyzer.keying.key_ring import IbeEntry
from analyzer.keying.mikey_books import LearntKey
from analyzer.keying.mikey_psk import HARMLESS
from analyzer.keying.prime_curve import Point
from dissectors.grammar.mikey import (
    EccPoint,
    Identity,
    IdentityWithRole,
    KeyDataPayloads,
    SecretKey,
    parse_key_data_payloads,
)
from dissectors.grammar.mikey.registries import PayloadType
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_address import bare_address

MAX_IBE_KEYS = 32  # a pairing at 128 bits of strength takes a tenth of a second


class IbeKey(NamedTuple):
    """A private key under a service's parameters, and whose it is said to be."""

    parameters: IbeParameters
    point: Point
    id: str | None


class OpenedPayload(NamedTuple):
    """What an IBAKE or ESK payload holds; `key_id` is whose private key opened it."""

    identities: tuple[Identity | IdentityWithRole, ...]
    points: tuple[EccPoint, ...]
    secret_keys: tuple[SecretKey, ...]
    key_id: str | None


def find_ibe_keys(ring: Sequence[IbeEntry], learnt: Sequence[LearntKey], parties: Iterable[str]) -> tuple[IbeKey, ...]:
    """The keys to try, those of `parties` first; a learnt key is tried under all parameters at hand."""
    named = {bare_address(party) for party in parties}
    found = dict.fromkeys(_iter_keys(ring, learnt))
    ordered = sorted(found, key=lambda key: key.id is None or bare_address(key.id) not in named)
    return tuple(ordered[:MAX_IBE_KEYS])


def _iter_keys(ring: Sequence[IbeEntry], learnt: Sequence[LearntKey]) -> Iterator[IbeKey]:
    for entry in ring:
        parameters = read_ibe_parameters(entry.parameters)
        if parameters is None:
            continue
        own = () if entry.private_key is None else (LearntKey(entry.private_key, entry.id),)
        for key, id_ in (*own, *learnt):
            point = read_ibe_private_key(key, parameters)
            if point is not None:
                yield IbeKey(parameters, point, id_)


def open_payload(data: bytes, keys: Sequence[IbeKey]) -> tuple[OpenedPayload | None, str]:
    """What the payload's data holds, else why it stays shut."""
    if not is_ciphertext(data):
        return None, "no ciphertext block of RFC 5091 §8, and RFC 6267 names no other form"
    if not keys:
        return None, "no identity-based private key in the key ring"
    for key in keys:
        clear = decrypt(data, key.point, key.parameters)
        if clear is not None:
            content = _read_clear(clear)
            if content is None:
                return None, "its private key opens it, and what it holds are no payloads of RFC 6267"
            return _sorted(content, key.id), ""
    return None, "no identity-based private key in the key ring fits, or the payload was altered"


def _read_clear(clear: Secret) -> KeyDataPayloads | None:
    """The sub-payloads; the first is an identity, as IDR or as ID, and nothing says which (RFC 6267 §6.1.1)."""
    for first in (PayloadType.IDR, PayloadType.ID):
        content = parse_key_data_payloads(clear.reveal(), first)
        if content.payloads and all(defect.code in HARMLESS for defect in content.defects):
            return content
    return None


def _sorted(content: KeyDataPayloads, key_id: str | None) -> OpenedPayload:
    kinds = content.payloads
    return OpenedPayload(
        tuple(each for each in kinds if isinstance(each, Identity | IdentityWithRole)),
        tuple(each for each in kinds if isinstance(each, EccPoint)),
        tuple(each for each in kinds if isinstance(each, SecretKey)),
        key_id,
    )
