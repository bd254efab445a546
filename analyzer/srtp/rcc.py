# SPDX-License-Identifier: GPL-2.0-only
"""Streams whose tags carry the rollover counter in every R-th packet (RFC 4771).

Mode 1 protects those packets alone, mode 2 the others with an ordinary tag, mode 3 none. Under an AEAD, as 3GPP uses
mode 3, every packet authenticates by itself and the counter follows the MKI.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.srtp.columns import Numbers, PacketColumns
from analyzer.srtp.context import ROC_OCTETS, KeySchedule, RccMode, SrtpContext, StreamKey
from analyzer.srtp.index import Rollover, index_near
from analyzer.srtp.kdf import Usage
from analyzer.srtp.rcc_tags import carries_roc, rcc_tag, rcc_tag_octets
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from analyzer.srtp.transform import open_verified

RCC_REACH = 1 << 17  # as far as two packets can be apart that carry the counter, and one of them lost between


def open_rcc_stream(columns: PacketColumns, context: SrtpContext) -> StreamOpening:
    """Every packet under the counter that its tag carries, or that the last one before it carried.

    The opening's packets are those of `columns` without what follows their payload, its context takes them so.
    """
    return RccOpener(columns, context, RccSources()).run().finish()


Rollovers = dict[int, Rollover]  # by SSRC


class RccSources:
    """What is known of the sources of a stream; goes on from one part of it to the next.

    `guessed` are counters that no tag told: they serve packets for which none came in time.
    """

    def __init__(self) -> None:
        self.rollovers: Rollovers = {}
        self.guessed: Rollovers = {}
        self.packets = 0  # that were given to openers
        self._waiting: dict[int, deque[tuple[RccOpener, int]]] = {}

    def wait(self, ssrc: int, opener: "RccOpener", number: int) -> None:
        """A packet came before any counter of its source."""
        self._waiting.setdefault(ssrc, deque()).append((opener, number))

    def take_waiting(self, ssrc: int) -> Sequence[tuple["RccOpener", int]]:
        """The packets that waited for the counter of a source."""
        return self._waiting.pop(ssrc, ()) if ssrc in self.rollovers else ()

    def overdue(self, opener: "RccOpener") -> list[int]:
        """The packets of the first opener that has any which wait: they need not any more."""
        found = []
        for waiting in self._waiting.values():
            while waiting and waiting[0][0] is opener:
                found.append(waiting.popleft()[1])
        return sorted(found)


class RccOpener:
    """One pass over the packets in capture order.

    A packet whose counter is not known yet opens when another one, up to `reach` packets later, carries it.
    """

    reach = RCC_REACH

    def __init__(self, columns: PacketColumns, context: SrtpContext, sources: RccSources) -> None:
        self.columns = columns
        self.context = context
        self.headers = columns.headers
        self.schedule = KeySchedule(context, Usage.SRTP)
        count = len(columns)
        self.base = sources.packets
        sources.packets += count
        self.outcome = np.full(count, PacketOutcome.NOT_TRIED, dtype=np.uint8)
        self.index = np.full(count, -1, dtype=np.int64)
        self.key_number = np.full(count, -1, dtype=np.int16)
        self.lengths: Numbers = columns.lengths.copy()
        self.sources = sources

    def __len__(self) -> int:
        return len(self.outcome)

    def run(self) -> "RccOpener":
        """Look at every packet."""
        for number in range(len(self.columns)):
            self.take(number)
        return self

    def finish(self) -> StreamOpening:
        """What was found, once packets that came before any counter need not wait for one any more."""
        for number in self.sources.overdue(self):
            self.open(number, self.sources.guessed)
        return self.opening()

    def take(self, number: int) -> None:
        """One packet; one whose counter is not known yet waits for the next that carries it."""
        if not self.headers.rtp[number]:
            self.outcome[number] = PacketOutcome.NOT_RTP
        elif self.columns.lengths[number] < self.columns.wire_lengths[number]:
            self.outcome[number] = PacketOutcome.TRUNCATED
        else:
            sequence_number, ssrc = int(self.headers.sequence_number[number]), int(self.headers.ssrc[number])
            known = ssrc in self.sources.rollovers or self.context.roc is not None
            if known or carries_roc(sequence_number, self.context):
                self.open(number, self.sources.rollovers)
                self._open_waiting(self.base + number, ssrc)
            else:
                self.sources.wait(ssrc, self, number)

    def _open_waiting(self, place: int, ssrc: int) -> None:
        """Packets that came before the first counter of their source, if the packet at this place has told it.

        The one before a packet is no more than half a wrap away from it, the one before that may be further.
        """
        near = []
        for opener, number in self.sources.take_waiting(ssrc):
            if place - opener.base - number <= self.reach:
                near.append((opener, number))
            else:
                opener.open(number, self.sources.guessed)
        index = self.sources.rollovers[ssrc].index if near else 0
        for opener, number in reversed(near):
            index = index_near(int(opener.headers.sequence_number[number]), index)
            opener.open(number, self.sources.rollovers, index >> 16)

    def open(self, number: int, rollovers: Rollovers, roc: int | None = None) -> None:
        """One packet under the counter that it carries, else under `roc`, else as its source stands in `rollovers`."""
        sequence_number, ssrc = int(self.headers.sequence_number[number]), int(self.headers.ssrc[number])
        packet, tag_octets = self.columns.packet(number), rcc_tag_octets(sequence_number, self.context)
        cut = len(packet) - tag_octets - self.context.mki_octets
        if cut < int(self.headers.header_octets[number]):
            self.outcome[number] = PacketOutcome.TOO_SHORT
            return
        carried = carries_roc(sequence_number, self.context)
        tag, mki = packet[len(packet) - tag_octets :], packet[cut : len(packet) - tag_octets]
        if carried:
            roc = int.from_bytes(tag[:ROC_OCTETS], "big")
        elif roc is None:
            rollover = rollovers.get(ssrc)
            roc = self.context.roc or 0 if rollover is None else rollover.estimate(sequence_number)
        named = self.schedule.key_number(mki) if self.context.mki_octets else None
        if self.context.mki_octets and named is None:
            self.outcome[number] = PacketOutcome.UNKNOWN_MKI
            return
        for key_number in range(len(self.context.keys)) if named is None else (named,):
            proved = self._verify(number, packet[:cut], roc, key_number, tag)
            if proved is not False:
                self._accept(number, roc, key_number, cut, proved=bool(proved))
                self._follow(rollovers, (ssrc, roc, sequence_number))
                return
        self.outcome[number] = PacketOutcome.BAD_TAG

    def _verify(self, number: int, packet: bytes, roc: int, key_number: int, tag: bytes) -> bool | None:
        """Whether the packet authenticates, None where nothing in it says so."""
        sequence_number = int(self.headers.sequence_number[number])
        index = roc << 16 | sequence_number
        if self.context.suite.aead:
            octets = int(self.headers.header_octets[number])
            return open_verified(packet, octets, self.schedule, key_number, index) is not None
        session = self.schedule.session(key_number, index)
        expected = rcc_tag(session, packet, roc, sequence_number, self.context)
        has_mac = len(expected) > (ROC_OCTETS if carries_roc(sequence_number, self.context) else 0)
        return expected == tag if has_mac else None

    def _accept(self, number: int, roc: int, key_number: int, cut: int, *, proved: bool) -> None:
        self.outcome[number] = PacketOutcome.AUTHENTICATED if proved else PacketOutcome.UNAUTHENTICATED
        self.index[number] = roc << 16 | int(self.headers.sequence_number[number])
        self.key_number[number] = key_number
        self.lengths[number] = cut

    def _follow(self, rollovers: Rollovers, place: tuple[int, int, int]) -> None:
        """Take an opened packet into account."""
        ssrc, roc, sequence_number = place
        rollover = rollovers.get(ssrc)
        if rollover is None or (carries_roc(sequence_number, self.context) and roc > rollover.roc):
            rollovers[ssrc] = Rollover(roc, sequence_number)
        else:
            rollover.accept(sequence_number, roc)

    def opening(self) -> StreamOpening:
        """What the pass has found."""
        bare = tuple(StreamKey(key.key, key.salt) for key in self.context.keys)
        packets = self.columns.shortened(self.lengths)
        return StreamOpening(
            packets=packets,
            headers=self.headers,
            context=replace(self.context, keys=bare, rcc_mode=RccMode.NONE, authenticated=False),
            outcome=self.outcome,
            index=self.index,
            key_number=self.key_number,
            tag_octets=self.context.srtp_tag_octets,
            mki_octets=self.context.mki_octets,
        )
