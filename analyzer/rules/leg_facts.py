# SPDX-License-Identifier: GPL-2.0-only
"""Where an offer or answer was seen before and behind an element on its way, and what became of it between."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.calls.leg_differences import compare_bodies, first_offer, offers_keying, turned
from analyzer.model.call import Call, Exchange, Party, Resolution, SdpBody
from analyzer.model.evidence import FrameRef
from analyzer.model.legs import LegDifference, OtherLeg


class Onward(NamedTuple):
    """An offer or answer as the leg or hop that it came from and the one it came to show it; `body` is the latter's.

    `body` is None where that was not seen. `was_keyed` says whether the former has keying for any medium, None where it
    was not seen. `answers` is the offer that an answer answers where it came to. `ref` is where that is.
    """

    body: SdpBody | None
    differences: tuple[LegDifference, ...]  # `body` stands `here`
    was_keyed: bool | None
    answers: SdpBody | None = None
    is_answer: bool = False
    is_compared: bool = True
    ref: FrameRef | None = None


def iter_onward(call: Call) -> Iterator[Onward]:
    """The offers that reached the call over an earlier leg or hop, and the answers that came back over a later one."""
    for leg in call.other_legs:
        if leg.offer.arrives:
            yield _from_leg(first_offer(call), leg)
    yield from _answers_from_legs(call)
    for nearest, onward in iter_hops(call.exchanges):
        for is_answer, one, other in ((False, nearest.offer, onward.offer), (True, nearest.answer, onward.answer)):
            if one is not None and other is not None:
                yield _between_hops(nearest, onward, is_answer=is_answer)
            elif is_answer and Resolution.UNANSWERED in (nearest.resolution, onward.resolution) and (one or other):
                yield Onward(None, (), None, nearest.offer, is_answer=True, is_compared=False)
    for exchange in call.exchanges:
        if exchange.onward:
            yield from _seen_alike(exchange)


def _from_leg(body: SdpBody | None, leg: OtherLeg) -> Onward:
    passage = leg.offer
    ref = body.message.ref if body else None
    return Onward(body, passage.differences, passage.was_keyed, is_compared=passage.is_compared, ref=ref)


def _answers_from_legs(call: Call) -> Iterator[Onward]:
    """The answer that came back: of several later legs from that which it resembles most."""
    found = [leg.answer for leg in call.other_legs if leg.answer is not None and leg.answer.arrives]
    if not found:
        return
    passage = min(found, key=lambda one: (not one.is_compared, len(one.differences)))
    offer = first_offer(call)
    exchange = next((each for each in reversed(call.exchanges) if each.offer is offer and each.answer), None)
    body = exchange.answer if exchange else None
    ref = body.message.ref if body else None
    yield Onward(body, passage.differences, passage.was_keyed, offer, True, passage.is_compared, ref)


def _between_hops(nearest: Exchange, onward: Exchange, *, is_answer: bool) -> Onward:
    """Two hops of one message: which element had it first, its time says (the callee offers too)."""
    shown = [(each.answer if is_answer else each.offer, each.offer) for each in (nearest, onward)]
    (earlier, _), (later, offer) = sorted(shown, key=lambda pair: pair[0].message.timestamp_ns if pair[0] else 0)
    if earlier is None or later is None:
        return Onward(later, (), None, offer, is_answer, is_compared=False)
    found = turned(compare_bodies(earlier, later))
    answers = offer if is_answer else None
    return Onward(later, found, offers_keying(earlier), answers, is_answer, ref=later.message.ref)


def _seen_alike(exchange: Exchange) -> Iterator[Onward]:
    """What further hops show as the nearest does."""
    for sight in exchange.onward:
        if exchange.offer is not None:
            yield Onward(exchange.offer, (), offers_keying(exchange.offer), ref=sight.offer)
        if exchange.resolution is not Resolution.ANSWERED or not sight.is_answered:
            continue
        keyed = None if exchange.answer is None else offers_keying(exchange.answer)
        is_compared = sight.answer is not None
        yield Onward(exchange.answer, (), keyed, exchange.offer, True, is_compared, sight.answer)


def iter_hops(exchanges: Sequence[Exchange]) -> Iterator[tuple[Exchange, Exchange]]:
    """Each exchange between further elements, behind that nearest the caller which it belongs to.

    That is the one of the same party's offer that began at nearly the same time: an element may count CSeqs anew, and
    an offer of the callee reaches the hop nearest the caller last.
    """
    if len(exchanges) < 2:
        return
    home: dict[Party | None, list[Exchange]] = {}
    for exchange in exchanges:
        if exchange.between is None:
            home.setdefault(_offerer(exchange), []).append(exchange)
    for exchange in exchanges:
        near = home.get(_offerer(exchange), ())
        if exchange.between is None or not near:
            continue
        place = bisect(near, exchange.start_ns, key=lambda each: each.start_ns)
        yield (
            min(near[max(place - 1, 0) : place + 1], key=lambda each: abs(each.start_ns - exchange.start_ns)),
            exchange,
        )


def _offerer(exchange: Exchange) -> Party | None:
    return exchange.offer.party if exchange.offer is not None else None
