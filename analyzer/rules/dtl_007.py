# SPDX-License-Identifier: GPL-2.0-only
"""DTL-007: between two legs of one call a fingerprint or a DTLS role was changed."""

from analyzer.model.call import Call
from analyzer.model.legs import LegChange
from analyzer.model.outcome import Confidence, Severity
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.leg_facts import iter_answers_onward, iter_offers_onward
from dissectors.grammar.sdp import MediaDescription, SessionDescription

_CHANGES = (LegChange.FINGERPRINT_REPLACED, LegChange.SETUP_CHANGED)
_GUARDS = ("a back-to-back user agent that ends the media has keys of its own on each side",)


def _check_call(call: Call, _media: tuple[AuditedMedia, ...]) -> Result:
    onward = list(iter_offers_onward(call))
    if not onward:
        return not_applicable("No other offer of this call is known, of an earlier leg or hop.")
    offers = [each.offer for each in onward if each.offer is not None]
    if not offers:
        return unknown("offer", "An earlier leg is known, and the offer of this one was not seen.")
    answers = list(iter_answers_onward(call))
    found = [*(one.differences for one in onward), *(one.differences for one in answers)]
    changes = [each for differences in found for each in differences if each.change in _CHANGES]
    if changes:
        refs = tuple(dict.fromkeys(ref for each in changes for ref in (each.there, each.here)))
        what = ", ".join(dict.fromkeys(each.detail for each in changes))
        return failed(f"The leg before has another DTLS identity or role: {what}.", refs, _GUARDS)
    bodies = [*offers, *(one.answer for one in answers)]
    sessions = [body.session for body in bodies]
    levels: list[SessionDescription | MediaDescription] = [*sessions, *(each for one in sessions for each in one.media)]
    if all(level.attribute("fingerprint") is None for level in levels):
        return not_applicable("This leg has no fingerprint.")
    refs = tuple(dict.fromkeys(body.message.ref for body in bodies))
    return passed("Fingerprints and DTLS roles are those of the leg before.", refs)


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
        passes="The call was seen on two legs or hops, and the later has the fingerprints and roles of the earlier.",
        fails="A fingerprint or an a=setup of this leg's offer, or of a hop's answer, is not that of the leg before.",
        unknown="An earlier leg is known, and the offer of this leg was not seen.",
        not_applicable="No earlier leg is known, or this one has no fingerprint.",
    ),
    check_call=_check_call,
)
