# SPDX-License-Identifier: GPL-2.0-only
"""PRI-006: one side's list is not the same wherever it is stated."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from analyzer.model.call import Call
from analyzer.model.evidence import FrameRef
from analyzer.model.negotiation import CapabilityKind, Preference
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.negotiation.agreement import (
    Disagreement,
    find_changed_calls,
    find_changed_leg,
    find_changed_retry,
    find_contradictions,
    find_false_echoes,
    is_same_offer,
    line_echoes,
)
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.leg_facts import iter_hops
from analyzer.rules.protection import line_refs

_GUARDS = (
    "a back-to-back user agent may offer anew what it can do itself",
    "an honest refusal that names what the responder has leads to the same retry (RFC 3830 §5.1.1)",
)


def _check_call(call: Call, media: tuple[AuditedMedia, ...]) -> Result:
    listing = [one for one in media if _has_list(one)]
    found = (*_disagreements(listing, media), *find_changed_calls(call))
    if not (listing or found):
        return not_applicable("No list put several capabilities in an order.")
    refs = tuple(dict.fromkeys(ref for one in listing for ref in line_refs(one.line)))
    if found:
        proof = Confidence.C4 if any(one.proved for one in found) else None
        cited: tuple[FrameRef, ...] = tuple(dict.fromkeys(ref for one in found for ref in one.refs))
        return failed(found[0].explanation, cited or refs, _GUARDS, proof)
    if all(map(_is_vouched_for, listing)):
        return passed("A verified MAC or signature covers each list, or the answer echoes it.", refs, Confidence.C4)
    if any(_was_seen_again(one, media) for one in listing):
        return passed("The list is the same in each try and on each leg.", refs)
    return unknown("other-leg", "Nothing vouches for the list being the one that was sent.", refs)


def _disagreements(listing: Sequence[AuditedMedia], media: Sequence[AuditedMedia]) -> Iterator[Disagreement]:
    for one in listing:
        yield from find_contradictions(one.negotiation, line_refs(one.line))
        yield from find_false_echoes(line_echoes(one.keying.mikey))
    by_index: dict[int, list[AuditedMedia]] = {}
    for one in media:
        by_index.setdefault(one.line.index, []).append(one)
    for lines in by_index.values():
        tries = [one for one in lines if one.line.exchange.between is None]
        for one, other in pairwise(tries):
            yield from find_changed_retry((one.line, one.negotiation), (other.line, other.negotiation))
        by_exchange = {one.line.exchange.number: one for one in lines}
        for nearest, onward in iter_hops([one.line.exchange for one in lines]):
            one, leg = by_exchange[nearest.number], by_exchange[onward.number]
            yield from find_changed_leg((one.line, one.negotiation), (leg.line, leg.negotiation))


def _has_list(media: AuditedMedia) -> bool:
    lists = (media.negotiation.offer_preferences, media.negotiation.answer_preferences or ())
    return any(_is_ordered(preferences, kind) for preferences in lists for kind in CapabilityKind)


def _is_ordered(preferences: Sequence[Preference], kind: CapabilityKind) -> bool:
    return len({one.name for one in preferences if one.kind is kind and one.priority is not None}) > 1


def _is_vouched_for(media: AuditedMedia) -> bool:
    """Whether each of the offer's orders stands in a carrier that is authenticated, or the answer echoes the list."""
    if any(echo.verified and echo.matches for echo in line_echoes(media.keying.mikey)):
        return True
    for kind in CapabilityKind:
        listed = [one for one in media.negotiation.offer_preferences if one.kind is kind and one.priority is not None]
        vouched = {one.name for one in listed if one.authenticated}
        if len({one.name for one in listed}) > 1 and not {one.name for one in listed} <= vouched:
            return False
    return True


def _was_seen_again(media: AuditedMedia, others: Sequence[AuditedMedia]) -> bool:
    """Whether the same party stated the same list in another exchange: a try, or the offer on a further hop."""
    return any(
        is_same_offer(*((each.line, each.negotiation) for each in sorted((media, one), key=_number)))
        for one in others
        if one.line.index == media.line.index and _number(one) != _number(media)
    )


def _number(media: AuditedMedia) -> int:
    return media.line.exchange.number


RULE = Rule(
    id="PRI-006",
    title="Priority list differs between legs, retries or carriers",
    citation="policy (compare RFC 4567 §8, RFC 3830 §5.1.2)",
    level=Level.POLICY,
    severity=Severity.CRITICAL,
    confidence=Confidence.C2,
    needs=(Need.LISTS,),
    remediation="Find the element that rewrites the list; put the list inside every message's MAC, and let the answer"
    " echo its hash.",
    meaning=Meaning(
        passes="A verified MAC covers the list, the answer echoes it, or it is the same in each try and on each leg.",
        fails="Messages, carriers, legs, tries or the echo in the answer state different lists of one side.",
        unknown="No other statement of the list was seen, and nothing vouches for it being the one that was sent.",
        not_applicable="No list put several capabilities in an order.",
    ),
    check_call=_check_call,
)
