# SPDX-License-Identifier: GPL-2.0-only
"""One stream of speech on its time line: decoded in order and written where its RTP timestamps say (RFC 3550 §5.1).

What was sent earlier or never came is silence. Where the timestamps leap, or stand still while time goes by, the time
of capture takes over.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import BinaryIO, NamedTuple

import numpy as np

from analyzer.audio.decoders import Decoder, Encoding, NoDecoderError, Samples, decoder_for
from dissectors.grammar.late_dataclass import dataclass

REORDER_PACKETS = 64
PENDING_PACKETS = 64
LEAP_SECONDS = 10
MAX_SECONDS = 6 * 3600
SEQUENCE_NUMBERS = 1 << 16
TIMESTAMPS = 1 << 32
SAMPLE_OCTETS = 2
NO_SPEECH = frozenset(("TELEPHONE-EVENT", "CN", "TONE"))


class AudioPacket(NamedTuple):
    """One clear RTP packet: when it was captured, its header's fields, and its payload without padding."""

    timestamp_ns: int
    sequence_number: int
    rtp_timestamp: int
    payload_type: int
    payload: bytes


@dataclass(slots=True)
class TrackCounts:
    """What went into a track: packets written, samples in all and of silence, packets that came late or twice.

    `undecoded` counts packets by the reason why they are not heard; `leaps` how often the timestamps gave no time;
    `cut` says that the longest track was reached.
    """

    packets: int = 0
    samples: int = 0
    silence_samples: int = 0
    overlapping: int = 0
    leaps: int = 0
    cut: bool = False
    undecoded: Counter[str] = field(default_factory=Counter)


class Track:
    """Takes the packets of one stream in capture order and writes 16-bit mono samples to a seekable file.

    The file holds raw samples, little-endian, from the first packet's time on; its gaps are zeros. `sample_rate` is
    that of the fastest decoder among the encodings, 0 where none of them can be decoded.
    """

    def __init__(self, file: BinaryIO, encodings: Mapping[int, Encoding]) -> None:
        self._file = file
        self._decoders: dict[int, Decoder] = {}
        self._reasons: dict[int, str] = {}
        self._clock_rates = {payload_type: encoding.clock_rate for payload_type, encoding in encodings.items()}
        for payload_type, encoding in encodings.items():
            if encoding.name in NO_SPEECH:
                self._reasons[payload_type] = f"{encoding.name.lower()} is no speech"
                continue
            try:
                self._decoders[payload_type] = decoder_for(encoding)
            except NoDecoderError as error:
                self._reasons[payload_type] = str(error)
        self.sample_rate = max((decoder.sample_rate for decoder in self._decoders.values()), default=0)
        self.start_ns = 0
        self.counts = TrackCounts()
        self._line = _TimeLine(self.sample_rate)
        self._waiting = _ReorderBuffer()
        self._end = 0
        self._pending: list[Samples] = []

    def add(self, packet: AudioPacket) -> None:
        """Take one packet; it is decoded once no earlier one is likely to come."""
        if packet.payload_type not in self._decoders:
            reason = self._reasons.get(packet.payload_type, f"payload type {packet.payload_type} is not described")
            self.counts.undecoded[reason] += 1
            return
        if not self._waiting.started:
            self.start_ns = packet.timestamp_ns
        for ready in self._waiting.add(packet):
            self._write(ready)
        self.counts.overlapping = self._waiting.dropped + self._line.overlapping

    def finish(self) -> TrackCounts:
        """Decode what is waiting; the file then has `counts.samples` samples."""
        for ready in self._waiting.drain():
            self._write(ready)
        self.counts.overlapping = self._waiting.dropped + self._line.overlapping
        self._flush()
        self._file.truncate(self.counts.samples * SAMPLE_OCTETS)
        return self.counts

    def _write(self, packet: AudioPacket) -> None:
        decoder = self._decoders[packet.payload_type]
        samples = resample(decoder.decode(packet.payload), decoder.sample_rate, self.sample_rate)
        if not len(samples):
            self.counts.undecoded["the payload is no speech of its encoding"] += bool(packet.payload)
            return
        clock_rate = self._clock_rates[packet.payload_type]
        place = self._line.place(packet, clock_rate, packet.timestamp_ns - self.start_ns, self._end)
        self.counts.leaps = self._line.leaps
        late = max(self._end - place, 0)
        if late >= len(samples):
            self._line.overlapping += 1
            return
        samples, place = samples[late:], place + late
        if place + len(samples) > MAX_SECONDS * self.sample_rate:
            self.counts.cut = True
            return
        if place != self._end:
            self._flush()
            self._file.seek(place * SAMPLE_OCTETS)
        self._pending.append(samples)
        if len(self._pending) == PENDING_PACKETS:
            self._flush()
        self.counts.silence_samples += place - self._end
        self._end = place + len(samples)
        self.counts.samples = self._end
        self.counts.packets += 1

    def _flush(self) -> None:
        """Write what follows what was written before."""
        if self._pending:
            self._file.write(np.concatenate(self._pending).astype("<i2").tobytes())
            self._pending.clear()


class _TimeLine:
    """Where packets belong, in samples from the start."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._clock_rate = 0
        self._anchor = 0  # in samples
        self._ticks = 0  # since the anchor
        self._timestamp = 0
        self.leaps = 0
        self.overlapping = 0

    def place(self, packet: AudioPacket, clock_rate: int, elapsed_ns: int, end: int) -> int:
        captured = max(elapsed_ns, 0) * self._rate // 1_000_000_000
        step = (packet.rtp_timestamp - self._timestamp + TIMESTAMPS // 2) % TIMESTAMPS - TIMESTAMPS // 2
        self._timestamp = packet.rtp_timestamp
        if not self._clock_rate:
            self._clock_rate = clock_rate
            return 0
        if clock_rate != self._clock_rate:
            # RFC 7160: the timestamps of two clocks can't be compared.
            self._anchor, self._ticks, self._clock_rate = max(captured, end), 0, clock_rate
            return self._anchor
        self._ticks += step
        place = self._anchor + self._ticks * self._rate // clock_rate
        if abs(place - captured) > LEAP_SECONDS * self._rate:
            self.leaps += 1
            self._anchor, self._ticks = max(captured, end), 0
            return self._anchor
        return place


class _ReorderBuffer:
    """Gives packets out by sequence number, each once."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, AudioPacket]] = []
        self._waiting: set[int] = set()
        self._last = -1  # given out
        self._newest = 0
        self._count = 0
        self.started = False
        self.dropped = 0

    def add(self, packet: AudioPacket) -> Iterator[AudioPacket]:
        number = self._extended(packet.sequence_number)
        if number in self._waiting or number <= self._last:
            self.dropped += 1
            return
        self._count += 1
        self._waiting.add(number)
        heapq.heappush(self._heap, (number, self._count, packet))
        while self._heap and (self._heap[0][0] == self._last + 1 or len(self._heap) > REORDER_PACKETS):
            yield self._next()

    def drain(self) -> Iterator[AudioPacket]:
        while self._heap:
            yield self._next()

    def _next(self) -> AudioPacket:
        self._last, _, packet = heapq.heappop(self._heap)
        self._waiting.discard(self._last)
        return packet

    def _extended(self, sequence_number: int) -> int:
        if not self.started:
            self.started = True
            self._newest = SEQUENCE_NUMBERS + sequence_number
            self._last = self._newest - 1 - REORDER_PACKETS
            return self._newest
        half = SEQUENCE_NUMBERS // 2
        step = (sequence_number - self._newest + half) % SEQUENCE_NUMBERS - half
        if step < -REORDER_PACKETS:
            # No reordering reaches so far back: the sender began anew.
            self._newest += step % SEQUENCE_NUMBERS
            return self._newest
        self._newest = max(self._newest, self._newest + step)
        return self._newest if step >= 0 else self._newest + step


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """The samples at another rate, by linear interpolation."""
    if rate == wanted or not len(samples):
        return samples
    places = np.arange(len(samples) * wanted // rate) * (rate / wanted)
    turned: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.int16)
    return turned
