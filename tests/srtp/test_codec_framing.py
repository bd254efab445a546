# SPDX-License-Identifier: GPL-2.0-only
"""Framing of compressed codecs: other people's encoders pass it, noise as often as is said, an MKI proves nothing."""

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clear_rates import RECORDED, SAMPLES, Speech, encode, generated, pack_amr, streams_of, voice

from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.codec_test import OPEN_OCTETS, read_codec
from dissectors.grammar.codec_framing import FRAMINGS

PACKETS = 400
NOISE = 6000
LENGTHS = (1, 2, 5, 10, 12, 14, 20, 24, 31, 33, 38, 40, 50, 61, 66, 76, 100)


def spoken() -> Iterator[tuple[str, list[bytes]]]:
    """Clear payloads that FFmpeg and the libraries in it make."""
    for speech in generated(8):
        if speech.encoding.name in FRAMINGS:
            yield speech.encoding.name, speech.payloads
    yield "G723", encode("g723_1", voice(8000, 12, 3), 8000, bit_rate=6300)


def filmed(codec: str, options: dict[str, str]) -> list[bytes]:
    """Frames of moving noise through an encoder."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.options = 160, 120, "yuv420p", options
    context.time_base, context.bit_rate = Fraction(1, 25), 200_000
    chance, frames = np.random.default_rng(5), []
    for number in range(60):
        picture = chance.integers(0, 255, (180, 160), np.uint8) // 8 + np.uint8(number)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        frames += [bytes(packet) for packet in context.encode(frame)]
    return frames + [bytes(packet) for packet in context.encode(None)]


def test_what_encoders_make_fits() -> None:
    for name, payloads in spoken():
        assert any(all(map(form.fits, payloads)) for form in FRAMINGS[name]), name


def test_nal_units_and_vp8_frames_fit() -> None:
    for frame in filmed("libx264", {"tune": "zerolatency"}):
        for unit in frame.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
            assert FRAMINGS["H264"][0].fits(unit.rstrip(b"\0")), unit[:4]
    for frame in filmed("libvpx", {}):
        assert FRAMINGS["VP8"][0].fits(b"\x10" + frame)
        assert FRAMINGS["VP8"][0].fits(b"\x90\x80\x81\x23" + frame)
        assert not FRAMINGS["VP8"][0].fits(b"\x18" + frame)


@pytest.mark.parametrize("name", ["sip-rtp-g729a.pcap", "sip-rtp-gsm.pcap", "sip-rtp-opus.pcap"])
def test_real_calls_fit_and_are_told_apart(captures: Path, name: str) -> None:
    for speech in streams_of(SAMPLES / name, RECORDED[name]):
        form = FRAMINGS[speech.encoding.name][0]
        assert all(map(form.fits, speech.payloads))
        read = read_codec(speech.payloads[:100], speech.encoding.name)
        assert read.bits > 60
        assert not read.refuted
        # Opus' frames take whatever there is; those of the others have their size.
        assert read.trailer_octets == (None if speech.encoding.name == "OPUS" else 0)


@pytest.mark.parametrize("name", FRAMINGS)
def test_noise_fits_no_oftener_than_its_length_says(name: str) -> None:
    rng = random.Random(name)
    for form in FRAMINGS[name]:
        for octets in LENGTHS:
            fitting = sum(form.fits(rng.randbytes(octets)) for _ in range(NOISE))
            expected = NOISE * form.fit_chance(octets)
            assert fitting <= expected + 5 * expected**0.5 + 3, (octets, fitting, expected)


def judged(name: str, payloads: list[bytes]) -> Clearness:
    return classify_payloads(payloads, 97, name, sequence_numbers=range(len(payloads))).clearness


@pytest.mark.parametrize("name", FRAMINGS)
@pytest.mark.parametrize("tag", [0, 4, 10, 16])
def test_noise_of_its_lengths_is_refuted_and_never_clear(name: str, tag: int) -> None:
    rng = random.Random(f"{name} {tag}")
    for octets in (33, 38, 50, 76, 100):
        payloads = [rng.randbytes(octets + tag) for _ in range(PACKETS)]
        assert judged(name, payloads) is Clearness.NOT_CLEAR
        assert judged(name, payloads[:10]) is Clearness.UNKNOWN


@pytest.mark.parametrize("name", ["G729", "OPUS", "AMR", "G723", "GSM", "VP8", None])
@pytest.mark.parametrize("mki", [16, 24, 32, 64, 128])
@pytest.mark.parametrize("behind", [False, True], ids=["before the tag", "behind the tag"])
def test_a_long_mki_behind_tiny_cipher_text_is_not_read_as_clear(name: str | None, mki: int, *, behind: bool) -> None:
    rng = random.Random(f"{name} {mki} {behind}")
    for tag in (4, 10, 16):
        for octets in (0, 1, 2, 3, 4, 10, 20, 33):
            for value in (bytes(mki), b"\0\0\0\1" * (mki // 4), rng.randbytes(mki), b"\xd2" * mki):
                bodies = [rng.randbytes(octets) for _ in range(64)]
                if behind:
                    payloads = [body + rng.randbytes(tag) + value for body in bodies]
                else:
                    payloads = [body + value + rng.randbytes(tag) for body in bodies]
                assert judged(name or "", payloads) is not Clearness.CLEAR, (tag, octets, value[:4])


@pytest.mark.parametrize(
    ("bit_rate", "aligned", "told"),
    [
        (12200, True, True),
        (12200, False, True),
        (7400, True, True),
        (7400, False, True),
        (6700, True, True),
        (5900, True, True),
        (4750, True, True),
        (6700, False, False),  # no padding at all
        (4750, False, False),  # seven of the last octet's bits are padding: it has two values, as MKIs in turn have
    ],
)
def test_padding_tells_speech_in_amr_frames_however_short(bit_rate: int, aligned: bool, told: bool) -> None:
    frames = encode("libopencore_amrnb", voice(8000, 4, 5), 8000, bit_rate=bit_rate)
    payloads = [pack_amr([frame], aligned=aligned) for frame in frames]
    assert judged("AMR", payloads) is (Clearness.CLEAR if told else Clearness.UNKNOWN)
    rng = random.Random(bit_rate)
    unpadded = [payload[:-1] + bytes((payload[-1] | rng.randrange(256),)) for payload in payloads]
    if aligned and len(payloads[0]) < OPEN_OCTETS:
        assert judged("AMR", unpadded) is Clearness.UNKNOWN


@pytest.mark.parametrize("head", ["f004", "f014", "f03c", "0004", "1114", "f08404", "f0848404"])
def test_an_mki_that_reads_as_a_header_of_amr_proves_nothing(head: str) -> None:
    rng = random.Random(head)
    for tag in (4, 10, 16, 20):
        for octets in rng.sample((14, 15, 17, 19, 21, 22, 27, 28, 33, 40), 2):
            cipher_text, name = rng.choice((0, 1, 2)), rng.choice(("AMR", "AMR-WB"))
            mki = (bytes.fromhex(head) + bytes(octets))[: max(octets - tag - cipher_text, 0)]
            before = [rng.randbytes(cipher_text) + mki + rng.randbytes(tag) for _ in range(70)]
            behind = [rng.randbytes(cipher_text + tag) + mki for _ in range(70)]
            assert judged(name, before) is not Clearness.CLEAR, (tag, octets, cipher_text)
            assert judged(name, behind) is not Clearness.CLEAR, (tag, octets, cipher_text)


def test_two_keys_in_turn_and_lengths_that_change_prove_nothing_either() -> None:
    rng = random.Random(9)
    mkis = [rng.randbytes(64), rng.randbytes(64)]
    payloads = [rng.randbytes(rng.choice((2, 10, 20))) + mkis[number // 40] + rng.randbytes(10) for number in range(80)]
    for name in ("G729", "OPUS", "AMR", ""):
        assert judged(name, payloads) is not Clearness.CLEAR


def test_clear_speech_behind_the_tag_of_a_null_cipher_says_its_tag() -> None:
    rng = random.Random(10)
    for name, speech in spoken():
        whole = [payload for payload in speech if len(payload) >= OPEN_OCTETS][:200]
        for tag in (0, 4, 10) if whole else ():
            payloads = [payload + rng.randbytes(tag) for payload in whole]
            test = classify_payloads(payloads, 97, name, sequence_numbers=range(len(payloads)))
            assert test.clearness is Clearness.CLEAR


def test_a_stream_of_another_codec_fits_not() -> None:
    assert isinstance(next(generated(2)), Speech)
    for name, payloads in spoken():
        if name == "AMR":
            assert not any(map(FRAMINGS["AMR-WB"][0].fits, payloads))
            assert read_codec(payloads, "AMR-WB").refuted
