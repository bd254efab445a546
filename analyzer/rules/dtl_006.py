# SPDX-License-Identifier: GPL-2.0-only
"""DTL-006: nothing protects a fingerprint on its way."""

from analyzer.model.call import MediaSide
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.sig_002 import FROM_AGENT, PROTECTED_TRANSPORTS


def _has_fingerprint(side: MediaSide) -> bool:
    return side.media.attribute("fingerprint") is not None or side.body.session.attribute("fingerprint") is not None


def _check_line(facts: LineFacts) -> Result:
    line = facts.line
    if line.offer is None:
        return unknown("offer", "The offer was not seen.", facts.refs)
    sides = [side for side in (line.offer, line.answer) if side is not None and _has_fingerprint(side)]
    if not sides:
        return not_applicable("No fingerprint was sent.")
    signed = {one.ref for one in facts.keying.passports if one.media_keys}
    bare = [side.body.message for side in sides if side.body.message.transport not in PROTECTED_TRANSPORTS]
    bare = [message for message in bare if message.ref not in signed]
    clear = tuple(message.ref for message in bare if message.transport != FROM_AGENT)
    if clear:
        return failed("Fingerprints were sent in readable signalling that nobody signed.", clear)
    refs = tuple(side.body.message.ref for side in sides)
    if bare:
        return unknown("transport-unknown", "A capture agent does not say whether TLS protected the message.", refs)
    return passed("Fingerprints were sent inside TLS, or an identity vouches for them.", refs)


RULE = Rule(
    id="DTL-006",
    title="Fingerprint is not protected",
    citation="RFC 8862 §4, RFC 5763 §5",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Sign offers and answers (Identity with `mky`), or at the least run SIP over TLS on every hop.",
    meaning=Meaning(
        passes="Each fingerprint came inside TLS, or in a message whose Identity vouches for media keys.",
        fails="A fingerprint stands in SIP that is readable without any key, and no Identity vouches for media keys.",
        unknown="The offer was not seen, or a capture agent told of it and not whether TLS protected it.",
        not_applicable="No fingerprint was sent.",
    ),
    check_line=_check_line,
)
