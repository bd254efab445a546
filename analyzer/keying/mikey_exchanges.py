# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages of a call in every mode but the pre-shared key's: verified and opened with one key ring."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_bundles import Bundle, take_over
from analyzer.keying.mikey_dh import open_dh_exchange, verify_dh_message, verify_dhhmac_message
from analyzer.keying.mikey_errors import verify_error
from analyzer.keying.mikey_ibake import IBAKE_MESSAGES, open_ibake_message
from analyzer.keying.mikey_kms import (
    KMS_RESPONSES,
    PK_REQUESTS,
    PSK_REQUESTS,
    RequestOpening,
    open_kms_request,
    open_kms_response,
)
from analyzer.keying.mikey_messages import OpenedMikey, complete_by_response, identities_of, order_keys
from analyzer.keying.mikey_pke import PkeOpening, open_pke_message, verify_pke_response
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_rsa_r import open_rsa_r_response, verify_rsa_r_request
from analyzer.keying.mikey_sakke import open_sakke_message
from analyzer.keying.mikey_session_keys import fill_responder_ssrcs
from analyzer.keying.mikey_signatures import SignatureCheck
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
    ticket_defects,
)
from analyzer.keying.mikey_ticket_updates import (
    TransferSession,
    UpdateOpening,
    check_update_response,
    open_transfer_update,
)
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import IdentityWithRole, MikeyMessage, Ticket, TicketFlag
from dissectors.grammar.mikey.contents import parse_embedded_payloads, parse_ticket_data
from dissectors.grammar.mikey.registries import DataType, IdRole, RandRole, name_of

RESPONSES: dict[int, frozenset[int]] = {
    DataType.PK_VER_MSG: frozenset({DataType.PUBLIC_KEY}),
    DataType.DH_RESP: frozenset({DataType.DH_INIT}),
    DataType.DHHMAC_RESP: frozenset({DataType.DHHMAC_INIT}),
    DataType.RSA_R_R_MSG: frozenset({DataType.RSA_R_I_MSG}),
    DataType.TRANSFER_RESP: frozenset({DataType.TRANSFER_INIT}),
    DataType.R_MESSAGE_1: frozenset({DataType.I_MESSAGE_1}),
    DataType.R_MESSAGE_2: frozenset({DataType.I_MESSAGE_2}),
    **KMS_RESPONSES,
}
SIGNER_UNKNOWN = "signature verifies, but the signer is not known: nothing vouches for the certificate in the message"
BY_TICKET = "V verifies with the ticket's key"
AGREED = "V verifies with a key that follows from the points which both sides exchanged"


def why_shut(data_type: int) -> str:
    """Why a passive listener can neither verify nor open a message of that type."""
    if data_type == DataType.ERROR:
        return "an error message offers nothing: what it answers was not seen"
    return f"{name_of(DataType, data_type)} is decoded, not verified"


def open_mode_message(
    evidence: MikeyEvidence,
    ring: KeyRing,
    sender: str,
    receiver: str,
    earlier: Bundle | None,
    books: MikeyBooks | None = None,
) -> OpenedMikey:
    """Verify and open an offer's message of any mode but the pre-shared key's; parties are SIP addresses-of-record.

    `books` are what earlier exchanges left.
    """
    message, octets = evidence.message, evidence.octets
    if message is None or octets is None:
        return OpenedMikey(evidence)
    rand = None if earlier is None else earlier.rand
    kind = message.header.data_type
    if kind == DataType.PUBLIC_KEY:
        pke = open_pke_message(octets, message, ring, sender, rand)
        return _opened(evidence, pke, pke.signature)
    if kind == DataType.DH_INIT:
        check = verify_dh_message(octets, message, ring.certificate, sender)
        return _opened(evidence, check, check.signature)
    if kind == DataType.RSA_R_I_MSG:
        request = verify_rsa_r_request(octets, message, ring.certificate, sender)
        return _opened(evidence, request, request.signature)
    if kind == DataType.SAKKE_MSG:
        sakke = open_sakke_message(octets, message, ring, sender, receiver)
        return _opened(evidence, sakke, sakke.signature)
    if kind == DataType.DHHMAC_INIT:
        marked, entry = _check_dhhmac(evidence, None, ring.psk, (sender, receiver), rand)
        return OpenedMikey(marked, psk=entry)
    if kind == DataType.TRANSFER_INIT:
        return _open_transfer(evidence, octets, message, ring, (sender, receiver), books or MikeyBooks())
    if kind in IBAKE_MESSAGES:
        ibake = open_ibake_message(octets, message, ring, (sender, receiver), (books or MikeyBooks()).ibake)
        return replace(_opened_by_mac(evidence, ibake, AGREED), earlier_rand=rand)
    if kind in PSK_REQUESTS | PK_REQUESTS:
        candidates = order_keys(ring.psk, (*identities_of(message), sender, receiver))
        request_opening = open_kms_request(octets, message, ring, candidates, sender)
        if kind in PK_REQUESTS:
            return _opened(evidence, request_opening, request_opening.signature)
        return _opened_by_mac(evidence, request_opening, "V verifies", bound=request_opening.bound)
    return OpenedMikey(replace(evidence, mac=MacState(None, why_shut(kind))))


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


def _opened_by_mac(evidence: MikeyEvidence, opening: ModeOpening, how: str, *, bound: bool = False) -> OpenedMikey:
    """The message with what V showed of it."""
    message = evidence.message
    states = {Authentication.VERIFIED: MacState(True, how), Authentication.FAILED: MacState(False, opening.reason)}
    defects = () if message is None else tuple(ticket_defects(message))
    marked = replace(
        evidence,
        mac=states.get(opening.outcome, MacState(None, opening.reason)),
        bound_key=bound or opening.outcome in states,
        defects=(*evidence.defects, *opening.defects, *defects),
    )
    return OpenedMikey(marked, opening.crypto_session_keys, opening.alternate_session_keys, opening=opening)


def _opened(evidence: MikeyEvidence, opening: ModeOpening, signature: SignatureCheck) -> OpenedMikey:
    marked = replace(
        evidence,
        mac=_mac_state(opening, signature),
        bound_key=_bound(opening, signature),
        defects=evidence.defects + opening.defects,
    )
    return OpenedMikey(marked, opening.crypto_session_keys, opening.alternate_session_keys, opening=opening)


def _mac_state(opening: ModeOpening, signature: SignatureCheck) -> MacState:
    if opening.outcome is Authentication.FAILED:
        return MacState(False, opening.reason)
    if opening.outcome is not Authentication.VERIFIED:
        return MacState(None, opening.reason)
    if signature.signer is not None and not signature.trusted:
        return MacState(True, SIGNER_UNKNOWN, vouched=False)
    return MacState(True, "signature verifies")


def _bound(opening: ModeOpening, signature: SignatureCheck) -> bool:
    return opening.outcome is Authentication.FAILED or (signature.signer is not None and signature.signer.bound)


def check_mode_response(
    initiator: OpenedMikey,
    response: MikeyEvidence,
    ring: KeyRing,
    parties: tuple[str, str],
    earlier: Bundle | None,
    books: MikeyBooks | None = None,
) -> tuple[OpenedMikey, MikeyEvidence]:
    """Verify a response of any mode but the pre-shared key's; where the keys only follow from it, they are added.

    `parties` are the SIP addresses-of-record of initiator and responder.
    """
    first, second, octets = initiator.evidence.message, response.message, response.octets
    if first is None or second is None or octets is None:
        return initiator, response
    rand = None if earlier is None else earlier.rand
    kind = second.header.data_type
    if kind == DataType.PK_VER_MSG:
        return _check_pke_response(initiator, response, rand)
    if kind == DataType.RSA_R_R_MSG:
        opening = open_rsa_r_response(octets, second, first, ring, parties[1])
        opened = _opened(response, opening, opening.signature)
        return _keyed(initiator, opening), opened.evidence
    if kind == DataType.TRANSFER_RESP:
        return _check_transfer(initiator, response, parties, books or MikeyBooks())
    if kind in IBAKE_MESSAGES:
        return _check_ibake(initiator, response, ring, parties, books or MikeyBooks())
    if kind in KMS_RESPONSES:
        return _check_kms_response(initiator, response, books or MikeyBooks())
    if kind == DataType.DH_RESP:
        check = verify_dh_message(octets, second, ring.certificate, parties[1], first)
        marked = _opened(response, check, check.signature).evidence
    else:
        candidates = ring.psk if initiator.psk is None else (initiator.psk,)
        proved = initiator.psk is not None
        marked, entry = _check_dhhmac(response, first, candidates, parties, rand, proved=proved)
        if entry is not None and not proved:
            initiator = _bind_dhhmac(initiator, entry, rand)
    updated = take_over(
        _keyed(initiator, open_dh_exchange(first, second, ring.dh, rand, initiator.other_rand)), earlier
    )
    return replace(updated, keys=fill_responder_ssrcs(updated.keys, second)), marked


def _open_transfer(
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
        return _opened_by_mac(evidence, update, BY_TICKET)
    candidates = order_keys(ring.psk, (*_names_in_ticket(message), *identities_of(message)))
    transfer = open_transfer_init(octets, message, candidates, books.tickets, parties)
    if transfer.outcome is Authentication.VERIFIED and transfer.ticket_keys is not None:
        keys = transfer.ticket_keys
        tail = label_tail(INITIAL, rand_of(message, RandRole.INITIATOR), b"")
        source = message_source(keys.mpk_initiator, message, tail)
        supplied = transfer.key_data[len(keys.keys) :]
        books.transfers.remember(parties, TransferSession(ticket, keys, source, message, message, supplied))
    return _opened_by_mac(evidence, transfer, BY_TICKET)


def _check_transfer(
    initiator: OpenedMikey, response: MikeyEvidence, parties: tuple[str, str], books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    first, second, opening = initiator.evidence, response, initiator.opening
    if first.message is None or first.octets is None or second.message is None or second.octets is None:
        return initiator, response
    octets = second.octets, second.message, first.octets, first.message
    if isinstance(opening, UpdateOpening):
        update = check_update_response(*octets, opening)
        checked = _opened_by_mac(response, update, BY_TICKET)
        return (_keyed(initiator, update) if update.session is not None else initiator), checked.evidence
    if not isinstance(opening, TransferOpening):
        return initiator, response
    outcome, reason, keyed = check_transfer_response(*octets, opening)
    checked = _opened_by_mac(response, replace(keyed, outcome=outcome, reason=reason), BY_TICKET)
    if outcome is not Authentication.VERIFIED:
        return initiator, checked.evidence
    _remember_transfer(first.message, second.message, opening, keyed, parties, books)
    updated = replace(keyed, steps=opening.steps)
    return _keyed(initiator, updated), checked.evidence


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


def _check_ibake(
    initiator: OpenedMikey, response: MikeyEvidence, ring: KeyRing, parties: tuple[str, str], books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    """An R_MESSAGE, after which the keys may follow; the initiator's message keeps what it showed itself."""
    if response.message is None or response.octets is None:
        return initiator, response
    opened = open_ibake_message(response.octets, response.message, ring, parties, books.ibake)
    checked = _opened_by_mac(response, opened, AGREED).evidence
    checked = replace(checked, facts=(*checked.facts, *opened.steps))
    if not opened.crypto_session_keys or initiator.opening is None:
        return initiator, checked
    own = () if not isinstance(initiator.opening, ModeOpening) else initiator.opening.steps
    return _keyed(initiator, replace(opened, steps=own, defects=())), checked


def _check_kms_response(
    initiator: OpenedMikey, response: MikeyEvidence, books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    first, second, opening = initiator.evidence, response, initiator.opening
    if first.message is None or first.octets is None or second.message is None or second.octets is None:
        return initiator, response
    if not isinstance(opening, RequestOpening):
        return initiator, response
    opened = open_kms_response(second.octets, second.message, first.octets, first.message, opening, books)
    checked = _opened_by_mac(response, opened, "V verifies", bound=opening.bound)
    facts = (*checked.evidence.facts, *opened.steps)
    return initiator, replace(checked.evidence, facts=facts)


def _keyed(initiator: OpenedMikey, opening: ModeOpening) -> OpenedMikey:
    """The initiator's message with the keys that its response gave."""
    evidence = replace(initiator.evidence, defects=initiator.evidence.defects + opening.defects)
    return replace(
        initiator,
        evidence=evidence,
        keys=opening.crypto_session_keys,
        alternates=opening.alternate_session_keys,
        opening=opening,
    )


def _check_pke_response(
    initiator: OpenedMikey, response: MikeyEvidence, rand: bytes | None
) -> tuple[OpenedMikey, MikeyEvidence]:
    first, second, opening = initiator.evidence.message, response.message, initiator.opening
    if first is None or second is None or response.octets is None or not isinstance(opening, PkeOpening):
        return initiator, response
    initiator = complete_by_response(initiator, first, second)
    result = verify_pke_response(response.octets, second, first, opening, rand)
    states = {
        Authentication.VERIFIED: MacState(True, "V verifies with the envelope key"),
        Authentication.FAILED: MacState(False, "altered message: the envelope key of the offer does not verify V"),
    }
    state = states.get(result.outcome, MacState(None, result.reason))
    bound = result.outcome in states
    return initiator, replace(response, mac=state, bound_key=bound, defects=response.defects + result.defects)


def _check_dhhmac(
    evidence: MikeyEvidence,
    first: MikeyMessage | None,
    ring: Sequence[PskEntry],
    parties: Sequence[str],
    rand: bytes | None,
    *,
    proved: bool = False,
) -> tuple[MikeyEvidence, PskEntry | None]:
    """A DHHMAC message with what its MAC shows, and the key that verified it; `proved`: it is the call's."""
    message, octets = evidence.message, evidence.octets
    if message is None or octets is None:
        return evidence, None
    names = (*identities_of(message), *(identities_of(first) if first is not None else ()), *parties)
    failure, reason = None, "no key in the ring fits"
    for entry, named in order_keys(ring, names):
        bound = named or proved
        check = verify_dhhmac_message(octets, message, entry.key, first, rand)
        defects = evidence.defects + check.defects
        if check.outcome is Authentication.VERIFIED:
            state = MacState(True, "MAC verifies")
            if check.prf_variant is PrfVariant.LIBMIKEY:
                state = MacState(None, "the MAC is libmikey's, in which a key of this length does not count")
            return replace(evidence, mac=state, bound_key=bound, defects=defects), entry
        if check.outcome is not Authentication.FAILED:
            reason = check.reason
        elif bound and failure is None:
            why = "altered message: its key verifies the other message" if proved else check.reason
            failure = replace(evidence, mac=MacState(False, why), bound_key=True, defects=defects)
    if failure is not None:
        return failure, None
    unkeyed = verify_dhhmac_message(octets, message, None, first, rand)
    if unkeyed.outcome is not Authentication.NO_KEY:
        reason = unkeyed.reason
    return replace(evidence, mac=MacState(None, reason), defects=evidence.defects + unkeyed.defects), None


def _bind_dhhmac(initiator: OpenedMikey, entry: PskEntry, rand: bytes | None) -> OpenedMikey:
    """The initiator's message after `entry` verified its response: what it does not verify was altered."""
    marked, found = _check_dhhmac(
        replace(initiator.evidence, mac=MacState(None, "")), None, (entry,), (), rand, proved=True
    )
    return replace(initiator, evidence=replace(marked, defects=initiator.evidence.defects), psk=found)


def check_mode_responses(
    offered: Sequence[OpenedMikey],
    responses: Sequence[MikeyEvidence],
    ring: KeyRing,
    parties: tuple[str, str],
    bundles: Sequence[Bundle | None],
    books: MikeyBooks | None = None,
) -> tuple[tuple[OpenedMikey, ...], tuple[MikeyEvidence, ...]]:
    """Each response of these modes checked against the offered message that it answers, the others as they are.

    `bundles` are what each offered message updates; `parties` the SIP addresses-of-record of offerer and answerer.
    """
    opened, checked = list(offered), []
    for response in responses:
        if response.message is not None and response.message.header.data_type == DataType.ERROR:
            checked.append(verify_error(response, opened, ring, parties))
            continue
        place = _answered_by(opened, response)
        if place is None:
            checked.append(_unanswered(response))
            continue
        opened[place], result = check_mode_response(opened[place], response, ring, parties, bundles[place], books)
        checked.append(result)
    return tuple(opened), tuple(checked)


def _unanswered(response: MikeyEvidence) -> MikeyEvidence:
    """A response that answers nothing that was offered, with the reason why its proof stays open."""
    message = response.message
    if message is None or message.header.data_type == DataType.PSK_VER_MSG:
        return response
    if message.header.data_type in RESPONSES:
        return replace(response, mac=MacState(None, "it answers no message of the offer"))
    return replace(response, mac=MacState(None, why_shut(message.header.data_type)))


def _answered_by(opened: Sequence[OpenedMikey], response: MikeyEvidence) -> int | None:
    """The place of the offered message that a response of these modes answers: same bundle and mode."""
    wanted = None if response.message is None else RESPONSES.get(response.message.header.data_type)
    if wanted is None or response.message is None:
        return None
    for place, candidate in enumerate(opened):
        message = candidate.evidence.message
        if message is None or message.header.data_type not in wanted:
            continue
        if message.header.csb_id == response.message.header.csb_id:
            return place
    return None
