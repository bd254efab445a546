# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages of offers and answers, checked and opened with the pre-shared keys at hand (RFC 3830)."""

from collections.abc import Sequence, Set
from dataclasses import replace

from analyzer.keying.key_mgmt_lines import NO_KEY
from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_damage import excuse
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_psk import (
    RAND_UNSEEN,
    Authentication,
    PskOpening,
    exchange_rand,
    open_psk_message,
    verify_psk_response,
)
from analyzer.keying.mikey_session_keys import (
    CryptoSessionKeys,
    derive_session_keys,
    fill_responder_ssrcs,
    take_answered_policies,
)
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Identity, IdentityWithRole, Kemac, MikeyMessage, Verification
from dissectors.grammar.mikey.registries import DataType, MacAlgorithm
from dissectors.grammar.sip_address import bare_address

PSK_OFFERS = frozenset({DataType.PRE_SHARED})


@dataclass(frozen=True, slots=True)
class OpenedMikey:
    """A MIKEY message of an offer with what opened it; `psk` is the key that verified it (or its response).

    `earlier_rand` is the RAND of the exchange that it updates (RFC 3830 §4.5); `other_rand` that of an exchange of its
    bundle where it brings one of its own and nothing in it shows which counts.
    """

    evidence: MikeyEvidence
    keys: tuple[CryptoSessionKeys, ...] = ()
    alternates: tuple[CryptoSessionKeys, ...] = ()
    psk: PskEntry | None = None
    opening: PskOpening | ModeOpening | None = None
    earlier_rand: bytes | None = None
    other_rand: bytes | None = None


def identities_of(message: MikeyMessage) -> tuple[str, ...]:
    """The identities that a message states, as text."""
    return tuple(payload.text for payload in message.payloads if isinstance(payload, Identity | IdentityWithRole))


def order_keys(ring: Sequence[PskEntry], parties: Sequence[str]) -> tuple[tuple[PskEntry, bool], ...]:
    """The ring's keys with whether each is bound to one of `parties` by its id; bound ones first."""
    named = {bare_address(party) for party in parties}
    marked = [(entry, entry.id is not None and bare_address(entry.id) in named) for entry in ring]
    return tuple(sorted(marked, key=lambda pair: not pair[1]))


def open_initiator_message(
    evidence: MikeyEvidence, ring: Sequence[PskEntry], parties: Sequence[str], earlier_rand: bytes | None = None
) -> OpenedMikey:
    """Check and open one message of an offer: the first key that verifies wins, a bound key that fails is a failure."""
    opened = _open_initiator_message(evidence, ring, parties, earlier_rand)
    return replace(opened, earlier_rand=earlier_rand)


def _open_initiator_message(
    evidence: MikeyEvidence, ring: Sequence[PskEntry], parties: Sequence[str], earlier_rand: bytes | None
) -> OpenedMikey:
    message, octets = evidence.message, evidence.octets
    if message is None or octets is None:
        return OpenedMikey(evidence)
    if message.header.data_type != DataType.PRE_SHARED:
        return OpenedMikey(replace(evidence, mac=MacState(None, "not a pre-shared key message")))
    kemac = message.find(Kemac)
    if kemac is not None and kemac.mac_algorithm == MacAlgorithm.NULL and not kemac.mac:
        tried = (
            open_psk_message(octets, message, entry.key, earlier_rand) for entry, _ in _keys(ring, message, parties)
        )
        opening = next((each for each in tried if each.key_data), None)
        opening = opening or open_psk_message(octets, message, None, earlier_rand)
        return _opened(evidence, opening, None, MacState(None, "no MAC"))
    failure: OpenedMikey | None = None
    unproved = NO_KEY
    for entry, bound in _keys(ring, message, parties):
        opening = open_psk_message(octets, message, entry.key, earlier_rand)
        if opening.mac is Authentication.VERIFIED:
            return _opened(evidence, opening, entry, _mac_state(opening), bound=bound)
        # Of several bound keys the one that opens the key data tells most: it is the right one.
        tells_more = failure is None or (bool(opening.key_data) and not _opens_keys(failure))
        if bound and tells_more and opening.mac is Authentication.FAILED:
            failure = _opened(evidence, opening, entry, MacState(False, _why_failed(opening)), bound=True)
        if bound and opening.reason.startswith(RAND_UNSEEN):
            unproved = MacState(None, RAND_UNSEEN)
    if failure is not None:
        return failure
    opening = open_psk_message(octets, message, None, earlier_rand)  # NULL-encrypted keys open without a key ring
    return _opened(evidence, opening, None, unproved)


def _keys(ring: Sequence[PskEntry], message: MikeyMessage, parties: Sequence[str]) -> tuple[tuple[PskEntry, bool], ...]:
    return order_keys(ring, (*identities_of(message), *parties))


def _opens_keys(opened: OpenedMikey) -> bool:
    return opened.opening is not None and bool(opened.opening.key_data)


def _mac_state(opening: PskOpening) -> MacState:
    """A MAC that verifies; with libmikey's PRF a key of this length does not count, so it proves nothing."""
    if opening.prf_variant is PrfVariant.LIBMIKEY:
        return MacState(None, "the MAC is libmikey's, in which a key of this length does not count")
    return MacState(True, "MAC verifies")


def _why_failed(opening: PskOpening) -> str:
    if opening.key_data:
        return "altered message: the key decrypts it, its MAC does not verify"
    return "wrong key or altered message"


def _opened(
    evidence: MikeyEvidence, opening: PskOpening, psk: PskEntry | None, mac: MacState, *, bound: bool = False
) -> OpenedMikey:
    marked = replace(evidence, mac=mac, bound_key=bound, defects=evidence.defects + opening.defects)
    return OpenedMikey(marked, opening.crypto_session_keys, opening.alternate_session_keys, psk, opening)


def check_responses(
    offered: Sequence[OpenedMikey], responses: Sequence[MikeyEvidence], ring: Sequence[PskEntry], parties: Sequence[str]
) -> tuple[tuple[OpenedMikey, ...], tuple[MikeyEvidence, ...]]:
    """Verify each response against the offered message that it answers; the pair is returned as it then stands.

    A key that verifies one message of the pair is bound to both, so a failure of the other is a failure.
    """
    opened, checked = list(offered), []
    for response in responses:
        is_answer = response.message is not None and response.message.header.data_type == DataType.PSK_VER_MSG
        place = answered_by(opened, response, PSK_OFFERS) if is_answer else None
        if place is None:
            checked.append(response)
            continue
        initiator, result = _check_response(opened[place], response, ring, parties)
        opened[place] = initiator
        checked.append(result)
    return tuple(opened), tuple(checked)


def answered_by(offered: Sequence[OpenedMikey], response: MikeyEvidence, kinds: Set[int]) -> int | None:
    """The place of the offered message that a response answers: one of these kinds with its CSB ID, else the first.

    SIP tells which offer is answered. A response with another CSB ID answers it all the same, and is not authentic:
    its V, MAC or signature covers the CSB ID, which it has to repeat (RFC 3830 §6.1).
    """
    if response.message is None:
        return None
    messages = [candidate.evidence.message for candidate in offered]
    places = [place for place, one in enumerate(messages) if one is not None and one.header.data_type in kinds]
    csb_id = response.message.header.csb_id
    for place in places:
        message = messages[place]
        if message is not None and message.header.csb_id == csb_id:
            return place
    return places[0] if places else None


def _check_response(
    initiator: OpenedMikey, response: MikeyEvidence, ring: Sequence[PskEntry], parties: Sequence[str]
) -> tuple[OpenedMikey, MikeyEvidence]:
    first, second = initiator.evidence.message, response.message
    if first is None or second is None or response.octets is None:
        return initiator, response
    initiator = complete_by_response(initiator, first, second)
    if second.find(Verification) is None:
        return initiator, replace(response, mac=MacState(None, "no verification message"))
    if initiator.psk is not None and initiator.evidence.mac.verified is not None:
        candidates: tuple[tuple[PskEntry, bool], ...] = ((initiator.psk, True),)
    else:
        candidates = order_keys(ring, (*identities_of(first), *identities_of(second), *parties))
    for entry, bound in candidates:
        result = verify_psk_response(response.octets, second, first, entry.key, initiator.earlier_rand)
        defects = response.defects + result.defects
        if result.outcome is Authentication.VERIFIED:
            verified = replace(response, mac=MacState(True, "V verifies"), bound_key=bound, defects=defects)
            return complete_by_response(_bind_by_response(initiator, entry), first, second), verified
        if bound and result.outcome is Authentication.FAILED:
            failed = MacState(False, _why_response_failed(initiator))
            checked = replace(response, mac=failed, bound_key=True, defects=defects)
            return initiator, excuse(initiator.evidence, initiator.opening, checked)
    return initiator, response


def complete_by_response(initiator: OpenedMikey, message: MikeyMessage, response: MikeyMessage) -> OpenedMikey:
    """The opened message with what the responder's map adds: the policy it takes, the SSRC it chose."""
    keys, alternates = initiator.keys, initiator.alternates
    taken = take_answered_policies(message, response)
    opening = initiator.opening
    if keys and taken is not message and opening is not None and opening.key_data:
        rand, _ = exchange_rand(message, initiator.earlier_rand)
        derived = derive_session_keys(taken, opening.key_data, rand)
        keys, alternates = derived.keys, derived.alternates
    keys, alternates = fill_responder_ssrcs(keys, response), fill_responder_ssrcs(alternates, response)
    return replace(initiator, keys=keys, alternates=alternates)


def _why_response_failed(initiator: OpenedMikey) -> str:
    if initiator.evidence.mac.verified:
        return "altered message: its key verifies the initiator's message, not this V"
    return "wrong key or altered message"


def _bind_by_response(initiator: OpenedMikey, entry: PskEntry) -> OpenedMikey:
    """The initiator's message after `entry` verified its response: unverified until now, it was altered."""
    evidence, message, octets = initiator.evidence, initiator.evidence.message, initiator.evidence.octets
    if evidence.mac.verified or message is None or octets is None:
        return initiator
    kemac = message.find(Kemac)
    if kemac is None or (kemac.mac_algorithm == MacAlgorithm.NULL and not kemac.mac):
        return replace(initiator, psk=entry)
    opening = open_psk_message(octets, message, entry.key, initiator.earlier_rand)
    failed = MacState(False, "altered message: its key verifies the response, not this MAC")
    return _opened(evidence, opening, entry, failed, bound=True)
