# SPDX-License-Identifier: GPL-2.0-only
"""Compressed speech: what FFmpeg's encoders make is heard again, and real calls sound alike in every codec."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from analyzer.audio import av_decoders
from analyzer.audio.decoders import Encoding, NoDecoderError, decoder_for
from dissectors.grammar.amr import parse_amr_payload
from dissectors.grammar.errors import GrammarError
from tests.cli.command_line import run
from tests.srtp.clear_rates import pack_amr

Wave = NDArray[np.float64]


def tone(rate: int, seconds: int = 1) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(rate * seconds) / rate)).astype(np.int16)


def encoded(name: str, rate: int, bit_rate: int = 0, **options: str) -> list[bytes]:
    context = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format, context.options = rate, "mono", "s16", options
    if bit_rate:
        context.bit_rate = bit_rate
    context.open()
    frame = av.AudioFrame.from_ndarray(tone(rate)[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    fifo = av.AudioFifo()
    fifo.write(frame)
    packets: list[bytes] = []
    while (part := fifo.read(context.frame_size or 160)) is not None:
        packets += [bytes(one) for one in context.encode(part)]
    return packets + [bytes(one) for one in context.encode(None)]


def likeness(one: NDArray[np.int16] | Wave, other: NDArray[np.int16] | Wave, reach: int) -> tuple[float, int]:
    """The highest correlation of two sounds, and the shift in samples where they have it."""
    count = min(len(one), len(other))
    a, b = one[:count].astype(float), other[:count].astype(float)
    turned = np.fft.irfft(np.fft.rfft(a, 2 * count) * np.conj(np.fft.rfft(b, 2 * count)))
    near = np.concatenate((turned[-reach:], turned[: reach + 1]))
    place = int(near.argmax())
    return float(near[place] / np.sqrt((a @ a) * (b @ b))), place - reach


def heard(encoding: Encoding, payloads: list[bytes]) -> NDArray[np.int16]:
    decoder = decoder_for(encoding)
    return np.concatenate([decoder.decode(payload) for payload in payloads])


@pytest.mark.parametrize(
    ("encoding", "encoder", "rate", "bit_rate"),
    [
        (Encoding("G722"), "g722", 16000, 0),
        (Encoding("OPUS", 48000, 2), "libopus", 48000, 24000),
        (Encoding("PCMA"), "pcm_alaw", 8000, 0),
    ],
)
def test_what_is_encoded_is_heard(encoding: Encoding, encoder: str, rate: int, bit_rate: int) -> None:
    sound = heard(encoding, encoded(encoder, rate, bit_rate))
    assert decoder_for(encoding).sample_rate == rate
    alike, _ = likeness(sound, tone(rate), rate // 50)
    assert alike > 0.98


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["", "AAL2-"])
def test_g726_in_both_orders_of_bits(bits: int, order: str) -> None:
    raw = b"".join(encoded("g726" if order else "g726le", 8000, code_size=str(bits)))
    name = f"{order}G726-{8 * bits}"
    payloads = [raw[start : start + 20 * bits] for start in range(0, len(raw), 20 * bits)]
    alike, _ = likeness(heard(Encoding(name), payloads), tone(8000), 40)
    assert alike > (0.9 if bits == 2 else 0.97)
    other = name.removeprefix("AAL2-") if order else f"AAL2-{name}"
    assert likeness(heard(Encoding(other), payloads), tone(8000), 40)[0] < alike - 0.02


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("bit_rate", [4750, 5900, 7950, 12200])
def test_amr_in_both_forms(aligned: bool, bit_rate: int) -> None:
    frames = encoded("libopencore_amrnb", 8000, bit_rate)
    payloads = [pack_amr(frames[start : start + 3], aligned=aligned) for start in range(0, len(frames), 3)]
    for payload, start in zip(payloads, range(0, len(frames), 3), strict=True):
        read = parse_amr_payload(payload, wideband=False, octet_aligned=aligned)
        assert read.mode_request == 15
        assert [frame.storage for frame in read.frames] == frames[start : start + 3]
    encoding = Encoding("AMR", parameters="mode-set=7; octet-align=1" if aligned else "mode-change-period=2")
    assert likeness(heard(encoding, payloads), tone(8000), 200)[0] > 0.85
    with pytest.raises(GrammarError):
        parse_amr_payload(payloads[0] + b"\0", wideband=False, octet_aligned=aligned)
    with pytest.raises(GrammarError):
        parse_amr_payload(payloads[0][:-1], wideband=False, octet_aligned=aligned)
    for wrong in (b"", b"\xff" * 40, b"\xf0" + b"\xff" * 90):
        assert len(decoder_for(encoding).decode(wrong)) == 0


def test_noise_raises_nothing() -> None:
    rng = np.random.default_rng(7)
    for name in av_decoders.AV_ENCODINGS:
        decoder = decoder_for(Encoding(name))
        for octets in (0, 1, 2, 3, 10, 33, 60, 200, 1400):
            decoder.decode(rng.bytes(octets))


def test_without_pyav_the_reason_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av_decoders, "HAVE_AV", False)
    with pytest.raises(NoDecoderError, match=r"srtp-audit\[audio\]"):
        decoder_for(Encoding("G722"))
    assert len(decoder_for(Encoding("PCMU")).decode(bytes(160))) == 160
    monkeypatch.setattr(av_decoders, "HAVE_AV", True)
    with pytest.raises(NoDecoderError, match="interleaving"):
        decoder_for(Encoding("AMR", parameters="octet-align=1;interleaving=4"))


def samples_of(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.captures
def test_one_announcement_in_every_codec(captures: Path, tmp_path: Path) -> None:
    """Real calls that play the same announcement through different codecs."""
    folder = captures / "public" / "wireshark-wiki" / "SampleCaptures"
    sounds: dict[str, list[NDArray[np.int16]]] = {}
    for codec in ("g711", "gsm", "g726", "g722", "opus"):
        assert run("decrypt", folder / f"sip-rtp-{codec}.pcap", "-o", tmp_path / codec).returncode == 0
        sounds[codec] = [samples_of(path) for path in sorted((tmp_path / codec).glob("*.wav"))]
        assert sounds[codec]
    for codec, least in (("g711", 0.99), ("gsm", 0.95), ("g726", 0.75)):
        for sound in sounds[codec]:
            assert likeness(sound, sounds["g711"][0], 200)[0] > least
    wide, full = sounds["g722"][0], sounds["opus"][0]
    assert likeness(wide, full[: len(full) // 3 * 3].reshape(-1, 3).mean(axis=1), 400)[0] > 0.8
    assert abs(len(wide) / 16000 - len(full) / 48000) < 0.1
