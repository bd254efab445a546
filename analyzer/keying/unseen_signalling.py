# SPDX-License-Identifier: GPL-2.0-only
"""Packets that fail because the capture misses messages: a re-keying that nobody saw contradicts nothing.

A key is bound to packets by the exchange that agreed on it. Where requests or responses of the call are missing, other
keys may have been agreed since; packets that fail then are unknown, not altered. Clear packets stay clear.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.evidence.packet_facts import packet_facts
from analyzer.model.call import Call, CallState, MediaLine, Resolution
from analyzer.model.evidence import SignallingMessage, Wire
from analyzer.model.keying import StreamAudit
from analyzer.model.report import AuditedMedia

LONG_AGO = -(2**63)
LATE_NS = 2_000_000_000  # how long packets under replaced keys may still come
SILENCE_NS = 2_000_000_000  # how long nothing may be seen of a call before its end may have been missed
MAX_CSEQ_STEP = 1000  # a larger one is another count, no gap
REASON = "messages of the call are missing, which may have brought other keys"
OFFERING = frozenset(("INVITE", "UPDATE", "PRACK"))


def allow_for_unseen(media: AuditedMedia, gaps: Sequence[int], last_message_ns: int) -> tuple[StreamAudit, ...]:
    """The line's streams, where failed packets that messages nobody saw may explain count as not tried.

    `gaps` are those of `find_gaps`; `last_message_ns` is when the last message of the call was seen.
    """
    streams = media.streams
    silence = _find_silence(streams, last_message_ns)
    gaps = gaps if silence is None else (*gaps, silence)
    return tuple(
        _excuse(one)
        if _is_open(one)
        and (_is_explained(media.line, one, streams, gaps) or _is_another_call(one, streams, last_message_ns))
        else one
        for one in streams
    )


def contradicts(media: AuditedMedia) -> bool:
    """Whether a stream's packets fail or contradict the choice, and not by being clear."""
    return any(map(_is_open, media.streams))


def _is_open(stream: StreamAudit) -> bool:
    fails = stream.failed > 0 or stream.wire is Wire.CONTRADICTING
    return fails and not stream.clear and not stream.clear_early


def _excuse(stream: StreamAudit) -> StreamAudit:
    some = stream.authenticated > 0
    return replace(
        stream,
        wire=Wire.CONSISTENT if some else Wire.UNSEEN,
        failed=0,
        failed_frames=(),
        not_tried=stream.not_tried + stream.failed,
        bound_key=stream.bound_key and some,
        keys_unseen=stream.failed or stream.packets,
        fitting=(),
        reason=REASON,
    )


def find_gaps(call: Call) -> tuple[int, ...]:
    """From when on messages of a call are missing that may have agreed on something else, in nanoseconds, ascending.

    A request whose number was passed over, one that only its responses or its ACK tell of, an offer in a transaction
    that no final response ended, a dialog whose answer is missing (RFC 3261 §12.2.1.1, §17), the BYE of a call after
    which another one of the same elements began unseen.
    """
    numbers: dict[str | None, dict[int, int]] = {}
    asked: dict[tuple[str | None, int, str], list[SignallingMessage]] = {}
    messages = [one for one in call.messages if isinstance(one, SignallingMessage)]
    for message in messages:
        sip = message.sip
        if sip.cseq_number is None or sip.cseq_method is None:
            continue
        speaker = sip.from_tag or sip.from_uri
        numbers.setdefault(speaker, {}).setdefault(sip.cseq_number, message.timestamp_ns)
        method = "INVITE" if sip.cseq_method == "ACK" else sip.cseq_method
        if method in OFFERING:
            asked.setdefault((speaker, sip.cseq_number, method), []).append(message)
    found = {LONG_AGO} if call.state is CallState.MID_CALL else set()
    if call.has_unseen_after:
        found.add(call.start_ns)
    for seen in numbers.values():
        ordered = sorted(seen)
        found.update(seen[one] for one, other in itertools.pairwise(ordered) if 1 < other - one <= MAX_CSEQ_STEP)
    found.update(each[0].timestamp_ns for each in asked.values() if _is_incomplete(each))
    if _has_unseen_dialog(messages):
        found.add(call.start_ns)
    return tuple(sorted(found))


def _has_unseen_dialog(messages: Sequence[SignallingMessage]) -> bool:
    """Whether requests name a dialog of which no response to the INVITE was seen (RFC 3261 §12)."""
    callers = {one.sip.from_tag for one in messages if one.sip.method == "INVITE" and not one.sip.to_tag}
    described = {one.sip.to_tag for one in messages if one.sip.status and one.sip.cseq_method == "INVITE"}
    for message in messages:
        sip = message.sip
        if sip.method is not None and sip.to_tag and callers:
            callee = sip.to_tag if sip.from_tag in callers else sip.from_tag
            if callee not in described:
                return True
    return False


def _is_incomplete(messages: Sequence[SignallingMessage]) -> bool:
    requested = any(one.sip.method in OFFERING for one in messages)
    settled = any((one.sip.status or 0) >= 200 for one in messages)
    return not (requested and settled)


def _find_silence(streams: Sequence[StreamAudit], last_message_ns: int) -> int | None:
    """From when on nothing was seen of a line whose packets fail later, and no message of the call comes after them.

    The call may have ended in that time, and another have taken its ports.
    """
    first = min((_failing_times(one)[0] for one in streams if _is_open(one)), default=last_message_ns)
    begin = max(last_message_ns, *(_last_before(one, first) for one in streams))
    return begin if first - begin >= SILENCE_NS else None


def _last_before(stream: StreamAudit, moment: int) -> int:
    bound = stream.bound
    runs = bound.stream.iter_facts(bound.start, bound.stop)
    return max(int(each.timestamp_ns.max(where=each.timestamp_ns < moment, initial=LONG_AGO)) for each in runs)


def _is_explained(line: MediaLine, stream: StreamAudit, beside: Sequence[StreamAudit], gaps: Sequence[int]) -> bool:
    exchange = line.exchange
    if exchange.resolution is Resolution.OFFER_UNSEEN or _has_moved(line, stream, beside):
        return True
    first, last = _failing_times(stream)
    if any(exchange.start_ns <= gap <= first for gap in gaps):
        return True
    in_force = exchange.answered_ns or exchange.start_ns
    return any(gap < exchange.start_ns for gap in gaps) and last <= in_force + LATE_NS


def _failing_times(stream: StreamAudit) -> tuple[int, int]:
    """When the first and the last packet failed; where none did, those of the stream."""
    bound = stream.bound
    first, last = (int(packet_facts(bound.stream, place).timestamp_ns[0]) for place in (bound.start, bound.stop - 1))
    if not stream.failed_frames:
        return first, last
    runs = bound.stream.iter_facts(bound.start, bound.stop)
    failing = [int(time) for each in runs for time in each.timestamp_ns[np.isin(each.frame, stream.failed_frames)]]
    return failing[0], last if len(failing) < stream.failed else failing[-1]


def _is_another_call(stream: StreamAudit, beside: Sequence[StreamAudit], last_message_ns: int) -> bool:
    """Whether nothing of a stream opens that began after the last message of the call and one of its side's was proved.

    The call may have ended unseen, and another have taken its ports: each has SSRCs of its own (RFC 3550 §8).
    """
    bound = stream.bound
    began = int(packet_facts(bound.stream, bound.start).timestamp_ns[0])
    if stream.authenticated or began <= last_message_ns:
        return False
    return any(
        one.wire is Wire.PROVED
        and one.bound.sent_by is bound.sent_by
        and one.bound.stream.ssrc != bound.stream.ssrc
        and int(packet_facts(one.bound.stream, one.bound.stop - 1).timestamp_ns[0]) < began
        for one in beside
    )


def _has_moved(line: MediaLine, stream: StreamAudit, beside: Sequence[StreamAudit]) -> bool:
    """Whether packets come from an address nobody announced, whose side is proved elsewhere or is proved to be sent to.

    Then the two sides know more than the capture shows: a re-INVITE, or another dialog of a fork.
    """
    bound, source = stream.bound, stream.bound.stream.source
    if stream.authenticated or bound.sent_by is None or line.side_at(source) is not None:
        return False
    proved = [one.bound for one in beside if one.wire is Wire.PROVED]
    return any(
        (one.sent_by is bound.sent_by and one.stream.source != source)
        or (one.sent_by is not bound.sent_by and one.stream.destination == source)
        for one in proved
    )
