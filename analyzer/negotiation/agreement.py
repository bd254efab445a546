# SPDX-License-Identifier: GPL-2.0-only
"""Whether what a side says of its list agrees: carriers, messages, tries, and the echo in the answer."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from analyzer.model.call import Call, LinkKind, MediaLine, Resolution, Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence
from analyzer.model.legs import LegChange
from analyzer.model.negotiation import CapabilityKind, Carrier, Negotiation, Preference
from analyzer.negotiation.carriers.mikey_lines import select_messages
from analyzer.negotiation.echoes import Echo, read_echoes
from analyzer.negotiation.precedence import ELSEWHERE
from analyzer.negotiation.selection import Priorities

MESSAGES_DIFFER = "priority-lists-differ"
TRIES = {LinkKind.RETRY_OF: "The call that was refused before", LinkKind.REDIRECT_OF: "The call that was redirected"}
LIST_CHANGES = {
    LegChange.LINES_REMOVED: "this one lacks",
    LegChange.LINES_ADDED: "only this one has",
    LegChange.LINES_REORDERED: "this one has the order",
}
UNORDERED = ELSEWHERE | {Carrier.MIKEY_ERROR}


class Disagreement(NamedTuple):
    """Two statements of one list that differ; `proved` says that a verified MAC vouches for what was echoed."""

    explanation: str
    refs: tuple[FrameRef, ...]
    proved: bool = False


def find_contradictions(negotiation: Negotiation, refs: tuple[FrameRef, ...]) -> Iterator[Disagreement]:
    """Within one offer or answer: messages with different lists, and carriers that contradict each other in order."""
    if any(defect.code == MESSAGES_DIFFER for defect in negotiation.defects):
        yield Disagreement("The messages of one offer or answer carry different lists.", refs)
    for side, preferences in (
        ("offerer", negotiation.offer_preferences),
        ("answerer", negotiation.answer_preferences or ()),
    ):
        for kind in CapabilityKind:
            by_carrier = _by_carrier(one for one in preferences if one.kind is kind)
            for (one, first), (other, second) in combinations(by_carrier.items(), 2):
                pair = _opposed(first, second)
                if pair is not None:
                    text = f"The {side}'s {one} puts {pair[0]} before {pair[1]}, and its {other} the other way round."
                    yield Disagreement(text, refs)


def _by_carrier(preferences: Iterable[Preference]) -> dict[Carrier, dict[str, int]]:
    found: dict[Carrier, dict[str, int]] = {}
    for one in preferences:
        if one.priority is not None and one.carrier not in UNORDERED:
            found.setdefault(one.carrier, {}).setdefault(one.name, one.priority)
    return found


def _opposed(first: Priorities, second: Priorities) -> tuple[str, str] | None:
    """Two capabilities that one list puts in the opposite order of the other."""
    common = [name for name in first if name in second]
    for one, other in combinations(common, 2):
        a, b, c, d = first[one], first[other], second[one], second[other]
        if a is not None and b is not None and c is not None and d is not None and (a - b) * (c - d) < 0:
            return (one, other) if a < b else (other, one)
    return None


def line_echoes(messages: Sequence[MikeyEvidence]) -> tuple[Echo, ...]:
    """The echoes in the answer to one media line."""
    return read_echoes(select_messages(messages, Side.OFFERER), select_messages(messages, Side.ANSWERER))


def find_false_echoes(echoes: Iterable[Echo]) -> Iterator[Disagreement]:
    """Echoes of a list that the offer, as it was seen, does not carry."""
    for echo in echoes:
        if not echo.matches:
            text = "The answer echoes another list than the one that was seen: it was altered between here and there."
            yield Disagreement(text, (echo.ref,), echo.verified is True)


def find_changed_retry(
    earlier: tuple[MediaLine, Negotiation], later: tuple[MediaLine, Negotiation]
) -> Iterator[Disagreement]:
    """A list that differs from the one refused just before, unless an authenticated refusal asked for it."""
    (line, first), (retry, second) = earlier, later
    if line.exchange.resolution is not Resolution.REJECTED or line.offer is None or retry.offer is None:
        return
    if line.offer.body.party is not retry.offer.body.party:
        return
    refs = (line.offer.body.message.ref, retry.offer.body.message.ref)
    for kind in CapabilityKind:
        before, after = _order(first.offer_preferences, kind), _order(second.offer_preferences, kind)
        if after != before and not (kind is CapabilityKind.SUITE and _is_asked_for(after, second)):
            shown = f"{', '.join(before) or 'nothing'}; then {', '.join(after) or 'nothing'}"
            yield Disagreement(f"After a refusal the list of the offer is another one: {shown}.", refs)


def find_changed_leg(
    nearest: tuple[MediaLine, Negotiation], onward: tuple[MediaLine, Negotiation]
) -> Iterator[Disagreement]:
    """A list that reads otherwise between two further elements than nearest the caller."""
    (line, first), (leg, second) = nearest, onward
    between = leg.exchange.between
    if between is None or line.offer is None or leg.offer is None:
        return
    told = [("offer", line.offer, leg.offer, first.offer_preferences, second.offer_preferences)]
    if line.answer and leg.answer and first.answer_preferences and second.answer_preferences:
        told.append(("answer", line.answer, leg.answer, first.answer_preferences, second.answer_preferences))
    for what, here, there, mine, theirs in told:
        for kind in CapabilityKind:
            before, after = _order(mine, kind), _order(theirs, kind)
            if before != after:
                shown = f"{', '.join(before) or 'nothing'}; there {', '.join(after) or 'nothing'}"
                text = f"Between {between[0]} and {between[1]} the list of the {what} is another one: {shown}."
                yield Disagreement(text, (here.body.message.ref, there.body.message.ref))


def find_changed_calls(call: Call) -> Iterator[Disagreement]:
    """Offers of earlier legs, or of tries under another Call-ID, whose lists of keying lines are not this call's."""
    before = [("The leg before", leg.offer.differences) for leg in call.other_legs if leg.offer.arrives]
    before += [(TRIES[link.kind], link.differences) for link in call.links if link.kind in TRIES]
    for what, differences in before:
        for each in differences:
            if each.change in LIST_CHANGES and not each.detail.startswith("m="):
                text = f"{what} offered another list: {LIST_CHANGES[each.change]} {each.detail}."
                yield Disagreement(text, (each.there, each.here))


def is_same_offer(one: tuple[MediaLine, Negotiation], other: tuple[MediaLine, Negotiation]) -> bool:
    """Whether one party made both offers with the same lists, or the second after a refusal that accounts for it."""
    (line, first), (again, second) = one, other
    if line.offer is None or again.offer is None or line.offer.body.party is not again.offer.body.party:
        return False
    if line.exchange.resolution is Resolution.REJECTED and not any(find_changed_retry(one, other)):
        return True
    lists = first.offer_preferences, second.offer_preferences
    return all(_order(lists[0], kind) == _order(lists[1], kind) for kind in CapabilityKind)


def _is_asked_for(names: Iterable[str], negotiation: Negotiation) -> bool:
    """Whether all these stand in a refusal that is authenticated: any other may be forged to bring the offer down."""
    refusals = [one for one in negotiation.answer_preferences or () if one.carrier is Carrier.MIKEY_ERROR]
    return set(names) <= {one.name for one in refusals if one.authenticated}


def _order(preferences: Iterable[Preference], kind: CapabilityKind) -> list[str]:
    listed = [one for one in preferences if one.kind is kind]
    ordered = sorted(listed, key=lambda one: (one.priority is None, one.priority or 0))
    return list(dict.fromkeys(one.name for one in ordered))
