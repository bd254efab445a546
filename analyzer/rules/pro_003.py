# SPDX-License-Identifier: GPL-2.0-only
"""PRO-003: a secure profile was offered and a plain one answered."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_NOT_OFFERED = not_applicable("RTP/SAVP was not offered.")
_NOT_AGREED = not_applicable("The offer was refused.")
_GUARDS = ("an element between the parties may have rewritten offer or answer: compare both of its legs",)


def _check_line(facts: LineFacts) -> Result:
    line = facts.line
    if line.offer is None:
        return unknown("signalling-unseen", "The offer was not seen.", facts.refs)
    if not protection.is_secure_profile(line.offer.media.proto):
        return _NOT_OFFERED
    if protection.is_pending(line):
        return unknown("answer", "No answer was seen.", facts.refs)
    proto = facts.agreed_proto
    if proto is None:
        return _NOT_AGREED
    if protection.is_plain_profile(proto):
        return failed("RTP/SAVP was offered, and the answer turned it into plain RTP.", facts.refs, _GUARDS)
    return passed("The answer keeps the offered security.", facts.refs)


RULE = Rule(
    id="PRO-003",
    title="Profile weakened from offer to answer",
    citation="RFC 5124 §4, RFC 3264 §6",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Refuse an offer that can't be met with 488 instead of answering another profile,"
    " and end calls whose answer weakens the profile.",
    meaning=Meaning(
        passes="A secure profile was offered and answered.",
        fails="RTP/SAVP or RTP/SAVPF was offered, and the answer accepts the line as RTP/AVP or RTP/AVPF.",
        unknown="Offer or answer was not seen.",
        not_applicable="No secure profile was offered, or the offer was refused.",
    ),
    check_line=_check_line,
)
