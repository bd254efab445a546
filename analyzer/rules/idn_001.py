# SPDX-License-Identifier: GPL-2.0-only
"""IDN-001: the fingerprints that an identity vouches for are not those of the session description."""

from collections.abc import Iterator
from itertools import groupby

from analyzer.model.keying import PassportEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown, worst_of
from analyzer.rules.line_facts import LineFacts

_GUARDS = ("a back-to-back user agent that ends the media may have left an Identity that it should have removed",)


def _judge(passports: tuple[PassportEvidence, ...]) -> Result | None:
    """The tokens of one message; None where neither they nor its description speak of fingerprints."""
    refs = (passports[0].ref,)
    stated = passports[0].fingerprints
    vouching = [one for one in passports if one.media_keys is not None]
    if not vouching and not stated:
        return None
    if not vouching and not all(one.is_readable for one in passports):
        return unknown("passport", "An Identity whose claims are not in the message may vouch for fingerprints.", refs)
    if not vouching:
        return failed("The identity vouches for no fingerprint, and the session description has some.", refs, _GUARDS)
    if any(one.media_keys != stated for one in vouching):
        return failed("The identity vouches for other fingerprints than the session description has.", refs, _GUARDS)
    verified = next((one for one in vouching if one.verified), None)
    if verified is None:
        return unknown("certificate", f"The fingerprints are those of the identity; {vouching[0].how}.", refs)
    return passed(f"The identity vouches for the fingerprints: {verified.how}.", refs, Confidence.C4)


def _check_line(facts: LineFacts) -> Result:
    passports = facts.keying.passports
    if not passports:
        if facts.line.offer is None:
            return unknown("offer", "The offer was not seen.", facts.refs)
        return not_applicable("No identity came with offer or answer.")
    return worst_of(_judged(passports), not_applicable("Neither identity nor description speak of fingerprints."))


def _judged(passports: tuple[PassportEvidence, ...]) -> Iterator[Result]:
    for _, group in groupby(passports, key=lambda one: one.ref):
        result = _judge(tuple(group))
        if result is not None:
            yield result


RULE = Rule(
    id="IDN-001",
    title="Identity does not vouch for the fingerprints",
    citation="RFC 8224 §4.1, RFC 8225 §5.2.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Sign what is sent: each fingerprint of the description stands in `mky`. Where it does not, find the"
    " element that rewrote the description after it was signed.",
    meaning=Meaning(
        passes="`mky` has the fingerprints of the description, and a certificate of the key ring verifies the token.",
        fails="`mky` is missing beside fingerprints, or has others than the description.",
        unknown="The token is not whole, or no certificate at hand verifies it; or the offer was not seen.",
        not_applicable="No Identity came with offer or answer, or nothing speaks of fingerprints.",
    ),
    check_line=_check_line,
)
