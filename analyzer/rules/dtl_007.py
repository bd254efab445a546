# SPDX-License-Identifier: GPL-2.0-only
"""DTL-007: between two legs of one call a fingerprint or a DTLS role was changed."""

from analyzer.model.call import Call
from analyzer.model.legs import LegChange
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.leg_facts import iter_onward
from dissectors.grammar.sdp import MediaDescription, SessionDescription

_CHANGES = (LegChange.FINGERPRINT_REPLACED, LegChange.SETUP_CHANGED)
_GUARDS = ("a back-to-back user agent that ends the media has keys of its own on each side",)


def _check_call(call: Call, _media: tuple[AuditedMedia, ...]) -> Result:
    onward = list(iter_onward(call))
    if not onward:
        return not_applicable("No other leg or hop is known by which an offer or answer came.")
    changes = [each for one in onward for each in one.differences if each.change in _CHANGES]
    if changes:
        refs = tuple(dict.fromkeys(ref for each in changes for ref in (each.there, each.here)))
        what = ", ".join(dict.fromkeys(each.detail for each in changes))
        return failed(f"The leg before has another DTLS identity or role: {what}.", refs, _GUARDS)
    refs = tuple(dict.fromkeys(each.ref for each in onward if each.ref is not None))
    if all(each.body is None for each in onward):
        return unknown("offer", "Another leg is known, and what it was told on this one was not seen.", refs)
    bodies = [body for each in onward for body in (each.body, each.answers) if body is not None]
    if not any(_has_fingerprint(body.session) for body in bodies):
        return not_applicable("This leg has no fingerprint.")
    if not all(each.is_compared for each in onward):
        return unknown("other-leg", "An offer or answer with a fingerprint was seen on one leg alone.", refs)
    if any(each.change is LegChange.MEDIA_UNPAIRED for one in onward for each in one.differences):
        return unknown("media", "Several media are of one type: which is which on the leg before can't be told.", refs)
    return passed("Fingerprints and DTLS roles are those of the leg before.", refs)


def _has_fingerprint(session: SessionDescription) -> bool:
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, *session.media)
    return any(level.attribute("fingerprint") is not None for level in levels)


RULE = Rule(
    id="DTL-007",
    title="Fingerprint or DTLS role changed between two legs",
    citation="RFC 7879 §3",
    level=Level.MUST,
    severity=Severity.INFO,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING,),
    remediation="Where media is to be protected end to end, let the element between the legs pass DTLS through.",
    meaning=Meaning(
        passes="The call was seen on two legs or hops, and offer and answer have the fingerprints and roles of the one"
        " that they came from.",
        fails="A fingerprint or an a=setup of an offer or answer of this leg is not that of the leg it came from.",
        unknown="Another leg is known, and its offer or answer, or that of this leg, was not seen, or which of several"
        " media of a type are one on both can't be told.",
        not_applicable="No other leg is known, or this one has no fingerprint.",
    ),
    check_call=_check_call,
)
