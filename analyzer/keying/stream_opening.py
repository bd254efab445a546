# SPDX-License-Identifier: GPL-2.0-only
"""One stream under the keys at hand: the first that opens it, and where none does the reason, each cause tried."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.media_slice import StreamSlice
from analyzer.evidence.media_statistics import StreamStatistics
from analyzer.keying.contexts import F8_NOTE, TAGGED_NOTE, Candidate, keys_of, rtcp_contexts
from analyzer.keying.opening_record import OpeningRecord, record_opening
from analyzer.keying.rtcp_audit import audit_rtcp
from analyzer.model.call import BoundStream
from analyzer.model.keying import Keying, MasterKey
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.clear_test import Clearness
from analyzer.srtp.columns import PacketColumns
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.diagnose import Diagnosis, FailureReason, Trial, diagnose_stream
from analyzer.srtp.parts import StreamPackets, open_parts
from analyzer.srtp.payload_reading import is_clear_as_it_stands, read_payloads
from analyzer.srtp.suites import SrtpError, suite_by_name
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import RtpMap

NO_KEY = "no key at hand"
TRIAL_PACKETS = 16
TRIAL_PLACES = 4
NEAR_ROC_LIMIT = 64
TELLING_FAILURES = 2
ENCRYPTED = "UNENCRYPTED_SRTP was agreed, and the payload is encrypted"
UNENCRYPTED = "the tags verify, but the payload is not encrypted"
# Faults of the framing under which a bound key proves the stream all the same.
HARMLESS = frozenset(
    {
        FailureReason.NONE,
        FailureReason.UNSIGNALLED_MKI,
        FailureReason.ABSENT_MKI,
        FailureReason.UNKNOWN_MKI,
        FailureReason.CARRIED_ROC,
        FailureReason.DEVIANT_DERIVATION,
        FailureReason.ROLLOVER,
    }
)
MKI_FAULTS = frozenset({FailureReason.UNSIGNALLED_MKI, FailureReason.ABSENT_MKI, FailureReason.UNKNOWN_MKI})
Flags = NDArray[np.bool_]
# Defects that leave a key without use.
UNFIT = frozenset({"sdes-key-length", "tek-length", "salt-length", "tgk-length"})


@dataclass(frozen=True, slots=True)
class Case:
    """One stream and all that may speak about it; `rivals` are keys that are not meant for it."""

    bound: BoundStream
    packets: StreamSlice
    statistics: StreamStatistics
    rtpmap: dict[int, RtpMap]
    keying: Keying
    candidates: tuple[Candidate, ...]
    rivals: tuple[Trial, ...]
    chosen_suite: str | None

    @property
    def encodings(self) -> dict[int, str]:
        """The encoding of each payload type that a description maps."""
        return {payload_type: mapped.encoding for payload_type, mapped in self.rtpmap.items()}


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one stream after its keys were tried; `failed` runs parallel to its packets.

    `fitting` are keys under which packets open although they are not what the exchange agreed on. `unencrypted` says
    that the payload is clear behind tags that verify. `mki_fault` is as that of `StreamAudit`.
    """

    failed: Flags
    authenticated: int = 0
    decrypted: int = 0
    not_tried: int = 0
    candidate: Candidate | None = None
    reason: str = ""
    fitting: tuple[MasterKey, ...] = ()
    unencrypted: bool = False
    other_suite: bool = False
    context: SrtpContext | None = None  # under which packets opened, with an MKI that only they told of
    defects: tuple[Defect, ...] = ()
    mki_fault: str = ""


def open_case(case: Case) -> Tally:
    """Open with the first candidate under which a sample authenticates, else tell why none does."""
    size = len(case.packets)
    if not case.candidates:
        return Tally(np.zeros(size, dtype=np.bool_), not_tried=size, reason=_why_no_key(case.keying))
    packets = StreamPackets(case.packets)
    for candidate in case.candidates:
        if _fits(packets, candidate, case.encodings):
            return _opened(case, packets, _by_reading(packets, candidate, case))
    return _shut(case, packets)


def _opened(case: Case, packets: StreamPackets, candidate: Candidate, reason: str = "") -> Tally:
    record = _record(packets, candidate, candidate.context)
    tally = _tally(record, candidate, reason or candidate.deviation or candidate.key.label)
    tally = _without_replaced(tally, record)
    if _is_unencrypted(case, packets, candidate, tally):
        return replace(tally, reason=UNENCRYPTED, unencrypted=True)
    suite = candidate.key.suite
    of_another = candidate.key.source in {"key-ring", "sdes"} and case.chosen_suite not in {None, suite}
    if of_another and not candidate.deviation:
        tally = replace(tally, other_suite=True, reason=f"authenticates as {suite}, which was not agreed")
    return _excused(_with_cut(_explained(case, packets, tally, record), record), case.keying)


def _record(packets: StreamPackets, candidate: Candidate, context: SrtpContext) -> OpeningRecord:
    return record_opening(open_parts(packets.parts(), context, len(packets)), len(packets), candidate)


def _with_cut(tally: Tally, record: OpeningRecord) -> Tally:
    """With the reason why packets could not be tried among others that open."""
    if not record.truncated:
        return tally
    why = f"{record.truncated} packets are cut by the snaplen"
    return replace(tally, reason=f"{tally.reason}; {why}" if tally.reason else why)


def _is_unencrypted(case: Case, packets: StreamPackets, candidate: Candidate, tally: Tally) -> bool:
    """Whether packets that authenticate are clear without their MKI and tag; an AEAD encrypts what it authenticates."""
    context = tally.context or candidate.context
    if not tally.authenticated or context.suite.aead or not (context.srtp_encrypted and context.suite.encrypts):
        return False
    columns = packets.first()
    lengths = np.maximum(columns.lengths - context.mki_octets - context.srtp_tag_octets, 0)
    return is_clear_as_it_stands(columns.shortened(lengths), case.encodings)


def _explained(case: Case, packets: StreamPackets, tally: Tally, record: OpeningRecord) -> Tally:
    """With the reason why packets among others that authenticate fail, where there are enough to tell."""
    failed = int(np.count_nonzero(tally.failed))
    if failed < TELLING_FAILURES:
        return tally
    context = tally.context or (record.context if tally.candidate is None else tally.candidate.context)
    columns = packets.thinned(tally.failed)
    near = replace(_near(context), roc=context.roc if record.first_roc is None else record.first_roc)
    found = diagnose_stream(columns, near, case.rivals, encodings=case.encodings)
    if found.reason in {FailureReason.NONE, FailureReason.SOME}:
        return tally
    # Most of them have the length of some that authenticate, and with it a tag.
    if found.reason is FailureReason.NO_TAGS and 2 * int(record.has_length(columns.lengths).sum()) > len(columns):
        found = Diagnosis(FailureReason.ALTERED)
    why = f"{failed} packets fail: {found}"
    if found.context is not None and found.reason in MKI_FAULTS:
        tally = replace(tally, mki_fault=f"{failed} packets differ from the others: {found}")
    return replace(tally, reason=f"{tally.reason}; {why}" if tally.reason else why)


def _shut(case: Case, packets: StreamPackets) -> Tally:
    """Why no key opens the stream; a fault that leaves the key proved opens it all the same."""
    size = len(packets)
    first = next((candidate for candidate in case.candidates if candidate.bound), case.candidates[0])
    nothing = np.zeros(size, dtype=np.bool_)
    if not first.context.proves:
        return Tally(nothing, not_tried=size, reason="there are no tags, and what the key gives is noise")
    found, under = _diagnose(case, packets.thinned(), first)
    reason = "" if found.reason is FailureReason.NONE else str(found)
    if found.context is not None and (found.reason in HARMLESS or (_is_given(under) and _is_key_own(found))):
        keys = keys_of(found.context, under.key)
        tally = _opened(case, packets, Candidate(found.context, keys[0], under.bound), reason)
        return replace(tally, mki_fault=str(found)) if found.reason in MKI_FAULTS else tally
    if not first.bound:
        speaks_of_keys = found.reason not in {FailureReason.CLEAR, FailureReason.TRUNCATED}
        reason = f"no key in the ring fits: {reason}" if speaks_of_keys else reason
        return Tally(nothing, not_tried=size, reason=reason)
    if found.reason in {FailureReason.NO_PACKETS, FailureReason.TRUNCATED}:
        return Tally(nothing, not_tried=size, reason=reason)
    tally = _tally(_record(packets, first, _near(first.context)), first, reason)
    if found.context is not None:
        opened = _record(packets, first, found.context).opened
        tally = replace(tally, decrypted=opened, fitting=keys_of(found.context, under.key))
    return _excused(tally, case.keying)


def _diagnose(case: Case, columns: PacketColumns, first: Candidate) -> tuple[Diagnosis, Candidate]:
    """The diagnosis under the first candidate, else under the one whose key explains more."""
    found = diagnose_stream(
        columns,
        first.context,
        case.rivals,
        encodings=case.encodings,
        key_proved=_is_proved_by_rtcp(case, first),
        rocs_tried=first.context.roc_search_limit,
    )
    if found.reason is not FailureReason.WRONG_KEY:
        return found, first
    for other in case.candidates:
        if other is first or other.deviation or other.context.keys == first.context.keys:
            continue
        again = diagnose_stream(columns, _near(other.context), encodings=case.encodings)
        if again.context is not None:
            return again, other
    return found, first


def _is_proved_by_rtcp(case: Case, candidate: Candidate) -> bool:
    count = audit_rtcp(case.bound.rtcp, lambda flow: rtcp_contexts(flow, case.keying, (candidate.context,)))
    return count.authenticated > 0


def _is_given(candidate: Candidate) -> bool:
    """Whether the auditor gave the key himself, so that its suite is his word and nobody's agreement."""
    return candidate.key.source == "key-ring"


def _is_key_own(found: Diagnosis) -> bool:
    return found.reason in {FailureReason.OTHER_SUITE, FailureReason.TAG_LENGTH, FailureReason.NO_TAGS}


def _by_reading(packets: StreamPackets, candidate: Candidate, case: Case) -> Candidate:
    """The candidate, or that of a peer which took another cipher, or sends tags or cipher text that nobody agreed on.

    A cipher is told by its clear text where tags verify under both.
    """
    others = [
        other for other in case.candidates if other is not candidate and other.context.keys == candidate.context.keys
    ]
    for other in others:
        if other.deviation == TAGGED_NOTE and not candidate.context.proves and _fits(packets, other, case.encodings):
            return other
    if not candidate.context.srtp_encrypted and candidate.context.suite.encrypts:
        context, key = replace(candidate.context, srtp_encrypted=True), candidate.key._replace(srtp_encrypted=True)
        if read_payloads(packets.first(), context, case.encodings).clearness is Clearness.CLEAR:
            return replace(candidate, context=context, key=key, deviation=ENCRYPTED)
        return candidate
    for other in others:
        if other.deviation == F8_NOTE:
            both = [
                read_payloads(packets.first(), each.context, case.encodings).clearness for each in (candidate, other)
            ]
            if both[1] is Clearness.CLEAR and both[0] is not Clearness.CLEAR:
                return other
    return candidate


def _fits(packets: StreamPackets, candidate: Candidate, encodings: dict[int, str]) -> bool:
    """Whether packets at some of a few places of the stream open; without tags, whether they aren't surely noise.

    The long search for the rollover counter is made once, at the first place.
    """
    if not candidate.context.proves:
        return read_payloads(packets.first(), candidate.context, encodings).clearness is not Clearness.NOT_CLEAR
    if candidate.context.rcc_mode:
        return any(opening.authenticated.any() for opening in open_parts(packets.parts(), candidate.context))
    places = np.linspace(0, max(len(packets) - TRIAL_PACKETS, 0), TRIAL_PLACES, dtype=np.int64).tolist()
    return any(_opens(packets, place, _near(candidate.context)) for place in dict.fromkeys(places)) or _opens(
        packets, places[0], candidate.context
    )


def _near(context: SrtpContext) -> SrtpContext:
    return replace(context, roc_search_limit=min(context.roc_search_limit, NEAR_ROC_LIMIT))


def _opens(packets: StreamPackets, place: int, context: SrtpContext) -> bool:
    try:
        return bool(open_stream(packets.part(place, place + TRIAL_PACKETS), context).authenticated.any())
    except SrtpError:
        return False


def _tally(record: OpeningRecord, candidate: Candidate, reason: str = "") -> Tally:
    return Tally(
        failed=record.failed,
        authenticated=record.authenticated,
        decrypted=record.opened,
        not_tried=record.not_tried,
        candidate=candidate,
        reason=reason,
        defects=tuple(record.oddities()),
        context=record.context if record.mki_found else None,
        mki_fault=record.unsignalled_mki and f"{FailureReason.UNSIGNALLED_MKI.value} ({record.unsignalled_mki})",
    )


def _without_replaced(tally: Tally, record: OpeningRecord) -> Tally:
    """Packets under a replaced key are right until those under the new one come, and failures from then on."""
    flags = record.late
    late = int(flags.sum())
    if not late:
        return tally
    return replace(
        tally,
        failed=tally.failed | flags,
        authenticated=tally.authenticated - late,
        reason=f"{late} packets are protected with the key that was replaced",
    )


def _excused(tally: Tally, keying: Keying) -> Tally:
    """Where a handshake was seen whose keys are not at hand, packets that fail may be its own: they refute nothing."""
    failed = int(tally.failed.sum())
    if not keying.keys_missing or not failed:
        return tally
    reason = tally.reason or "not all handshakes are in the key log"
    return replace(tally, failed=np.zeros_like(tally.failed), not_tried=tally.not_tried + failed, reason=reason)


def _why_no_key(keying: Keying) -> str:
    unavailable = [suite for key in keying.keys if (suite := suite_by_name(key.suite)) and not suite.available]
    if unavailable:
        return unavailable[0].unavailable_reason
    if keying.method in {"DTLS-SRTP", "ZRTP"}:
        return f"{keying.how}; no key at hand"
    wrong = [defect.detail for defect in keying.defects if defect.code in UNFIT]
    return wrong[0] if wrong else NO_KEY
