# SPDX-License-Identifier: GPL-2.0-only
"""What the packets of one stream say: authenticated, refuted, clear, or nothing that can be told.

A key is the strongest witness, then the statistics of the octets with the lengths of the packets. A packet that is
clear before the answer is counted apart; what can't be tried (cut by the snaplen, unavailable suite) refutes nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.media_slice import StreamSlice
from analyzer.evidence.media_statistics import StreamStatistics, stream_statistics
from analyzer.keying.clear_runs import ClearRuns, find_clear_runs, observed_tag_octets
from analyzer.keying.contexts import F8_NOTE, Candidate, candidates_for, rtcp_contexts
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.reading import classify_opened
from analyzer.keying.rtcp_audit import audit_rtcp
from analyzer.model.call import BoundStream, MediaLine, Side
from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import Keying, StreamAudit
from analyzer.srtp.bulk import PacketOutcome, StreamOpening, open_stream
from analyzer.srtp.clear_test import Clearness
from analyzer.srtp.columns import PacketColumns, packet_columns
from analyzer.srtp.diagnose import FailureReason, diagnose_stream
from analyzer.srtp.suites import Cipher, SrtpError, suite_by_name
from dissectors.grammar.sdp import RtpMap

TRIAL_PACKETS = 16
TRIAL_PLACES = 4
LISTED_FRAMES = 100
TELLING_PACKETS = 3
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Case:
    """One stream and all that may speak about it."""

    bound: BoundStream
    packets: StreamSlice
    statistics: StreamStatistics
    rtpmap: dict[int, RtpMap]
    keying: Keying
    candidates: tuple[Candidate, ...]
    chosen_suite: str | None


@dataclass(frozen=True, slots=True)
class _Tally:
    """Counts of one stream after its keys were tried; `failed` runs parallel to its packets."""

    failed: Flags
    authenticated: int = 0
    decrypted: int = 0
    not_tried: int = 0
    candidate: Candidate | None = None
    reason: str = ""


def audit_stream(
    bound: BoundStream,
    line: MediaLine | None,
    keying: Keying,
    ring: KeyRing,
    chosen_suite: str | None,
    tolerated: float,
) -> StreamAudit:
    """Judge one bound stream; `chosen_suite` is what the answer says, `tolerated` the share that may fail (0 to 1)."""
    packets = StreamSlice(bound.stream, bound.start, bound.stop)
    rtpmap = rtpmap_of(line, bound)
    statistics = stream_statistics(packets, _clock_rate(packets, rtpmap))
    candidates = candidates_for(bound, keying, ring)
    case = _Case(bound, packets, statistics, rtpmap, keying, candidates, chosen_suite)
    tally = _open(case)
    return _conclude(case, tally, _clear_runs(case, tally), tolerated)


def rtpmap_of(line: MediaLine | None, bound: BoundStream) -> dict[int, RtpMap]:
    """The payload types as the receiver's description maps them, else as the sender's does (RFC 3264 §5.1)."""
    if line is None:
        return {}
    sides = [side for side in (line.answer, line.offer) if side is not None]
    if bound.sent_by is Side.ANSWERER:
        sides.reverse()
    merged: dict[int, RtpMap] = {}
    for side in reversed(sides):
        merged |= side.media.rtpmap
    return merged


def _clock_rate(packets: StreamSlice, rtpmap: dict[int, RtpMap]) -> int | None:
    mapped = rtpmap.get(int(packets.payload_type[0]))
    return mapped.clock_rate if mapped is not None else None


def _open(case: _Case) -> _Tally:
    """Open with the first candidate under which a sample authenticates, else tell why none does."""
    size = len(case.packets)
    none_failed = np.zeros(size, dtype=np.bool_)
    if not case.candidates:
        return _Tally(none_failed, not_tried=size, reason=_why_no_key(case.keying))
    columns = packet_columns(case.packets.read_payloads(), case.packets.wire_octets)
    for candidate in case.candidates:
        if _fits(columns, candidate, case.rtpmap):
            true = _by_reading(columns, candidate, case)
            return _excused(_tally(open_stream(columns, true.context), true, true.deviation), case.keying)
    first = next((candidate for candidate in case.candidates if candidate.bound), None)
    if first is None:
        return _Tally(none_failed, not_tried=size, reason="no key in the ring fits")
    if not first.context.srtp_tag_octets:
        return _Tally(none_failed, not_tried=size, reason="there are no tags, and what the key gives is noise")
    others = [(candidate.key.suite, candidate.context) for candidate in case.candidates if candidate is not first]
    mapped = case.rtpmap.get(case.statistics.payload_types[0])
    diagnosis = diagnose_stream(columns, first.context, others, encoding=None if mapped is None else mapped.encoding)
    reason = diagnosis.reason.value + (f" ({diagnosis.detail})" if diagnosis.detail else "")
    if diagnosis.reason in {FailureReason.NO_PACKETS, FailureReason.TRUNCATED}:
        return _Tally(none_failed, not_tried=size, reason=reason)
    return _excused(_tally(open_stream(columns, first.context), first, reason), case.keying)


def _by_reading(columns: PacketColumns, candidate: Candidate, case: _Case) -> Candidate:
    """The candidate, or where its tags verify and its clear text is noise, that of a peer which took another cipher."""
    for other in case.candidates:
        if other.deviation == F8_NOTE and other.context.keys == candidate.context.keys and other is not candidate:
            read, otherwise = (classify_opened(columns, each.context, case.rtpmap) for each in (candidate, other))
            if otherwise is Clearness.CLEAR and read is not Clearness.CLEAR:
                return other
    return candidate


def _fits(columns: PacketColumns, candidate: Candidate, rtpmap: dict[int, RtpMap]) -> bool:
    """Whether packets at some of a few places of the stream open; without tags, whether they aren't surely noise."""
    if candidate.context.srtp_tag_octets == 0:
        return classify_opened(columns, candidate.context, rtpmap) is not Clearness.NOT_CLEAR
    size = len(columns)
    for place in np.linspace(0, max(size - TRIAL_PACKETS, 0), TRIAL_PLACES, dtype=np.int64).tolist():
        numbers = np.arange(place, min(place + TRIAL_PACKETS, size))
        try:
            if open_stream(columns.select(numbers), candidate.context).authenticated.any():
                return True
        except SrtpError:
            return False
    return False


def _tally(opening: StreamOpening, candidate: Candidate, reason: str = "") -> _Tally:
    return _Tally(
        failed=opening.failed,
        authenticated=int(opening.authenticated.sum()),
        decrypted=int(opening.opened.sum()),
        not_tried=opening.count(PacketOutcome.NOT_TRIED, PacketOutcome.TRUNCATED, PacketOutcome.NOT_RTP),
        candidate=candidate,
        reason=reason,
    )


def _excused(tally: _Tally, keying: Keying) -> _Tally:
    """Where a handshake was seen whose keys are not at hand, packets that fail may be its own: they refute nothing."""
    failed = int(tally.failed.sum())
    if not keying.keys_missing or not failed:
        return tally
    reason = tally.reason or "not all handshakes are in the key log"
    nothing = np.zeros_like(tally.failed)
    return _Tally(nothing, tally.authenticated, tally.decrypted, tally.not_tried + failed, tally.candidate, reason)


def _why_no_key(keying: Keying) -> str:
    unavailable = [suite for key in keying.keys if (suite := suite_by_name(key.suite)) and not suite.available]
    if unavailable:
        return unavailable[0].unavailable_reason
    if keying.method in {"DTLS-SRTP", "ZRTP"}:
        return f"{keying.how}; no key at hand"
    return "no key at hand"


def _clear_runs(case: _Case, tally: _Tally) -> ClearRuns:
    """The clear/encrypted test over the packets that no key vouches for; a NULL cipher makes it meaningless."""
    if tally.authenticated and not tally.failed.any():
        return ClearRuns()
    suite = suite_by_name(case.chosen_suite or "")
    opens = tally.candidate is not None and bool(tally.decrypted)
    if tally.candidate is not None and opens:
        suite = tally.candidate.context.suite
    keys = [*case.keying.keys, *([tally.candidate.key] if tally.candidate is not None and opens else [])]
    if (suite is not None and suite.cipher is Cipher.NULL) or any(not key.srtp_encrypted for key in keys):
        return ClearRuns()
    early = np.zeros(len(case.packets), dtype=np.bool_)
    early[: case.bound.before_answer] = True
    unproved = tally.failed if tally.authenticated else np.ones(len(case.packets), dtype=np.bool_)
    return find_clear_runs(case.packets, unproved, early, case.rtpmap)


def _conclude(case: _Case, tally: _Tally, runs: ClearRuns, tolerated: float) -> StreamAudit:
    statistics, size = case.statistics, len(case.packets)
    candidate = tally.candidate
    key = candidate.key if candidate is not None and tally.decrypted else None
    clear = runs.clear_flags(size)
    failed = tally.failed & ~clear
    tag = observed_tag_octets(case.packets, case.rtpmap)
    expected = _expected_tag(case, candidate)
    tried = [candidate] if key is not None and candidate is not None else case.candidates
    contexts = [each.context for each in tried]
    return StreamAudit(
        bound=case.bound,
        protection=_protection(tally, runs),
        wire=_wire(tally, runs, int(failed.sum()), (tag, expected), tolerated),
        suite=key.suite if key is not None else case.chosen_suite,
        packets=size,
        lost=max(statistics.lost, 0),
        first_frame=statistics.first_frame,
        last_frame=statistics.last_frame,
        payload_types=statistics.payload_types,
        authenticated=tally.authenticated,
        failed=int(failed.sum()),
        decrypted=tally.decrypted,
        not_tried=tally.not_tried,
        clear=runs.clear,
        clear_early=runs.clear_early,
        tag_octets=tag,
        expected_tag_octets=expected,
        bound_key=candidate is not None and (candidate.bound or tally.authenticated > 0),
        key=key,
        reason="not encrypted" if candidate is None and bool(clear.all()) else tally.reason,
        rtcp=audit_rtcp(case.bound.rtcp, lambda flow: rtcp_contexts(flow, case.keying, contexts)),
        failed_frames=tuple(case.packets.frame[failed][:LISTED_FRAMES].tolist()),
        clear_frames=tuple(case.packets.frame[clear][:LISTED_FRAMES].tolist()),
        clear_map=np.packbits(clear).tobytes(),
        jitter_seconds=None if statistics.jitter is None else statistics.jitter.mean / 1000,
        duration_seconds=(statistics.last_time_ns - statistics.first_time_ns) / 1e9,
    )


def _expected_tag(case: _Case, candidate: Candidate | None) -> int | None:
    """Octets that the chosen protection puts behind the payload: tag and MKI."""
    if candidate is not None:
        return candidate.context.srtp_tag_octets + candidate.context.mki_octets
    suite = suite_by_name(case.chosen_suite or "")
    return None if suite is None else suite.srtp_tag_octets


def _protection(tally: _Tally, runs: ClearRuns) -> Protection:
    if runs.clear:
        return Protection.RTP
    if tally.authenticated or runs.not_clear:
        return Protection.SRTP
    return Protection.RTP if runs.clear_early else Protection.UNKNOWN


def _wire(tally: _Tally, runs: ClearRuns, failed: int, tags: tuple[int | None, int | None], tolerated: float) -> Wire:
    if runs.clear:
        return Wire.CONTRADICTING
    if tally.authenticated:
        share = failed / (failed + tally.authenticated)
        return Wire.PROVED if share < tolerated else Wire.CONTRADICTING
    if failed and tally.candidate is not None and tally.candidate.bound:
        return Wire.CONTRADICTING if failed >= TELLING_PACKETS else Wire.UNSEEN
    tag, expected = tags
    if tag is None or expected is None:
        return Wire.UNSEEN
    if tag != expected:
        return Wire.CONTRADICTING
    return Wire.CONSISTENT if runs.not_clear else Wire.UNSEEN
