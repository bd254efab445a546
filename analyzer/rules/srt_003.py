# SPDX-License-Identifier: GPL-2.0-only
"""SRT-003: the authentication tag does not verify with the key of the exchange."""

from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_NO_SRTP = not_applicable("SRTP was not agreed.")
_GUARDS = (
    "the key may belong to another leg of the call, behind an element that keys each leg by itself",
    "a capture that starts late leaves the rollover counter to be guessed",
)


def _proves(stream: StreamAudit) -> bool:
    return stream.authenticated > 0 and stream.failed == 0 and not stream.keys_unseen


def _judge(streams: tuple[StreamAudit, ...]) -> Result:
    failing = tuple(stream for stream in streams if stream.bound_key and stream.failed)
    if failing:
        bad, good = (sum(getattr(stream, name) for stream in failing) for name in ("failed", "authenticated"))
        why = next((f" Found: {stream.reason}." for stream in failing if stream.reason), "")
        return failed(
            f"{bad} packet(s) do not verify with the key of this exchange; {good} of the same stream(s) do.{why}",
            protection.cited_frames((stream, stream.failed_frames) for stream in failing),
            _GUARDS,
        )
    if streams and all(map(_proves, streams)):
        count = sum(stream.authenticated for stream in streams)
        return passed(f"All {count} packet(s) that could be tried authenticate.", protection.stream_refs(streams))
    reason = next((stream.reason for stream in streams if stream.reason and not _proves(stream)), "")
    why = f" ({reason})" if reason else ""
    return unknown("usable-key", f"No bound key settles whether every stream authenticates{why}.")


def _check_line(facts: LineFacts) -> Result:
    streams = facts.streams
    if (facts.expects_srtp is False and not facts.was_tried) or facts.is_without_media:
        return _NO_SRTP
    if facts.keying.authentic is False:
        return unknown("authentic-keying", "The keying message does not verify, so its keys prove nothing.")
    if not streams:
        return unknown("media", "No media was seen.", facts.refs)
    if facts.keying.keys_unproved and not any(stream.authenticated for stream in streams):
        return unknown("authentic-keying", "Nothing shows whether the keying message is as it was sent.")
    return _judge(streams)


def _check_stream(audit: StreamAudit) -> Result | None:
    return _judge((audit,)) if protection.was_tried(audit) else None


RULE = Rule(
    id="SRT-003",
    title="Packets do not authenticate",
    citation="RFC 3711 §3.3, §4.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C4,
    needs=(Need.KEYS, Need.MEDIA),
    remediation="Find out whether packets were altered on the way, or whether both ends derive different keys.",
    meaning=Meaning(
        passes="Every packet that could be tried verifies, which proves that the agreed key protects the media.",
        fails="Packets do not verify with a key that is bound to this exchange.",
        unknown="No usable key is at hand, no media was seen, or the keying message itself does not verify.",
        not_applicable="SRTP was not agreed.",
    ),
    check_line=_check_line,
    check_stream=_check_stream,
)
