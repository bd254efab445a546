# SPDX-License-Identifier: GPL-2.0-only
"""A whole stream at once: which packets authenticate, under which index and key, and what they say in the clear."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import (
    Flags,
    Numbers,
    PacketColumns,
    RtpColumns,
    distinct,
    packet_columns,
    span_of,
)
from analyzer.srtp.context import KeySchedule, SrtpContext, StreamKey
from analyzer.srtp.decrypt import ClearBatch, Decryptor
from analyzer.srtp.index import HALF, MAX_ROC, Rollover, extend_sequence_numbers
from analyzer.srtp.kdf import Usage
from analyzer.srtp.verify import Verifier, verifier_for
from dissectors.grammar.late_dataclass import dataclass

SYNC_SEARCHES = 3
SEARCHES = 64
RESYNC_AFTER = 4
PENDING = 64
CONFIRM_WITHIN = 16
SAFE_TAG_OCTETS = 8
FIRST_RUN, RUN_GROWTH, LONGEST_RUN = 64, 16, 1 << 13
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
        return self.authenticated | np.equal(self.outcome, PacketOutcome.UNAUTHENTICATED)

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

    def clear_batches(self) -> Iterator[ClearBatch]:
        """Every opened packet in order; decrypted in batches as they are asked for."""
        schedule = KeySchedule(self.context, Usage.SRTP)
        return Decryptor(self.packets, self.headers, schedule, self.index, self.key_number).iter_batches(self.opened)

    def clear_packets(self) -> Iterator[tuple[int, bytes]]:
        """Number and clear RTP packet of every opened packet, in order."""
        return (pair for batch in self.clear_batches() for pair in batch.packets())


def open_stream(packets: Sequence[bytes] | PacketColumns, context: SrtpContext) -> StreamOpening:
    """Tries every packet under `context`, each SSRC with its own rollover counter (RFC 3711 §3.3).

    The rollover counter starts at `context.roc`, or at 0, or where a bounded search finds a tag that verifies. Raises
    `SrtpError` only for a context that can't be used.
    """
    columns = packets if isinstance(packets, PacketColumns) else packet_columns(packets)
    if context.rcc_mode:
        from analyzer.srtp.rcc import open_rcc_stream  # noqa: PLC0415 - it gives an opening, and few streams need it

        return open_rcc_stream(columns, context)
    opening = _open(columns, context)
    if context.mki_octets == 0 and context.srtp_tag_octets and not opening.authenticated.any():
        found = find_unsignalled_mki(columns, context)
        if found:
            return _open(columns, found)
    return opening


def find_unsignalled_mki(columns: PacketColumns, context: SrtpContext) -> SrtpContext | None:
    """The context with the MKI of the first packets, if octets between payload and tag make their tags verify."""
    few = columns.select(np.flatnonzero(columns.headers.rtp)[:MKI_TRIAL_PACKETS])
    if not len(few):
        return None
    first = few.packet(0)
    end = len(first) - (0 if context.suite.aead else context.srtp_tag_octets)
    for octets in UNSIGNALLED_MKI_OCTETS:
        if end < octets:
            break
        for key in context.keys[:MKI_TRIAL_KEYS]:
            keys = (StreamKey(key.key, key.salt, first[end - octets : end]),)
            limit = min(context.roc_search_limit, MKI_TRIAL_ROC_LIMIT)
            trial = _open(few, replace(context, keys=keys, roc_search_limit=limit))
            if trial.authenticated.sum() >= min(2, len(few)) and not _is_counter(trial, keys[0].mki):
                return replace(context, keys=keys)
    return None


def _is_counter(opening: StreamOpening, trailer: bytes) -> bool:
    """Whether octets behind an AEAD's tag are the rollover counter of its packets (RFC 4771), and no MKI."""
    rocs = {roc for pair in opening.roc.values() for roc in pair}
    return opening.context.suite.aead and rocs == {int.from_bytes(trailer, "big")} and rocs != {0}


def _open(columns: PacketColumns, context: SrtpContext) -> StreamOpening:
    known = Known()
    opening = Opener(columns, context, known).run().finish()
    known.forget()
    return opening


def _untried(columns: PacketColumns, context: SrtpContext) -> NDArray[np.uint8]:
    headers = columns.headers
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
        self.pending: deque[tuple[Opener, int]] = deque(maxlen=PENDING)

    def keep_pending_of(self, openers: "tuple[Opener, ...]") -> None:
        """Packets of other parts than these will not be tried again."""
        self.pending = deque((each for each in self.pending if each[0] in openers), maxlen=PENDING)


class Known:
    """What is known of the sources of a stream; goes on from one part of it to the next."""

    def __init__(self) -> None:
        self.searches = SEARCHES
        self.sources: dict[int, _Source] = {}

    def source(self, ssrc: int) -> _Source:
        """That of one SSRC."""
        return self.sources.setdefault(ssrc, _Source())

    def forget(self) -> None:
        """No more packets come: sources and openers, which know each other, are let go of."""
        self.sources.clear()


class Opener:
    """One pass over the packets of each SSRC in capture order, writing into an opening's arrays.

    Where key and rollover counter are settled, a run of packets is verified at once under the indices that they have
    if nothing is amiss; what does not verify, or came too far out of order, is then looked at alone. Packets of the
    `before`, the opener of the part before, may still open when the counter is found.
    """

    def __init__(
        self, columns: PacketColumns, context: SrtpContext, known: Known, before: "Opener | None" = None
    ) -> None:
        count, headers = len(columns), columns.headers
        self.opening = StreamOpening(
            packets=columns,
            headers=headers,
            context=context,
            outcome=_untried(columns, context),
            index=np.full(count, -1, dtype=np.int64),
            key_number=np.full(count, -1, dtype=np.int16),
            tag_octets=context.srtp_tag_octets,
            mki_octets=context.mki_octets,
        )
        self.context = context
        self.known = known
        self.numbers = np.flatnonzero(self.opening.outcome == PacketOutcome.NOT_TRIED)
        self.sequence = headers.sequence_number
        self.ssrc = headers.ssrc
        self.verifier: Verifier = verifier_for(columns, headers, KeySchedule(context, Usage.SRTP))
        self.signalled = context.mki_octets > 0
        self.good = PacketOutcome.AUTHENTICATED if self.opening.tag_octets else PacketOutcome.UNAUTHENTICATED
        for source in known.sources.values():
            source.keep_pending_of((self,) if before is None else (before,))

    def run(self) -> "Opener":
        """Look at every packet."""
        for numbers in self._by_source():
            source, place, size = self.known.source(int(self.ssrc[numbers[0]])), 0, FIRST_RUN
            while place < len(numbers):
                if source.rollover is None:
                    place += self._unsettled(numbers[place:], source)
                    continue
                done, whole = self._run_of(numbers[place : place + size], source, source.rollover)
                place += done
                size = min(size * RUN_GROWTH, LONGEST_RUN) if whole else FIRST_RUN
        return self

    def _by_source(self) -> list[Numbers]:
        """The packets of each SSRC, in the order of their first ones."""
        if not len(self.numbers):
            return []
        ssrcs = self.ssrc[self.numbers]
        if len(distinct(ssrcs)) == 1:
            return [self.numbers]
        order = np.argsort(ssrcs, kind="stable")
        cuts = np.flatnonzero(np.diff(ssrcs[order])) + 1
        parts = np.split(self.numbers[order], cuts)
        return sorted(parts, key=lambda part: int(part[0]))

    def _unsettled(self, numbers: Numbers, source: _Source) -> int:
        """Packets before the first that opens: one at a time while searches remain, then in runs; how many it were."""
        if source.searches and self.known.searches:
            self._slow(int(numbers[0]), source)
            return 1
        run = numbers[:LONGEST_RUN]
        named = self.verifier.key_numbers(run) if self.signalled else None
        opens = np.zeros(len(run), dtype=np.bool_)
        for roc in self._likely_rocs(int(run[0]), source):
            for key_number in range(1 if self.signalled else len(self.context.keys)):
                opens |= self._verified(run, roc << 16 | self.sequence[run], named, key_number)
        shut = int(opens.argmax()) if opens.any() else len(run)
        self.opening.outcome[run[:shut]] = PacketOutcome.BAD_TAG
        if named is not None:
            self.opening.outcome[run[:shut][named[:shut] < 0]] = PacketOutcome.UNKNOWN_MKI
        source.failures += shut
        source.pending.extend((self, number) for number in run[:shut][-PENDING:].tolist())
        if shut < len(run):
            self._slow(int(run[shut]), source)
            shut += 1
        return shut

    def _run_of(self, numbers: Numbers, source: _Source, rollover: Rollover) -> tuple[int, bool]:
        """Packets that follow settled ones; how many were dealt with, and whether nothing was amiss."""
        index = extend_sequence_numbers(self.sequence[span_of(numbers)], rollover.index)
        sane = index.min() >= 0 and index.max() >> 16 <= MAX_ROC
        if not sane:
            self._slow(int(numbers[0]), source)
            return 1, False
        keys = self.verifier.key_numbers(numbers) if self.signalled else None
        good = self._verified(numbers, index, keys, source.key_number)
        highest = np.maximum.accumulate(np.concatenate(([rollover.index], np.where(good, index, 0))))[:-1]
        strange = np.flatnonzero(np.abs(index - highest) >= HALF)  # their estimate may be another
        stop = int(strange[0]) if len(strange) else len(numbers)
        start, key_number = 0, source.key_number
        for place in np.flatnonzero(~good[:stop]).tolist():
            self._settle(slice(start, place), numbers, index, keys, source)
            self._slow(int(numbers[place]), source)
            start = place + 1
            if source.rollover is not rollover or (source.key_number != key_number and not self.signalled):
                return start, False
        self._settle(slice(start, stop), numbers, index, keys, source)
        if not stop:
            self._slow(int(numbers[0]), source)
            return 1, False
        return stop, bool(good.all())

    def _verified(self, numbers: Numbers, index: Numbers, keys: Numbers | None, key_number: int) -> Flags:
        """Which packets authenticate under these indices, each under the key that it names, or all under one."""
        if keys is None:
            return self.verifier.verify_all(numbers, index >> 16, key_number)
        good = np.zeros(len(numbers), dtype=np.bool_)
        for named in distinct(keys[keys >= 0]):
            mine = np.flatnonzero(keys == named)
            good[mine] = self.verifier.verify_all(numbers[mine], index[mine] >> 16, named)
        return good

    def _settle(self, places: slice, numbers: Numbers, index: Numbers, keys: Numbers | None, source: _Source) -> None:
        """Takes packets into account that authenticate, where they stand in the run."""
        numbers, index = numbers[places], index[places]
        if len(numbers) and source.rollover is not None:
            span = span_of(numbers)
            self.opening.outcome[span] = self.good
            self.opening.index[span] = index
            self.opening.key_number[span] = source.key_number if keys is None else keys[places]
            source.failures = 0
            highest = max(int(index.max()), source.rollover.index)
            source.rollover.roc, source.rollover.highest = highest >> 16, highest & 0xFFFF

    def finish(self) -> StreamOpening:
        """What was found, once no packet of this part can open any more."""
        self._report()
        return self.opening

    def _report(self) -> None:
        opened = np.flatnonzero(self.opening.opened)
        rocs, ssrcs = self.opening.index[opened] >> 16, self.ssrc[opened]
        if len(distinct(ssrcs)) == 1:
            self.opening.roc[int(ssrcs[0])] = (int(rocs[0]), int(rocs[-1]))
            return
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
        source.pending.append((self, number))
        self._search(number, source, keys)

    def _keys(self, number: int, source: _Source) -> tuple[int, ...]:
        if self.signalled:
            named = self.verifier.key_number(number)
            return () if named is None else (named,)
        first = source.key_number
        return (first, *(other for other in range(len(self.context.keys)) if other != first))

    def _likely_rocs(self, number: int, source: _Source) -> tuple[int, ...]:
        if source.rollover is not None:
            return (source.rollover.estimate(int(self.sequence[number])),)
        start = self.context.roc or 0
        return (start,) if start >= MAX_ROC else (start, start + 1)

    def _accept(self, number: int, source: _Source, roc: int, key_number: int) -> None:
        opening, sequence_number = self.opening, int(self.sequence[number])
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
            opener, number = source.pending.popleft()
            opener.try_again(number, source, rollover)

    def try_again(self, number: int, source: _Source, rollover: Rollover) -> None:
        """A packet of this part under the counter that is now known."""
        sequence_number = int(self.sequence[number])
        roc = rollover.estimate(sequence_number)
        for key_number in self._keys(number, source):
            if self.verifier.verify(number, roc, key_number):
                self.opening.outcome[number] = self.good
                self.opening.index[number] = roc << 16 | sequence_number
                self.opening.key_number[number] = key_number
                return

    def _search(self, number: int, source: _Source, keys: tuple[int, ...]) -> None:
        """Looks for the rollover counter by trial, at the start and after a run of failures (RFC 3711 §3.3.1)."""
        synchronised = source.rollover is not None
        if not source.searches or not self.known.searches or (synchronised and source.failures < RESYNC_AFTER):
            return
        source.searches -= 1
        for key_number in keys[: self.known.searches]:
            self.known.searches -= 1
            for roc in self.verifier.matching_rocs(number, key_number, self.context.roc_search_limit):
                if self._confirmed(number, roc, key_number):
                    source.rollover = None
                    source.pending.remove((self, number))
                    self._accept(number, source, roc, key_number)
                    source.searches = SYNC_SEARCHES
                    return

    def _confirmed(self, number: int, roc: int, key_number: int) -> bool:
        """A long tag proves itself; a short one among thousands of trials needs a second packet."""
        if self.opening.tag_octets >= SAFE_TAG_OCTETS:
            return True
        place = int(np.searchsorted(self.numbers, number))
        around = self.numbers[max(place - CONFIRM_WITHIN, 0) : place + CONFIRM_WITHIN + 1].tolist()
        rollover = Rollover(roc, int(self.sequence[number]))
        return any(
            self.verifier.verify(other, rollover.estimate(int(self.sequence[other])), key_number)
            for other in around
            if self.ssrc[other] == self.ssrc[number] and self.sequence[other] != self.sequence[number]
        )
