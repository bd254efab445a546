# SPDX-License-Identifier: GPL-2.0-only
"""A whole stream at once: which packets authenticate, under which index and key, and what they say in the clear."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import Flags, Numbers, PacketColumns, RtpColumns, packet_columns, read_rtp_headers
from analyzer.srtp.context import KeySchedule, SrtpContext, StreamKey
from analyzer.srtp.decrypt import iter_clear_packets
from analyzer.srtp.index import HALF, MAX_ROC, Rollover
from analyzer.srtp.kdf import Usage
from analyzer.srtp.verify import Verifier, verifier_for

SYNC_SEARCHES = 3
SEARCHES = 64
RESYNC_AFTER = 4
PENDING = 64
CONFIRM_WITHIN = 16
SAFE_TAG_OCTETS = 8
UNSIGNALLED_MKI_OCTETS = (*range(1, 9), 16)
MKI_TRIAL_PACKETS = 8
MKI_TRIAL_KEYS = 4
MKI_TRIAL_ROC_LIMIT = 64


class PacketOutcome(IntEnum):
    """What became of one packet."""

    NOT_TRIED = 0
    AUTHENTICATED = 1
    UNAUTHENTICATED = 2  # opened, but the session has no tags to check
    BAD_TAG = 3
    TOO_SHORT = 4
    TRUNCATED = 5  # by the snaplen: its tag is not in the capture
    NOT_RTP = 6
    UNKNOWN_MKI = 7


@dataclass(frozen=True, slots=True, eq=False)
class StreamOpening:
    """What a context shows of a sequence of packets; all arrays run parallel to the packets.

    `index` is the 48-bit packet index (−1 where unknown), `key_number` the master key that fitted (−1), `roc` maps each
    SSRC to the rollover counters of its first and last opened packet. `mki_octets` differs from the context's where an
    MKI was found that nobody signalled.
    """

    packets: PacketColumns
    headers: RtpColumns
    context: SrtpContext
    outcome: NDArray[np.uint8]
    index: Numbers
    key_number: NDArray[np.int16]
    tag_octets: int
    mki_octets: int
    roc: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def authenticated(self) -> Flags:
        """Which packets authenticate."""
        return np.equal(self.outcome, PacketOutcome.AUTHENTICATED)

    @property
    def opened(self) -> Flags:
        """Which packets have a clear payload."""
        return np.isin(self.outcome, (PacketOutcome.AUTHENTICATED, PacketOutcome.UNAUTHENTICATED))

    @property
    def failed(self) -> Flags:
        """Which packets were tried and refuted."""
        return np.isin(self.outcome, (PacketOutcome.BAD_TAG, PacketOutcome.TOO_SHORT, PacketOutcome.UNKNOWN_MKI))

    @property
    def repeated(self) -> Flags:
        """Which opened packets repeat the SSRC and index of an earlier one (RFC 3711 §3.3.2)."""
        repeated = np.zeros(len(self.outcome), dtype=np.bool_)
        opened = np.flatnonzero(self.opened)
        pairs = np.stack((self.headers.ssrc[opened], self.index[opened]), axis=1)
        repeated[opened] = True
        if len(opened):
            repeated[opened[np.unique(pairs, axis=0, return_index=True)[1]]] = False
        return repeated

    def count(self, *outcomes: PacketOutcome) -> int:
        """How many packets ended in one of these outcomes."""
        return int(np.isin(self.outcome, outcomes).sum())

    def clear_packets(self) -> Iterator[tuple[int, bytes]]:
        """Number and clear RTP packet of every opened packet, in order; decrypted in batches as they are asked for."""
        schedule = KeySchedule(self.context, Usage.SRTP)
        return iter_clear_packets(self.packets, self.headers, schedule, self.opened, self.index, self.key_number)


def open_stream(packets: Sequence[bytes] | PacketColumns, context: SrtpContext) -> StreamOpening:
    """Tries every packet under `context`, each SSRC with its own rollover counter (RFC 3711 §3.3).

    The rollover counter starts at `context.roc`, or at 0, or where a bounded search finds a tag that verifies. Raises
    `SrtpError` only for a context that can't be used.
    """
    columns = packets if isinstance(packets, PacketColumns) else packet_columns(packets)
    headers = read_rtp_headers(columns)
    opening = _open(columns, headers, context)
    if context.mki_octets == 0 and context.srtp_tag_octets and not opening.authenticated.any():
        found = _unsignalled_mki(columns, headers, context)
        if found:
            return _open(columns, headers, found)
    return opening


def _unsignalled_mki(columns: PacketColumns, headers: RtpColumns, context: SrtpContext) -> SrtpContext | None:
    """The context with the MKI of the first packets, if octets between payload and tag make their tags verify."""
    few = columns.select(np.flatnonzero(headers.rtp)[:MKI_TRIAL_PACKETS])
    if not len(few):
        return None
    few_headers, first = read_rtp_headers(few), few.packet(0)
    end = len(first) - (0 if context.suite.aead else context.srtp_tag_octets)
    for octets in UNSIGNALLED_MKI_OCTETS:
        if end < octets:
            break
        for key in context.keys[:MKI_TRIAL_KEYS]:
            keys = (StreamKey(key.key, key.salt, first[end - octets : end]),)
            trial = _open(few, few_headers, replace(context, keys=keys, roc_search_limit=MKI_TRIAL_ROC_LIMIT))
            if trial.authenticated.sum() >= min(2, len(few)):
                return replace(context, keys=keys)
    return None


def _open(columns: PacketColumns, headers: RtpColumns, context: SrtpContext) -> StreamOpening:
    count = len(columns)
    opening = StreamOpening(
        packets=columns,
        headers=headers,
        context=context,
        outcome=_untried(columns, headers, context),
        index=np.full(count, -1, dtype=np.int64),
        key_number=np.full(count, -1, dtype=np.int16),
        tag_octets=context.srtp_tag_octets,
        mki_octets=context.mki_octets,
    )
    _Opener(opening).run()
    return opening


def _untried(columns: PacketColumns, headers: RtpColumns, context: SrtpContext) -> NDArray[np.uint8]:
    outcome = np.full(len(columns), PacketOutcome.NOT_TRIED, dtype=np.uint8)
    needed = headers.header_octets + context.mki_octets + context.srtp_tag_octets
    outcome[columns.lengths < needed] = PacketOutcome.TOO_SHORT
    outcome[columns.lengths < columns.wire_lengths] = PacketOutcome.TRUNCATED
    outcome[~headers.rtp] = PacketOutcome.NOT_RTP
    return outcome


class _Source:
    """What is known of one SSRC while its packets go by."""

    __slots__ = ("failures", "key_number", "pending", "rollover", "searches")

    def __init__(self) -> None:
        self.rollover: Rollover | None = None
        self.key_number = 0
        self.failures = 0
        self.searches = SYNC_SEARCHES
        self.pending: deque[int] = deque(maxlen=PENDING)


class _Opener:
    """One pass over the packets in capture order, writing into an opening's arrays."""

    def __init__(self, opening: StreamOpening) -> None:
        self.opening = opening
        self.context = opening.context
        columns, headers = opening.packets, opening.headers
        self.numbers = np.flatnonzero(opening.outcome == PacketOutcome.NOT_TRIED)
        self.sequence = headers.sequence_number.tolist()
        self.ssrc = headers.ssrc.tolist()
        self.verifier: Verifier = verifier_for(columns, headers, KeySchedule(opening.context, Usage.SRTP))
        self.sources: dict[int, _Source] = {}
        self.searches = SEARCHES
        self.signalled = opening.context.mki_octets > 0
        self.good = PacketOutcome.AUTHENTICATED if opening.tag_octets else PacketOutcome.UNAUTHENTICATED

    def run(self) -> None:
        verify, sequence, ssrcs, sources = self.verifier.verify, self.sequence, self.ssrc, self.sources
        settled: list[tuple[int, int, int]] = []
        for number in self.numbers.tolist():
            source = sources.get(ssrcs[number])
            if source is None:
                source = sources[ssrcs[number]] = _Source()
            rollover = source.rollover
            if rollover is not None and not self.signalled:
                sequence_number = sequence[number]
                step = sequence_number - rollover.highest
                roc = rollover.roc if -HALF < step < HALF else rollover.estimate(sequence_number)
                if verify(number, roc, source.key_number):
                    settled.append((number, roc << 16 | sequence_number, source.key_number))
                    if 0 < step < HALF:
                        rollover.highest = sequence_number
                    else:
                        rollover.accept(sequence_number, roc)
                    source.failures = 0
                    continue
            self._slow(number, source)
        self._settle(settled)
        self._report()

    def _settle(self, settled: list[tuple[int, int, int]]) -> None:
        if settled:
            numbers, index, keys = (np.array(column, dtype=np.int64) for column in zip(*settled, strict=True))
            self.opening.outcome[numbers] = self.good
            self.opening.index[numbers] = index
            self.opening.key_number[numbers] = keys

    def _report(self) -> None:
        opened = np.flatnonzero(self.opening.opened)
        rocs, ssrcs = self.opening.index[opened] >> 16, self.opening.headers.ssrc[opened]
        found, first = np.unique(ssrcs, return_index=True)
        last = len(ssrcs) - 1 - np.unique(ssrcs[::-1], return_index=True)[1]
        for ssrc, start, end in zip(found.tolist(), rocs[first].tolist(), rocs[last].tolist(), strict=True):
            self.opening.roc[ssrc] = (start, end)

    def _slow(self, number: int, source: _Source) -> None:
        """A packet whose key or rollover counter is not settled."""
        keys = self._keys(number, source)
        if not keys:
            self.opening.outcome[number] = PacketOutcome.UNKNOWN_MKI
            return
        for roc in self._likely_rocs(number, source):
            for key_number in keys:
                if self.verifier.verify(number, roc, key_number):
                    self._accept(number, source, roc, key_number)
                    return
        self.opening.outcome[number] = PacketOutcome.BAD_TAG
        source.failures += 1
        source.pending.append(number)
        self._search(number, source, keys)

    def _keys(self, number: int, source: _Source) -> tuple[int, ...]:
        if self.signalled:
            named = self.verifier.key_number(number)
            return () if named is None else (named,)
        first = source.key_number
        return (first, *(other for other in range(len(self.context.keys)) if other != first))

    def _likely_rocs(self, number: int, source: _Source) -> tuple[int, ...]:
        if source.rollover is not None:
            return (source.rollover.estimate(self.sequence[number]),)
        start = self.context.roc or 0
        return (start,) if start >= MAX_ROC else (start, start + 1)

    def _accept(self, number: int, source: _Source, roc: int, key_number: int) -> None:
        opening, sequence_number = self.opening, self.sequence[number]
        opening.outcome[number] = self.good
        opening.index[number] = roc << 16 | sequence_number
        opening.key_number[number] = key_number
        source.key_number, source.failures = key_number, 0
        if source.rollover is None:
            source.rollover = Rollover(roc, sequence_number)
            self._retry(source)
        else:
            source.rollover.accept(sequence_number, roc)

    def _retry(self, source: _Source) -> None:
        """Packets that came while the rollover counter was not known."""
        rollover = source.rollover
        while rollover is not None and source.pending:
            number = source.pending.popleft()
            roc = rollover.estimate(self.sequence[number])
            for key_number in self._keys(number, source):
                if self.verifier.verify(number, roc, key_number):
                    self.opening.outcome[number] = self.good
                    self.opening.index[number] = roc << 16 | self.sequence[number]
                    self.opening.key_number[number] = key_number
                    break

    def _search(self, number: int, source: _Source, keys: tuple[int, ...]) -> None:
        """Looks for the rollover counter by trial, at the start and after a run of failures (RFC 3711 §3.3.1)."""
        synchronised = source.rollover is not None
        if not source.searches or not self.searches or (synchronised and source.failures < RESYNC_AFTER):
            return
        source.searches -= 1
        for key_number in keys[: self.searches]:
            self.searches -= 1
            for roc in self.verifier.matching_rocs(number, key_number, self.context.roc_search_limit):
                if self._confirmed(number, roc, key_number):
                    source.rollover = None
                    source.pending.remove(number)
                    self._accept(number, source, roc, key_number)
                    source.searches = SYNC_SEARCHES
                    return

    def _confirmed(self, number: int, roc: int, key_number: int) -> bool:
        """A long tag proves itself; a short one among thousands of trials needs a second packet."""
        if self.opening.tag_octets >= SAFE_TAG_OCTETS:
            return True
        place = int(np.searchsorted(self.numbers, number))
        around = self.numbers[max(place - CONFIRM_WITHIN, 0) : place + CONFIRM_WITHIN + 1].tolist()
        rollover = Rollover(roc, self.sequence[number])
        return any(
            self.verifier.verify(other, rollover.estimate(self.sequence[other]), key_number)
            for other in around
            if self.ssrc[other] == self.ssrc[number] and self.sequence[other] != self.sequence[number]
        )
