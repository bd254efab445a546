# SPDX-License-Identifier: GPL-2.0-only
"""A run of packets of one stream, seen as a stream of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analyzer.model.evidence import RUN_PACKETS, MediaStream, PacketRun


@dataclass(frozen=True, slots=True)
class StreamSlice:
    """Packets `start` (inclusive) to `stop` (exclusive) of `whole`; columns are views, nothing is copied."""

    whole: MediaStream
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def capture(self) -> int:
        """Index of the capture."""
        return self.whole.capture

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
        return self.whole.frame[self.start : self.stop]

    @property
    def timestamp_ns(self) -> Any:
        """Capture times."""
        return self.whole.timestamp_ns[self.start : self.stop]

    @property
    def sequence_number(self) -> Any:
        """RTP sequence numbers."""
        return self.whole.sequence_number[self.start : self.stop]

    @property
    def rtp_timestamp(self) -> Any:
        """RTP timestamps."""
        return self.whole.rtp_timestamp[self.start : self.stop]

    @property
    def payload_type(self) -> Any:
        """RTP payload types."""
        return self.whole.payload_type[self.start : self.stop]

    @property
    def payload_octets(self) -> Any:
        """UDP payload lengths as captured."""
        return self.whole.payload_octets[self.start : self.stop]

    @property
    def wire_octets(self) -> Any:
        """UDP payload lengths as sent."""
        return self.whole.wire_octets[self.start : self.stop]

    @property
    def header_octets(self) -> Any:
        """Octets of the RTP header; 0 where it is broken."""
        return self.whole.header_octets[self.start : self.stop]

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index` of the slice."""
        return self.whole.payload(self.start + index)

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The UDP payloads of these packets of the slice, or of all."""
        chosen = np.arange(len(self)) if indices is None else np.fromiter(indices, np.int64)
        return self.whole.read_payloads((chosen + self.start).tolist())

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """Packets `start` to `stop` of the slice, at most `packets` at a time; `first` counts in the slice."""
        last = self.stop if stop is None else min(self.start + stop, self.stop)
        for run in self.whole.iter_runs(self.start + start, last, packets):
            yield replace(run, first=run.first - self.start)

    def join_payloads(self, indices: Any) -> memoryview:
        """The UDP payloads of these packets of the slice, one behind the other."""
        return self.whole.join_payloads(indices + self.start)
