# SPDX-License-Identifier: GPL-2.0-only
"""What is heard in one call: a track for each stream, WAV files of each direction and of both, digits as text."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, BinaryIO

from analyzer.audio.decoders import Encoding
from analyzer.audio.dtmf import DtmfEvent, DtmfReader
from analyzer.audio.mixing import Recorded, Stereo, iter_samples, wav_header
from analyzer.audio.track import AudioPacket, Track
from analyzer.cli.files import open_output
from analyzer.errors import UsageError
from analyzer.keying.opening import ClearPacket
from analyzer.keying.stream_audit import rtpmap_of
from analyzer.model.call import BoundStream, MediaLine, Side
from analyzer.model.keying import StreamAudit
from analyzer.srtp.framing import STATIC_ENCODINGS
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtp import padding_octets, rtp_header_octets

TELEPHONE_EVENT = "TELEPHONE-EVENT"
STATIC_CLOCKS = {10: (44100, 2), 11: (44100, 1)}  # RFC 3551 §6; all others have 8000 Hz and one channel
COMFORT_NOISE_TYPE = 13
DIRECTIONS = {Side.OFFERER: "offerer", Side.ANSWERER: "answerer", None: "stream"}
StreamKey = tuple[int, str, str]  # SSRC, source, destination


def encodings_of(line: MediaLine | None, bound: BoundStream, types: Iterable[int]) -> dict[int, Encoding]:
    """What these payload types of a stream stand for, as the descriptions say or RFC 3551 §6 does."""
    mapped, parameters = rtpmap_of(line, bound), _parameters(line)
    found: dict[int, Encoding] = {}
    for payload_type in types:
        if payload_type in mapped:
            one = mapped[payload_type]
            rate, channels = one.clock_rate or 0, one.channels
            found[payload_type] = Encoding(one.encoding.upper(), rate, channels, parameters.get(payload_type, ""))
        elif payload_type in STATIC_ENCODINGS:
            rate, channels = STATIC_CLOCKS.get(payload_type, (8000, 1))
            found[payload_type] = Encoding(STATIC_ENCODINGS[payload_type], rate, channels)
        elif payload_type == COMFORT_NOISE_TYPE:
            found[payload_type] = Encoding("CN")
    return found


def _parameters(line: MediaLine | None) -> dict[int, str]:
    """The `fmtp` of each payload type, the answer's before the offer's."""
    found: dict[int, str] = {}
    for side in (line.offer, line.answer) if line is not None else ():
        for value in side.media.attribute_values("fmtp") if side is not None else ():
            payload_type, _, rest = value.partition(" ")
            if payload_type.isascii() and payload_type.isdigit():
                found[int(payload_type[:5])] = rest
    return found


@dataclass(slots=True)
class Voice:
    """One stream that may be heard, over all exchanges of its call."""

    side: Side | None
    encodings: dict[int, Encoding]
    track: Track
    file: BinaryIO
    dtmf: DtmfReader = field(default_factory=DtmfReader)
    wav: str | None = None


class CallAudio:
    """Takes the clear packets of one call; temporary files hold what is heard until all of it is known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder  # for what is unfinished
        self.voices: dict[StreamKey, Voice] = {}
        self._sides: dict[str, Side | None] = {}
        self._described: dict[StreamKey, dict[int, Encoding]] = {}

    def __enter__(self) -> "CallAudio":
        return self

    def __exit__(self, *_: object) -> None:
        for voice in self.voices.values():
            voice.file.close()

    def describe(self, audit: StreamAudit, line: MediaLine | None) -> StreamKey:
        """Say what a stream's payload types are before its first packet comes."""
        bound, stream = audit.bound, audit.bound.stream
        key = (stream.ssrc, stream.source, stream.destination)
        self._described.setdefault(key, {}).update(encodings_of(line, bound, audit.payload_types))
        self._sides.setdefault(stream.source.rpartition(":")[0], bound.sent_by)
        return key

    def is_digit(self, key: StreamKey, packet: ClearPacket) -> bool:
        """Whether the packet carries a telephone event."""
        encoding = self._described[key].get(packet.octets[1] & 0x7F) if len(packet.octets) > 1 else None
        return encoding is not None and encoding.name == TELEPHONE_EVENT

    def add(self, key: StreamKey, packet: ClearPacket) -> None:
        """Take one clear packet."""
        read = _audio_packet(packet)
        if read is None:
            return
        voice = self.voices.get(key)
        if voice is None:
            voice = self.voices[key] = self._voice(key)
        if voice.encodings.get(read.payload_type, Encoding("")).name == TELEPHONE_EVENT:
            voice.dtmf.add(read)
        voice.track.add(read)

    def _voice(self, key: StreamKey) -> Voice:
        encodings = self._described[key]
        try:
            file: BinaryIO = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the call
        except OSError as error:
            raise UsageError(f"{self._folder}: can't be written: {error.strerror}") from error
        clock_rates = [encoding.clock_rate for encoding in encodings.values() if encoding.name == TELEPHONE_EVENT]
        reader = DtmfReader(clock_rates[0] or 8000) if clock_rates else DtmfReader()
        return Voice(self._sides[key[1].rpartition(":")[0]], encodings, Track(file, encodings), file, reader)

    def finish(self) -> None:
        """No more packets come."""
        for voice in self.voices.values():
            voice.track.finish()

    def write(self, target: Path, name: str) -> str | None:
        """A WAV file for each stream that is heard, and one of both directions, whose name is returned."""
        taken: dict[str, int] = {}
        for voice in self.voices.values():
            if voice.track.counts.samples:
                direction = DIRECTIONS[voice.side]
                taken[direction] = taken.get(direction, 0) + 1
                again = f"-{taken[direction]}" if taken[direction] > 1 else ""
                voice.wav = f"{name}-{direction}{again}.wav"
                track = _recorded(voice)
                self._write_wav(
                    target / voice.wav, wav_header(track.sample_rate, 1, track.samples), iter_samples(track)
                )
        stereo = self.stereo()
        if stereo is None:
            return None
        file = f"{name}-stereo.wav"
        self._write_wav(target / file, wav_header(stereo.sample_rate, 2, stereo.samples), stereo.iter_frames())
        return file

    def _write_wav(self, path: Path, header: bytes, parts: Iterator[bytes]) -> None:
        try:
            with open_output(path, self._folder) as stream:
                stream.write(header)
                for part in parts:
                    stream.write(part)
        except OSError as error:
            raise UsageError(f"{path}: can't be written: {error.strerror}") from error

    def stereo(self) -> Stereo | None:
        """Who sent the first offer to the left, the other side to the right; None if not both are heard."""
        heard = [voice for voice in self.voices.values() if voice.track.counts.samples]
        left = [_recorded(voice) for voice in heard if voice.side is Side.OFFERER]
        right = [_recorded(voice) for voice in heard if voice.side is Side.ANSWERER]
        return Stereo(left, right) if left and right else None

    def iter_raw(self) -> tuple[int, int, Iterator[bytes]] | None:
        """Sample rate, channels and raw samples of all that is heard; None if that is nothing."""
        stereo = self.stereo()
        if stereo is not None:
            return stereo.sample_rate, 2, stereo.iter_frames()
        heard = [_recorded(voice) for voice in self.voices.values() if voice.track.counts.samples]
        if not heard:
            return None
        longest = max(heard, key=lambda track: track.samples / track.sample_rate)
        return longest.sample_rate, 1, iter_samples(longest)


def _audio_packet(packet: ClearPacket) -> AudioPacket | None:
    start, octets = rtp_header_octets(packet.octets), packet.octets
    if start is None:
        return None
    padding = (padding_octets(octets[start:]) or 0) if octets[0] & 0x20 else 0
    stamp, number = int.from_bytes(octets[4:8], "big"), int.from_bytes(octets[2:4], "big")
    return AudioPacket(packet.timestamp_ns, number, stamp, octets[1] & 0x7F, octets[start : len(octets) - padding])


def _recorded(voice: Voice) -> Recorded:
    track = voice.track
    return Recorded(voice.file, track.sample_rate, track.counts.samples, track.start_ns)


def audio_account(voice: Voice) -> dict[str, Any]:
    """What was heard of a stream, in counts and seconds."""
    counts, rate = voice.track.counts, voice.track.sample_rate
    return {
        "encodings": sorted({encoding.name for encoding in voice.encodings.values()}),
        "sample_rate": rate or None,
        "seconds": round(counts.samples / rate, 3) if rate else 0,
        "silence_seconds": round(counts.silence_samples / rate, 3) if rate else 0,
        "packets": counts.packets,
        "overlapping": counts.overlapping,
        "leaps": counts.leaps,
        "cut": counts.cut,
        "not_heard": dict(sorted(counts.undecoded.items())),
    }


def digits_text(events: tuple[DtmfEvent, ...]) -> str:
    """The events' names in a row, long ones apart."""
    return "".join(event.name if len(event.name) == 1 else f" {event.name} " for event in events).strip()
