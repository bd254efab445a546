# SPDX-License-Identifier: GPL-2.0-only
"""A WAV file from the G.711 payloads of one direction, at the times that the RTP timestamps say (ITU-T G.711)."""

import wave
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8000
MAX_GAP_SECONDS = 3600
MAX_SAMPLES = SAMPLE_RATE * 3600 * 6
TIMESTAMPS = 1 << 32
SILENCE_CHUNK = SAMPLE_RATE * 60
ENCODINGS = ("PCMU", "PCMA")

Samples = NDArray[np.int16]


class AudioPacket(NamedTuple):
    """One clear packet of speech: its RTP timestamp, its encoding's name and its payload without padding."""

    timestamp: int
    encoding: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class WavCounts:
    """What went into a file: packets written, skipped (another encoding), late or repeated, and samples of each kind.

    `jumps` counts timestamps that leapt too far to be a pause; `cut` says that the length limit was reached.
    """

    packets: int
    skipped: int
    overlapping: int
    samples: int
    silence_samples: int
    jumps: int
    cut: bool


def _mu_law_table() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law_table() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = code >> 4 & 7
    step = (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, step + 8, step + 0x108 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


TABLES = {"PCMU": _mu_law_table(), "PCMA": _a_law_table()}


def decode_g711(payload: bytes, encoding: str) -> Samples:
    """The 16-bit samples of a PCMU or PCMA payload; raises `KeyError` for another encoding."""
    return TABLES[encoding.upper()][np.frombuffer(payload, dtype=np.uint8)]


def write_wav(file: IO[bytes], packets: Iterable[AudioPacket]) -> WavCounts:
    """Writes mono 16-bit PCM at 8 kHz: packets in timestamp order, gaps as silence, repeated samples dropped."""
    speech, skipped = _in_order(packets)
    written = silence = overlapping = jumps = used = 0
    position, cut = 0, False
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        for start, packet in speech:
            gap = start - position if used else 0
            if gap > MAX_GAP_SECONDS * SAMPLE_RATE:
                gap, jumps = 0, jumps + 1
            samples = decode_g711(packet.payload, packet.encoding)[max(-gap, 0) :]
            if not len(samples):
                overlapping += 1
                continue
            if written + max(gap, 0) + len(samples) > MAX_SAMPLES:
                cut = True
                break
            _write_silence(out, max(gap, 0))
            out.writeframesraw(samples.astype("<i2").tobytes())
            silence += max(gap, 0)
            written += max(gap, 0) + len(samples)
            position = start + len(packet.payload)
            used += 1
    return WavCounts(used, skipped, overlapping, written, silence, jumps, cut)


def _in_order(packets: Iterable[AudioPacket]) -> tuple[list[tuple[int, AudioPacket]], int]:
    """The packets with timestamps extended over their wrap, in time order; and how many are of another encoding."""
    speech: list[tuple[int, AudioPacket]] = []
    skipped = 0
    extended = -1
    for packet in packets:
        if packet.encoding.upper() not in TABLES:
            skipped += 1
            continue
        if extended < 0:
            extended = packet.timestamp + TIMESTAMPS
        else:
            step = (packet.timestamp - extended) % TIMESTAMPS
            extended += step if step < TIMESTAMPS // 2 else step - TIMESTAMPS
        speech.append((extended, packet))
    speech.sort(key=lambda pair: pair[0])
    return speech, skipped


def _write_silence(out: wave.Wave_write, samples: int) -> None:
    for start in range(0, samples, SILENCE_CHUNK):
        out.writeframesraw(bytes(2 * min(SILENCE_CHUNK, samples - start)))
