# SPDX-License-Identifier: GPL-2.0-only
"""SRT-009: packets carry an MKI that nobody signalled, miss the one that was, or change its length."""

from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.srtp.suites import suite_by_name

_NO_SRTP = not_applicable("SRTP was not agreed.")
_CLEAR = not_applicable("The packets are clear RTP and have no MKI.")
_GUARDS = ("a message that was not captured may have agreed on the MKI",)
_AEAD_GUARDS = (
    *_GUARDS,
    "behind an AEAD's tag a rollover counter of 0 (RFC 4771) looks like an MKI of four zero octets",
)
_NOT_TOLD = unknown("usable-key", "Without a key under which packets authenticate nobody can tell their MKI.")


def _is_known_from_file(stream: StreamAudit) -> bool:
    """Whether the key comes from the auditor, who need not know what MKI the peers signalled."""
    return stream.key is not None and stream.key.source == "key-ring"


def _is_as_signalled(stream: StreamAudit) -> bool:
    return stream.authenticated > 0 and not (stream.failed or stream.keys_unseen or stream.mki_fault)


def _judge(streams: tuple[StreamAudit, ...]) -> Result:
    faulty = tuple(stream for stream in streams if stream.mki_fault)
    for stream in faulty:
        if not _is_known_from_file(stream):
            suite = suite_by_name(stream.suite or "")
            guards = _AEAD_GUARDS if suite is not None and suite.aead else _GUARDS
            return failed(f"The packets authenticate with {stream.mki_fault}.", protection.stream_refs(faulty), guards)
    if faulty:
        text = f"The key file does not say what was signalled; the packets have {faulty[0].mki_fault}."
        return unknown("signalled-mki", text, protection.stream_refs(faulty))
    told = tuple(stream for stream in streams if stream.authenticated or not stream.clear)
    if streams and not told:
        return _CLEAR
    if told and all(map(_is_as_signalled, told)):
        return passed("The MKI of every packet, or its absence, is as signalled.", protection.stream_refs(told))
    return _NOT_TOLD


def _check_line(facts: LineFacts) -> Result:
    if (facts.expects_srtp is False and not facts.was_tried) or facts.is_without_media:
        return _NO_SRTP
    return _judge(facts.streams)


def _check_stream(audit: StreamAudit) -> Result | None:
    return _judge((audit,)) if protection.was_tried(audit) else None


RULE = Rule(
    id="SRT-009",
    title="MKI differs from what was signalled",
    citation="RFC 3711 §3.2.1, §3.1",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    confidence=Confidence.C4,
    needs=(Need.SIGNALLING, Need.MEDIA, Need.KEYS),
    remediation="Make the sender put exactly the MKI into packets that its crypto line, MIKEY message or handshake"
    " names, and none where they name none: a receiver takes those octets for payload or tag.",
    meaning=Meaning(
        passes="Every packet authenticates with the MKI that was signalled, or without one where none was.",
        fails="Packets authenticate only when an MKI is read that nobody signalled, when the signalled one is left out,"
        " when it has other octets, or in part with another length.",
        unknown="No packet authenticates, some fail, or only a key file that need not name the MKI opens the stream.",
        not_applicable="SRTP was not agreed, or the packets are clear.",
    ),
    check_line=_check_line,
    check_stream=_check_stream,
)
