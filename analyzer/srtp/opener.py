# SPDX-License-Identifier: GPL-2.0-only
"""One pass over the packets of a stream: which authenticate, under which index and key (RFC 3711 §3.3)."""

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import Flags, Numbers, PacketColumns, distinct, span_of
from analyzer.srtp.context import KeySchedule, SrtpContext
from analyzer.srtp.index import HALF, MAX_ROC, Rollover, extend_sequence_numbers
from analyzer.srtp.kdf import Usage
from analyzer.srtp.sources import PENDING, RETRY_WITHIN, SYNC_SEARCHES, Known, Source
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from analyzer.srtp.verify import Verifier, verifier_for

RESYNC_AFTER = 4
SAFE_TAG_OCTETS = 8
FIRST_RUN, RUN_GROWTH, LONGEST_RUN = 64, 16, 1 << 13


def _untried(columns: PacketColumns, context: SrtpContext) -> NDArray[np.uint8]:
    headers = columns.headers
    outcome = np.full(len(columns), PacketOutcome.NOT_TRIED, dtype=np.uint8)
    needed = headers.header_octets + context.mki_octets + context.srtp_tag_octets
    outcome[columns.lengths < needed] = PacketOutcome.TOO_SHORT
    outcome[columns.lengths < columns.wire_lengths] = PacketOutcome.TRUNCATED
    outcome[~headers.rtp] = PacketOutcome.NOT_RTP
    return outcome


class Opener:
    """One pass over the packets of each SSRC in capture order, writing into an opening's arrays.

    Where key and rollover counter are settled, a run of packets is verified at once under the indices that they have
    if nothing is amiss; what does not verify, or came too far out of order, is then looked at alone. Packets may still
    open when another one, up to `reach` packets later in the stream, shows the counter.
    """

    reach = RETRY_WITHIN

    def __init__(self, columns: PacketColumns, context: SrtpContext, known: Known) -> None:
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
        self.base = known.packets
        known.packets += count

    def __len__(self) -> int:
        return len(self.sequence)

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

    def _unsettled(self, numbers: Numbers, source: Source) -> int:
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

    def _run_of(self, numbers: Numbers, source: Source, rollover: Rollover) -> tuple[int, bool]:
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

    def _settle(self, places: slice, numbers: Numbers, index: Numbers, keys: Numbers | None, source: Source) -> None:
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

    def _slow(self, number: int, source: Source) -> None:
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

    def _keys(self, number: int, source: Source) -> tuple[int, ...]:
        if self.signalled:
            named = self.verifier.key_number(number)
            return () if named is None else (named,)
        first = source.key_number
        return (first, *(other for other in range(len(self.context.keys)) if other != first))

    def _likely_rocs(self, number: int, source: Source) -> tuple[int, ...]:
        if source.rollover is not None:
            return (source.rollover.estimate(int(self.sequence[number])),)
        start = self.context.roc or 0
        return (start,) if start >= MAX_ROC else (start, start + 1)

    def _accept(self, number: int, source: Source, roc: int, key_number: int) -> None:
        opening, sequence_number = self.opening, int(self.sequence[number])
        opening.outcome[number] = self.good
        opening.index[number] = roc << 16 | sequence_number
        opening.key_number[number] = key_number
        source.key_number, source.failures = key_number, 0
        if source.rollover is None:
            source.rollover = Rollover(roc, sequence_number)
            source.retry(self.base + number)
        else:
            source.rollover.accept(sequence_number, roc)

    def try_again(self, number: int, source: Source, rollover: Rollover) -> None:
        """A packet of this part under the counter that is now known."""
        sequence_number = int(self.sequence[number])
        roc = rollover.estimate(sequence_number)
        for key_number in self._keys(number, source):
            if self.verifier.verify(number, roc, key_number):
                self.opening.outcome[number] = self.good
                self.opening.index[number] = roc << 16 | sequence_number
                self.opening.key_number[number] = key_number
                return

    def _search(self, number: int, source: Source, keys: tuple[int, ...]) -> None:
        """Looks for the rollover counter by trial, at the start and after a run of failures (RFC 3711 §3.3.1)."""
        synchronised = source.rollover is not None
        if not source.searches or not self.known.searches or (synchronised and source.failures < RESYNC_AFTER):
            return
        beside = source.recent(self.base + number)[:-1]
        if not self._proves_alone and not beside:
            return
        source.searches -= 1
        for key_number in keys[: self.known.searches]:
            self.known.searches -= 1
            for roc in self.verifier.matching_rocs(number, key_number, self.context.roc_search_limit):
                rollover = Rollover(roc, int(self.sequence[number]))
                if self._proves_alone or any(each.opens_under(other, rollover, key_number) for each, other in beside):
                    source.rollover = None
                    source.pending.remove((self, number))
                    self._accept(number, source, roc, key_number)
                    source.searches = SYNC_SEARCHES
                    return

    @property
    def _proves_alone(self) -> bool:
        """A long tag proves itself; a short one among thousands of trials needs a second packet."""
        return self.opening.tag_octets >= SAFE_TAG_OCTETS

    def opens_under(self, number: int, rollover: Rollover, key_number: int) -> bool:
        """Whether a packet opens that is another than the counter's own: one that was repeated says nothing new."""
        sequence_number = int(self.sequence[number])
        roc = rollover.estimate(sequence_number)
        return sequence_number != rollover.highest and self.verifier.verify(number, roc, key_number)
