# SPDX-License-Identifier: GPL-2.0-only
"""What the packets of one stream say: authenticated, refuted, clear, or nothing that can be told.

A key is the strongest witness, then the statistics of the octets with the lengths of the packets. A packet that is
clear before the answer is counted apart; what can't be tried (cut by the snaplen, unavailable suite) refutes nothing.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.media_slice import StreamSlice
from analyzer.evidence.media_statistics import stream_statistics
from analyzer.evidence.packet_facts import facts_at, packet_facts
from analyzer.keying.clear_runs import ClearRuns, find_clear_runs, observed_tag_octets
from analyzer.keying.contexts import (
    candidates_for,
    keying_contexts,
    keys_of,
    rivals_for,
    rtcp_contexts,
    why_unavailable,
)
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.rtcp_audit import audit_rtcp
from analyzer.keying.stream_opening import NO_KEY, Case, Tally, open_case
from analyzer.model.call import BoundStream, MediaLine, Side
from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import Keying, RtcpCount, StreamAudit
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.sdp import RtpMap

LISTED_FRAMES = 100
TELLING_PACKETS = 3


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
    rivals = rivals_for(bound, keying, ring)
    case = Case(bound, packets, statistics, rtpmap, keying, candidates, rivals, chosen_suite)
    tally = open_case(case)
    if tally.reason == NO_KEY:
        tally = replace(tally, reason=why_unavailable(bound, ring) or NO_KEY)
    if tally.reason == NO_KEY and line is not None and keying.method is None:
        tally = replace(tally, reason="no keying was agreed, and the packets do not show whether they are clear")
    return _conclude(case, tally, _clear_runs(case, tally), tolerated)


def audit_lone_rtcp(line: MediaLine, keying: Keying) -> RtcpCount:
    """The RTCP of a side that sends no RTP, under whichever key of the exchange opens it."""
    contexts = keying_contexts(keying)
    return audit_rtcp(line.lone_rtcp, lambda flow: rtcp_contexts(flow, keying, contexts))


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
    mapped = rtpmap.get(int(packet_facts(packets, 0).payload_type[0]))
    return mapped.clock_rate if mapped is not None else None


def _clear_runs(case: Case, tally: Tally) -> ClearRuns:
    """The clear/encrypted test over packets that no key vouches for; a NULL cipher with tags makes it meaningless."""
    if tally.authenticated and not tally.failed.any() and not tally.unencrypted:
        return ClearRuns()
    suite = suite_by_name(case.chosen_suite or "")
    opens = tally.candidate is not None and bool(tally.decrypted) and not tally.fitting
    if tally.candidate is not None and opens:
        suite = tally.candidate.context.suite
    keys = [*case.keying.keys, *([tally.candidate.key] if tally.candidate is not None and opens else [])]
    null = suite is not None and not suite.encrypts
    if any(key.authenticated and (null or not key.srtp_encrypted) for key in keys) or (null and not keys):
        return ClearRuns()
    all_of_it = tally.unencrypted or not tally.authenticated
    unproved = np.ones(len(case.packets), dtype=np.bool_) if all_of_it else tally.failed
    return find_clear_runs(case.packets, unproved, case.bound.before_answer, case.rtpmap)


def _conclude(case: Case, tally: Tally, runs: ClearRuns, tolerated: float) -> StreamAudit:
    statistics, size = case.statistics, len(case.packets)
    candidate = tally.candidate
    key = candidate.key if candidate is not None and tally.decrypted and not tally.fitting else None
    if key is not None and tally.context is not None:
        key = keys_of(tally.context, key)[0]
    clear = runs.clear_flags(size)
    failed = tally.failed & ~clear
    tag = observed_tag_octets(case.packets, case.rtpmap)
    expected = _expected_tag(case, tally)
    tried = [candidate] if key is not None and candidate is not None else case.candidates
    contexts = [each.context for each in tried] if tally.context is None else [tally.context]
    rtcp = audit_rtcp(case.bound.rtcp, lambda flow: rtcp_contexts(flow, case.keying, contexts))
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
        fitting=tally.fitting,
        mki_fault=tally.mki_fault,
        reason="not encrypted" if candidate is None and bool(clear.all()) else tally.reason,
        rtcp=rtcp,
        failed_frames=_frames(case, failed),
        clear_frames=_frames(case, clear),
        clear_map=np.packbits(clear).tobytes(),
        jitter_seconds=None if statistics.jitter is None else statistics.jitter.mean / 1000,
        duration_seconds=(statistics.last_time_ns - statistics.first_time_ns) / 1e9,
        defects=tally.defects + (rtcp.defects if key is not None else ()),
    )


def _frames(case: Case, flags: NDArray[np.bool_]) -> tuple[int, ...]:
    """The first frames that are to be listed."""
    if not flags.any():
        return ()
    start = int(flags.argmax())
    stop = start + int(np.searchsorted(np.cumsum(flags[start:], dtype=np.int32), LISTED_FRAMES)) + 1
    return tuple(facts_at(case.packets, start + np.flatnonzero(flags[start:stop])).frame.tolist())


def _expected_tag(case: Case, tally: Tally) -> int | None:
    """Octets that the chosen protection puts behind the payload: tag and MKI, also one that nobody signalled."""
    if tally.candidate is not None:
        context = tally.context or tally.candidate.context
        return context.srtp_tag_octets + context.mki_octets
    suite = suite_by_name(case.chosen_suite or "")
    return None if suite is None else suite.srtp_tag_octets


def _protection(tally: Tally, runs: ClearRuns) -> Protection:
    if runs.clear:
        return Protection.RTP
    if tally.authenticated or runs.not_clear:
        return Protection.SRTP
    return Protection.RTP if runs.clear_early else Protection.UNKNOWN


def _wire(tally: Tally, runs: ClearRuns, failed: int, tags: tuple[int | None, int | None], tolerated: float) -> Wire:
    if runs.clear or tally.other_suite:
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
