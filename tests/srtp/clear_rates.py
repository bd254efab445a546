# SPDX-License-Identifier: GPL-2.0-only
"""How often the clear/encrypted test is right, wrong or silent: writes the tables of docs/clear-test.md.

    python -m tests.srtp.clear_rates

Every stream of the real captures and of generated speech is cut into windows of so many packets; each window is judged
alone, in the clear and protected, exactly as an audit judges it.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from analyzer.audio.decoders import Encoding
from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.columns import packet_columns
from dissectors.grammar.amr import NARROWBAND_BITS
from dissectors.grammar.datagram import DatagramKind, classify_datagram
from tests.srtp.srtp_peers import read_datagrams

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = ROOT.parent / "shared" / "captures"
WINDOWS = (10, 25, 50, 100, 250, 500, 1000)
SECONDS = 120
AMR_BIT_RATES = (12200, 7400, 4750)
AMR_SECONDS = 30  # of each rate and form
TAGS = {4: "AES_CM_128_HMAC_SHA1_32", 10: "AES_CM_128_HMAC_SHA1_80", 16: "AEAD_AES_128_GCM"}
MARK = "<!-- measured -->"
SAMPLES = CAPTURES / "public" / "wireshark-wiki" / "SampleCaptures"


class Speech(NamedTuple):
    """The payloads of one stream in the clear, 20 ms each unless `ticks` says otherwise."""

    encoding: Encoding
    payload_type: int
    payloads: list[bytes]
    ticks: int
    form: str = ""  # of the encoding, for the tables


def voice(rate: int, seconds: int, seed: int) -> NDArray[np.int16]:
    """What has the statistics of talk: voiced and unvoiced sounds of three formants, words, pauses, a noise floor."""
    chance = np.random.default_rng(seed)
    sound = chance.normal(0, 8, rate * seconds)
    place = 0
    while place < len(sound) - rate:
        if chance.random() < 0.25:
            place += int(rate * chance.uniform(0.2, 1.5))
            continue
        length = int(rate * chance.uniform(0.05, 0.3))
        if chance.random() < 0.7:
            pitch = chance.uniform(85, 250) * np.linspace(1, chance.uniform(0.85, 1.15), length)
            source = np.sin(np.cumsum(2 * np.pi * pitch / rate)) > 0.95
        else:
            source = chance.normal(0, 0.2, length)
        spectrum = np.fft.rfft(source)
        hertz = np.fft.rfftfreq(length, 1 / rate)
        formants = chance.uniform((250, 800, 2000), (900, 2300, 3400))
        gain = sum(1 / (1 + ((hertz - formant) / 120) ** 2) for formant in formants)
        part = np.fft.irfft(spectrum * gain, length) * np.hanning(length)
        loudness = chance.uniform(600, 9000) / max(np.abs(part).max(), 1e-9)
        sound[place : place + length] += part * loudness
        place += length
    return np.clip(sound, -32768, 32767).astype(np.int16)


def encode(codec: str, samples: NDArray[np.int16], rate: int, *, bit_rate: int = 0, octets: int = 0) -> list[bytes]:
    """Packets of an FFmpeg encoder; of those that give octets without end, `octets` of them each."""
    context = av.CodecContext.create(codec, "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    if bit_rate:
        context.bit_rate = bit_rate
    context.open()
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    fifo = av.AudioFifo()
    fifo.write(frame)
    packets: list[bytes] = []
    while (part := fifo.read(context.frame_size or rate // 50)) is not None:
        packets += [bytes(one) for one in context.encode(part)]
    if not octets:
        return packets
    whole = b"".join(packets)
    return [whole[start : start + octets] for start in range(0, len(whole) - octets + 1, octets)]


def pack_amr(frames: Sequence[bytes], *, aligned: bool) -> bytes:
    """Storage frames of AMR as one RTP payload, bit by bit (RFC 4867 §4.3, §4.4)."""
    entries = [f"{int(n + 1 < len(frames))}{frame[0] >> 2 & 0x1F:05b}" for n, frame in enumerate(frames)]
    speech = ["".join(f"{octet:08b}" for octet in f[1:])[: NARROWBAND_BITS[f[0] >> 3 & 15]] for f in frames]
    if aligned:
        text = "11110000" + "".join(entry + "00" for entry in entries)
        text += "".join(bits + "0" * (-len(bits) % 8) for bits in speech)
    else:
        text = "1111" + "".join(entries) + "".join(speech)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def generated(seconds: int = SECONDS, seed: int = 1) -> Iterator[Speech]:
    """So many seconds of talk in each codec that can be made here."""
    narrow, wide, full = (voice(rate, seconds, seed) for rate in (8000, 16000, 48000))
    yield Speech(Encoding("PCMU"), 0, encode("pcm_mulaw", narrow, 8000, octets=160), 160)
    yield Speech(Encoding("PCMA"), 8, encode("pcm_alaw", narrow, 8000, octets=160), 160)
    yield Speech(Encoding("L16", 16000), 96, encode("pcm_s16be", wide, 16000, octets=640), 320)
    yield Speech(Encoding("G722"), 9, encode("g722", wide, 16000, octets=160), 160)
    yield Speech(Encoding("G726-32"), 97, encode("g726le", narrow, 8000, octets=80), 160)
    yield Speech(Encoding("OPUS", 48000, 2), 98, encode("libopus", full, 48000, bit_rate=24000), 960)
    for bit_rate in AMR_BIT_RATES:
        frames = encode("libopencore_amrnb", narrow[: 8000 * AMR_SECONDS], 8000, bit_rate=bit_rate)
        for aligned in (True, False):
            form = f" at {bit_rate / 1000:g} kbit/s, {'octet-aligned' if aligned else 'packed'}"
            yield Speech(Encoding("AMR"), 99, [pack_amr([frame], aligned=aligned) for frame in frames], 160, form)
    yield Speech(Encoding("G723"), 4, encode("g723_1", narrow, 8000, bit_rate=6300), 240)


RECORDED = {
    "sip-rtp-g711.pcap": Encoding("PCMU"),
    "sip-rtp-g722.pcap": Encoding("G722"),
    "sip-rtp-g726.pcap": Encoding("G726"),
    "sip-rtp-g729a.pcap": Encoding("G729"),
    "sip-rtp-gsm.pcap": Encoding("GSM"),
    "sip-rtp-opus.pcap": Encoding("OPUS", 48000, 2),
}


def recorded() -> Iterator[Speech]:
    """Real calls in the clear."""
    for name, encoding in RECORDED.items():
        if (SAMPLES / name).exists():
            yield from streams_of(SAMPLES / name, encoding)


def stacks() -> Iterator[Speech]:
    """SRTP of real stacks, all of it PCMU or PCMA; payloads with their tags."""
    for path in sorted((CAPTURES / "peers").rglob("*.pcap")):
        if not re.search(
            r"sdes_(?!opt|mand_rej)|dtls|srtp_80|savp|\.srtp\.|rtpengine/[A-Z0-9_]+\.pcap|zrtp", str(path)
        ):
            continue
        if ".clear." not in path.name and "NULL" not in path.name and "sipp" not in path.parts:
            for speech in streams_of(path, None):
                if speech.payload_type in (0, 8):
                    yield speech._replace(encoding=Encoding("G.711 of real stacks"))


def streams_of(path: Path, encoding: Encoding | None) -> Iterator[Speech]:
    """The streams of a capture that last for a window at least."""
    streams: dict[tuple[str, bytes, int], list[bytes]] = defaultdict(list)
    for datagram in read_datagrams(path):
        if classify_datagram(datagram.payload) is DatagramKind.RTP:
            streams[datagram.source, datagram.payload[8:12], datagram.payload[1] & 0x7F].append(datagram.payload)
    for (_, _, payload_type), packets in streams.items():
        heads = packet_columns(packets).headers
        bodies = [packet[start:] for packet, start in zip(packets, heads.header_octets.tolist(), strict=True)]
        ticks = int(np.median(np.diff(heads.timestamp))) if len(bodies) > 1 else 0
        if len(bodies) >= WINDOWS[0]:
            yield Speech(encoding or Encoding("PCMU"), payload_type, bodies, ticks)


def judge(speech: Speech, payloads: list[bytes], window: int) -> Iterator[Clearness]:
    """The verdict on each window."""
    # The captures of G.726 don't say at which rate; the static payload type says what G.711 it is.
    name = None if speech.encoding.name.startswith("G.711") or speech.encoding.name == "G726" else speech.encoding.name
    for start in range(0, len(payloads) - window + 1, window):
        numbers = range(start, start + window)
        yield classify_payloads(
            payloads[start : start + window],
            speech.payload_type,
            name,
            sequence_numbers=numbers,
            rtp_timestamps=[speech.ticks * number for number in numbers],
        ).clearness


def protected(speech: Speech, tag_octets: int, seed: int) -> list[bytes]:
    """What a good cipher makes of the payloads: uniform octets, and the tag behind them."""
    chance = np.random.default_rng(seed)
    return [chance.bytes(len(payload) + tag_octets) for payload in speech.payloads]


Rates = dict[tuple[str, str, int], Counter[Clearness]]


def measure(sources: Mapping[str, Iterable[Speech]] | None = None) -> Rates:
    """By codec and source, by `clear` or `protected`, and by window."""
    rates: Rates = defaultdict(Counter)
    for source, streams in (sources or {"generated": generated(), "real": recorded()}).items():
        for speech in streams:
            for window in WINDOWS:
                name = f"{speech.encoding.name}{speech.form} ({source})"
                rates[name, "clear", window].update(judge(speech, speech.payloads, window))
                for tag_octets in TAGS:
                    made = protected(speech, tag_octets, 7919 * window + tag_octets)
                    rates[name, "protected", window].update(judge(speech, made, window))
    for speech in stacks():
        for window in WINDOWS:
            rates[speech.encoding.name, "protected", window].update(judge(speech, speech.payloads, window))
    return rates


def table(rates: Rates, kind: str, right: Clearness, wrong: Clearness) -> Iterator[str]:
    """One row a codec: of the windows of each size, how many were judged rightly and how many wrongly."""
    names = sorted({name for name, which, _ in rates if which == kind})
    yield f"| codec | {' | '.join(f'{window} packets' for window in WINDOWS)} | wrong |"
    yield f"|---|{'---|' * len(WINDOWS)}---|"
    for name in names:
        cells, errors, total = [], 0, 0
        for window in WINDOWS:
            counts = rates[name, kind, window]
            every = sum(counts.values())
            total, errors = total + every, errors + counts[wrong]
            cells.append(f"{counts[right]} of {every}" if every else "")
        yield f"| {name} | {' | '.join(cells)} | {errors} of {total} |"


def main() -> int:
    """Measure, write, and fail where anything was judged wrongly."""
    rates = measure()
    lines = [
        MARK,
        "",
        "## Clear payloads that are proved clear\n",
        *table(rates, "clear", Clearness.CLEAR, Clearness.NOT_CLEAR),
        "\n## Protected payloads that are proved not to be clear\n",
        "All others stay unknown; the length of their tag is known nonetheless.\n",
        *table(rates, "protected", Clearness.NOT_CLEAR, Clearness.CLEAR),
    ]
    target = ROOT / "docs" / "clear-test.md"
    prose = target.read_text(encoding="utf-8").partition(MARK)[0]
    target.write_text(prose + "\n".join(lines) + "\n", encoding="utf-8")
    wrong = wrong_windows(rates)
    print(f"{wrong} windows were judged wrongly")
    return int(wrong > 0)


def wrong_windows(rates: Rates) -> int:
    """Clear windows called encrypted and encrypted ones called clear."""
    opposite = {"clear": Clearness.NOT_CLEAR, "protected": Clearness.CLEAR}
    return sum(counts[opposite[kind]] for (_, kind, _), counts in rates.items())


if __name__ == "__main__":
    sys.exit(main())
