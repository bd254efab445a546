# SPDX-License-Identifier: GPL-2.0-only
"""KMG-009: all keying was taken out of an offer, as an earlier leg, or the endpoint's habit, shows."""

from collections.abc import Iterator

from analyzer.calls.leg_differences import keying_lines
from analyzer.model.call import Call
from analyzer.model.legs import KeyingHabit, LegChange, LegDifference
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Parameter, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.leg_facts import OfferOnward, iter_offers_onward
from analyzer.rules.protection import KEYING_ATTRIBUTES, ZRTP_HASH

HABIT = Parameter("habit_calls", 3, 1, "how many calls before, with keying in each of them, make a habit")
MOSTLY = Parameter("mostly_percent", 50, 0, "how many percent of the calls before, if more had keying, leave it open")
_HABIT_GUARDS = ("the endpoint may have been set up anew, or may speak plain RTP to some peers",)
_NO_EARLIER_LEG = not_applicable("No other offer of this call is known, of an earlier leg or hop.")
_NOTHING_KEYED = not_applicable("No earlier leg or hop offered keying.")
_KEYING = KEYING_ATTRIBUTES | {ZRTP_HASH}
_GUARDS = ("a back-to-back user agent, or the provider behind it, may speak plain RTP on its other side",)


def _check_call(
    call: Call,
    _media: tuple[AuditedMedia, ...],
    *,
    habit_calls: int = HABIT.default,
    mostly_percent: int = MOSTLY.default,
) -> Result:
    onward = list(iter_offers_onward(call))
    if not onward:
        return _judge_habits(call.lost_keying, habit_calls, mostly_percent) or _NO_EARLIER_LEG
    offers = [each.offer for each in onward if each.offer is not None]
    if not offers:
        return unknown("offer", "An earlier leg is known, and the offer of this one was not seen.")
    stripped = [each for one in onward for each in _stripped(one)]
    if stripped:
        refs = tuple(dict.fromkeys(ref for each in stripped for ref in (each.there, each.here)))
        taken = ", ".join(dict.fromkeys(each.detail for each in stripped))
        return failed(f"The leg before offered keying that this one lacks altogether: {taken}.", refs, _GUARDS)
    refs = tuple(dict.fromkeys(offer.message.ref for offer in offers))
    if any(each.was_keyed is None for each in onward):
        return unknown("offer", "An earlier leg is known, and its offer was not seen.", refs)
    if not any(each.was_keyed for each in onward):
        return _judge_habits(call.lost_keying, habit_calls, mostly_percent) or _NOTHING_KEYED
    return passed("Each medium that was keyed on the leg before, and is offered on this one, is keyed here too.", refs)


def _judge_habits(lost: tuple[KeyingHabit, ...], habit_calls: int, mostly_percent: int) -> Result | None:
    """An offer without keying, beside what its endpoint offered in the calls before; None where that tells nothing."""
    always = [each for each in lost if not each.plain and each.keyed >= habit_calls]
    if always:
        refs = tuple(dict.fromkeys(ref for each in always for ref in (each.last, each.here)))
        text = f"The endpoint offered keying in each of {always[0].keyed} calls before, and none here."
        return failed(text, refs, _HABIT_GUARDS, Confidence.C1)
    mostly = [each for each in lost if each.keyed * 100 > (each.keyed + each.plain) * mostly_percent]
    if mostly:
        keyed, total = mostly[0].keyed, mostly[0].keyed + mostly[0].plain
        text = (
            f"The endpoint offered keying in {keyed} of {total} calls before, and none here; whether that was stripped"
            " a leg nearer to it would tell."
        )
        return unknown("other-leg", text, (mostly[0].last, mostly[0].here))
    return None


def _stripped(onward: OfferOnward) -> Iterator[LegDifference]:
    """Removed lines of media that the later offer keys in no way any more."""
    if onward.offer is None:
        return
    session = onward.offer.session
    if any(session.attribute(name) is not None for name in _KEYING):
        return
    for each in onward.differences:
        media = session.media[each.media_index] if each.media_index < len(session.media) else None
        is_bare = media is None or not (keying_lines(session, media) or media.attribute(ZRTP_HASH) is not None)
        if each.change is LegChange.LINES_REMOVED and is_bare and not each.detail.startswith("m="):
            yield each


RULE = Rule(
    id="KMG-009",
    title="All keying removed from an offer",
    citation="RFC 4567 §8",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING,),
    remediation="Let the element between the legs key its other side too, or refuse calls that it can't protect;"
    " endpoints that require protection must refuse plain RTP, as no list inside a message can show that all is gone.",
    meaning=Meaning(
        passes="The call was seen on two legs or hops; the earlier keyed media, and the later keys each of them that it"
        " offers.",
        fails="An earlier leg offered keying for a medium, and the offer of this leg has none for it; or the endpoint"
        " offered keying in each of `habit_calls` or more calls before, and none here.",
        unknown="An earlier leg is known, and its offer or that of this leg was not seen; or the endpoint offered"
        " keying in more than `mostly_percent` of the calls before, and no leg nearer to it shows whether it did here.",
        not_applicable="No earlier leg of the call is known, or it offered no keying either; and the endpoint had no"
        " habit of offering keying.",
    ),
    check_call=_check_call,
    parameters=(HABIT, MOSTLY),
)
