# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-TICKET: the MIKEY base ticket opened with its protection key, and the transfer that it keys (RFC 6043).

A listener opens the transfer where he has the Ticket Protection Key (TPK), or where he opened the exchange with the KMS
in which the ticket was granted or resolved. Labels: §5.1, A.2; coverage of V: §5.5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_prf import HASHES, KeyConstant, derive_mikey_key, message_label
from analyzer.keying.mikey_protection import CIPHER_OCTETS, MAC_HASHES, ProtectionKeySource, decrypt_kemac, mac_matches
from analyzer.keying.mikey_psk import Authentication, octets_under_mac, read_clear_keys
from analyzer.keying.mikey_session_keys import SessionKeySet, derive_session_keys
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.mikey_facts import KnownBy, MikeyFact
from analyzer.model.mikey_time import CLOCKS
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    IdentityWithRole,
    Kemac,
    KeyData,
    MikeyMessage,
    Rand,
    RandWithRole,
    SecurityPolicy,
    Ticket,
    TicketFlag,
    Timestamp,
    TimestampWithRole,
    Verification,
)
from dissectors.grammar.mikey.contents import TicketData, parse_embedded_payloads, parse_ticket_data
from dissectors.grammar.mikey.registries import (
    EncryptionAlgorithm,
    IdRole,
    KeyDataType,
    RandRole,
    TicketType,
    TimestampRole,
)
from dissectors.grammar.secret import Secret

CLAUSE = "RFC 6043 §6.10"
NO_CSB_ID = 0xFFFFFFFF
FORKED, INITIAL, RESPONSE, SESSION, INITIATOR_DATA, TICKET_PROTECTION, MPK_PAIR = range(7)
# A group TGK is used as a TGK is.
GROUP_TYPES: dict[int, int] = {KeyDataType.GTGK: KeyDataType.TGK, KeyDataType.GTGK_SALT: KeyDataType.TGK_SALT}
FORKED_TYPES = frozenset({KeyDataType.TGK, KeyDataType.TGK_SALT})
SHUT = "its keys are in a ticket that neither a key of the ring nor an exchange with the KMS opens"
HEAD_OCTETS, COUNT_OCTETS = 7, 2


@dataclass(frozen=True, slots=True)
class TicketKeys:
    """What a ticket holds; `is_forked` says that the KMS gave responder's MPK and TGKs in their forked form."""

    mpk_initiator: Secret
    mpk_responder: Secret
    keys: tuple[KeyData, ...]
    how: str
    is_forked: bool = False


@dataclass(frozen=True, slots=True)
class TransferOpening(ModeOpening):
    """A TRANSFER_INIT as far as it opens; `ticket_keys` is None where the ticket stayed shut."""

    ticket_keys: TicketKeys | None = None


class TicketBook:
    """The tickets that are open, by their data: a ticket is granted in one exchange and used in others."""

    def __init__(self) -> None:
        self._keys: dict[bytes, TicketKeys] = {}

    def remember(self, ticket: Ticket, keys: TicketKeys) -> None:
        """Keep what a ticket holds."""
        self._keys[ticket.ticket_data] = keys

    def find(self, ticket: Ticket) -> TicketKeys | None:
        """What is known of a ticket."""
        return self._keys.get(ticket.ticket_data)


def label_tail(kind: int, *rands: bytes) -> bytes:
    """What follows the CSB ID in a label: the kind of derivation, and each RAND behind its length (RFC 6043 §5.1)."""
    return bytes((kind,)) + b"".join(bytes((len(rand) & 0xFF,)) + rand for rand in rands)


def rand_of(message: MikeyMessage, role: int) -> bytes:
    """The RANDR of that role, empty where there is none."""
    return next((each.data for each in message.find_all(RandWithRole) if each.role == role), b"")


def identity_of(message: MikeyMessage, *roles: int) -> bytes:
    """The data of the first IDR payload with one of the roles."""
    return next((each.data for role in roles for each in message.find_all(IdentityWithRole) if each.role == role), b"")


def open_base_ticket(ticket: Ticket, tpk: Secret) -> tuple[Authentication, TicketKeys | None]:
    """Verify and open a MIKEY base ticket with its protection key (RFC 6043 Appendix A)."""
    data = _read_ticket(ticket)
    if data is None or ticket.prf_function not in HASHES:
        return Authentication.UNSUPPORTED, None
    found = {type(each): each for each in data.content.payloads}
    verification, kemac, rand = found.get(Verification), found.get(Kemac), found.get(Rand)
    if not isinstance(verification, Verification) or verification.mac_algorithm not in MAC_HASHES:
        return Authentication.ABSENT, None
    if not isinstance(kemac, Kemac) or not isinstance(rand, Rand):
        return Authentication.UNSUPPORTED, None
    source = ProtectionKeySource(tpk, NO_CSB_ID, label_tail(TICKET_PROTECTION, rand.data), ticket.prf_function)
    end = 1 + HEAD_OCTETS + COUNT_OCTETS + len(ticket.tp_data) + COUNT_OCTETS + len(ticket.ticket_data)
    covered = ticket.build()[1 : end - len(verification.mac)]
    if not mac_matches(source, verification.mac_algorithm, covered, verification.mac):
        return Authentication.FAILED, None
    timestamp = found.get(Timestamp)
    keys = open_kemac(source, kemac, timestamp if isinstance(timestamp, Timestamp) else None)
    mpk = next((key for key in keys if key.key_type == KeyDataType.MPK), None)
    if mpk is None:
        return Authentication.VERIFIED, None
    pair = [_derive(mpk.key, constant, label_tail(MPK_PAIR, rand.data), ticket) for constant in _MPK_CONSTANTS]
    others = tuple(key for key in keys if key.key_type != KeyDataType.MPK)
    return Authentication.VERIFIED, TicketKeys(pair[0], pair[1], others, "the ticket's MAC verifies with its key")


_MPK_CONSTANTS = (KeyConstant.MPK_OF_INITIATOR, KeyConstant.MPK_OF_RESPONDER)


def _read_ticket(ticket: Ticket) -> TicketData | None:
    if ticket.ticket_type != TicketType.MIKEY_BASE_TICKET:
        return None
    try:
        return parse_ticket_data(ticket.ticket_data)
    except GrammarError:
        return None


def _derive(key: Secret, constant: KeyConstant, tail: bytes, ticket: Ticket) -> Secret:
    return derive_mikey_key(key, message_label(constant, NO_CSB_ID, tail), len(key), ticket.prf_function)


def open_kemac(source: ProtectionKeySource, kemac: Kemac, timestamp: Timestamp | None) -> tuple[KeyData, ...]:
    """The key data of a KEMAC whose message V authenticates; empty where it stays shut."""
    clear: Secret | None = kemac.data
    if kemac.encryption_algorithm != EncryptionAlgorithm.NULL:
        if kemac.encryption_algorithm not in CIPHER_OCTETS:
            return ()
        moment = bytes(8) if timestamp is None else timestamp.as_64_bits
        clear = decrypt_kemac(source, kemac.encryption_algorithm, kemac.data, moment)
    return () if clear is None else read_clear_keys(clear) or ()


def open_transfer_init(
    octets: bytes,
    parsed: MikeyMessage,
    candidates: Sequence[tuple[PskEntry, bool]],
    book: TicketBook,
    parties: tuple[str, str],
) -> TransferOpening:
    """Open the ticket of a TRANSFER_INIT, verify V, derive what does not wait for the response (RFC 6043 §4.2.2).

    `candidates` are ticket protection keys with whether each is bound; `parties` the SIP addresses-of-record.
    """
    ticket, verification = parsed.find(Ticket), parsed.find(Verification)
    if ticket is None:
        return TransferOpening(Authentication.UNSUPPORTED, "no ticket: it updates an exchange that was not opened")
    keys, failed = find_ticket_keys(ticket, candidates, book)
    if keys is None:
        outcome = Authentication.FAILED if failed else Authentication.NO_KEY
        return TransferOpening(outcome, "wrong key or altered ticket" if failed else SHUT)
    if verification is None or verification.mac_algorithm not in MAC_HASHES or parsed.header.prf_function not in HASHES:
        return TransferOpening(Authentication.ABSENT, "no verification message that can be checked", ticket_keys=keys)
    rand = rand_of(parsed, RandRole.INITIATOR)
    source = message_source(keys.mpk_initiator, parsed, label_tail(INITIAL, rand, b""))
    covered = _without_initiator_data(octets_under_mac(octets, verification, verification.mac), ticket)
    if not _covers(source, verification, covered, _transfer_identities(parsed, parties)):
        reason = "altered message: the ticket's key does not verify its V"
        return TransferOpening(Authentication.FAILED, reason, ticket_keys=keys)
    supplied = _supplied(parsed, source)
    waits = bool(ticket.flags & (TicketFlag.G | TicketFlag.I))
    derived = SessionKeySet() if waits else derive_ticket_keys(parsed, parsed, ticket, keys, supplied)
    return TransferOpening(
        Authentication.VERIFIED,
        key_data=(*keys.keys, *supplied),
        crypto_session_keys=derived.keys,
        alternate_session_keys=derived.alternates,
        steps=(MikeyFact("ticket", KnownBy.MAC, keys.how), *_initiator_data(ticket, keys)),
        defects=derived.defects,
        ticket_keys=keys,
    )


def find_ticket_keys(
    ticket: Ticket, candidates: Sequence[tuple[PskEntry, bool]], book: TicketBook
) -> tuple[TicketKeys | None, bool]:
    """What a ticket holds, and where it stays shut whether a bound protection key failed on it."""
    known = book.find(ticket)
    if known is not None:
        return known, False
    failed = False
    for entry, bound in candidates:
        outcome, keys = open_base_ticket(ticket, entry.key)
        if keys is not None:
            book.remember(ticket, keys)
            return keys, False
        failed = failed or (bound and outcome is Authentication.FAILED)
    return None, failed


def check_transfer_response(
    octets: bytes, parsed: MikeyMessage, first_octets: bytes, first: MikeyMessage, opening: TransferOpening
) -> tuple[Authentication, str, ModeOpening]:
    """Verify a TRANSFER_RESP, whose V covers the whole TRANSFER_INIT too, and derive the keys (RFC 6043 §4.2.2.3)."""
    ticket, verification, keys = first.find(Ticket), parsed.find(Verification), opening.ticket_keys
    if ticket is None or keys is None:
        return Authentication.NO_KEY, opening.reason or SHUT, ModeOpening(Authentication.NO_KEY)
    if verification is None or verification.mac_algorithm not in MAC_HASHES:
        return Authentication.ABSENT, "no verification message", ModeOpening(Authentication.ABSENT)
    keys = fork_keys(ticket, keys, parsed)
    rands = rand_of(first, RandRole.INITIATOR), rand_of(parsed, RandRole.RESPONDER)
    mpk = keys.mpk_responder if ticket.flags & TicketFlag.I else keys.mpk_initiator
    source = message_source(mpk, parsed, label_tail(RESPONSE, *rands))
    covered = octets_under_mac(octets, verification, verification.mac) + first_octets
    if not mac_matches(source, verification.mac_algorithm, covered, verification.mac):
        reason = "altered message: the ticket's key does not verify V"
        return Authentication.FAILED, reason, ModeOpening(Authentication.FAILED, reason)
    supplied = (*opening.key_data[len(keys.keys) :], *_supplied(parsed, source))
    derived = derive_ticket_keys(first, parsed, ticket, keys, supplied)
    opened = ModeOpening(
        Authentication.VERIFIED, "", (*keys.keys, *supplied), derived.keys, derived.alternates, defects=derived.defects
    )
    return Authentication.VERIFIED, "", opened


def fork_keys(ticket: Ticket, keys: TicketKeys, response: MikeyMessage) -> TicketKeys:
    """Responder's MPK and TGKs forked by the response's IDRr and RANDRkms, where the ticket asks for it (§5.1.1)."""
    if not ticket.flags & TicketFlag.I or keys.is_forked:
        return keys
    identity, rand = identity_of(response, IdRole.RESPONDER), rand_of(response, RandRole.KMS)
    tail = bytes((FORKED,)) + len(identity).to_bytes(2, "big") + identity + bytes((len(rand) & 0xFF,)) + rand
    forked = tuple(
        replace(key, key=_derive(key.key, KeyConstant.FORKED_TGK, tail, ticket))
        if key.key_type in FORKED_TYPES
        else key
        for key in keys.keys
    )
    mpk = _derive(keys.mpk_responder, KeyConstant.FORKED_MPK, tail, ticket)
    return replace(keys, mpk_responder=mpk, keys=forked, is_forked=True)


def derive_ticket_keys(
    first: MikeyMessage, last: MikeyMessage, ticket: Ticket, keys: TicketKeys, supplied: Sequence[KeyData]
) -> SessionKeySet:
    """SRTP keys of each crypto session of the last message's map, under the policies of both (RFC 6043 §5.1.3)."""
    rand_i = rand_of(first, RandRole.INITIATOR) if ticket.flags & TicketFlag.H else b""
    rand_r = rand_of(last, RandRole.RESPONDER) if ticket.flags & TicketFlag.G else b""
    policies = dict.fromkeys((*last.find_all(SecurityPolicy), *first.find_all(SecurityPolicy)))
    message = MikeyMessage(replace(last.header, csb_id=NO_CSB_ID), tuple(policies))
    usable = [replace(key, key_type=GROUP_TYPES.get(key.key_type, key.key_type)) for key in (*keys.keys, *supplied)]
    return derive_session_keys(message, usable, label_tail(SESSION, rand_i, rand_r))


def message_source(key: Secret, message: MikeyMessage, tail: bytes) -> ProtectionKeySource:
    """Where the protection keys of a message come from (RFC 6043 §5.1.2)."""
    return ProtectionKeySource(key, message.header.csb_id, tail, message.header.prf_function)


def _covers(
    source: ProtectionKeySource, verification: Verification, covered: bytes, identities: Iterator[bytes]
) -> bool:
    return any(
        mac_matches(source, verification.mac_algorithm, covered + each, verification.mac)
        for each in dict.fromkeys(identities)
    )


def _transfer_identities(parsed: MikeyMessage, parties: tuple[str, str]) -> Iterator[bytes]:
    """Identity_i ‖ Identity_r as stated, with the SIP parties for those that are left out."""
    stated = identity_of(parsed, IdRole.INITIATOR), identity_of(parsed, IdRole.RESPONDER)
    yield b"".join(stated)
    yield b"".join(each or party.encode() for each, party in zip(stated, parties, strict=True))


def _without_initiator_data(covered: bytes, ticket: Ticket) -> bytes:
    """V does not cover length and octets of the initiator's data, in which a copy of V stands (RFC 6043 §5.5)."""
    end = ticket.offset + ticket.length
    return covered[: end - COUNT_OCTETS - len(ticket.initiator_data)] + covered[end:]


def _supplied(parsed: MikeyMessage, source: ProtectionKeySource) -> tuple[KeyData, ...]:
    """The keys that the sender of a transfer message adds in a KEMAC of its own (RFC 6043 §5.2)."""
    kemac = parsed.find(Kemac)
    return () if kemac is None else open_kemac(source, kemac, parsed.find(Timestamp))


def _initiator_data(ticket: Ticket, keys: TicketKeys) -> Iterator[MikeyFact]:
    """Whether the initiator is the one who got the ticket: Vr in his data verifies with MPKr (RFC 6043 §6.10)."""
    if not ticket.flags & TicketFlag.I or keys.is_forked:
        return
    try:
        payloads = parse_embedded_payloads(ticket.initiator_data).content.payloads
    except GrammarError:
        return
    checks = [each for each in payloads if isinstance(each, Verification) and each.mac_algorithm in MAC_HASHES]
    if not checks or ticket.prf_function not in HASHES:
        return
    last = checks[-1]
    source = ProtectionKeySource(keys.mpk_responder, NO_CSB_ID, bytes((INITIATOR_DATA,)), ticket.prf_function)
    proved = mac_matches(source, last.mac_algorithm, ticket.initiator_data[: -len(last.mac)], last.mac)
    known = KnownBy.MAC if proved else KnownBy.CLAIMED
    yield MikeyFact("owner of the ticket", known, "" if proved else "Vr in the initiator's data does not verify")


def ticket_defects(parsed: MikeyMessage) -> Iterator[Defect]:
    """What is wrong with a ticket that no key is needed to see: its policy, its period of validity (RFC 6043 §6.10)."""
    ticket, timestamp = parsed.find(Ticket), parsed.find(Timestamp)
    if ticket is None:
        return
    try:
        payloads = parse_embedded_payloads(ticket.tp_data).content.payloads
    except GrammarError as error:
        yield Defect("ticket-policy-unreadable", ticket.offset, CLAUSE, str(error))
        return
    if timestamp is None or timestamp.timestamp_type not in CLOCKS:
        return
    for each in payloads:
        if not isinstance(each, TimestampWithRole) or each.timestamp_type not in CLOCKS:
            continue
        ahead = _seconds_ahead(each.value, timestamp.value)
        if each.role == TimestampRole.START_OF_VALIDITY and ahead > 0:
            yield Defect("ticket-not-yet-valid", ticket.offset, CLAUSE, f"for another {ahead} s when it was sent")
        if each.role == TimestampRole.END_OF_VALIDITY and ahead < 0:
            yield Defect("ticket-expired", ticket.offset, CLAUSE, f"{-ahead} s before it was sent")


def _seconds_ahead(later: bytes, earlier: bytes) -> int:
    """Seconds between two NTP times of which the nearest eras are meant (RFC 6043 §6.3)."""
    difference = (int.from_bytes(later[:4], "big") - int.from_bytes(earlier[:4], "big")) % (1 << 32)
    return difference - (1 << 32) if difference >= 1 << 31 else difference
