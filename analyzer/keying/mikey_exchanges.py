# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages of a call in every mode but the pre-shared key's: verified and opened with one key ring."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_bundles import Bundle, take_over
from analyzer.keying.mikey_damage import excuse
from analyzer.keying.mikey_dh import degenerate_value, open_dh_exchange, responder_value, verify_dh_message
from analyzer.keying.mikey_dhhmac import bind_dhhmac, check_dhhmac
from analyzer.keying.mikey_errors import verify_error
from analyzer.keying.mikey_facts import opened_facts
from analyzer.keying.mikey_ibake import IBAKE_MESSAGES, open_ibake_message
from analyzer.keying.mikey_kms import (
    KMS_RESPONSES,
    PK_REQUESTS,
    PSK_REQUESTS,
    RequestOpening,
    open_kms_request,
    open_kms_response,
    opens_response,
)
from analyzer.keying.mikey_marks import keyed_by, marked_by_mac, marked_by_signature
from analyzer.keying.mikey_messages import OpenedMikey, answered_by, complete_by_response, identities_of, order_keys
from analyzer.keying.mikey_pke import PkeOpening, open_pke_message, verify_pke_response
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_rsa_r import open_rsa_r_response, verify_rsa_r_request
from analyzer.keying.mikey_sakke import open_sakke_message
from analyzer.keying.mikey_session_keys import fill_responder_ssrcs
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.mikey_transfers import check_transfer, open_transfer
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.mikey.registries import DataType, name_of

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
ALTERED_REQUEST = "altered message: its key opens the response"
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
        return marked_by_signature(evidence, pke, pke.signature)
    if kind == DataType.DH_INIT:
        check = verify_dh_message(octets, message, ring.certificate, sender)
        return marked_by_signature(evidence, check, check.signature)
    if kind == DataType.RSA_R_I_MSG:
        request = verify_rsa_r_request(octets, message, ring.certificate, sender)
        return marked_by_signature(evidence, request, request.signature)
    if kind == DataType.SAKKE_MSG:
        sakke = open_sakke_message(octets, message, ring, sender, receiver)
        return marked_by_signature(evidence, sakke, sakke.signature)
    if kind == DataType.DHHMAC_INIT:
        marked, entry = check_dhhmac(evidence, None, ring.psk, (sender, receiver), rand)
        return OpenedMikey(marked, psk=entry)
    if kind == DataType.TRANSFER_INIT:
        return open_transfer(evidence, octets, message, ring, (sender, receiver), books or MikeyBooks())
    if kind in IBAKE_MESSAGES:
        ibake = open_ibake_message(octets, message, ring, (sender, receiver), (books or MikeyBooks()).ibake)
        return replace(marked_by_mac(evidence, ibake, AGREED), earlier_rand=rand)
    if kind in PSK_REQUESTS | PK_REQUESTS:
        candidates = order_keys(ring.psk, (*identities_of(message), sender, receiver))
        request_opening = open_kms_request(octets, message, ring, candidates, sender)
        if kind in PK_REQUESTS:
            return marked_by_signature(evidence, request_opening, request_opening.signature)
        return marked_by_mac(evidence, request_opening, "V verifies", bound=request_opening.bound)
    return OpenedMikey(replace(evidence, mac=MacState(None, why_shut(kind))))


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
        opening = open_rsa_r_response(octets, second, first, ring, parties[1], earlier)
        opened = marked_by_signature(response, opening, opening.signature)
        return _keyed_by_response(initiator, opening), replace(
            opened.evidence, facts=tuple(opened_facts(second, opening))
        )
    if kind == DataType.TRANSFER_RESP:
        return check_transfer(initiator, response, parties, books or MikeyBooks())
    if kind in IBAKE_MESSAGES:
        return _check_ibake(initiator, response, ring, parties, books or MikeyBooks())
    if kind in KMS_RESPONSES:
        return _check_kms_response(initiator, response, books or MikeyBooks())
    if kind == DataType.DH_RESP:
        check = verify_dh_message(octets, second, ring.certificate, parties[1], first)
        marked = marked_by_signature(response, check, check.signature).evidence
    else:
        candidates = ring.psk if initiator.psk is None else (initiator.psk,)
        proved = initiator.psk is not None
        marked, entry = check_dhhmac(response, first, candidates, parties, rand, proved=proved)
        if entry is not None and not proved:
            initiator = bind_dhhmac(initiator, entry, rand)
    marked = replace(marked, defects=marked.defects + degenerate_value(responder_value(first, second)))
    agreed = open_dh_exchange(first, second, ring.dh, rand, initiator.other_rand)
    own = initiator.opening.steps if isinstance(initiator.opening, ModeOpening) else ()
    updated = take_over(keyed_by(initiator, replace(agreed, steps=(*own, *agreed.steps))), earlier)
    return replace(updated, keys=fill_responder_ssrcs(updated.keys, second)), marked


def _check_ibake(
    initiator: OpenedMikey, response: MikeyEvidence, ring: KeyRing, parties: tuple[str, str], books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    """An R_MESSAGE, after which the keys may follow; the initiator's message keeps what it showed itself."""
    if response.message is None or response.octets is None:
        return initiator, response
    opened = open_ibake_message(response.octets, response.message, ring, parties, books.ibake)
    checked = marked_by_mac(response, opened, AGREED).evidence
    checked = replace(checked, facts=(*checked.facts, *opened.steps))
    if not opened.crypto_session_keys or initiator.opening is None:
        return initiator, checked
    return _keyed_by_response(initiator, opened), checked


def _keyed_by_response(initiator: OpenedMikey, opening: ModeOpening) -> OpenedMikey:
    """The initiator's message with the keys that its response gave; facts and defects of each stay with it."""
    own = initiator.opening.steps if isinstance(initiator.opening, ModeOpening) else ()
    return keyed_by(initiator, replace(opening, steps=own, defects=()))


def _check_kms_response(
    initiator: OpenedMikey, response: MikeyEvidence, books: MikeyBooks
) -> tuple[OpenedMikey, MikeyEvidence]:
    first, second, opening = initiator.evidence, response, initiator.opening
    if first.message is None or first.octets is None or second.message is None or second.octets is None:
        return initiator, response
    if not isinstance(opening, RequestOpening):
        return initiator, response
    opened = open_kms_response(second.octets, second.message, first.octets, first.message, opening, books)
    checked = marked_by_mac(response, opened, "V verifies", bound=opening.bound)
    facts = (*checked.evidence.facts, *opened.steps)
    fits = opened.outcome is Authentication.VERIFIED or opens_response(second.message, first.message, opening)
    if fits and opening.outcome in (Authentication.FAILED, Authentication.NO_KEY) and not first.mac.verified:
        altered = replace(first, mac=MacState(False, ALTERED_REQUEST), bound_key=True)
        initiator = replace(initiator, evidence=altered)
    return initiator, replace(checked.evidence, facts=facts)


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
        wanted = None if response.message is None else RESPONSES.get(response.message.header.data_type)
        place = None if wanted is None else answered_by(opened, response, wanted)
        if place is None:
            checked.append(_unanswered(response))
            continue
        opening = opened[place].opening
        opened[place], result = check_mode_response(opened[place], response, ring, parties, bundles[place], books)
        checked.append(excuse(opened[place].evidence, opening, result))
    return tuple(opened), tuple(checked)


def _unanswered(response: MikeyEvidence) -> MikeyEvidence:
    """A response that answers nothing that was offered, with the reason why its proof stays open."""
    message = response.message
    if message is None or message.header.data_type == DataType.PSK_VER_MSG:
        return response
    if message.header.data_type in RESPONSES:
        return replace(response, mac=MacState(None, "it answers no message of the offer"))
    return replace(response, mac=MacState(None, why_shut(message.header.data_type)))
