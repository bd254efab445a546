# SPDX-License-Identifier: GPL-2.0-only
"""Tracks: the decode tables of ITU-T G.711, silence where packets are missing, and no clock that leaps."""

import io
import random
import wave

import numpy as np
import pytest

from analyzer.audio.decoders import Encoding, NoDecoderError, decode_g711, decoder_for
from analyzer.audio.mixing import Recorded, Stereo, wav_header
from analyzer.audio.track import AudioPacket, Track, TrackCounts

START_NS = 1_700_000_000_000_000_000
PCMU, PCMA, DTMF = Encoding("PCMU"), Encoding("PCMA"), Encoding("TELEPHONE-EVENT")
KNOWN = {0: PCMU, 8: PCMA, 101: DTMF}


def packet(number: int, stamp: int, payload: bytes, kind: int = 0, milliseconds: int | None = None) -> AudioPacket:
    elapsed = 20 * number if milliseconds is None else milliseconds
    return AudioPacket(START_NS + elapsed * 1_000_000, number & 0xFFFF, stamp % 2**32, kind, payload)


def written(packets: list[AudioPacket], encodings: dict[int, Encoding] = KNOWN) -> tuple[TrackCounts, bytes]:
    file = io.BytesIO()
    track = Track(file, encodings)
    for one in packets:
        track.add(one)
    counts = track.finish()
    assert len(file.getvalue()) == 2 * counts.samples
    return counts, file.getvalue()


@pytest.mark.parametrize(
    ("encoding", "code", "sample"),
    [
        ("PCMU", 0x00, -32124), ("PCMU", 0x80, 32124), ("PCMU", 0xFF, 0), ("PCMU", 0x7F, 0), ("PCMU", 0xFE, 8),
        ("PCMU", 0xEF, 132), ("PCMU", 0x6F, -132),
        ("PCMA", 0xD5, 8), ("PCMA", 0x55, -8), ("PCMA", 0xAA, 32256), ("PCMA", 0x2A, -32256), ("PCMA", 0xC5, 264),
        ("pcma", 0xF5, 528),
    ],
)  # fmt: skip
def test_decode_tables(encoding: str, code: int, sample: int) -> None:
    assert decode_g711(bytes((code,)), encoding).tolist() == [sample]


def test_linear_pcm_and_channels() -> None:
    assert decoder_for(Encoding("L16", 44100)).decode(b"\x01\x02\xff\xfe\x00").tolist() == [258, -2]
    assert decoder_for(Encoding("L16", 44100, 2)).decode(b"\x00\x10\x00\x20\xff\xf0\xff\xe0").tolist() == [24, -24]
    assert decoder_for(Encoding("L8")).decode(b"\x80\xff\x00").tolist() == [0, 127 << 8, -32768]
    for hopeless in (Encoding("SPEEX"), Encoding("PCMU", 0), Encoding("L16", 8000, 99), Encoding("PCMU", 10**9)):
        with pytest.raises(NoDecoderError):
            decoder_for(hopeless)


def test_gaps_reordering_and_repeats() -> None:
    one, two, three = b"\x80" * 160, b"\x00" * 160, b"\xff" * 160
    packets = [
        packet(65535, 2**32 - 160, one, milliseconds=0),
        packet(65539, 480, three, milliseconds=80),
        packet(65536, 0, two, milliseconds=81),
        packet(65536, 0, two, milliseconds=82),
        packet(65537, 160, b"\1\2\3\4", 101, milliseconds=83),
        packet(65538, 320, b"\1", 96, milliseconds=84),
    ]
    counts, audio = written(packets)
    assert (counts.packets, counts.samples, counts.silence_samples) == (3, 800, 320)
    assert (counts.overlapping, counts.leaps, counts.cut) == (1, 0, False)
    assert dict(counts.undecoded) == {"telephone-event is no speech": 1, "payload type 96 is not described": 1}
    assert audio[:320] == (32124).to_bytes(2, "little") * 160
    assert audio[320:640] == (-32124).to_bytes(2, "little", signed=True) * 160
    assert audio[640:] == bytes(2 * 480)


@pytest.mark.parametrize("seed", range(8))
def test_any_order_within_reach_gives_the_same_sound(seed: int) -> None:
    rng = random.Random(seed)
    first, stamp = rng.randrange(65536), rng.randrange(2**32)
    packets = [packet(n, stamp + 160 * n, rng.randbytes(160)) for n in range(400)]
    packets = [one._replace(sequence_number=(first + n) & 0xFFFF) for n, one in enumerate(packets)]
    _, straight = written(packets)
    mixed = sorted(packets[1:], key=lambda one: one.timestamp_ns + rng.uniform(0, 400e6))
    again = [one for one in mixed for _ in range(1 + (rng.random() < 0.1))]
    counts, audio = written([packets[0], *again])
    assert audio == straight
    assert counts.overlapping == len(again) - len(mixed)


def test_a_leap_of_the_clock_makes_no_giant_file() -> None:
    speech = b"\xd5" * 80
    counts, _ = written([packet(0, 0, speech, 8), packet(1, 2**31 - 1, speech, 8)])
    assert (counts.samples, counts.silence_samples, counts.leaps) == (160 + 80, 80, 1)
    assert written([])[0].samples == 0


def test_silence_while_the_clock_stands_still_lasts_as_long_as_it_did() -> None:
    speech = b"\xd5" * 160
    counts, _ = written([packet(0, 0, speech, 8), packet(1, 160, speech, 8, milliseconds=30_000)])
    assert (counts.samples, counts.leaps) == (30 * 8000 + 160, 1)


def test_a_sender_that_begins_anew_is_heard_on() -> None:
    speech = b"\xd5" * 160
    old = [packet(n, 160 * n, speech, 8) for n in range(40_000, 40_100)]
    new = [packet(n, 160 * (n + 500), speech, 8, milliseconds=20 * (n + 40_100)) for n in range(100)]
    counts, _ = written([*old, *new])
    assert (counts.packets, counts.samples) == (200, 200 * 160)


def test_another_clock_goes_on_at_the_time_of_capture() -> None:
    wide = {0: PCMU, 96: Encoding("L16", 16000)}
    packets = [packet(n, 160 * n, b"\xff" * 160) for n in range(5)]
    packets += [packet(n, 9_000_000 + 320 * n, b"\0\1" * 320, 96) for n in range(10, 15)]
    counts, audio = written(packets, wide)
    assert counts.samples == 15 * 320
    assert np.frombuffer(audio, "<i2")[10 * 320 :].tolist() == [1] * 5 * 320
    assert counts.silence_samples == 5 * 320


def recorded(samples: list[int], rate: int, start_ms: int) -> Recorded:
    return Recorded(io.BytesIO(np.array(samples, "<i2").tobytes()), rate, len(samples), START_NS + start_ms * 1_000_000)


def test_both_directions_stand_side_by_side_in_time() -> None:
    left = recorded([100] * 8000, 8000, 0)
    right, more = recorded([7] * 4000, 8000, 500), recorded([32767] * 800, 8000, 900)
    stereo = Stereo([left], [right, more])
    frames = np.frombuffer(b"".join(stereo.iter_frames()), "<i2").reshape(-1, 2)
    assert (stereo.sample_rate, stereo.samples, len(frames)) == (8000, 8000, 8000)
    assert frames[:, 0].tolist() == [100] * 8000
    assert frames[:, 1].tolist() == [0] * 4000 + [7] * 3200 + [32767] * 800
    mixed = Stereo([recorded(list(range(800)), 8000, 0)], [recorded([5] * 4800, 48000, 50)])
    frames = np.frombuffer(b"".join(mixed.iter_frames()), "<i2").reshape(-1, 2)
    assert (mixed.sample_rate, len(frames)) == (48000, 7200)
    assert frames[:4800:6, 0].tolist() == list(range(800))
    assert frames[2400:, 1].tolist() == [5] * 4800


def test_the_header_is_read_by_others() -> None:
    with wave.open(io.BytesIO(wav_header(16000, 2, 3) + bytes(12))) as file:
        assert file.getparams()[:4] == (2, 2, 16000, 3)
