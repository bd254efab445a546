# SPDX-License-Identifier: GPL-2.0-only
"""Media packets that stand twice in one capture because two taps saw them, as against packets that were sent twice.

A copy has the octets of a packet a moment before: RTP header, payload, and in IPv4 the identification, which whoever
sends a packet again sets anew (RFC 6864 §4.1). A copy counts once: it is no duplicate, no replay, and hides no loss.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from analyzer.evidence.packet_facts import facts_at, with_payloads
from analyzer.model.arrays import Places
from analyzer.model.evidence import RUN_PACKETS, FrameRef, MediaStream, PacketFacts, PacketRun

MAX_APART_NS = 10_000_000  # less than the shortest usual packet time
NEAR_PACKETS = 1 << 13  # among which a copy follows its packet
DOUBLED = 0.9  # of the originals: taps lose a packet now and then
_MAX_SMALL = 2**31


class IdentifiedStream(MediaStream, Protocol):
    """A stream whose packets have not lost their IP headers."""

    def identifications(self, indices: Places) -> Places:
        """Those of the IPv4 headers; −1 where there is none."""
        ...


def find_originals(stream: IdentifiedStream) -> Places | None:
    """The packets of a stream that are no copies of an earlier one, None where all are originals.

    Where identifications are missing or all alike, they tell nothing: then packets are copies only if nearly all of
    the stream stands twice, as no sender does it.
    """
    is_copy = np.zeros(len(stream), np.bool_)
    told: set[int] = set()  # identifications, two of which are enough
    for ones, others in _alike(stream):
        payloads = zip(stream.read_payloads(ones), stream.read_payloads(others), strict=True)
        same = np.fromiter((one == other for one, other in payloads), np.bool_, len(ones))
        numbers = stream.identifications(ones)
        is_copy[others[same & (numbers == stream.identifications(others))]] = True
        told.update(np.unique(numbers)[:2].tolist() if len(told) < 2 else ())
    copies = int(is_copy.sum())
    if not copies or not (len(told) > 1 or copies >= DOUBLED * (len(stream) - copies)):
        return None
    return np.flatnonzero(~is_copy).astype(np.int32 if len(stream) <= _MAX_SMALL else np.int64)


def _alike(stream: MediaStream) -> Iterator[tuple[Places, Places]]:
    """Pairs of packets with one sequence number, time stamp and length, the later one a moment after the earlier.

    Packets that stand further apart than `NEAR_PACKETS` are not compared.
    """
    before: list[PacketFacts] = []
    for facts in stream.iter_facts(packets=NEAR_PACKETS):
        both = [*before, facts]
        times, numbers, stamps, octets = (
            np.concatenate([getattr(each, name) for each in both])
            for name in ("timestamp_ns", "sequence_number", "rtp_timestamp", "wire_octets")
        )
        marks = numbers.astype(np.int64) << 32 | stamps
        order = np.argsort(marks, kind="stable")
        earlier, later = order[:-1], order[1:]
        alike = (marks[earlier] == marks[later]) & (octets[earlier] == octets[later])
        alike &= np.abs(times[later] - times[earlier]) <= MAX_APART_NS
        alike &= later >= len(times) - len(facts)  # the others have been told
        if alike.any():
            found = np.argsort(later[alike], kind="stable")
            yield both[0].first + earlier[alike][found], both[0].first + later[alike][found]
        before = [facts]


class StreamOnce:
    """A stream without the copies of its packets."""

    def __init__(self, whole: MediaStream, originals: Places) -> None:
        self._whole = whole
        self._originals = originals

    def __len__(self) -> int:
        return len(self._originals)

    @property
    def capture(self) -> int:
        """Index of the capture."""
        return self._whole.capture

    def ref(self, frame: int) -> FrameRef:
        """Where one of these frames stands."""
        return self._whole.ref(frame)

    @property
    def source(self) -> str:
        """Endpoint that sent."""
        return self._whole.source

    @property
    def destination(self) -> str:
        """Endpoint that was sent to."""
        return self._whole.destination

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1."""
        return self._whole.ssrc

    @property
    def frame(self) -> Any:
        """Frame numbers."""
        return self._whole.frame[self._originals]

    @property
    def timestamp_ns(self) -> Any:
        """Capture times."""
        return self._whole.timestamp_ns[self._originals]

    @property
    def sequence_number(self) -> Any:
        """RTP sequence numbers."""
        return self._whole.sequence_number[self._originals]

    @property
    def rtp_timestamp(self) -> Any:
        """RTP timestamps."""
        return self._whole.rtp_timestamp[self._originals]

    @property
    def payload_type(self) -> Any:
        """RTP payload types."""
        return self._whole.payload_type[self._originals]

    @property
    def payload_octets(self) -> Any:
        """UDP payload lengths as captured."""
        return self._whole.payload_octets[self._originals]

    @property
    def wire_octets(self) -> Any:
        """UDP payload lengths as sent."""
        return self._whole.wire_octets[self._originals]

    @property
    def header_octets(self) -> Any:
        """Octets of the RTP header; 0 where it is broken."""
        return self._whole.header_octets[self._originals]

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index` of those that count."""
        return self._whole.payload(int(self._originals[index]))

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The UDP payloads of these packets, or of all."""
        chosen = slice(None) if indices is None else np.fromiter(indices, np.int64)
        return self._whole.read_payloads(self._originals[chosen])

    def join_payloads(self, indices: Any) -> memoryview:
        """The UDP payloads of these packets one behind the other."""
        return self._whole.join_payloads(self._originals[indices])

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        """Packets `start` to `stop`, at most `packets` at a time."""
        stop = len(self) if stop is None else min(stop, len(self))
        for first in range(start, stop, packets):
            yield facts_at(self._whole, self._originals[first : min(first + packets, stop)], first)

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The same with payloads."""
        for facts in self.iter_facts(start, stop, packets):
            yield with_payloads(facts, self.join_payloads(np.arange(facts.first, facts.first + len(facts))))
