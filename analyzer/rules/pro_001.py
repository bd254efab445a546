# SPDX-License-Identifier: GPL-2.0-only
"""PRO-001: the auditor's own demand that media is protected."""

from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.unseen import check_bare_call, signalling_unseen

_UNTOLD = "In a direction that was agreed no packets were seen, or none that tell encrypted from clear."
_NO_MEDIA = not_applicable("Nothing was agreed and nothing flowed.")


def _clear(streams: tuple[StreamAudit, ...]) -> Result:
    count = sum(stream.clear for stream in streams)
    return failed(
        f"{count} packet(s) after the answer are clear RTP: anyone on the path can listen.",
        protection.clear_refs(streams),
        confidence=Confidence.C1,
    )


def _contradicts(stream: StreamAudit) -> bool:
    """Whether the packets fit neither the choice nor clear RTP; clear packets before the answer tell nothing."""
    return stream.wire is Wire.CONTRADICTING and stream.protection is not Protection.RTP


def _check_line(facts: LineFacts) -> Result:
    line, streams = facts.line, facts.streams
    if protection.is_proved_clear(streams):
        return _clear(streams)
    if protection.nothing_protects(line, streams):
        return failed("Plain RTP was agreed, and nothing protects it.", facts.refs)
    if facts.is_without_media:
        return _NO_MEDIA
    if line.offer is None:
        return signalling_unseen(facts.refs)
    if not (facts.is_agreed_secure or protection.is_rtp(line)):
        return unknown("media-not-rtp", "The media line is not RTP, so nothing here can judge it.", facts.refs)
    if facts.agreed_proto is None:
        return unknown("answer", "No accepting answer was seen.", facts.refs)
    if facts.misses_media:
        return unknown("media", _UNTOLD, facts.refs)
    if any(map(_contradicts, streams)):
        return unknown("wire", "The packets are not clear, but not protected as agreed either.", facts.stream_refs)
    return passed("Protection was agreed, and the packets bear it out.", facts.refs)


def _check_stream(audit: StreamAudit) -> Result:
    if protection.is_proved_clear((audit,)):
        return _clear((audit,))
    return signalling_unseen(protection.stream_refs((audit,)))


RULE = Rule(
    id="PRO-001",
    title="Media is not protected",
    citation="policy (RFC 7202 §7 leaves it to policy; compare RFC 8827 §6.5, DISA SRG-NET-000371-VVEP-00037)",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER, Need.MEDIA),
    remediation="Offer and accept RTP/SAVP or RTP/SAVPF only, and refuse calls that can't be keyed.",
    meaning=Meaning(
        passes="What was agreed protects the media, and the packets fit it.",
        fails="Packets are proved clear, or plain RTP was agreed with no keying accepted and neither ZRTP nor DTLS.",
        unknown="Offer, answer or media was not seen whole, the packets tell neither way, or they are not RTP.",
        not_applicable="No media was agreed and none flowed.",
    ),
    check_line=_check_line,
    check_bare_call=check_bare_call,
    check_stream=_check_stream,
)
