# SPDX-License-Identifier: GPL-2.0-only
"""Streams of any length, opened a part at a time: memory follows the part."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from analyzer.srtp.bulk import Known, Opener, StreamOpening, find_unsignalled_mki
from analyzer.srtp.columns import Flags, HeldOctets, PacketColumns, packet_columns
from analyzer.srtp.compiling import kernels_for
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.index import Rollover

PART_PACKETS = 1 << 14


class Run(Protocol):
    """Packets that follow each other, as `analyzer.model.evidence.PacketRun` has them."""

    @property
    def payload_octets(self) -> Any: ...  # noqa: D102
    @property
    def wire_octets(self) -> Any: ...  # noqa: D102
    @property
    def offsets(self) -> Any: ...  # noqa: D102
    @property
    def octets(self) -> memoryview: ...  # noqa: D102


class RunReader(Protocol):
    """Packets of a stream, read in runs."""

    def __len__(self) -> int: ...

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = PART_PACKETS) -> Iterator[Any]:
        """Packets `start` to `stop`, at most `packets` at a time."""
        ...


def run_columns(run: Run) -> PacketColumns:
    """One run of a stream as columns."""
    lengths = np.asarray(run.payload_octets, dtype=np.int64)
    wire = np.maximum(np.asarray(run.wire_octets, dtype=np.int64), lengths)
    return PacketColumns(HeldOctets(run.octets, np.asarray(run.offsets, dtype=np.int64)), lengths, wire)


class StreamPackets:
    """The packets of a stream: all of them part by part, or some of them at once. A short stream is held."""

    def __init__(self, packets: RunReader) -> None:
        self._packets = packets
        self._held = _joined(list(packets.iter_runs(packets=PART_PACKETS))) if len(packets) <= PART_PACKETS else None

    def __len__(self) -> int:
        return len(self._packets)

    def parts(self) -> Iterator[PacketColumns]:
        """All packets, in parts that follow each other."""
        if self._held is not None:
            yield self._held
            return
        for run in self._packets.iter_runs(0, len(self), PART_PACKETS):
            yield run_columns(run)

    def first(self) -> PacketColumns:
        """The first part."""
        return self.part(0, PART_PACKETS) if self._held is None else self._held

    def part(self, start: int, stop: int) -> PacketColumns:
        """Packets `start` to `stop`, or to the end."""
        stop = min(stop, len(self))
        if self._held is not None:
            return self._held.select(np.arange(start, stop))
        return _joined(list(self._packets.iter_runs(start, stop, max(stop - start, 1))))

    def thinned(self, flags: Flags | None = None) -> PacketColumns:
        """All packets, or those with a flag; of more than a part the first ones and some from the middle."""
        if self._held is not None:
            return self._held if flags is None else self._held.select(np.flatnonzero(flags))
        size = len(self) if flags is None else int(np.count_nonzero(flags))
        half, middle = PART_PACKETS // 2, size // 2
        spans = ((0, half), (middle, middle + half)) if size > PART_PACKETS else ((0, size),)
        packets: list[bytes] = []
        wire_lengths, passed = [np.zeros(0, np.int64)], 0
        for start in range(0, len(self), PART_PACKETS):
            stop = min(start + PART_PACKETS, len(self))
            own = np.arange(stop - start) if flags is None else np.flatnonzero(flags[start:stop])
            chosen = np.concatenate([own[max(low - passed, 0) : max(high - passed, 0)] for low, high in spans])
            passed += len(own)
            if len(chosen):
                part = self.part(start, stop)
                packets += [part.packet(number) for number in chosen.tolist()]
                wire_lengths.append(part.wire_lengths[chosen])
        return packet_columns(packets, np.concatenate(wire_lengths))


def _joined(runs: list[Any]) -> PacketColumns:
    """Runs that follow each other as one: there are several where the packets lie in several files."""
    if len(runs) == 1:
        return run_columns(runs[0])
    parts = [run_columns(run) for run in runs]
    packets = [part.packet(number) for part in parts for number in range(len(part))]
    return packet_columns(packets, np.concatenate([np.zeros(0, np.int64), *(part.wire_lengths for part in parts)]))


def open_parts(parts: Iterable[PacketColumns], context: SrtpContext, packets: int = 0) -> Iterator[StreamOpening]:
    """`open_stream` part by part, as if all were one; `packets` is how many there are, if that is known.

    An opening is given out when the part behind it was looked at: till then its packets may still open. Raises
    `SrtpError` only for a context that can't be used.
    """
    kernels_for(packets)  # loaded for all parts where they are many
    if context.rcc_mode:
        yield from _open_rcc_parts(parts, context)
        return
    known, before = Known(), None
    for columns in parts:
        opener = Opener(columns, context, known, before).run()
        if before is None and context.mki_octets == 0 and context.srtp_tag_octets:
            found = None if opener.opening.authenticated.any() else find_unsignalled_mki(columns, context)
            if found is not None:
                context, known = found, Known()
                opener = Opener(columns, context, known).run()
        if before is not None:
            yield before.finish()
        before = opener
    known.forget()
    if before is not None:
        yield before.finish()


def _open_rcc_parts(parts: Iterable[PacketColumns], context: SrtpContext) -> Iterator[StreamOpening]:
    from analyzer.srtp.rcc import RccOpener  # noqa: PLC0415 - few streams need it

    rollovers: dict[int, Rollover] = {}
    before: RccOpener | None = None
    for columns in parts:
        opener = RccOpener(columns, context, rollovers).run()
        if before is not None:
            yield before.finish()
        before = opener
    if before is not None:
        yield before.finish()
