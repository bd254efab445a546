# SPDX-License-Identifier: GPL-2.0-only
"""Where an offer or answer was seen before and behind an element on its way, and what became of it between."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.calls.leg_differences import compare_bodies, offers_keying
from analyzer.model.call import Call, Exchange, Party, SdpBody
from analyzer.model.legs import LegDifference


class OfferOnward(NamedTuple):
    """An offer as an earlier leg or hop and a later one show it; `offer` is the later, None where it was not seen.

    `was_keyed` says whether the earlier has keying for any medium, None where that was not seen.
    """

    offer: SdpBody | None
    differences: tuple[LegDifference, ...]  # the later offer stands `here`
    was_keyed: bool | None


class AnswerOnward(NamedTuple):
    """An answer as an earlier hop and a later one show it; `answer` is the later."""

    answer: SdpBody
    differences: tuple[LegDifference, ...]  # the later answer stands `here`


def iter_offers_onward(call: Call) -> Iterator[OfferOnward]:
    """The call's offer beside that of each earlier leg, then each offer that an element of this call rewrote."""
    offer = next((exchange.offer for exchange in call.exchanges if exchange.offer is not None), None)
    for leg in call.other_legs:
        if leg.is_earlier:
            yield OfferOnward(offer, leg.differences, leg.is_keyed)
    for nearest, onward in iter_hops(call.exchanges):
        if nearest.offer is not None and onward.offer is not None:
            earlier, later, differences = _compare_hops(nearest.offer, onward.offer)
            yield OfferOnward(later, differences, offers_keying(earlier))


def iter_answers_onward(call: Call) -> Iterator[AnswerOnward]:
    """Each answer that an element of this call rewrote."""
    for nearest, onward in iter_hops(call.exchanges):
        if nearest.answer is not None and onward.answer is not None:
            yield AnswerOnward(*_compare_hops(nearest.answer, onward.answer)[1:])


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


def _compare_hops(one: SdpBody, other: SdpBody) -> tuple[SdpBody, SdpBody, tuple[LegDifference, ...]]:
    """Two hops of one message: which element had it first, its time says (the callee offers too)."""
    earlier, later = sorted((one, other), key=lambda body: body.message.timestamp_ns)
    found = compare_bodies(earlier, later)
    return earlier, later, tuple(each._replace(here=each.there, there=each.here) for each in found)
