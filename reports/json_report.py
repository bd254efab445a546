# SPDX-License-Identifier: GPL-2.0-only
"""The report as JSON: schema `srtp-audit/report/1`, the same octets for the same report."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.model.cross_check import CrossCheck
from analyzer.model.evidence import FrameRef, TlsFlow
from analyzer.model.outcome import Finding, Outcome
from analyzer.model.policy import Policy
from analyzer.model.report import AuditedCall, AuditedMessage, AuditedMikey, AuditedStream, CaptureFacts, Report
from dissectors.grammar.mikey import name_of
from dissectors.grammar.mikey.registries import DataType
from reports.endpoints import endpoint_object
from reports.json_media import defect_objects, fact_objects, media_object, stream_object
from reports.json_signalling import legs_of, link_object, message_object, other_leg_object, session_timer_object
from reports.spelling import time_text
from reports.tally import all_outcome_counts, severity_counts, sorted_findings, verdict_counts
from reports.wording import explain_tls

SCHEMA = "srtp-audit/report/1"

# Everything that JSON need not escape and that yet steers or deceives a terminal; escaped, it keeps its exact value.
_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def render_json(report: Report) -> str:
    """The whole report, nothing left out, secrets masked; text that would steer a terminal stands as `\\uNNNN`."""
    return b"".join(iter_json(report, map(render_json_call, report.calls))).decode()


def render_json_call(audited: AuditedCall) -> bytes:
    """One call as it stands in the report, on one line."""
    return _line(_call(audited))


def iter_json(report: Report, calls: Iterable[bytes]) -> Iterator[bytes]:
    """The report in UTF-8, piece by piece; `calls` are its calls as `render_json_call` gives them, in their order."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": {"name": report.tool_name, "version": report.tool_version},
        "policy": _policy(report.policy),
        "captures": [_capture(capture) for capture in report.captures],
        "summary": _summary(report),
        "calls": calls,
        "endpoints": [endpoint_object(profile) for profile in report.endpoints],
        "streams": [_stream(stream) for stream in report.streams],
        "messages": [_message(message) for message in report.messages],
        "mikey": [_mikey(message) for message in report.mikey],
        "findings": [_finding(finding) for finding in sorted_findings(report)],
        "tls_flows": [_tls_flow(flow) for flow in report.tls_flows],
        "cross_check": None if report.cross_check is None else _cross_check(report.cross_check),
        "drops": report.drops,
        "notes": list(report.notes),
    }
    lead = b"{\n"
    for name, value in document.items():
        yield lead + _line(name) + b": "
        if name == "calls":
            yield from _lay_out(calls)
        elif isinstance(value, list):
            yield from _lay_out(map(_line, value))
        else:
            yield _line(value)
        lead = b",\n"
    yield b"\n}\n"


def _lay_out(lines: Iterable[bytes]) -> Iterator[bytes]:
    """One line for each call, stream, message and finding, so that two reports compare line by line."""
    lead = b"[\n"
    for line in lines:
        yield lead + line
        lead = b",\n"
    yield b"[]" if lead == b"[\n" else b"\n]"


def _cross_check(check: CrossCheck) -> dict[str, Any]:
    return {
        "tool": check.tool,
        "agreements": [{"topic": each.topic, "number": each.number} for each in check.agreements],
        "differences": [
            {
                "topic": each.topic,
                "capture": each.capture,
                "frames": list(each.frames),
                "ours": each.ours,
                "theirs": each.theirs,
            }
            for each in check.differences
        ],
        "gaps": [
            {
                "gap": each.gap,
                "explanation": each.explanation,
                "capture": each.capture,
                "number": each.number,
                "frames": list(each.frames),
            }
            for each in check.gaps
        ],
        "notes": list(check.notes),
    }


def _line(value: Any) -> bytes:
    return _UNSAFE.sub(_escape, json.dumps(value, ensure_ascii=False, allow_nan=False)).encode()


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "version": policy.version,
        "sha256": policy.sha256,
        "selection_rule": policy.selection_rule.value,
        "title": policy.title,
    }


def _capture(capture: CaptureFacts) -> dict[str, Any]:
    return {
        "path": capture.path,
        "sha256": capture.sha256,
        "format": capture.format,
        "packets": capture.packets,
        "bytes": capture.bytes,
        "first_time": time_text(capture.first_time_ns),
        "last_time": time_text(capture.last_time_ns),
        "defects": defect_objects(capture.defects),
        "readable": capture.readable,
        "interface_drops": capture.interface_drops,
        "clock_offset_seconds": None if capture.clock_offset_ns is None else capture.clock_offset_ns / 1e9,
        "signalling_messages": capture.signalling_messages,
        "media_packets": capture.media_packets,
        "unread": [{"what": what, "packets": packets} for what, packets in capture.unread],
        "continues": capture.continues,
        "comments": [{"frame": frame or None, "text": text} for frame, text in capture.comments],
        "names": [{"address": address, "name": name} for address, name in capture.names],
    }


def _summary(report: Report) -> dict[str, Any]:
    return {
        "calls": len(report.briefs),
        "media_lines": sum(len(call.lines) for call in report.briefs),
        "verdicts": {verdict.value: count for verdict, count in verdict_counts(report).items()},
        "outcomes": {value.value: count for value, count in all_outcome_counts(report).items()},
        "findings_by_severity": {severity.value: count for severity, count in severity_counts(report.findings).items()},
    }


def _call(audited: AuditedCall) -> dict[str, Any]:
    call = audited.call
    return {
        "call_id": call.call_id,
        "protocol": call.protocol,
        "caller": call.caller,
        "callee": call.callee,
        "state": call.state.value,
        "start": time_text(call.start_ns),
        "end": time_text(call.end_ns),
        "session_timer": session_timer_object(call),
        "links": [link_object(link) for link in call.links],
        "legs": legs_of(call.messages),
        "other_legs": [other_leg_object(leg) for leg in call.other_legs],
        "messages": [message_object(message, call.call_id) for message in call.messages],
        "media": [media_object(media) for media in audited.media],
        "outcomes": [_outcome(outcome) for outcome in audited.outcomes],
    }


def _stream(stream: AuditedStream) -> dict[str, Any]:
    return {**stream_object(stream.audit), "outcomes": [_outcome(outcome) for outcome in stream.outcomes]}


def _message(message: AuditedMessage) -> dict[str, Any]:
    return {
        **message_object(message.message, message.message.call_id),
        "outcomes": [_outcome(outcome) for outcome in message.outcomes],
    }


def _mikey(audited: AuditedMikey) -> dict[str, Any]:
    message, found = audited.message, audited.evidence
    parsed = found.message
    return {
        **message.ref._asdict(),
        "time": time_text(message.timestamp_ns),
        "source": message.source,
        "destination": message.destination,
        "carrier": message.carrier.value,
        "call_id": message.call_id,
        "method": audited.method,
        "data_type": None if parsed is None else name_of(DataType, parsed.header.data_type),
        "csb_id": None if parsed is None else f"0x{parsed.header.csb_id:08x}",
        "outcomes": [_outcome(outcome) for outcome in audited.outcomes],
        "verified": found.mac.verified,
        "how": found.mac.how,
        "bound_key": found.bound_key,
        "defects": defect_objects(found.defects),
        "facts": fact_objects(found.facts),
    }


def group_frames(refs: Iterable[FrameRef]) -> list[dict[str, Any]]:
    """Frames by capture, each in ascending order without repeats."""
    frames: dict[int, set[int]] = {}
    for ref in refs:
        frames.setdefault(ref.capture, set()).add(ref.frame)
    return [{"capture": capture, "frames": sorted(frames[capture])} for capture in sorted(frames)]


def _outcome(outcome: Outcome) -> dict[str, Any]:
    places = group_frames(outcome.refs)
    first = places[0] if places else {"capture": None, "frames": []}
    return {
        "rule": outcome.rule,
        "outcome": outcome.outcome.value,
        "severity": outcome.severity.value,
        "confidence": outcome.confidence.value,
        **first,
        "elsewhere": places[1:],
        "explanation": outcome.explanation,
        "missing": outcome.missing,
        "media_index": outcome.media_index,
        "exchange": outcome.exchange,
        "guards": list(outcome.guards),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "title": finding.title,
        "severity": finding.severity.value,
        "citation": finding.citation,
        "evidence": [
            {"call_id": evidence.call_id, "capture": evidence.capture, "frames": list(evidence.frames)}
            for evidence in finding.evidence
        ],
        "remediation": finding.remediation,
    }


def _tls_flow(flow: TlsFlow) -> dict[str, Any]:
    shown = flow._asdict() | {
        "capture": flow.ref.capture,
        "first_frame": flow.ref.frame,
        "version": flow.version or None,
        "cipher_suite": flow.cipher_suite or None,
        "reason": explain_tls(flow),
    }
    del shown["first_ns"], shown["place"]  # its first frame says when, as precisely as anybody needs it
    del shown["client_certificates"], shown["server_certificates"]  # rules say whether they fit
    return shown
