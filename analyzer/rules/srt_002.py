# SPDX-License-Identifier: GPL-2.0-only
"""SRT-002: the authentication tag has another length than the suite says."""

from analyzer.model.evidence import Protection
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_NO_SRTP = not_applicable("SRTP was not agreed.")
_CLEAR = not_applicable("The packets are clear RTP and have no tag.")
_GUARDS = (
    "padding, a header extension or a codec of varying frame length can look like another tag",
    "tags that carry the rollover counter (RFC 4771) are longer",
)


def _differs(stream: StreamAudit) -> bool:
    observed, expected = stream.tag_octets, stream.expected_tag_octets
    return observed is not None and expected is not None and observed != expected


def _fits(stream: StreamAudit) -> bool:
    """The tag was measured and is right, or packets authenticate with it at its length."""
    if stream.tag_octets is not None and stream.expected_tag_octets is not None:
        return stream.tag_octets == stream.expected_tag_octets
    return stream.authenticated > 0 and stream.failed == 0


def _judge(streams: tuple[StreamAudit, ...]) -> Result:
    wrong = tuple(stream for stream in streams if stream.protection is not Protection.RTP and _differs(stream))
    if wrong:
        first = wrong[0]
        return failed(
            f"The sizes show a tag of {first.tag_octets} octets; the suite has {first.expected_tag_octets}.",
            protection.stream_refs(wrong),
            _GUARDS,
        )
    if streams and all(stream.clear for stream in streams):
        return _CLEAR
    if streams and all(stream.clear or _fits(stream) for stream in streams):
        return passed("The tag has the length that the suite says.", protection.stream_refs(streams))
    return unknown("tag-length", "The length of the tag can't be measured, or the suite is not known.")


def _check_line(facts: LineFacts) -> Result:
    expected = facts.expects_srtp
    if expected is None:
        return unknown("answer", "SRTP was offered; no answer was seen.", facts.refs)
    if not expected and not facts.was_tried:
        return _NO_SRTP
    if facts.is_without_media:
        return _NO_SRTP
    return _judge(facts.streams)


def _check_stream(audit: StreamAudit) -> Result | None:
    return _judge((audit,)) if protection.was_tried(audit) else None


RULE = Rule(
    id="SRT-002",
    title="Tag length differs from the suite",
    citation="RFC 3711 §4.2",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C2,
    needs=(Need.ANSWER, Need.MEDIA),
    remediation="Align the suite that the signalling names with the one that the media engine uses.",
    meaning=Meaning(
        passes="The tag on the wire has the length of the chosen suite's.",
        fails="The sizes of the packets show a tag of another length.",
        unknown="No media was seen, the suite is not known, or the codec lets nobody measure the tag.",
        not_applicable="SRTP was not agreed, or the packets are clear.",
    ),
    check_line=_check_line,
    check_stream=_check_stream,
)
