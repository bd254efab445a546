# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-TICKET transfers of a call: the first one with its ticket, and the updates that stand on it (RFC 6043)."""

from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_marks import keyed_by, marked_by_mac
from analyzer.keying.mikey_messages import OpenedMikey, identities_of, order_keys
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.mikey_ticket import (
    INITIAL,
    RESPONSE,
    TransferOpening,
    check_transfer_response,
    fork_keys,
    label_tail,
    message_source,
    open_transfer_init,
    rand_of,
)
from analyzer.keying.mikey_ticket_updates import (
    TransferSession,
    UpdateOpening,
    check_update_response,
    open_transfer_update,
)
from analyzer.model.keying import MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import IdentityWithRole, MikeyMessage, Ticket, TicketFlag
from dissectors.grammar.mikey.contents import parse_embedded_payloads, parse_ticket_data
from dissectors.grammar.mikey.registries import IdRole, RandRole

BY_TICKET = "V verifies with the ticket's key"


def open_transfer(
    evidence: MikeyEvidence,
    octets: bytes,
    message: MikeyMessage,
    ring: KeyRing,
    parties: tuple[str, str],
    books: MikeyBooks,
) -> OpenedMikey:
    """A TRANSFER_INIT: with a ticket the first one, without it an update."""
    ticket = message.find(Ticket)
    if ticket is None:
        update = open_transfer_update(octets, message, books.transfers.find(message, parties), parties)
        return marked_by_mac(evidence, update, BY_TICKET)
    candidates = order_keys(ring.psk, (*_names_in_ticket(message), *identities_of(message)))
    transfer = open_transfer_init(octets, message, candidates, books.tickets, parties)
    if transfer.outcome is Authentication.VERIFIED and transfer.ticket_keys is not None:
        keys = transfer.ticket_keys
        tail = label_tail(INITIAL, rand_of(message, RandRole.INITIATOR), b"")
        source = message_source(keys.mpk_initiator, message, tail)
        supplied = transfer.key_data[len(keys.keys) :]
        books.transfers.remember(parties, TransferSession(ticket, keys, source, message, message, supplied))
    return marked_by_mac(evidence, transfer, BY_TICKET)


def check_transfer(
    initiator: OpenedMikey, response: MikeyEvidence, parties: tuple[str, str], books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    """A TRANSFER_RESP against the transfer or update that it answers, which then has its keys."""
    first, second, opening = initiator.evidence, response, initiator.opening
    if first.message is None or first.octets is None or second.message is None or second.octets is None:
        return initiator, response
    octets = second.octets, second.message, first.octets, first.message
    if isinstance(opening, UpdateOpening):
        update = check_update_response(*octets, opening)
        checked = marked_by_mac(response, update, BY_TICKET)
        if update.session is None:
            return initiator, checked.evidence
        return keyed_by(initiator, replace(update, defects=())), checked.evidence
    if not isinstance(opening, TransferOpening):
        return initiator, response
    outcome, reason, keyed = check_transfer_response(*octets, opening)
    checked = marked_by_mac(response, replace(keyed, outcome=outcome, reason=reason), BY_TICKET)
    if outcome is not Authentication.VERIFIED:
        return initiator, checked.evidence
    _remember_transfer(first.message, second.message, opening, keyed, parties, books)
    updated = replace(keyed, steps=opening.steps, defects=())
    return keyed_by(initiator, updated), checked.evidence


def _remember_transfer(
    first: MikeyMessage,
    second: MikeyMessage,
    opening: TransferOpening,
    keyed: ModeOpening,
    parties: tuple[str, str],
    books: MikeyBooks,
) -> None:
    """The transfer as its response left it: updates are under the keys of that (RFC 6043 §5.2)."""
    ticket, keys = first.find(Ticket), opening.ticket_keys
    if ticket is None or keys is None:
        return
    keys = fork_keys(ticket, keys, second)
    mpk = keys.mpk_responder if ticket.flags & TicketFlag.I else keys.mpk_initiator
    tail = label_tail(RESPONSE, rand_of(first, RandRole.INITIATOR), rand_of(second, RandRole.RESPONDER))
    supplied = keyed.key_data[len(keys.keys) :]
    session = TransferSession(ticket, keys, message_source(mpk, second, tail), first, second, supplied)
    books.transfers.remember(parties, session)


def _names_in_ticket(message: MikeyMessage) -> tuple[str, ...]:
    """Who a ticket's own data names: the protection key's owner, the KMS."""
    ticket = message.find(Ticket)
    if ticket is None:
        return ()
    try:
        parts = (
            parse_ticket_data(ticket.ticket_data).content.payloads,
            parse_embedded_payloads(ticket.tp_data).content.payloads,
        )
    except GrammarError:
        return ()
    roles = (IdRole.PRE_SHARED_KEY, IdRole.KMS)
    found = [each for part in parts for each in part if isinstance(each, IdentityWithRole) and each.role in roles]
    return tuple(each.text for each in found)
