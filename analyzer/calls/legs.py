# SPDX-License-Identifier: GPL-2.0-only
"""Calls joined as legs of one call by what they share, where a B2BUA or SBC stands between (RFC 7092).

An identifier alone joins nothing: the later leg must also begin within seconds of the earlier one, while that lasts. An
identifier that many calls share names something else (a trunk, a company) and counts for nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.calls.leg_passages import pass_answers, pass_offers
from analyzer.model.call import Call
from analyzer.model.evidence import SignallingMessage
from analyzer.model.legs import LegEvidence, OtherLeg
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdp import MediaDescription, SessionDescription
from dissectors.grammar.sip import SipMessage
from dissectors.grammar.sip_extensions import leg_ids

SIP = "sip"
WITHIN_NS = 10_000_000_000  # from the INVITE of one leg to that of the next
MAX_LEGS = 8  # of one call: an identifier of more calls is no call's
MAX_RECENT = 256  # calls that ended last that are looked at while a capture runs
JOINS_FROM = 0.7
CONFIDENCE = {
    LegEvidence.SESSION_ID: 0.95,
    LegEvidence.CALL_ID_IN_HEADER: 0.95,
    LegEvidence.HEADER_ID: 0.8,
    LegEvidence.CSB_ID: 0.95,
    LegEvidence.SDP_ORIGIN: 0.8,
    LegEvidence.MEDIA_ADDRESS: 0.7,
}
MIN_ID = 6  # characters of an identifier that is worth comparing, of which three are digits
_SPEAKS_OF_CALLS = re.compile(
    r"p-charging-vector|user-to-user|.*(?:call|cid|guid|ucid|correlation|session|leg|icid|uuid).*"
)

Token = tuple[LegEvidence, str]


class _Leg(NamedTuple):
    call: Call
    place: int
    tokens: list[Token]

    @property
    def way(self) -> tuple[str, str]:
        """From which host to which the call went: two legs never go the same way."""
        first = self.call.messages[0]
        return first.source.rpartition(":")[0], first.destination.rpartition(":")[0]


def join_legs(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls with their other legs; linear in the number of calls."""
    names = {call.call_id for call in calls if call.protocol == SIP}
    legs = [_Leg(call, place, _tokens(call, names)) for place, call in enumerate(calls)]
    shared: dict[tuple[int, int], set[LegEvidence]] = {}
    for evidence, group in _groups(legs):
        for one, other in _pairs(group):
            shared.setdefault((one.place, other.place), set()).add(evidence)
    found: dict[int, list[OtherLeg]] = {}
    for (earlier, later), kinds in sorted(shared.items()):
        if _confidence(kinds) >= JOINS_FROM:
            there, back = _join(calls[earlier], calls[later], kinds)
            found.setdefault(earlier, []).append(there)
            found.setdefault(later, []).append(back)
    if not found:
        return tuple(calls)
    return tuple(replace(call, other_legs=tuple(found.get(place, ()))) for place, call in enumerate(calls))


class RecentLegs:
    """The calls that ended last, among which a call that ends now finds its legs; bounded memory, for live use."""

    def __init__(self, most: int = MAX_RECENT) -> None:
        self._ended: dict[str, Call] = {}
        self._most = most

    def join(self, call: Call) -> Call:
        """The call with those of its other legs that have ended; it is remembered for later ones."""
        self._ended.pop(call.call_id, None)  # it may go on and end again
        self._ended[call.call_id] = call
        if len(self._ended) > self._most:
            del self._ended[next(iter(self._ended))]
        known = sorted(self._ended.values(), key=lambda each: each.start_ns)
        return next(each for each in join_legs(known) if each.call_id == call.call_id)


def _join(first: Call, second: Call, kinds: set[LegEvidence]) -> tuple[OtherLeg, OtherLeg]:
    """The later leg as the earlier one has it, and the other way round."""
    evidence, confidence = tuple(kind for kind in LegEvidence if kind in kinds), _confidence(kinds)
    offers, answers = pass_offers(first, second), pass_answers(first, second)
    there = OtherLeg(second.call_id, False, evidence, confidence, offers.earlier, answers and answers.earlier)
    return there, OtherLeg(first.call_id, True, evidence, confidence, offers.later, answers and answers.later)


def _confidence(evidence: Iterable[LegEvidence]) -> float:
    """One minus the chance that all of it is coincidence, as if each kind were independent of the others."""
    coincidence = 1.0
    for each in evidence:
        coincidence *= 1 - CONFIDENCE[each]
    return round(1 - coincidence, 3)


def _groups(legs: Iterable[_Leg]) -> Iterator[tuple[LegEvidence, list[_Leg]]]:
    """The legs that share a token: most tokens are one leg's alone."""
    first: dict[LegEvidence, dict[str, _Leg]] = {evidence: {} for evidence in LegEvidence}
    groups: dict[Token, list[_Leg]] = {}
    for leg in legs:
        for token in leg.tokens:
            other = first[token[0]].setdefault(token[1], leg)
            if other is not leg:
                group = groups.setdefault(token, [other])
                if group[-1] is not leg:
                    group.append(leg)
    for (evidence, _), group in groups.items():
        yield evidence, group


def _pairs(group: list[_Leg]) -> list[tuple[_Leg, _Leg]]:
    """Pairs that begin close together, the earlier first; none where one identifier has too many calls at a time."""
    group.sort(key=lambda leg: (leg.call.start_ns, leg.place))
    pairs: list[tuple[_Leg, _Leg]] = []
    for number, one in enumerate(group):
        following = group[number + 1 : number + 1 + MAX_LEGS]
        near = [leg for leg in following if leg.call.start_ns <= min(one.call.start_ns + WITHIN_NS, one.call.end_ns)]
        if len(near) == MAX_LEGS:
            return []
        found = [each for each in near if each.way != one.way and each.call.call_id != one.call.call_id]
        pairs += [(each, one) if _leads_to(each, one) else (one, each) for each in found]
    return pairs


def _leads_to(leg: _Leg, other: _Leg) -> bool:
    """Whether one leg begins where the other ends, and not the other way round: clocks of two captures may differ."""
    return leg.way[1] == other.way[0] and other.way[1] != leg.way[0]


def _tokens(call: Call, names: set[str]) -> list[Token]:
    """Everything by which another leg may be found."""
    if call.protocol != SIP:
        return []
    tokens: list[Token] = []
    for message in call.messages:
        if isinstance(message, SignallingMessage) and message.sip.method == "INVITE":
            tokens.append((LegEvidence.CALL_ID_IN_HEADER, call.call_id))
            tokens += _header_tokens(message.sip, call.call_id, names)
            break
    for exchange in call.exchanges:
        if exchange.offer is not None:
            tokens += _offer_tokens(exchange.offer.session)
            break
    for line in call.media[:MAX_LEGS]:
        for side in (line.offer, line.answer):
            if side is not None and side.address is not None:
                tokens.append((LegEvidence.MEDIA_ADDRESS, side.address))
    return tokens


def _header_tokens(invite: SipMessage, own: str, names: set[str]) -> Iterator[Token]:
    for header, word in leg_ids(invite):
        if header == "session-id":
            yield LegEvidence.SESSION_ID, word
            continue
        if word in names and word != own:
            yield LegEvidence.CALL_ID_IN_HEADER, word
        if _SPEAKS_OF_CALLS.fullmatch(header) and _is_identifier(word):
            yield LegEvidence.HEADER_ID, word


def _is_identifier(word: str) -> bool:
    """Whether a word could name one call alone: parameter names and switches can't."""
    return len(word) >= MIN_ID and sum(character.isdigit() for character in word) >= 3


def _offer_tokens(session: SessionDescription) -> Iterator[Token]:
    origin = session.origin
    if origin is not None and len(origin.session_id) >= MIN_ID:
        yield LegEvidence.SDP_ORIGIN, f"{origin.username} {origin.session_id} {origin.address}"
    if b"key-mgmt" not in session.raw:
        return
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, *session.media)
    for level in levels:
        for value in level.attribute_values("key-mgmt"):
            csb_id = _csb_id(value)
            if csb_id is not None:
                yield LegEvidence.CSB_ID, f"{csb_id:08x}"


def _csb_id(value: str) -> int | None:
    """The CSB ID of the MIKEY message in a key-mgmt attribute; None where there is none that can be read."""
    try:
        attribute = parse_key_mgmt(value)
        if attribute.data is None or attribute.protocol.lower() != "mikey":
            return None
        return parse_mikey(attribute.data).header.csb_id
    except GrammarError:
        return None
