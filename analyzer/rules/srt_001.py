# SPDX-License-Identifier: GPL-2.0-only
"""SRT-001: clear RTP where SRTP was agreed."""

from analyzer.model.evidence import Protection
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.unseen import check_bare_call, signalling_unseen
from analyzer.rules.wire import expected_directions, seen_directions

_NO_SRTP = not_applicable("RTP/SAVP was not agreed.")
_NO_MEDIA = not_applicable("Nothing was agreed and nothing flowed.")
_GUARDS = ("comfort noise or test tones were told apart only as far as the codec is known",)


def _clear(streams: tuple[StreamAudit, ...], what: str) -> Result:
    count = sum(stream.clear for stream in streams)
    return failed(f"{count} packet(s) are clear RTP{what}.", protection.clear_refs(streams), _GUARDS)


def _check_unseen(streams: tuple[StreamAudit, ...]) -> Result:
    if protection.is_proved_clear(streams):
        return _clear(streams, "; what was agreed was not seen")
    return signalling_unseen(protection.stream_refs(streams))


def _are_encrypted(streams: tuple[StreamAudit, ...]) -> bool:
    return bool(streams) and all(stream.protection is Protection.SRTP for stream in streams)


def _check_line(facts: LineFacts) -> Result:
    streams = facts.streams
    if facts.line.offer is None:
        return _check_unseen(streams)
    if facts.expects_srtp is None:
        return unknown("answer", "RTP/SAVP was offered; no answer was seen.", facts.refs)
    if not facts.is_agreed_secure:
        return _NO_SRTP
    if protection.is_proved_clear(streams):
        return _clear(streams, " although RTP/SAVP was agreed")
    if facts.is_without_media:
        return _NO_MEDIA
    if expected_directions(facts.line) <= seen_directions(streams) and _are_encrypted(streams):
        return passed("No stream is clear.", facts.stream_refs)
    return unknown("media", "No media was seen, or none that tells clear from encrypted.", facts.refs)


def _check_stream(audit: StreamAudit) -> Result:
    return _check_unseen((audit,))


RULE = Rule(
    id="SRT-001",
    title="Clear RTP where SRTP was agreed",
    citation="RFC 3711 §3.3, RFC 4568 §6.3.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C1,
    needs=(Need.OFFER, Need.ANSWER, Need.MEDIA),
    remediation="Find the sender that ignores what it agreed to, and make it drop media it can't protect.",
    meaning=Meaning(
        passes="Every stream of a line on which SRTP was agreed authenticates, or is plainly not clear.",
        fails="Packets sent after the answer are proved to be clear RTP.",
        unknown="Offer, answer or media was not seen, or the codec lets nobody tell clear from encrypted.",
        not_applicable="RTP/SAVP was not agreed.",
    ),
    check_line=_check_line,
    check_bare_call=check_bare_call,
    check_stream=_check_stream,
)
