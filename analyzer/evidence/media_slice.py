# SPDX-License-Identifier: GPL-2.0-only
"""A run of packets of one stream, seen as a stream of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from typing import Any

import numpy as np

from analyzer.model.evidence import RUN_PACKETS, FrameRef, MediaStream, PacketFacts, PacketRun
from dissectors.grammar.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class StreamSlice:
    """Packets `start` (inclusive) to `stop` (exclusive) of `whole`; each column is asked for once."""

    whole: MediaStream
    start: int
    stop: int
    _columns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def capture(self) -> int:
        """Index of the capture."""
        return self.whole.capture

    def ref(self, frame: int) -> FrameRef:
        """Where one of these frames stands."""
        return self.whole.ref(frame)

    @property
    def source(self) -> str:
        """Endpoint that sent."""
        return self.whole.source

    @property
    def destination(self) -> str:
        """Endpoint that was sent to."""
        return self.whole.destination

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1."""
        return self.whole.ssrc

    @property
    def frame(self) -> Any:
        """Frame numbers."""
        return self._column("frame")

    @property
    def timestamp_ns(self) -> Any:
        """Capture times."""
        return self._column("timestamp_ns")

    @property
    def sequence_number(self) -> Any:
        """RTP sequence numbers."""
        return self._column("sequence_number")

    @property
    def rtp_timestamp(self) -> Any:
        """RTP timestamps."""
        return self._column("rtp_timestamp")

    @property
    def payload_type(self) -> Any:
        """RTP payload types."""
        return self._column("payload_type")

    @property
    def payload_octets(self) -> Any:
        """UDP payload lengths as captured."""
        return self._column("payload_octets")

    @property
    def wire_octets(self) -> Any:
        """UDP payload lengths as sent."""
        return self._column("wire_octets")

    @property
    def header_octets(self) -> Any:
        """Octets of the RTP header; 0 where it is broken."""
        return self._column("header_octets")

    def _column(self, name: str) -> Any:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = getattr(self.whole, name)[self.start : self.stop]
        return column

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index` of the slice."""
        return self.whole.payload(self.start + index)

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The UDP payloads of these packets of the slice, or of all."""
        chosen = np.arange(len(self)) if indices is None else np.fromiter(indices, np.int64)
        return self.whole.read_payloads((chosen + self.start).tolist())

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        """Packets `start` to `stop` of the slice, at most `packets` at a time; `first` counts in the slice."""
        for facts in self.whole.iter_facts(self.start + start, self._last(stop), packets):
            yield replace(facts, first=facts.first - self.start) if self.start else facts

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The same with payloads."""
        for run in self.whole.iter_runs(self.start + start, self._last(stop), packets):
            yield replace(run, first=run.first - self.start) if self.start else run

    def _last(self, stop: int | None) -> int:
        return self.stop if stop is None else min(self.start + stop, self.stop)

    def join_payloads(self, indices: Any) -> memoryview:
        """The UDP payloads of these packets of the slice, one behind the other."""
        return self.whole.join_payloads(indices + self.start)
