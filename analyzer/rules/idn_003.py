# SPDX-License-Identifier: GPL-2.0-only
"""IDN-003: an offer of DTLS-SRTP comes without an identity that vouches for its media keys."""

from analyzer.model.call import Side
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

MEDIA_SECURITY = "msec"  # the PASSporT extension (RFC 8862 §4)


def _check_line(facts: LineFacts) -> Result:
    offer = facts.line.offer
    if offer is None:
        return unknown("offer", "The offer was not seen.", facts.refs)
    if offer.media.attribute("fingerprint") is None and offer.body.session.attribute("fingerprint") is None:
        return not_applicable("No fingerprint was offered.")
    refs = (offer.body.message.ref,)
    offered = [one for one in facts.keying.passports if one.side is Side.OFFERER]
    if any(one.extension == MEDIA_SECURITY for one in offered):
        return passed("The offer comes with an identity for its media keys.", refs)
    what = "an identity of another kind" if offered else "no identity"
    return failed(f"Fingerprints were offered with {what}.", refs, ("a network that was not trusted may remove it",))


RULE = Rule(
    id="IDN-003",
    title="No identity for the media keys",
    citation="RFC 8862 §4, §8",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.OFFER,),
    remediation="Let the authentication service sign offers with fingerprints (ppt=msec), and let it pass end to end.",
    meaning=Meaning(
        passes="Fingerprints were offered with an Identity whose ppt is msec.",
        fails="Fingerprints were offered without Identity, or with one of another kind.",
        unknown="The offer was not seen.",
        not_applicable="No fingerprint was offered.",
    ),
    check_line=_check_line,
)
