# SPDX-License-Identifier: GPL-2.0-only
"""What became of the first offer of two legs on its way out, and of its answer on the way back."""

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.calls.leg_differences import compare_bodies, first_offer, offers_keying, turned
from analyzer.calls.proposal import other_party
from analyzer.model.call import Call, CallState, Exchange, Party, Resolution, SdpBody
from analyzer.model.legs import Passage

_ACCEPTED = (Resolution.ANSWERED, Resolution.OFFER_UNSEEN)


class Passages(NamedTuple):
    """One description as each of two legs has it, in the order in which they began."""

    earlier: Passage
    later: Passage


def pass_offers(earlier: Call, later: Call) -> Passages:
    """The first offers of two legs; those that different parties made can't be compared."""
    one, other = first_offer(earlier), first_offer(later)
    known = one or other
    return _pass(one, other, known.party if known else Party.CALLER)


def pass_answers(earlier: Call, later: Call) -> Passages | None:
    """The answers to the first offers of two legs, None where there was none to pass on."""
    one, other = _may_be_answered(earlier), _may_be_answered(later)
    if not one or not other:
        return None
    if {earlier.state, later.state} == {CallState.TRYING} and not any(each.answer for each in (*one, *other)):
        return None
    offer = first_offer(earlier) or first_offer(later)
    party = other_party(offer.party) if offer else Party.CALLEE
    goes_back = party is Party.CALLEE
    arrived = (one if goes_back else other)[-1].answer
    sent = _source_of(arrived, other if goes_back else one)
    return _pass(arrived, sent, party) if goes_back else _pass(sent, arrived, party)


def _may_be_answered(call: Call) -> list[Exchange]:
    """The exchanges of the call's first offer that were answered; where none was, those that nobody refused."""
    offer = first_offer(call)
    tried = [each for each in call.exchanges if each.between is None and _is_of(each, offer)]
    accepted = [each for each in tried if each.resolution in _ACCEPTED and each.answer is not None]
    return accepted or [each for each in tried if each.resolution in (*_ACCEPTED, Resolution.UNANSWERED)]


def _is_of(exchange: Exchange, offer: SdpBody | None) -> bool:
    """Whether an exchange is one of this offer, of which there are several where a call forks."""
    if exchange.offer is None or offer is None:
        return exchange.offer is offer
    return exchange.offer.message.ref == offer.message.ref


def _source_of(arrived: SdpBody | None, exchanges: Sequence[Exchange]) -> SdpBody | None:
    """Which of several answers was passed on: the last before it arrived."""
    answers = [each.answer for each in exchanges if each.answer is not None]
    if not answers:
        return None
    before = [each for each in answers if arrived and each.message.timestamp_ns <= arrived.message.timestamp_ns]
    return before[-1] if before else answers[0]


def _pass(earlier: SdpBody | None, later: SdpBody | None, party: Party) -> Passages:
    """What the caller describes goes from the earlier leg to the later one, what the callee does the other way."""
    goes_out = party is Party.CALLER
    source, target = (earlier, later) if goes_out else (later, earlier)
    was_keyed = None if source is None else offers_keying(source)
    if source is None or target is None or source.party is not target.party:
        left, arrived = Passage(False, False, was_keyed), Passage(True, False, was_keyed)
    else:
        found = compare_bodies(source, target)
        left, arrived = Passage(False, True, was_keyed, found), Passage(True, True, was_keyed, turned(found))
    return Passages(left, arrived) if goes_out else Passages(arrived, left)
