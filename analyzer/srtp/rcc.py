# SPDX-License-Identifier: GPL-2.0-only
"""Streams whose tags carry the rollover counter in every R-th packet (RFC 4771).

Mode 1 protects those packets alone, mode 2 the others with an ordinary tag, mode 3 none. Under an AEAD, as 3GPP uses
mode 3, every packet authenticates by itself and the counter follows the MKI.
"""

from dataclasses import replace

import numpy as np

from analyzer.srtp.bulk import PacketOutcome, StreamOpening
from analyzer.srtp.columns import Numbers, PacketColumns
from analyzer.srtp.context import ROC_OCTETS, KeySchedule, RccMode, SrtpContext, StreamKey
from analyzer.srtp.index import Rollover
from analyzer.srtp.kdf import Usage
from analyzer.srtp.rcc_tags import carries_roc, rcc_tag, rcc_tag_octets
from analyzer.srtp.transform import open_verified


def open_rcc_stream(columns: PacketColumns, context: SrtpContext) -> StreamOpening:
    """Every packet under the counter that its tag carries, or that the last one before it carried.

    The opening's packets are those of `columns` without what follows their payload, its context takes them so.
    """
    return RccOpener(columns, context, {}).run().finish()


class RccOpener:
    """One pass over the packets in capture order; `rollovers` of SSRCs go on from one part of a stream to the next."""

    def __init__(self, columns: PacketColumns, context: SrtpContext, rollovers: dict[int, Rollover]) -> None:
        self.columns = columns
        self.context = context
        self.headers = columns.headers
        self.schedule = KeySchedule(context, Usage.SRTP)
        count = len(columns)
        self.outcome = np.full(count, PacketOutcome.NOT_TRIED, dtype=np.uint8)
        self.index = np.full(count, -1, dtype=np.int64)
        self.key_number = np.full(count, -1, dtype=np.int16)
        self.lengths: Numbers = columns.lengths.copy()
        self.rollovers = rollovers
        self.waiting: list[int] = []

    def run(self) -> "RccOpener":
        """Look at every packet."""
        for number in range(len(self.columns)):
            self.take(number)
        return self

    def finish(self) -> StreamOpening:
        """What was found, once packets that came before any counter need not wait for one any more."""
        self.take_waiting()
        return self.opening()

    def take(self, number: int) -> None:
        """One packet; one whose counter is not known yet waits for the next that carries it."""
        if not self.headers.rtp[number]:
            self.outcome[number] = PacketOutcome.NOT_RTP
        elif self.columns.lengths[number] < self.columns.wire_lengths[number]:
            self.outcome[number] = PacketOutcome.TRUNCATED
        else:
            sequence_number, ssrc = int(self.headers.sequence_number[number]), int(self.headers.ssrc[number])
            known = ssrc in self.rollovers or self.context.roc is not None
            if known or carries_roc(sequence_number, self.context):
                self._open(number, sequence_number, ssrc)
            else:
                self.waiting.append(number)

    def take_waiting(self) -> None:
        """The packets that came before any counter did."""
        for number in self.waiting:
            self._open(number, int(self.headers.sequence_number[number]), int(self.headers.ssrc[number]))

    def _open(self, number: int, sequence_number: int, ssrc: int) -> None:
        packet, tag_octets = self.columns.packet(number), rcc_tag_octets(sequence_number, self.context)
        cut = len(packet) - tag_octets - self.context.mki_octets
        if cut < int(self.headers.header_octets[number]):
            self.outcome[number] = PacketOutcome.TOO_SHORT
            return
        carried = carries_roc(sequence_number, self.context)
        tag, mki = packet[len(packet) - tag_octets :], packet[cut : len(packet) - tag_octets]
        roc = int.from_bytes(tag[:ROC_OCTETS], "big") if carried else self._estimate(sequence_number, ssrc)
        named = self.schedule.key_number(mki) if self.context.mki_octets else None
        if self.context.mki_octets and named is None:
            self.outcome[number] = PacketOutcome.UNKNOWN_MKI
            return
        for key_number in range(len(self.context.keys)) if named is None else (named,):
            proved = self._verify(number, packet[:cut], roc, key_number, tag)
            if proved is not False:
                self._accept(number, (roc, sequence_number, ssrc), key_number, cut, proved=bool(proved))
                return
        self.outcome[number] = PacketOutcome.BAD_TAG

    def _estimate(self, sequence_number: int, ssrc: int) -> int:
        rollover = self.rollovers.get(ssrc)
        return self.context.roc or 0 if rollover is None else rollover.estimate(sequence_number)

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

    def _accept(self, number: int, place: tuple[int, int, int], key_number: int, cut: int, *, proved: bool) -> None:
        roc, sequence_number, ssrc = place
        self.outcome[number] = PacketOutcome.AUTHENTICATED if proved else PacketOutcome.UNAUTHENTICATED
        self.index[number] = roc << 16 | sequence_number
        self.key_number[number] = key_number
        self.lengths[number] = cut
        rollover = self.rollovers.get(ssrc)
        if rollover is None or (carries_roc(sequence_number, self.context) and roc > rollover.roc):
            self.rollovers[ssrc] = Rollover(roc, sequence_number)
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
