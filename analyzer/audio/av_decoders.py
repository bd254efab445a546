# SPDX-License-Identifier: GPL-2.0-only
"""Compressed speech through PyAV, which is FFmpeg: G.722, G.726, GSM, Opus, G.729, AMR and AMR-WB."""

import io
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.audio.decoders import Decoder, Encoding, NoDecoderError, Samples
from dissectors.grammar.amr import parse_amr_payload
from dissectors.grammar.errors import GrammarError

try:
    import av
except ImportError:  # the extra is not installed
    HAVE_AV = False
else:
    HAVE_AV = True
    av.logging.set_level(av.logging.PANIC)

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

GSM_OCTETS, G729_OCTETS, G729_SID_OCTETS, G729_SAMPLES = 33, 10, 2, 80
AMR_SAMPLES = {8000: 160, 16000: 320}
SILENT_FRAME_TYPES = frozenset((14, 15))
OCTET_ALIGNED = re.compile(r"(?:^|[;\s])octet-align\s*=\s*1(?:[;\s]|$)")
UNSUPPORTED_AMR = re.compile(r"(?:^|[;\s])(?:crc|robust-sorting|interleaving)\s*=\s*[1-9]")
G726_BITS = {"16": 2, "24": 3, "32": 4, "40": 5}
Split = Callable[[bytes], Iterator[bytes | int]]


class AvDecoder:
    """One of FFmpeg's decoders; `split` cuts a payload into its packets, or into runs of so many silent samples."""

    def __init__(self, context: "AudioCodecContext", sample_rate: int, split: Split) -> None:
        self.sample_rate = sample_rate
        self._context = context
        self._split = split

    def decode(self, payload: bytes) -> Samples:
        """The samples of one payload, mixed to one channel; what FFmpeg refuses is left out."""
        parts: list[Samples] = []
        for piece in self._split(payload):
            parts += [np.zeros(piece, np.int16)] if isinstance(piece, int) else self._decode(piece)
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _decode(self, packet: bytes) -> list[Samples]:
        try:
            frames = self._context.decode(av.Packet(packet))
        except (av.error.FFmpegError, ValueError):
            return []
        return [_samples(frame) for frame in frames]


def _samples(frame: Any) -> Samples:
    """A frame as 16-bit samples of one channel."""
    channels = frame.to_ndarray()
    if not frame.format.is_planar:
        channels = channels.reshape(-1, len(frame.layout.channels)).T
    if channels.dtype.kind == "f":
        channels = np.clip(np.rint(channels * 32767), -32768, 32767)
    mixed = channels[0] if len(channels) == 1 else channels.mean(axis=0)
    return np.asarray(mixed, dtype=np.int16)


def _whole(payload: bytes) -> Iterator[bytes | int]:
    yield payload


def _gsm(payload: bytes) -> Iterator[bytes | int]:
    for start in range(0, len(payload) - GSM_OCTETS + 1, GSM_OCTETS):
        yield payload[start : start + GSM_OCTETS]


def _g729(payload: bytes) -> Iterator[bytes | int]:
    """Frames of ten octets, and behind them perhaps one of comfort noise, which is kept silent (RFC 3551 §4.5.6)."""
    whole = len(payload) // G729_OCTETS * G729_OCTETS
    for start in range(0, whole, G729_OCTETS):
        yield payload[start : start + G729_OCTETS]
    if len(payload) - whole == G729_SID_OCTETS:
        yield G729_SAMPLES


def _amr(encoding: Encoding) -> Split:
    wideband = encoding.name == "AMR-WB"
    aligned = OCTET_ALIGNED.search(encoding.parameters) is not None
    silence = AMR_SAMPLES[16000 if wideband else 8000]

    def split(payload: bytes) -> Iterator[bytes | int]:
        try:
            frames = parse_amr_payload(payload, wideband=wideband, octet_aligned=aligned).frames
        except GrammarError:
            return
        for frame in frames:
            yield silence if frame.frame_type in SILENT_FRAME_TYPES else frame.storage

    return split


def _context(name: str, sample_rate: int) -> "AudioCodecContext":
    context: AudioCodecContext = av.CodecContext.create(name, "r")  # type: ignore[assignment]
    context.sample_rate = sample_rate
    context.layout = "mono"
    return context


def _opus() -> "AudioCodecContext":
    """Xiph's own decoder, which mixes two channels to one, or else FFmpeg's."""
    return _context("libopus" if "libopus" in av.codecs_available else "opus", 48000)


def _g726(name: str, bits: int) -> "AudioCodecContext":
    """Opened as the file format of the same name, for only that takes the bits of a sample."""
    container = av.open(io.BytesIO(bytes(64)), format=name, options={"code_size": str(bits)})
    return container.streams.audio[0].codec_context


def av_decoder_for(encoding: Encoding) -> Decoder:
    """A new decoder; raises `NoDecoderError` where FFmpeg has none or PyAV is not installed."""
    name = encoding.name
    if name not in AV_ENCODINGS:
        message = f"no decoder for {name}"
        raise NoDecoderError(message)
    if not HAVE_AV:
        message = f'{name} needs PyAV: pip install "srtp-audit[audio]"'
        raise NoDecoderError(message)
    if name.startswith("AMR") and UNSUPPORTED_AMR.search(encoding.parameters):
        message = f"{name} with CRCs or interleaving"
        raise NoDecoderError(message)
    try:
        return AV_ENCODINGS[name](encoding)
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError, ValueError) as error:
        message = f"{name}: FFmpeg says {error}"
        raise NoDecoderError(message) from error


def _g726_decoder(encoding: Encoding) -> Decoder:
    """Least significant bits first, but in AAL2 order the most significant (RFC 3551 §4.5.4)."""
    file_format = "g726" if encoding.name.startswith("AAL2-") else "g726le"
    return AvDecoder(_g726(file_format, G726_BITS[encoding.name[-2:]]), 8000, _whole)


AV_ENCODINGS: dict[str, Callable[[Encoding], Decoder]] = {
    "G722": lambda _: AvDecoder(_context("g722", 16000), 16000, _whole),  # its RTP clock is 8000 (RFC 3551 §4.5.2)
    "GSM": lambda _: AvDecoder(_context("gsm", 8000), 8000, _gsm),
    "G729": lambda _: AvDecoder(_context("g729", 8000), 8000, _g729),
    "OPUS": lambda _: AvDecoder(_opus(), 48000, _whole),
    "AMR": lambda encoding: AvDecoder(_context("amrnb", 8000), 8000, _amr(encoding)),
    "AMR-WB": lambda encoding: AvDecoder(_context("amrwb", 16000), 16000, _amr(encoding)),
} | {f"{order}G726-{rate}": _g726_decoder for rate in G726_BITS for order in ("", "AAL2-")}
