# SPDX-License-Identifier: GPL-2.0-only
"""Media lines, preference lists, keying and streams as JSON objects."""

from collections.abc import Iterable
from typing import Any

from analyzer.model.call import MediaSide
from analyzer.model.channel import split_interleaved
from analyzer.model.keying import Keying, MikeyEvidence, RtcpCount, StreamAudit
from analyzer.model.mikey_facts import MikeyFact
from analyzer.model.negotiation import (
    COMPUTED_RULES,
    CapabilityKind,
    Choice,
    Exposure,
    ListSource,
    ListStatement,
    Method,
    Negotiation,
    Preference,
    Prospect,
)
from analyzer.model.report import AuditedMedia
from dissectors.grammar.defects import Defect
from reports.spelling import ssrc_text

_NO_CHOICE = Choice(None, None)


def defect_objects(defects: Iterable[Defect]) -> list[dict[str, Any]]:
    """Defects with their four fields."""
    return [defect._asdict() for defect in defects]


def media_object(media: AuditedMedia) -> dict[str, Any]:
    """One media line in one exchange."""
    line, negotiation = media.line, media.negotiation
    return {
        "index": line.index,
        "exchange": line.exchange.number,
        "type": line.type,
        "between": list(line.exchange.between) if line.exchange.between else None,
        "retry_of": line.exchange.retry_of,
        "resolution": line.exchange.resolution.value,
        "verdict": media.verdict.value,
        "reasons": list(media.reasons),
        "offer": _side(line.offer, negotiation.offer_preferences),
        "answer": _side(line.answer, negotiation.answer_preferences),
        "expected": _expected(negotiation),
        "winners": _winners(negotiation),
        "chosen": negotiation.chosen._asdict(),
        "methods": _methods(negotiation),
        "exposures": [_exposure(one) for one in negotiation.exposures],
        "weakest_unseen": None if negotiation.weakest is None else negotiation.weakest._asdict(),
        "sources": [_source(one) for one in negotiation.all_sources()],
        "statements": [_statement(statement) for statement in negotiation.statements],
        "keying": _keying(media.keying),
        "streams": [stream_object(stream) for stream in media.streams],
        "lone_rtcp": _rtcp(media.lone_rtcp),
    }


def _rtcp(count: RtcpCount) -> dict[str, int]:
    return {
        "packets": count.packets,
        "authenticated": count.authenticated,
        "failed": count.failed,
        "clear": count.clear,
    }


def _side(side: MediaSide | None, preferences: tuple[Preference, ...] | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        **side.body.message.ref._asdict(),
        "profile": side.media.proto,
        "port": side.media.port,
        "preferences": None if preferences is None else [_preference(preference) for preference in preferences],
    }


def _preference(preference: Preference) -> dict[str, Any]:
    return {
        "kind": preference.kind.value,
        "name": preference.name,
        "priority": preference.priority,
        "carrier": preference.carrier.value,
        "authenticated": preference.authenticated,
    }


def _expected(negotiation: Negotiation) -> dict[str, Any]:
    expected = negotiation.expected
    return {
        "rule": expected.rule.value if expected.rule else None,
        "suite_rule": expected.suite_rule.value if expected.suite_rule else None,
        "key_agreement": expected.key_agreement,
        "suite": expected.suite,
        "tie": list(expected.tie),
    }


def _winners(negotiation: Negotiation) -> dict[str, Any]:
    winners = dict(negotiation.winners)
    return {rule.value: winners.get(rule, _NO_CHOICE)._asdict() for rule in COMPUTED_RULES}


def _methods(negotiation: Negotiation) -> dict[str, Any]:
    """What static, automatic and priority negotiation make of each kind; null where nothing was offered."""
    found = {(one.method, one.kind): one for one in negotiation.prospects}
    return {
        method.value: {kind.value: _prospect(found.get((method, kind))) for kind in CapabilityKind} for method in Method
    }


def _prospect(prospect: Prospect | None) -> dict[str, Any] | None:
    return None if prospect is None else {"agreed": prospect.agreed, "candidates": list(prospect.candidates)}


def _exposure(exposure: Exposure) -> dict[str, Any]:
    return {
        "side": exposure.side.value,
        "kind": exposure.kind.value,
        "carrier": exposure.carrier.value,
        "remove": exposure.remove.value,
        "remove_all": exposure.remove_all.value,
        "reorder": exposure.reorder.value,
        "insert": exposure.insert.value,
        "hop_protected": exposure.hop_protected,
        "explanation": exposure.explanation,
        "citation": exposure.citation,
    }


def _source(source: ListSource) -> dict[str, Any]:
    return {
        "side": source.side.value,
        "kind": source.kind.value,
        "origin": source.origin.value,
        "rank": source.rank,
        "age_seconds": None if source.age_ns is None else source.age_ns / 1_000_000_000,
        "capture": None if source.ref is None else source.ref.capture,
        "frame": None if source.ref is None else source.ref.frame,
        "call_id": source.call_id,
        "used": source.used,
        "how": source.how,
        "list": [{"name": name, "priority": priority} for name, priority in source.names],
    }


def _statement(statement: ListStatement) -> dict[str, Any]:
    return {
        "capture": statement.ref.capture,
        "frame": statement.ref.frame,
        "level": statement.level,
        "source": statement.source.value if statement.source else "sdp-ids",
        "claimed": list(statement.claimed),
        "seen": list(statement.seen),
        "verified": statement.verified,
    }


def _keying(keying: Keying) -> dict[str, Any]:
    return {
        "method": keying.method,
        "verified": keying.verified,
        "how": keying.how,
        "defects": defect_objects(keying.defects),
        "mikey": [_mikey(message) for message in keying.mikey],
        "response_required": keying.response_required,
        "response_seen": keying.response_seen,
        "response_verified": keying.response_verified,
        "facts": fact_objects(keying.facts),
    }


def _mikey(message: MikeyEvidence) -> dict[str, Any]:
    return {
        "capture": message.ref.capture,
        "frame": message.ref.frame,
        "level": message.level,
        "side": message.side.value,
        "protocol": message.protocol,
        "verified": message.mac.verified,
        "how": message.mac.how,
        "bound_key": message.bound_key,
        "defects": defect_objects(message.defects),
        "facts": fact_objects(message.facts),
    }


def fact_objects(facts: Iterable[MikeyFact]) -> list[dict[str, Any]]:
    """Facts with how each is known."""
    return [fact._asdict() | {"known_by": fact.known_by.value} for fact in facts]


def stream_object(stream: StreamAudit) -> dict[str, Any]:
    """One stream with what its packets and the keys show; counts are RTP, those of RTCP stand beside them."""
    bound = stream.bound
    return {
        "ssrc": ssrc_text(bound.stream.ssrc),
        "capture": stream.first.capture,
        "source": split_interleaved(bound.stream.source)[0],
        "destination": split_interleaved(bound.stream.destination)[0],
        "channel": split_interleaved(bound.stream.source)[1],
        "sent_by": bound.sent_by.value if bound.sent_by else None,
        "payload_types": list(stream.payload_types),
        "packets": stream.packets,
        "lost": stream.lost,
        "first_frame": stream.first.frame,
        "last_capture": stream.last.capture,
        "last_frame": stream.last.frame,
        "protection": stream.protection.value,
        "wire": stream.wire.value,
        "suite": stream.suite,
        **_proof(stream),
        "rtcp": _rtcp(stream.rtcp),
        "jitter_seconds": stream.jitter_seconds,
        "duration_seconds": stream.duration_seconds,
        "defects": defect_objects(stream.defects),
    }


def _listed_frames(stream: StreamAudit) -> dict[str, Any]:
    """The frames it lists: those in the file where it begins, and under `elsewhere` those in later files of a set."""
    listed = {"failed_frames": stream.failed_frames, "clear_frames": stream.clear_frames}
    files: dict[int, dict[str, list[int]]] = {stream.first.capture: {name: [] for name in listed}}
    for name, frames in listed.items():
        for ref in map(stream.bound.stream.ref, frames):
            files.setdefault(ref.capture, {name: [] for name in listed})[name].append(ref.frame)
    first = files.pop(stream.first.capture)
    return {**first, "elsewhere": [{"capture": capture, **found} for capture, found in files.items()]}


def _proof(stream: StreamAudit) -> dict[str, Any]:
    return {
        "authenticated": stream.authenticated,
        "failed": stream.failed,
        "decrypted": stream.decrypted,
        "not_tried": stream.not_tried,
        "keys_unseen": stream.keys_unseen,
        "clear": stream.clear,
        "clear_early": stream.clear_early,
        "before_answer": stream.bound.before_answer,
        "tag_octets": stream.tag_octets,
        "expected_tag_octets": stream.expected_tag_octets,
        "bound_key": stream.bound_key,
        "reason": stream.reason,
        **_listed_frames(stream),
    }
