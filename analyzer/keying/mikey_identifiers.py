# SPDX-License-Identifier: GPL-2.0-only
"""The identifiers that MIKEY-SAKKE signs and encrypts to: RFC 6509's, monthly, and 3GPP's hashed UID.

RFC 6509 §3.2 joins the month of T to a telephone URI. 3GPP TS 33.180 Annex F.2 hashes the user's URI with that of the
KMS and the number of the key period, and sends the result in IDR payloads with the roles 8 and 9.
"""

import hashlib
from collections.abc import Iterator, Sequence

from analyzer.keying.key_ring import KeyPeriod
from analyzer.keying.mikey_certificates import sent_at
from dissectors.grammar.mikey import IdentityWithRole, MikeyMessage, Timestamp
from dissectors.grammar.mikey.registries import IdRole

MONTHLY, HASHED_UID = 1, 2
UID_OCTETS = 32
UID_LABEL = b"MIKEY-SAKKE-UID"
INITIATOR_ROLES = (IdRole.INITIATOR_UID, IdRole.INITIATOR)
RESPONDER_ROLES = (IdRole.RESPONDER_UID, IdRole.RESPONDER)


def three_gpp_uid(uri: str, period: KeyPeriod, number: int) -> bytes:
    """A user's identifier in the key period of that number (3GPP TS 33.180 F.2.1)."""
    parts = [UID_LABEL, uri.encode(), period.kms.encode(), *map(_octets, (period.seconds, period.offset, number))]
    return hashlib.sha256(b"\0" + b"".join(part + len(part).to_bytes(2, "big") for part in parts)).digest()


def _octets(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def monthly_identifier(uri: str, message: MikeyMessage) -> bytes | None:
    """`YYYY-MM` NUL URI NUL for the month in which the message says it was sent (RFC 6509 §3.2)."""
    sent = sent_at(message)
    return None if sent is None else f"{sent.year:04}-{sent.month:02}\0{uri}\0".encode()


def key_period_number(message: MikeyMessage, period: KeyPeriod) -> int | None:
    """In which key period the message says it was sent, counted from 1900 as T does."""
    timestamp = message.find(Timestamp)
    if timestamp is None or sent_at(message) is None:
        return None
    return max(0, int.from_bytes(timestamp.value[:4], "big") - period.offset) // period.seconds


def stated_identities(message: MikeyMessage, roles: Sequence[int]) -> tuple[IdentityWithRole, ...]:
    """The IDR payloads with one of the roles, in the order of `roles`."""
    found = message.find_all(IdentityWithRole)
    return tuple(identity for role in roles for identity in found if identity.role == role)


def iter_identifiers(
    message: MikeyMessage, roles: Sequence[int], scheme: int, party: str, period: KeyPeriod | None
) -> Iterator[bytes]:
    """The identifiers that a user of the message may go by, most telling first and each once."""
    seen: set[bytes] = set()
    for identifier in _candidates(message, roles, scheme, party, period):
        if identifier is not None and identifier not in seen:
            seen.add(identifier)
            yield identifier


def _candidates(
    message: MikeyMessage, roles: Sequence[int], scheme: int, party: str, period: KeyPeriod | None
) -> Iterator[bytes | None]:
    stated = stated_identities(message, roles)
    uris = [identity.text.rstrip("\0") for identity in stated if len(identity.data) != UID_OCTETS]
    for identity in stated:
        if len(identity.data) == UID_OCTETS or b"\0" in identity.data:
            yield identity.data
    for uri in (*uris, *((party,) if party else ())):
        if scheme != HASHED_UID:
            yield monthly_identifier(uri, message)
        if scheme != MONTHLY and period is not None:
            number = key_period_number(message, period)
            yield None if number is None else three_gpp_uid(uri, period, number)
