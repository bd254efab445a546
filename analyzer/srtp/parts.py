# SPDX-License-Identifier: GPL-2.0-only
"""Streams of any length, opened a part at a time: memory follows the part."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from analyzer.srtp.bulk import find_unsignalled_mki, may_have_mki
from analyzer.srtp.columns import Flags, HeldOctets, PacketColumns, packet_columns
from analyzer.srtp.compiling import kernels_for
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.opener import Opener
from analyzer.srtp.sources import RETRY_WITHIN, Known
from analyzer.srtp.stream_outcome import StreamOpening

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

    An opening is given out when no packet of it can open any more. Raises `SrtpError` only for a context that can't be
    used.
    """
    kernels_for(packets)  # loaded for all parts where they are many
    if context.rcc_mode:
        from analyzer.srtp.rcc import RccOpener, RccSources  # noqa: PLC0415 - few streams need it

        sources = RccSources()
        yield from _finished((RccOpener(columns, context, sources).run() for columns in parts), RccOpener.reach)
        return
    known = Known()
    yield from _finished(_openers(parts, context, known), Opener.reach)
    known.forget()


class _Opener(Protocol):
    """Whoever has looked at one part."""

    @property
    def base(self) -> int:
        """How many packets came before it."""
        ...

    def __len__(self) -> int:
        """How many it has."""
        ...

    def finish(self) -> StreamOpening:
        """What was found of it."""
        ...


def _finished(openers: Iterable[_Opener], reach: int) -> Iterator[StreamOpening]:
    """What each opener found, once the packets to come are more than `reach` behind its own."""
    waiting: deque[_Opener] = deque()
    for opener in openers:
        waiting.append(opener)
        while opener.base + len(opener) - waiting[0].base - len(waiting[0]) >= reach:
            yield waiting.popleft().finish()
    while waiting:
        yield waiting.popleft().finish()


def _openers(parts: Iterable[PacketColumns], context: SrtpContext, known: Known) -> Iterator[Opener]:
    """An opener for each part; under a context with an MKI, where the first packets have one that nobody signalled."""
    unsure: list[Opener] | None = [] if may_have_mki(context) else None
    for columns in parts:
        opener = Opener(columns, context, known).run()
        if unsure is None:
            yield opener
            continue
        unsure.append(opener)
        if known.packets >= RETRY_WITHIN or opener.opening.authenticated.any():
            openers = _with_mki(unsure, known)
            context, unsure = openers[0].context, None
            yield from openers
    if unsure:
        yield from _with_mki(unsure, known)


def _with_mki(openers: list[Opener], known: Known) -> list[Opener]:
    """The first openers of a stream, or others in their place where an MKI is found."""
    context, parts = openers[0].context, [opener.opening.packets for opener in openers]
    opened = np.concatenate([opener.opening.authenticated for opener in openers])
    if opened[:RETRY_WITHIN].any():
        return openers
    first = [part.packet(number) for part in parts for number in range(min(len(part), RETRY_WITHIN))]
    found = find_unsignalled_mki(parts[0] if len(parts) == 1 else packet_columns(first[:RETRY_WITHIN]), context)
    if found is None:
        return openers
    known.begin_again()
    return [Opener(columns, found, known).run() for columns in parts]
