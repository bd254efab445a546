# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages of a call in every mode but the pre-shared key's: verified and opened with one key ring."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.keying.mikey_bundles import Bundle, take_over
from analyzer.keying.mikey_dh import open_dh_exchange, verify_dh_message, verify_dhhmac_message
from analyzer.keying.mikey_messages import OpenedMikey, complete_by_response, identities_of, order_keys
from analyzer.keying.mikey_pke import PkeOpening, open_pke_message, verify_pke_response
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_rsa_r import open_rsa_r_response, verify_rsa_r_request
from analyzer.keying.mikey_sakke import open_sakke_message
from analyzer.keying.mikey_session_keys import fill_responder_ssrcs
from analyzer.keying.mikey_signatures import SignatureCheck
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.keying import MacState, MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.mikey import MikeyMessage
from dissectors.grammar.mikey.registries import DataType, name_of

RESPONSES: dict[int, int] = {
    DataType.PK_VER_MSG: DataType.PUBLIC_KEY,
    DataType.DH_RESP: DataType.DH_INIT,
    DataType.DHHMAC_RESP: DataType.DHHMAC_INIT,
    DataType.RSA_R_R_MSG: DataType.RSA_R_I_MSG,
}
SIGNER_UNKNOWN = "signature verifies, but the signer is not known: nothing vouches for the certificate in the message"
KMS_KEYS = "it is protected with keys that only the user and the KMS share"
TICKET_KEYS = "its keys are in a ticket that only the KMS opens"
IBAKE_KEYS = "both sides agree on an ephemeral elliptic-curve secret, which no long-term key gives away"
SHUT: dict[int, str] = {
    **dict.fromkeys((DataType.TRANSFER_INIT, DataType.TRANSFER_RESP), TICKET_KEYS),
    **dict.fromkeys(range(DataType.I_MESSAGE_1, DataType.R_MESSAGE_2 + 1), IBAKE_KEYS),
}


def why_shut(data_type: int) -> str:
    """Why a passive listener can neither verify nor open a message of that type."""
    method = MIKEY_MODES.get(data_type)
    if data_type == DataType.ERROR:
        return "an error message is decoded, not verified"
    if method in ("MIKEY-TICKET", "MIKEY-IBAKE"):
        return f"{method} is decoded, not verified: {SHUT.get(data_type, KMS_KEYS)}"
    return f"{name_of(DataType, data_type)} is decoded, not verified"


def open_mode_message(
    evidence: MikeyEvidence, ring: KeyRing, sender: str, receiver: str, earlier: Bundle | None
) -> OpenedMikey:
    """Verify and open an offer's message of any mode but the pre-shared key's; parties are SIP addresses-of-record."""
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
    return OpenedMikey(replace(evidence, mac=MacState(None, why_shut(kind))))


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
        return MacState(True, SIGNER_UNKNOWN)
    return MacState(True, "signature verifies")


def _bound(opening: ModeOpening, signature: SignatureCheck) -> bool:
    return opening.outcome is Authentication.FAILED or (signature.signer is not None and signature.signer.bound)


def check_mode_response(
    initiator: OpenedMikey,
    response: MikeyEvidence,
    ring: KeyRing,
    parties: tuple[str, str],
    earlier: Bundle | None,
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
    if kind == DataType.DH_RESP:
        check = verify_dh_message(octets, second, ring.certificate, parties[1], first)
        marked = _opened(response, check, check.signature).evidence
    else:
        candidates = ring.psk if initiator.psk is None else (initiator.psk,)
        proved = initiator.psk is not None
        marked, entry = _check_dhhmac(response, first, candidates, parties, rand, proved=proved)
        if entry is not None and not proved:
            initiator = _bind_dhhmac(initiator, entry, rand)
    updated = take_over(_keyed(initiator, open_dh_exchange(first, second, ring.dh, rand)), earlier)
    return replace(updated, keys=fill_responder_ssrcs(updated.keys, second)), marked


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
) -> tuple[tuple[OpenedMikey, ...], tuple[MikeyEvidence, ...]]:
    """Each response of these modes checked against the offered message that it answers, the others as they are.

    `bundles` are what each offered message updates; `parties` the SIP addresses-of-record of offerer and answerer.
    """
    opened, checked = list(offered), []
    for response in responses:
        place = _answered_by(opened, response)
        if place is None:
            checked.append(_unanswered(response))
            continue
        opened[place], result = check_mode_response(opened[place], response, ring, parties, bundles[place])
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
        if message is not None and (message.header.data_type, message.header.csb_id) == (
            wanted,
            response.message.header.csb_id,
        ):
            return place
    return None
