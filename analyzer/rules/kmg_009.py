# SPDX-License-Identifier: GPL-2.0-only
"""KMG-009: all keying was taken out of an offer or answer, as another leg, or the endpoint's habit, shows."""

from collections.abc import Iterator

from analyzer.calls.keying_lines import keying_lines
from analyzer.calls.leg_differences import offers_keying
from analyzer.model.call import Call, SdpBody
from analyzer.model.legs import KeyingHabit, LegChange, LegDifference
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Parameter, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.leg_facts import Onward, iter_onward
from analyzer.rules.protection import KEYING_ATTRIBUTES, ZRTP_HASH
from dissectors.grammar.sdp import MediaDescription, SessionDescription

HABIT = Parameter("habit_calls", 3, 1, "how many calls before, with keying in each of them, make a habit")
MOSTLY = Parameter("mostly_percent", 50, 0, "how many percent of the calls before, if more had keying, leave it open")
_HABIT_GUARDS = ("the endpoint may have been set up anew, or may speak plain RTP to some peers",)
_NO_OTHER_LEG = not_applicable("No other leg or hop is known by which an offer or answer came.")
_NOTHING_KEYED = not_applicable("No offer or answer of the leg or hop before named keying.")
_KEYING = KEYING_ATTRIBUTES | {ZRTP_HASH}
_GUARDS = ("a back-to-back user agent, or the provider behind it, may speak plain RTP on its other side",)


def _check_call(
    call: Call,
    _media: tuple[AuditedMedia, ...],
    *,
    habit_calls: int = HABIT.default,
    mostly_percent: int = MOSTLY.default,
) -> Result:
    onward = list(iter_onward(call))
    offers = [each for each in onward if not each.is_answer]
    answers = [each for each in onward if each.is_answer]
    if not onward:
        return _judge_habits(call.lost_keying, habit_calls, mostly_percent) or _NO_OTHER_LEG
    stripped = [each for one in onward for each in _stripped(one)]
    if stripped:
        refs = tuple(dict.fromkeys(ref for each in stripped for ref in (each.there, each.here)))
        taken = ", ".join(dict.fromkeys(each.detail for each in stripped))
        return failed(f"The leg before named keying that this one lacks altogether: {taken}.", refs, _GUARDS)
    refs = tuple(dict.fromkeys(each.ref for each in onward if each.ref is not None))
    if offers and all(each.body is None for each in offers):
        return unknown("offer", "An earlier leg is known, and the offer of this one was not seen.")
    if any(each.was_keyed is None for each in offers):
        return unknown("offer", "An earlier leg is known, and its offer was not seen.", refs)
    if any(_may_be_stripped(each) for each in answers):
        return unknown("answer", "The answer to an offer with keying was seen on one leg alone.", refs)
    if not any(each.was_keyed for each in (*offers, *filter(_could_be_keyed, answers))):
        return _judge_habits(call.lost_keying, habit_calls, mostly_percent) or _NOTHING_KEYED
    if any(_may_lack_keys(each) for each in onward):
        return unknown("media", "Several media are of one type: which is which on the leg before can't be told.", refs)
    return passed("Each medium that was keyed on the leg before is keyed here too, or is none here.", refs)


def _may_be_stripped(answer: Onward) -> bool:
    """Whether an answer could have lost its keying unseen."""
    return not answer.is_compared and answer.was_keyed is not False and _could_be_keyed(answer)


def _could_be_keyed(answer: Onward) -> bool:
    """Whether keying was offered where an answer came to: nobody answers with keying what was offered without."""
    return answer.answers is None or offers_keying(answer.answers)


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


def _stripped(onward: Onward) -> Iterator[LegDifference]:
    """Removed lines of media that this leg keys in no way any more; of an answer, where it could have."""
    for each in onward.differences:
        is_removed = each.change is LegChange.LINES_REMOVED and not each.detail.startswith("m=")
        if is_removed and _has_no_key(onward, each.index_here):
            yield each


def _may_lack_keys(onward: Onward) -> bool:
    """Whether a medium without keying may be one that was keyed on the leg before."""
    unpaired = (each for each in onward.differences if each.change is LegChange.MEDIA_UNPAIRED)
    return any(each.index_here is not None and _has_no_key(onward, each.index_here) for each in unpaired)


def _has_no_key(onward: Onward, index: int | None) -> bool:
    """Whether a medium of this leg is keyed in no way, though it is not refused and, in an answer, could be."""
    if onward.body is None:
        return False
    session, media = onward.body.session, _media_at(onward.body, index)
    if any(session.attribute(name) is not None for name in _KEYING):
        return False
    if media is not None and (_is_keyed(session, media) or _is_refused(media)):
        return False
    return not onward.is_answer or _is_keyed_at(onward.answers, index)


def _is_keyed(session: SessionDescription, media: MediaDescription) -> bool:
    return bool(keying_lines(session, media)) or media.attribute(ZRTP_HASH) is not None


def _is_refused(media: MediaDescription) -> bool:
    """Whether a medium has port 0, and not because it shares that of another one (RFC 8843 §6)."""
    return media.port == 0 and not any(each.name == "bundle-only" for each in media.attributes)


def _media_at(body: SdpBody, index: int | None) -> MediaDescription | None:
    return None if index is None or index >= len(body.session.media) else body.session.media[index]


def _is_keyed_at(offer: SdpBody | None, index: int | None) -> bool:
    """Whether an offer keys a medium; one that was not seen may."""
    if offer is None:
        return True
    media = _media_at(offer, index)
    return media is not None and _is_keyed(offer.session, media)


RULE = Rule(
    id="KMG-009",
    title="All keying removed from an offer or answer",
    citation="RFC 4567 §8",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING,),
    remediation="Let the element between the legs key its other side too, or refuse calls that it can't protect;"
    " endpoints that require protection must refuse plain RTP, as no list inside a message can show that all is gone.",
    meaning=Meaning(
        passes="The call was seen on two legs or hops; what came to this one keys each medium that was keyed before and"
        " is not refused.",
        fails="An earlier leg offered keying for a medium, and the offer of this leg has none for it; or the answer of"
        " a later leg has keying, and none is left of it where this leg offered some; or the endpoint offered keying in"
        " each of `habit_calls` or more calls before, and none here.",
        unknown="Another leg is known, and its offer or answer, or that of this leg, was not seen, or which of several"
        " media of a type are one on both can't be told; or the endpoint"
        " offered keying in more than `mostly_percent` of the calls before, and no leg nearer to it shows whether it"
        " did here.",
        not_applicable="No other leg of the call is known, or it named no keying either; and the endpoint had no"
        " habit of offering keying.",
    ),
    check_call=_check_call,
    parameters=(HABIT, MOSTLY),
)
