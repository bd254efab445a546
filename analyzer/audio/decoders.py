# SPDX-License-Identifier: GPL-2.0-only
"""Payloads of speech to samples: G.711 and linear PCM here, all else by PyAV (RFC 3551 §4.5)."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dissectors.grammar.late_dataclass import dataclass

Samples = NDArray[np.int16]
DEFAULT_CLOCK_RATE = 8000
MAX_CLOCK_RATE = 192_000
MAX_CHANNELS = 8


class NoDecoderError(ValueError):
    """Nothing here decodes this encoding; the text says why."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a payload type stands for: the name in capitals, the RTP clock in Hz, channels, and its `fmtp` line."""

    name: str
    clock_rate: int = DEFAULT_CLOCK_RATE
    channels: int = 1
    parameters: str = ""


class Decoder(Protocol):
    """Decodes the payloads of one stream in order."""

    sample_rate: int

    def decode(self, payload: bytes) -> Samples:
        """The samples of one payload, mixed to one channel; none where it can't be decoded."""
        ...


class PcmDecoder:
    """Encodings of which each sample stands for itself."""

    def __init__(self, sample_rate: int, channels: int, read: Callable[[bytes], Samples]) -> None:
        self.sample_rate = sample_rate
        self._channels = channels
        self._read = read

    def decode(self, payload: bytes) -> Samples:
        """The samples of one payload; a last one that is not whole is dropped."""
        samples = self._read(payload)
        if self._channels == 1:
            return samples
        whole = samples[: len(samples) // self._channels * self._channels].reshape(-1, self._channels)
        mixed: Samples = whole.mean(axis=1).astype(np.int16)
        return mixed


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


def decode_g711(payload: bytes, name: str) -> Samples:
    """The samples of a PCMU or PCMA payload (ITU-T G.711); raises `KeyError` for another encoding."""
    return TABLES[name.upper()][np.frombuffer(payload, dtype=np.uint8)]


def _read_l16(payload: bytes) -> Samples:
    """16 bits, signed, network order (RFC 3551 §4.5.11)."""
    return np.frombuffer(payload[: len(payload) & ~1], dtype=">i2").astype(np.int16)


def _read_l8(payload: bytes) -> Samples:
    """8 bits, offset binary (RFC 3551 §4.5.10)."""
    return (np.frombuffer(payload, dtype=np.uint8).astype(np.int16) - 128) << 8


_PCM: dict[str, Callable[[bytes], Samples]] = {
    "PCMU": lambda payload: decode_g711(payload, "PCMU"),
    "PCMA": lambda payload: decode_g711(payload, "PCMA"),
    "L16": _read_l16,
    "L8": _read_l8,
}


def decoder_for(encoding: Encoding) -> Decoder:
    """A new decoder; raises `NoDecoderError` where none is known, or PyAV is not installed."""
    if not 0 < encoding.clock_rate <= MAX_CLOCK_RATE or not 0 < encoding.channels <= MAX_CHANNELS:
        message = f"{encoding.name}: {encoding.clock_rate} Hz, {encoding.channels} channels"
        raise NoDecoderError(message)
    read = _PCM.get(encoding.name)
    if read is not None:
        return PcmDecoder(encoding.clock_rate, encoding.channels, read)
    from analyzer.audio.av_decoders import av_decoder_for  # noqa: PLC0415  it may not be installed, and it is large

    return av_decoder_for(encoding)
