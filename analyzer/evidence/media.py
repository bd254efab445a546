# SPDX-License-Identifier: GPL-2.0-only
"""The packets of one media flow as columns, runs and payloads."""

import bisect
import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import Octets
from analyzer.capture.octets import join_spans, read_spans
from analyzer.errors import CaptureError
from analyzer.evidence.packet_facts import with_payloads
from analyzer.evidence.packet_store import Facts, PacketStore, cut_facts
from analyzer.model.arrays import Column, Numbers
from analyzer.model.channel import interleaved_suffix
from analyzer.model.evidence import RUN_PACKETS, PacketFacts, PacketRun
from analyzer.model.frame_places import FramePlaces

HELD_PACKETS = 1 << 13  # of a flow that may be held as whole columns
SHORTER = "the capture has become shorter while it was read"
HEADERS_OCTETS = 28  # an IPv4 header without options, and UDP's


class FlowKey(NamedTuple):
    """What the packets of one flow share; `ssrc` is 0 unless `kind` is RTP_LIKE."""

    kind: int
    ssrc: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    ports: int


class PacketColumns:
    """The packets of one flow in capture order: `frame`, `timestamp_ns`, `sequence_number`, `rtp_timestamp`,
    `payload_type`, `marker`, `payload_octets`, `wire_octets`, `header_octets`, one integer array each.

    The four RTP columns are 0 in flows that aren't RTP; `header_octets` is 0 where an RTP header is broken. Columns
    are read when they are asked for and not kept: hold on to one that is used often, and read a long flow in runs.
    """

    def __init__(self, capture: int, key: FlowKey, store: PacketStore, flow: int, places: FramePlaces) -> None:
        self.capture = capture
        self.ref = places.ref
        self.key = key
        channel = interleaved_suffix((key.ports >> 32) - 1)
        self.source = format_endpoint(key.src_hi, key.src_lo, key.ports >> 16 & 0xFFFF) + channel
        self.destination = format_endpoint(key.dst_hi, key.dst_lo, key.ports & 0xFFFF) + channel
        self._store = store
        self._flow = flow
        self._parts = store.parts(flow)
        self._packets = store.packets(flow, self._parts)

    def __len__(self) -> int:
        return self._packets

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1; 0 in flows that aren't RTP."""
        return self.key.ssrc

    @property
    def facts(self) -> Facts:
        """All columns side by side."""
        return self._store.of_flow(self._flow, self._parts)

    @property
    def frame(self) -> Column:
        """Frame numbers."""
        return self.facts.frame

    @property
    def timestamp_ns(self) -> Column:
        """Capture times, nanoseconds since 1970."""
        return self.facts.timestamp_ns

    @property
    def sequence_number(self) -> Column:
        """RTP sequence numbers as sent, 16 bits."""
        return self.facts.sequence_number

    @property
    def rtp_timestamp(self) -> Column:
        """RTP time stamps as sent, 32 bits."""
        return self.facts.rtp_timestamp.astype(np.int64)  # differences may be negative

    @property
    def payload_type(self) -> Column:
        """RTP payload types, or RTCP packet types."""
        return self.facts.payload_type

    @property
    def marker(self) -> Column:
        """RTP marker bits."""
        return self.facts.marker

    @property
    def payload_octets(self) -> Column:
        """Octets of UDP payload, as captured."""
        return self.facts.payload_octets

    @property
    def wire_octets(self) -> Column:
        """Octets of UDP payload, as sent."""
        return self.facts.wire_octets

    @property
    def header_octets(self) -> Column:
        """Octets of the RTP header with CSRC list and extension; 0 where it is broken."""
        return self.facts.header_octets

    @functools.cached_property
    def _buffers(self) -> list[tuple[int, Octets]]:
        return self._store.buffer_runs(self._flow, self._parts)

    def _places(self, indices: Column) -> tuple[Numbers, Numbers]:
        """Where the payloads of these packets lie in their buffers, and how many octets they have."""
        if self._packets <= HELD_PACKETS:
            facts = self.facts
            return facts.payload_offset[indices], facts.payload_octets[indices].astype(np.int64)
        offsets, octets = np.empty(len(indices), np.int64), np.empty(len(indices), np.int64)
        order = np.argsort(indices, kind="stable")
        ordered = indices[order]
        stretches = np.split(np.arange(len(order)), np.flatnonzero(np.diff(ordered) > RUN_PACKETS) + 1)
        for stretch in stretches if len(order) else ():
            start, stop = int(ordered[stretch[0]]), int(ordered[stretch[-1]]) + 1
            for first, facts, _ in self._store.iter_spans(self._flow, self._parts, start, stop, RUN_PACKETS):
                low, high = np.searchsorted(ordered, (first, first + len(facts.frame)))
                own, places = ordered[low:high] - first, order[low:high]
                offsets[places], octets[places] = facts.payload_offset[own], facts.payload_octets[own]
        return offsets, octets

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index`, as captured."""
        if not 0 <= index < self._packets:
            message = f"packet {index} of {len(self)}"
            raise IndexError(message)
        offset, octets = self._places(np.array([index]))
        return self._one_payload(index, offset.item(), octets.item())

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The payloads of these packets, or of all, in order."""
        chosen = np.arange(self._packets) if indices is None else np.fromiter(indices, np.int64)
        offsets, octets = self._places(chosen)
        if len(self._buffers) == 1 and not (offsets < 0).any():
            return read_spans(self._buffers[0][1], offsets, octets)
        places = zip(chosen.tolist(), offsets.tolist(), octets.tolist(), strict=True)
        return [self._one_payload(index, offset, count) for index, offset, count in places]

    def join_payloads(self, indices: Column) -> memoryview:
        """The payloads of these packets one behind the other; raises `CaptureError` where the file has lost them."""
        offsets, octets = self._places(indices)
        if len(self._buffers) == 1 and not (offsets < 0).any():
            joined = join_spans(self._buffers[0][1], offsets, octets)
        else:
            joined = memoryview(b"".join(self.read_payloads(indices)))
        if len(joined) != octets.sum():
            raise CaptureError(SHORTER)
        return joined

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        """Packets `start` to `stop`, at most `packets` at a time: memory follows the run, not the flow."""
        stop = self._packets if stop is None else min(stop, self._packets)
        if self._packets > HELD_PACKETS:
            for first, facts, _ in self._store.iter_spans(self._flow, self._parts, start, stop, packets):
                yield _told(first, facts)
            return
        for first in range(start, stop, packets):
            yield _told(first, cut_facts(self.facts, first, min(first + packets, stop)))

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The same with payloads."""
        stop = self._packets if stop is None else min(stop, self._packets)
        for first, facts, buffer in self._store.iter_spans(self._flow, self._parts, start, stop, packets):
            yield self._run(first, facts, buffer)

    def _run(self, first: int, facts: Facts, buffer: Octets) -> PacketRun:
        places, octets = facts.payload_offset, facts.payload_octets.astype(np.int64)
        if (places < 0).any():
            pairs = zip(places.tolist(), octets.tolist(), strict=True)
            joined = memoryview(b"".join([self._read(buffer, offset, count) for offset, count in pairs]))
        else:
            joined = join_spans(buffer, places, octets)
        if len(joined) != octets.sum():
            raise CaptureError(SHORTER)
        return with_payloads(_told(first, facts), joined)

    @property
    def is_in_order(self) -> bool:
        """Whether each sequence number is a step forward."""
        if self._store.is_in_order(self._flow):
            return True
        before: Column = np.zeros(0, np.int64)
        for facts in self.iter_facts():
            numbers = np.concatenate((before, facts.sequence_number))
            if ((numbers[1:] - numbers[:-1] - 1) & 0x8000).any():
                return False
            before = numbers[-1:]
        return True

    @property
    def steady_steps(self) -> int | None:
        """How many packets follow the one before by up to `STEADY_STEP` numbers, where that was counted already."""
        return self._store.steady_steps(self._flow, self._parts)

    def identifications(self, indices: Column) -> Column:
        """The identifications of these packets' IPv4 headers; −1 where none stands right before UDP."""
        places = self._places(indices)[0] - HEADERS_OCTETS
        found = np.full(len(places), -1, np.int64)
        for place, (index, offset) in enumerate(zip(indices.tolist(), places.tolist(), strict=True)):
            if offset >= 0:
                header = bytes(self._buffer(index)[offset : offset + HEADERS_OCTETS])
                if header[:1] == b"\x45" and header[9:10] == b"\x11":
                    found[place] = int.from_bytes(header[4:6], "big")
        return found

    def _buffer(self, index: int) -> Octets:
        """Where the payload of a packet lies."""
        return self._buffers[bisect.bisect_right(self._buffers, index, key=lambda run: run[0])][1]

    def _one_payload(self, index: int, offset: int, count: int) -> bytes:
        return self._read(self._buffer(index), offset, count)

    def _read(self, buffer: Octets, offset: int, count: int) -> bytes:
        if offset < 0:
            return self._store.sides.read(-1 - offset, count)
        return bytes(buffer[offset : offset + count])


def _told(first: int, facts: Facts) -> PacketFacts:
    """Packets as the other stages take them."""
    return PacketFacts(
        first, facts.frame, facts.timestamp_ns, facts.sequence_number, facts.rtp_timestamp.astype(np.int64),
        facts.payload_type, facts.payload_octets.astype(np.int64), facts.wire_octets, facts.header_octets,
    )  # fmt: skip
