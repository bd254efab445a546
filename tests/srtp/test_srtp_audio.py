# SPDX-License-Identifier: GPL-2.0-only
"""WAV files: the decode tables of ITU-T G.711, silence where packets are missing, what real receivers decoded."""

import io
import wave
from pathlib import Path

import pytest
from srtp_peers import read_datagrams

from analyzer.srtp.audio import AudioPacket, WavCounts, decode_g711, write_wav
from dissectors.grammar.datagram import DatagramKind, classify_datagram
from dissectors.grammar.rtp import parse_rtp_header


def written(packets: list[AudioPacket]) -> tuple[WavCounts, bytes]:
    file = io.BytesIO()
    counts = write_wav(file, packets)
    file.seek(0)
    with wave.open(file) as back:
        assert (back.getnchannels(), back.getsampwidth(), back.getframerate()) == (1, 2, 8000)
        assert back.getnframes() == counts.samples
        return counts, back.readframes(counts.samples)


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


def test_gaps_reordering_and_repeats() -> None:
    one, two, three = b"\x80" * 160, b"\x00" * 160, b"\xff" * 160
    start = 2**32 - 160
    packets = [
        AudioPacket(start, "PCMU", one),
        AudioPacket(480, "PCMU", three),
        AudioPacket(0, "PCMU", two),
        AudioPacket(0, "PCMU", two),
        AudioPacket(160, "telephone-event", b"\1\2\3\4"),
    ]
    counts, audio = written(packets)
    assert counts == WavCounts(3, 1, 1, 800, 320, 0, cut=False)
    assert audio[:320] == (32124).to_bytes(2, "little") * 160
    assert audio[320:640] == (-32124).to_bytes(2, "little", signed=True) * 160
    assert audio[640:] == bytes(2 * 480)


def test_a_leap_of_the_clock_makes_no_giant_file() -> None:
    counts, _audio = written([AudioPacket(0, "PCMA", b"\xd5" * 80), AudioPacket(2**31 - 1, "PCMA", b"\xd5" * 80)])
    assert (counts.samples, counts.jumps) == (160, 1)
    assert written([])[0].samples == 0


@pytest.mark.captures
def test_samples_are_those_of_the_real_receiver(captures: Path) -> None:
    folder = captures / "peers" / "aiortc"
    streams: dict[str, list[AudioPacket]] = {}
    for datagram in read_datagrams(folder / "dtls_cm80_pcmu.clear.pcap"):
        if classify_datagram(datagram.payload) is DatagramKind.RTP:
            header = parse_rtp_header(datagram.payload)
            packet = AudioPacket(header.timestamp, "PCMU", datagram.payload[header.header_octets :])
            streams.setdefault(datagram.source, []).append(packet)
    received = [(folder / f"dtls_cm80_pcmu.{side}.decoded.s16le").read_bytes() for side in "ab"]
    heard = [written(packets)[1] for packets in streams.values()]
    assert {audio[: len(received[0])] for audio in heard} == set(received)
