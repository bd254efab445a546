# SPDX-License-Identifier: GPL-2.0-only
"""The exchanges of a user with his KMS: a ticket requested or resolved (RFC 6043), private keys requested (RFC 6267).

They are protected with the key that the two share, or with an envelope key that the KMS's private key opens. What they
transport opens later exchanges: the MIKEY protection keys of a ticket, the private keys of IBAKE.
"""

from collections.abc import Iterator, Sequence

from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.mikey_books import LearntKey, MikeyBooks
from analyzer.keying.mikey_envelope import iter_envelope_keys
from analyzer.keying.mikey_prf import HASHES
from analyzer.keying.mikey_protection import CIPHER_OCTETS, MAC_HASHES, ProtectionKeySource, decrypt_kemac, mac_matches
from analyzer.keying.mikey_psk import HARMLESS, Authentication, octets_under_mac
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.mikey_ticket import (
    INITIAL,
    RESPONSE,
    TicketKeys,
    identity_of,
    label_tail,
    message_source,
    open_kemac,
    rand_of,
)
from analyzer.model.mikey_facts import KnownBy, MikeyFact
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    EncryptedSecretKey,
    Identity,
    IdentityWithRole,
    Kemac,
    KeyData,
    MikeyMessage,
    Pke,
    Rand,
    Sign,
    Ticket,
    Timestamp,
    Verification,
    parse_key_data_payloads,
)
from dissectors.grammar.mikey.registries import (
    DataType,
    EncryptionAlgorithm,
    IdRole,
    KeyDataType,
    PayloadType,
    RandRole,
)
from dissectors.grammar.secret import Secret

MAX_LEARNT_KEYS = 64
PSK_REQUESTS = frozenset({DataType.REQUEST_INIT_PSK, DataType.RESOLVE_INIT_PSK, DataType.REQUEST_KEY_PSK})
PK_REQUESTS = frozenset({DataType.REQUEST_INIT_PK, DataType.RESOLVE_INIT_PK, DataType.REQUEST_KEY_PKE})
IBAKE = frozenset({DataType.REQUEST_KEY_PSK, DataType.REQUEST_KEY_PKE, DataType.REQUEST_KEY_RESP})
# Which requests a response answers.
KMS_RESPONSES: dict[int, frozenset[int]] = {
    DataType.REQUEST_RESP: frozenset({DataType.REQUEST_INIT_PSK, DataType.REQUEST_INIT_PK}),
    DataType.RESOLVE_RESP: frozenset({DataType.RESOLVE_INIT_PSK, DataType.RESOLVE_INIT_PK}),
    DataType.REQUEST_KEY_RESP: frozenset({DataType.REQUEST_KEY_PSK, DataType.REQUEST_KEY_PKE}),
}


@dataclass(frozen=True, slots=True)
class RequestOpening(ModeOpening):
    """A request to the KMS; `keys` are those that may protect its response, the one that verified alone or first."""

    keys: tuple[Secret, ...] = ()
    bound: bool = False
    signature: SignatureCheck = NOT_SIGNED


def open_kms_request(
    octets: bytes, parsed: MikeyMessage, ring: KeyRing, candidates: Sequence[tuple[PskEntry, bool]], sender: str = ""
) -> RequestOpening:
    """Verify a request to the KMS, with the key that both share or by its signature (RFC 6043 §4.2.1, §4.2.3)."""
    if parsed.header.data_type in PK_REQUESTS:
        return _open_signed(octets, parsed, ring, sender)
    verification, keys = parsed.find(Verification), tuple(each.key for each, _ in candidates)
    if verification is None or verification.mac_algorithm not in MAC_HASHES or parsed.header.prf_function not in HASHES:
        return RequestOpening(Authentication.ABSENT, "no verification message that can be checked", keys=keys)
    covered = _covered(octets, parsed, verification)
    failed = False
    for entry, bound in candidates:
        source = request_source(entry.key, parsed, parsed, INITIAL)
        for identities in _identities(parsed):
            if mac_matches(source, verification.mac_algorithm, covered + identities, verification.mac):
                return RequestOpening(Authentication.VERIFIED, keys=(entry.key,), bound=bound)
        failed = failed or bound
    if failed:
        return RequestOpening(Authentication.FAILED, "wrong key or altered message", keys=keys, bound=True)
    return RequestOpening(Authentication.NO_KEY, "no key in the ring fits", keys=keys)


def _open_signed(octets: bytes, parsed: MikeyMessage, ring: KeyRing, sender: str) -> RequestOpening:
    pke, sign = parsed.find(Pke), parsed.find(Sign)
    keys = () if pke is None else tuple(each.key for each in iter_envelope_keys(parsed, pke, ring))
    signature = NOT_SIGNED
    if sign is not None:
        message = octets_under_mac(octets, sign, sign.signature)
        names_of_coverage = ("message and identities", "message")
        coverages = tuple(
            (name, message + each) for name, each in zip(names_of_coverage, _identities(parsed), strict=True)
        )
        stated = [each.text for each in parsed.find_all(IdentityWithRole) if each.role in _USERS]
        names = tuple(stated) or ((sender,) if sender else ())
        signature = verify_signature(octets, parsed, ring.certificate, names, coverages, 1)
    return RequestOpening(
        signature.outcome, signature.reason, defects=signature.defects, keys=keys, signature=signature
    )


_USERS = (IdRole.INITIATOR, IdRole.RESPONDER)


def open_kms_response(
    octets: bytes,
    parsed: MikeyMessage,
    first_octets: bytes,
    first: MikeyMessage,
    opening: RequestOpening,
    books: MikeyBooks,
) -> ModeOpening:
    """Verify a KMS's response, whose V covers the request too, and open what it transports (RFC 6043 §5.5).

    What it transports goes into `books`.
    """
    verification = parsed.find(Verification)
    if verification is None or verification.mac_algorithm not in MAC_HASHES or parsed.header.prf_function not in HASHES:
        return ModeOpening(Authentication.ABSENT, "no verification message that can be checked")
    covered = _covered(octets, parsed, verification)
    for key in opening.keys:
        source = request_source(key, first, parsed, RESPONSE)
        for appended in _appended(parsed, first, first_octets):
            if mac_matches(source, verification.mac_algorithm, covered + appended, verification.mac):
                return _opened(parsed, first, source, books)
    if opening.outcome is Authentication.VERIFIED and opening.keys:
        return ModeOpening(Authentication.FAILED, "altered message: the key that fits the request does not verify V")
    return ModeOpening(Authentication.NO_KEY, "no key in the ring fits")


def opens_response(parsed: MikeyMessage, first: MikeyMessage, opening: RequestOpening) -> bool:
    """Whether one of the request's keys opens what the response transports, so that it is the one they share."""
    kemac = parsed.find(Kemac)
    if kemac is None or kemac.encryption_algorithm == EncryptionAlgorithm.NULL:
        return False
    if parsed.header.prf_function not in HASHES:
        return False
    sources = (request_source(key, first, parsed, RESPONSE) for key in opening.keys)
    return any(open_kemac(source, kemac, parsed.find(Timestamp)) for source in sources)


def _opened(parsed: MikeyMessage, first: MikeyMessage, source: ProtectionKeySource, books: MikeyBooks) -> ModeOpening:
    kemac = parsed.find(Kemac)
    if kemac is None:
        return ModeOpening(Authentication.VERIFIED)
    if parsed.header.data_type in IBAKE:
        learnt = _private_keys(source, kemac, parsed)
        books.ibake.learnt.extend(learnt[: MAX_LEARNT_KEYS - len(books.ibake.learnt)])
        return ModeOpening(Authentication.VERIFIED, steps=tuple(_learnt_steps(learnt)))
    keys = open_kemac(source, kemac, parsed.find(Timestamp))
    protection = [key for key in keys if key.key_type == KeyDataType.MPK]
    ticket = parsed.find(Ticket) or first.find(Ticket)
    if not protection or ticket is None:
        return ModeOpening(Authentication.VERIFIED, "no MIKEY protection key in it")
    others = tuple(key for key in keys if key.key_type != KeyDataType.MPK)
    resolved = parsed.header.data_type == DataType.RESOLVE_RESP
    how = "the KMS gave its keys to the responder" if resolved else "the KMS gave its keys to the initiator"
    is_forked = resolved and len(protection) > 1
    books.tickets.remember(ticket, TicketKeys(protection[0].key, protection[-1].key, others, how, is_forked))
    return ModeOpening(Authentication.VERIFIED, key_data=others, steps=(MikeyFact("ticket", KnownBy.MAC, how),))


def _private_keys(source: ProtectionKeySource, kemac: Kemac, parsed: MikeyMessage) -> list[LearntKey]:
    """The private keys in KEMAC = E(encr_key, ID ‖ K_PR), each for the identity before it (RFC 6267 §4.2.1.3)."""
    clear = _clear(source, kemac, parsed)
    if clear is None:
        return []
    found: list[LearntKey] = []
    for first in (PayloadType.IDR, PayloadType.ID, PayloadType.KEY_DATA):
        content = parse_key_data_payloads(clear.reveal(), first)
        if not all(defect.code in HARMLESS for defect in content.defects):
            continue
        whose: str | None = None
        for payload in content.payloads:
            if isinstance(payload, Identity | IdentityWithRole):
                whose = payload.text
            elif isinstance(payload, KeyData) and payload.key_type == KeyDataType.K_PR:
                found.append(LearntKey(payload.key, whose))
        break
    return found


def _learnt_steps(learnt: Sequence[LearntKey]) -> Iterator[MikeyFact]:
    """That private keys were sent, never the keys."""
    if learnt:
        detail = f"{len(learnt)} of {len(learnt[0].key)} octets: who opens this reads IBAKE"
        yield MikeyFact("private key", KnownBy.MAC, detail)


def _clear(source: ProtectionKeySource, kemac: Kemac, parsed: MikeyMessage) -> Secret | None:
    timestamp = parsed.find(Timestamp)
    if kemac.encryption_algorithm not in CIPHER_OCTETS:
        return kemac.data
    return decrypt_kemac(
        source, kemac.encryption_algorithm, kemac.data, bytes(8) if timestamp is None else timestamp.as_64_bits
    )


def request_source(key: Secret, first: MikeyMessage, message: MikeyMessage, kind: int) -> ProtectionKeySource:
    """Labels of RFC 6043 §5.1.2; the IBAKE requests keep those of RFC 3830 §4.1.4 (RFC 6267 §5)."""
    if message.header.data_type in IBAKE:
        rand = first.find(Rand)
        return message_source(key, message, b"" if rand is None else rand.data)
    return message_source(
        key, message, label_tail(kind, rand_of(first, RandRole.INITIATOR), rand_of(first, RandRole.RESPONDER))
    )


def _covered(octets: bytes, parsed: MikeyMessage, verification: Verification) -> bytes:
    """The message without its MAC and, in IBAKE, without ESK (RFC 6043 §5.5, RFC 6267 §5.4)."""
    covered = octets_under_mac(octets, verification, verification.mac)
    for secret_key in parsed.find_all(EncryptedSecretKey):
        covered = covered[: secret_key.offset] + covered[secret_key.offset + secret_key.length :]
    return covered


def _identities(parsed: MikeyMessage) -> Iterator[bytes]:
    """Identity of the user ‖ identity of the KMS, as stated; those left out are empty."""
    yield identity_of(parsed, IdRole.INITIATOR, IdRole.RESPONDER) + identity_of(parsed, IdRole.KMS)
    yield b""


def _appended(parsed: MikeyMessage, first: MikeyMessage, first_octets: bytes) -> Iterator[bytes]:
    """What V of a response covers behind the message: the whole request, or in IBAKE the identities."""
    if parsed.header.data_type in IBAKE:
        yield from _identities(parsed)
        yield from _identities(first)
    else:
        yield first_octets
