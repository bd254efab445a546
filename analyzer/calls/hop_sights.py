# SPDX-License-Identifier: GPL-2.0-only
"""What further hops of a transaction make of its offer and answer: the same, alike, or a session of their own."""

from collections.abc import Mapping, Sequence
from itertools import islice

from analyzer.calls.leg_differences import compare_bodies
from analyzer.calls.proposal import Proposal, other_party
from analyzer.calls.session_reader import SessionReader, shape_of
from analyzer.calls.transaction import Hop, Pair, pair_of
from analyzer.model.call import HopSight, Party, SdpBody
from dissectors.grammar.sdp import MediaDescription, SessionDescription

_BESIDE_KEYS = ("zrtp-hash", "pcfg")  # which keying, and whose, besides the lines that hold keys
MAX_HOPS = 16  # of one leg that are told of
Told = dict[str | None, set[bytes]]  # session descriptions of responses, by To tag


def read_told(hop: Hop, party: Party, sessions: SessionReader) -> Told:
    """What the responses of a hop describe; `party` made the request."""
    told: Told = {}
    for response in hop.responses:
        body = sessions.read(response, other_party(party))
        if body is not None:
            told.setdefault(response.sip.to_tag, set()).add(body.session.raw)
    return told


def contradicts(hop: Hop, told: Mapping[str | None, set[bytes]], party: Party, sessions: SessionReader) -> bool:
    """Whether somebody who answered on a hop is told of elsewhere, and never in the same octets."""
    if hop.request is None:
        return False
    return not all(told.get(tag, bodies) & bodies for tag, bodies in read_told(hop, party, sessions).items())


def further_hops(leg: Sequence[Hop]) -> list[Hop]:
    """The hops of a leg between other elements than its first, as many as are worth telling of."""
    if len(leg) < 2:
        return []
    nearest = leg[0].endpoints
    return list(islice((hop for hop in leg[1:] if hop.request is not None and hop.endpoints != nearest), MAX_HOPS))


def seen_onward(proposal: Proposal, nearest: Hop, further: Sequence[Hop], sessions: SessionReader) -> Proposal:
    """The proposal with those further hops that carried the offer's own octets, where it was made on the nearest."""
    offer = proposal.offer
    if not further or offer is None or nearest.request is not offer.message:
        return proposal
    seen = []
    for hop in further:
        if hop.request is not None and sessions.read(hop.request, offer.party) is not None:
            answer = _find_answer(proposal, (nearest, hop), sessions)
            is_answered = answer is not None or hop.final_failure() is None
            seen.append(HopSight(hop.request.ref, answer and answer.message.ref, is_answered))
    return proposal._replace(onward=tuple(seen))


def _find_answer(proposal: Proposal, hops: tuple[Hop, Hop], sessions: SessionReader) -> SdpBody | None:
    """Where the second of two hops has the answer that was seen on the first."""
    nearest, hop = hops
    if proposal.offer is None or proposal.answer is None or pair_of(proposal.answer.message) != nearest.endpoints:
        return None
    bodies = (sessions.read(response, other_party(proposal.offer.party)) for response in hop.responses)
    return next((body for body in bodies if body and body.session.raw == proposal.answer.session.raw), None)


def as_onward(proposal: Proposal, between: Pair, home: list[Proposal]) -> Proposal:
    """A proposal of a further hop; worth telling by itself where its security is not that of the hop before."""
    alike = any(
        _is_keyed_alike(proposal.offer, each.offer) and _is_keyed_alike(proposal.answer, each.answer) for each in home
    )
    return proposal._replace(hop=between, optional=proposal.optional or alike)


def alike_onward(proposal: Proposal, onward: list[Proposal]) -> Proposal:
    """A proposal with the further hops that describe it alike."""
    alike = [
        HopSight(each.offer.message.ref, each.answer and each.answer.message.ref, each.answer is not None)
        for each in onward
        if each.offer is not None and _is_keyed_alike(proposal.offer, each.offer)
        if _is_keyed_alike(proposal.answer, each.answer)
    ]
    return proposal._replace(onward=(*proposal.onward, *alike))


def _is_keyed_alike(one: SdpBody | None, other: SdpBody | None) -> bool:
    """Whether two hops say the same of media and keying; keys and fingerprints of its own make an element an end."""
    if one is None or other is None:
        return one is other
    if shape_of(one.session) != shape_of(other.session) or compare_bodies(one, other):
        return False
    return all(_told_beside(one.session, name) == _told_beside(other.session, name) for name in _BESIDE_KEYS)


def _told_beside(session: SessionDescription, name: str) -> list[str]:
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, *session.media)
    return [value for level in levels for value in level.attribute_values(name)]
