# SPDX-License-Identifier: GPL-2.0-only
"""Speech that nobody said: G.711 packets of syllables with pauses, protected as a call agreed.

Everything is whole numbers, so that the same octets come out on every machine.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from scapy.layers.rtp import RTP

from analyzer.srtp.context import SrtpContext
from analyzer.srtp.transform import protect_rtcp, protect_rtp

PCMU = 0
FRAME_SAMPLES = 160
FRAME_NS = 20_000_000
SINE = tuple(round(4096 * math.sin(2 * math.pi * step / 256)) for step in range(256))
SYLLABLE_SAMPLES = 1600
ULAW_BIAS = 0x84
ULAW_CLIP = 32635
# Seconds between 1900, where NTP counts from, and 1970.
NTP_OFFSET = 2_208_988_800

Tamper = Callable[[int, bytes], bytes]


@dataclass(frozen=True)
class Track:
    """One direction of media: how it is protected (None: not at all), how long, and what happens to it on the way.

    `tamper` gets each packet's number and its octets as they were sent, and gives what arrives.
    """

    context: SrtpContext | None
    packets: int = 60
    tamper: Tamper | None = field(default=None)


def linear_to_ulaw(sample: int) -> int:
    """One PCMU octet of a 16-bit sample (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), ULAW_CLIP) + ULAW_BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


@cache
def speech(pitch: int, start: int, samples: int) -> bytes:
    """PCMU octets of a voice: three harmonics of `pitch` × 31.25 Hz, a swell for each syllable, every third mute."""
    octets = bytearray()
    for position in range(start, start + samples):
        syllable, place = divmod(position, SYLLABLE_SAMPLES)
        if syllable % 3 == 2:
            octets.append(linear_to_ulaw(8 - position % 17))
            continue
        swell = min(place, SYLLABLE_SAMPLES - place)
        phase = position * (pitch + syllable % 4)
        wave = 4 * SINE[phase & 255] + 2 * SINE[2 * phase & 255] + SINE[3 * phase & 255]
        octets.append(linear_to_ulaw(wave * swell // 1600))
    return bytes(octets)


def rtp_packets(track: Track, ssrc: int, pitch: int) -> Iterator[bytes]:
    """The packets of one direction; the first sequence number and timestamp come from the SSRC."""
    first_sequence = 1 + ssrc % 1000
    first_timestamp = ssrc >> 8
    for number in range(track.packets):
        payload = speech(pitch, number * FRAME_SAMPLES, FRAME_SAMPLES)
        clear = bytes(
            RTP(
                payload_type=PCMU,
                marker=int(number == 0),
                sequence=first_sequence + number,
                timestamp=first_timestamp + number * FRAME_SAMPLES,
                sourcesync=ssrc,
            )
            / payload
        )
        packet = clear if track.context is None else protect_rtp(clear, track.context)
        yield packet if track.tamper is None else track.tamper(number, packet)


def rtcp_report(track: Track, ssrc: int, name: str, time_ns: int) -> bytes:
    """A sender report and the name of its sender, protected like the media (RFC 3550 §6.4.1, §6.5)."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    sent = track.packets // 2
    timestamp = (ssrc >> 8) + sent * FRAME_SAMPLES
    report = struct.pack(
        ">BBHIIIIII",
        0x80, 200, 6, ssrc, seconds + NTP_OFFSET, (rest << 32) // 1_000_000_000, timestamp, sent, sent * FRAME_SAMPLES,
    )  # fmt: skip
    chunk = struct.pack(">IBB", ssrc, 1, len(name)) + name.encode()
    chunk += bytes(4 - len(chunk) % 4)
    compound = report + struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
    return compound if track.context is None else protect_rtcp(compound, track.context, index=1)
