# SPDX-License-Identifier: GPL-2.0-only
"""Tracks into WAV files: one alone, or the two directions of a call side by side."""

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.audio.decoders import Samples
from analyzer.audio.track import SAMPLE_OCTETS, resample

WAV_HEADER_OCTETS = 44
PCM = 1
MAX_WAV_OCTETS = (1 << 32) - 1 - WAV_HEADER_OCTETS


class Recorded(NamedTuple):
    """A finished track: its raw samples, their rate, how many they are, and when the first was captured."""

    file: BinaryIO
    sample_rate: int
    samples: int
    start_ns: int

    @property
    def end_ns(self) -> int:
        """When the last sample ends."""
        return self.start_ns + self.samples * 1_000_000_000 // self.sample_rate


def wav_header(sample_rate: int, channels: int, samples: int) -> bytes:
    """The header of a WAV file of 16-bit PCM; `samples` counts those of one channel."""
    octets = min(samples * channels * SAMPLE_OCTETS, MAX_WAV_OCTETS)
    frame = channels * SAMPLE_OCTETS
    form = struct.pack("<HHIIHH", PCM, channels, sample_rate, sample_rate * frame, frame, 8 * SAMPLE_OCTETS)
    return b"RIFF" + struct.pack("<I", octets + 36) + b"WAVEfmt " + struct.pack("<I", 16) + form + (
        b"data" + struct.pack("<I", octets)
    )  # fmt: skip


def iter_samples(track: Recorded) -> Iterator[bytes]:
    """The raw samples of one track, a second at a time."""
    track.file.seek(0)
    for start in range(0, track.samples, track.sample_rate):
        yield track.file.read(min(track.sample_rate, track.samples - start) * SAMPLE_OCTETS)


class Stereo:
    """The tracks of one direction to the left, of the other to the right, each from the time when it was heard."""

    def __init__(self, left: Sequence[Recorded], right: Sequence[Recorded]) -> None:
        tracks = (*left, *right)
        self._sides = (left, right)
        self.sample_rate = max(track.sample_rate for track in tracks)
        self.start_ns = min(track.start_ns for track in tracks)
        length_ns = max(track.end_ns for track in tracks) - self.start_ns
        self.samples = -(-length_ns * self.sample_rate // 1_000_000_000)

    def iter_frames(self) -> Iterator[bytes]:
        """Interleaved samples, little-endian, a second at a time; tracks of one side that overlap are added."""
        for start in range(0, self.samples, self.sample_rate):
            count = min(self.sample_rate, self.samples - start)
            frames = np.zeros((count, 2), dtype="<i2")
            for side, tracks in enumerate(self._sides):
                mixed = np.zeros(count, dtype=np.int32)
                for track in tracks:
                    mixed += self._read(track, start, count)
                frames[:, side] = np.clip(mixed, -32768, 32767)
            yield frames.tobytes()

    def _read(self, track: Recorded, start: int, count: int) -> NDArray[np.int32]:
        """So many samples at the common rate from the common start on; nothing is heard before and behind."""
        offset = (track.start_ns - self.start_ns) * self.sample_rate // 1_000_000_000
        samples = np.zeros(count, dtype=np.int32)
        low, high = max(start - offset, 0), start + count - offset
        if high <= 0:
            return samples
        rate = track.sample_rate
        first, last = low * rate // self.sample_rate, -(-high * rate // self.sample_rate)
        if first >= track.samples:
            return samples
        track.file.seek(first * SAMPLE_OCTETS)
        found: Samples = np.frombuffer(
            track.file.read((min(last, track.samples) - first) * SAMPLE_OCTETS), dtype="<i2"
        ).astype(np.int16)
        found = resample(found, rate, self.sample_rate)
        place = low + offset - start
        found = found[: count - place]
        samples[place : place + len(found)] = found
        return samples
