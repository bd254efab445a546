# SPDX-License-Identifier: GPL-2.0-only
"""Signalling messages and the paths they took, as JSON objects."""

from collections.abc import Iterable
from typing import Any

from analyzer.model.call import Call, CallLink
from analyzer.model.evidence import AnySignalling
from analyzer.model.legs import LegDifference, OtherLeg
from analyzer.model.session_life import read_session_life
from dissectors.grammar.masking import mask_sdp_secrets
from reports.messages import cseq_text, reasons_of, shown_parts
from reports.spelling import time_text


def message_object(message: AnySignalling, call_id: str | None) -> dict[str, Any]:
    """One message: a request has `method`, a response `status` and `reason_phrase`."""
    sip, repeated = message.text, message.retransmission_of
    name: dict[str, Any] = {"method": sip.method}
    if sip.method is None:
        name = {"status": sip.status, "reason_phrase": sip.reason}
    return {
        **message.ref._asdict(),
        "time": time_text(message.timestamp_ns),
        "source": message.source,
        "destination": message.destination,
        "transport": message.transport,
        **name,
        "cseq": cseq_text(message),
        "call_id": call_id,
        "retransmission_of": repeated.frame if repeated else None,
        "retransmission_capture": repeated.capture if repeated else None,
        "reasons": [reason._asdict() for reason in reasons_of(message)],
        "body": [part._asdict() for part in shown_parts(message)],
        "defects": [defect._replace(detail=mask_sdp_secrets(defect.detail))._asdict() for defect in sip.defects],
    }


def session_timer_object(call: Call) -> dict[str, Any] | None:
    """When the session is over unless it is refreshed (RFC 4028); None where the last 2xx states no interval."""
    life = read_session_life(call)
    if life is None:
        return None
    return {
        "seconds": life.seconds,
        "refresher": life.refresher,
        **life.ref._asdict(),
        "refreshed": time_text(life.refreshed_ns),
        "expires": time_text(life.expires_ns),
        "has_run_out": life.has_run_out,
    }


def link_object(link: CallLink) -> dict[str, Any]:
    """A call that another one came out of; the frame is that of the message which says so, where there is one."""
    message = link.message
    return {
        "kind": link.kind.value,
        "call_id": link.call_id,
        "capture": message.ref.capture if message else None,
        "frame": message.ref.frame if message else None,
    }


def other_leg_object(leg: OtherLeg) -> dict[str, Any]:
    """Another call that is a leg of this one, with what was changed in offer and answer on their ways."""
    answer = leg.answer
    passed_back = answer.differences if answer else ()
    return {
        "call_id": leg.call_id,
        "is_earlier": leg.is_earlier,
        "evidence": [each.value for each in leg.evidence],
        "confidence": leg.confidence,
        "differences": difference_objects(leg.offer.differences),
        "answer_differences": None if answer and not answer.is_compared else difference_objects(passed_back),
    }


def difference_objects(differences: Iterable[LegDifference]) -> list[dict[str, Any]]:
    """What was changed between two legs, each with the frame of this leg and that of the other."""
    return [
        {
            "change": each.change.value,
            "media_index": each.index_here,
            "detail": each.detail,
            **each.here._asdict(),
            "there": {"media_index": each.index_there, **each.there._asdict()},
        }
        for each in differences
    ]


def legs_of(messages: Iterable[AnySignalling]) -> list[dict[str, Any]]:
    """The paths that the messages of a call took: one for each pair of endpoints, in order of appearance."""
    legs: dict[tuple[int, frozenset[str]], dict[str, Any]] = {}
    for message in messages:
        key = (message.capture, frozenset((message.source, message.destination)))
        leg = legs.setdefault(key, _new_leg(message))
        leg["messages"] += 1
        leg["last_capture"], leg["last_frame"] = message.ref
    return list(legs.values())


def _new_leg(message: AnySignalling) -> dict[str, Any]:
    return {
        "capture": message.ref.capture,
        "source": message.source,
        "destination": message.destination,
        "transport": message.transport,
        "messages": 0,
        "first_frame": message.ref.frame,
        "last_capture": message.ref.capture,
        "last_frame": message.ref.frame,
    }
