# SPDX-License-Identifier: GPL-2.0-only
"""Updates of a bundle in MIKEY-TICKET: the transfer once more, without ticket and RANDs (RFC 6043 §5.2).

Both messages are under the keys that protected the last message of the first transfer; either side may begin.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from analyzer.keying.mikey_protection import MAC_HASHES, ProtectionKeySource, mac_matches
from analyzer.keying.mikey_psk import Authentication, octets_under_mac
from analyzer.keying.mikey_session_keys import SessionKeySet, derive_session_keys
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.mikey_ticket import (
    GROUP_TYPES,
    NO_CSB_ID,
    SESSION,
    TicketKeys,
    identity_of,
    label_tail,
    open_kemac,
    rand_of,
)
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    Kemac,
    KeyData,
    MikeyMessage,
    SecurityPolicy,
    Ticket,
    TicketFlag,
    Timestamp,
    Verification,
)
from dissectors.grammar.mikey.registries import IdRole, RandRole
from dissectors.grammar.sip_address import bare_address

UNKNOWN_TRANSFER = "no ticket: it updates a transfer that was not opened"
UNSEEN_RESPONSE = "no response that verifies was seen to the transfer that it updates, whose own key does not verify V"
ALTERED = "altered message: the key of the transfer that it updates does not verify its V"


@dataclass(frozen=True, slots=True)
class TransferSession:
    """An opened transfer: what its last message was protected with, and what keys and RANDs it had."""

    ticket: Ticket
    keys: TicketKeys
    source: ProtectionKeySource
    first: MikeyMessage
    last: MikeyMessage
    supplied: tuple[KeyData, ...] = ()


class TransferBook:
    """The transfers of a capture set that are open, by CSB ID and parties."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[int, frozenset[str]], TransferSession] = {}

    def find(self, message: MikeyMessage, parties: Iterable[str]) -> TransferSession | None:
        """The transfer that a message between `parties` updates."""
        return self._sessions.get((message.header.csb_id, frozenset(map(bare_address, parties))))

    def remember(self, parties: Iterable[str], session: TransferSession) -> None:
        """Keep what later updates stand on."""
        self._sessions[session.first.header.csb_id, frozenset(map(bare_address, parties))] = session


@dataclass(frozen=True, slots=True)
class UpdateOpening(ModeOpening):
    """An update's TRANSFER_INIT; `session` is the transfer that it updates, with the keys that it brings.

    `source` has the keys of that transfer, also where they don't verify this message.
    """

    session: TransferSession | None = None
    source: ProtectionKeySource | None = None


def open_transfer_update(
    octets: bytes, parsed: MikeyMessage, session: TransferSession | None, parties: tuple[str, str]
) -> UpdateOpening:
    """A TRANSFER_INIT without ticket: V verified under the transfer's keys, new keys taken (RFC 6043 §5.2)."""
    verification = parsed.find(Verification)
    if session is None:
        return UpdateOpening(Authentication.UNSUPPORTED, UNKNOWN_TRANSFER)
    if verification is None or verification.mac_algorithm not in MAC_HASHES:
        reason = "no verification message that can be checked"
        return UpdateOpening(Authentication.ABSENT, reason, source=session.source)
    covered = octets_under_mac(octets, verification, verification.mac)
    if not any(
        mac_matches(session.source, verification.mac_algorithm, covered + names, verification.mac)
        for names in dict.fromkeys(_identities(parsed, parties))
    ):
        if session.last is session.first and session.ticket.flags & TicketFlag.F:
            return UpdateOpening(Authentication.NO_KEY, UNSEEN_RESPONSE, source=session.source)
        return UpdateOpening(Authentication.FAILED, ALTERED, source=session.source)
    supplied = _supplied(parsed, session)
    session = replace(session, supplied=supplied or session.supplied)
    return _opened(session, parsed, ())


def check_update_response(
    octets: bytes, parsed: MikeyMessage, first_octets: bytes, first: MikeyMessage, opening: UpdateOpening
) -> UpdateOpening:
    """An update's TRANSFER_RESP, whose V covers the whole TRANSFER_INIT too (RFC 6043 §5.5)."""
    session, verification = opening.session, parsed.find(Verification)
    if session is None:
        return UpdateOpening(Authentication.NO_KEY, opening.reason)
    if verification is None or verification.mac_algorithm not in MAC_HASHES:
        return UpdateOpening(Authentication.ABSENT, "no verification message")
    covered = octets_under_mac(octets, verification, verification.mac) + first_octets
    if not mac_matches(session.source, verification.mac_algorithm, covered, verification.mac):
        return UpdateOpening(Authentication.FAILED, ALTERED)
    supplied = _supplied(parsed, session)
    return _opened(replace(session, supplied=session.supplied + supplied), parsed, (first,))


def _identities(parsed: MikeyMessage, parties: tuple[str, str]) -> Iterator[bytes]:
    """Identity_i ‖ Identity_r as stated, in either order, because either side may begin; else the SIP parties'."""
    stated = identity_of(parsed, IdRole.INITIATOR), identity_of(parsed, IdRole.RESPONDER)
    named = [each or party.encode() for each, party in zip(stated, parties, strict=True)]
    yield b"".join(stated)
    yield b"".join(reversed(stated))
    yield b"".join(named)
    yield b"".join(reversed(named))


def _supplied(parsed: MikeyMessage, session: TransferSession) -> tuple[KeyData, ...]:
    kemac = parsed.find(Kemac)
    return () if kemac is None else open_kemac(session.source, kemac, parsed.find(Timestamp))


def _opened(session: TransferSession, parsed: MikeyMessage, before: Sequence[MikeyMessage]) -> UpdateOpening:
    derived = _derive(session, parsed, before)
    keys = session.supplied or session.keys.keys
    return UpdateOpening(
        Authentication.VERIFIED,
        "",
        keys,
        derived.keys,
        derived.alternates,
        defects=derived.defects,
        session=session,
        source=session.source,
    )


def _derive(session: TransferSession, parsed: MikeyMessage, before: Sequence[MikeyMessage]) -> SessionKeySet:
    """SRTP keys under the RANDs of the first transfer; map and policies of the update where it has any."""
    flags = session.ticket.flags
    rand_i = rand_of(session.first, RandRole.INITIATOR) if flags & TicketFlag.H else b""
    rand_r = rand_of(session.last, RandRole.RESPONDER) if flags & TicketFlag.G else b""
    messages = (parsed, *before, session.last, session.first)
    header = next((each.header for each in messages if each.header.crypto_sessions), parsed.header)
    policies = next((found for each in messages if (found := each.find_all(SecurityPolicy))), ())
    message = MikeyMessage(replace(header, csb_id=NO_CSB_ID), policies)
    keys = session.supplied or session.keys.keys
    usable = [replace(key, key_type=GROUP_TYPES.get(key.key_type, key.key_type)) for key in keys]
    return derive_session_keys(message, usable, label_tail(SESSION, rand_i, rand_r))
