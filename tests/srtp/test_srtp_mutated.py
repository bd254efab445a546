# SPDX-License-Identifier: GPL-2.0-only
"""Altered packets under every suite: no exception but our own, and nothing authenticates that was not sent."""

import random
from dataclasses import replace

import pytest

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import RccMode, SrtpContext, StreamKey
from analyzer.srtp.diagnose import diagnose_stream
from analyzer.srtp.rtcp import open_rtcp
from analyzer.srtp.suites import SUITES, SrtpError
from analyzer.srtp.transform import protect_rtcp, protect_rtp, unprotect_rtcp, unprotect_rtp
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from dissectors.grammar.secret import Secret

STREAM_PACKETS = 50
EXTENSIONS = ((None, b""), (0xBEDE, b"\x51\1\2\0"), (0x1000, b"\5\2\1\2"))


def contexts(rng: random.Random) -> list[SrtpContext]:
    """Every suite that can be opened here, with and without MKI, encrypted headers and carried counters."""
    found = []
    for suite in (suite for suite in SUITES if suite.available):
        keys = [
            StreamKey(Secret(rng.randbytes(suite.key_octets)), Secret(rng.randbytes(suite.salt_octets)), mki)
            for mki in (b"\0\1", b"\0\2")
        ]
        plain = SrtpContext(suite, (replace(keys[0], mki=b""),), roc_search_limit=8)
        found += [plain, replace(plain, keys=tuple(keys)), replace(plain, cryptex=True)]
        found.append(replace(plain, encrypted_extensions=frozenset((5,))))
        if suite.srtp_tag_octets >= 10:
            found.append(replace(plain, rcc_mode=RccMode.MODE_2, rcc_rate=3, srtp_tag=14))
    return found


def sent(context: SrtpContext, rng: random.Random) -> list[bytes]:
    packets = []
    start = rng.choice((0, 65_510))
    for number in range(start, start + STREAM_PACKETS):
        profile, body = rng.choice(EXTENSIONS)
        header = RtpHeader(
            sequence_number=number & 0xFFFF,
            timestamp=160 * number & 0xFFFFFFFF,
            ssrc=rng.choice((1, 2)),
            csrc=(3,) * rng.randrange(2),
            extension_profile=profile,
            extension_data=body,
        )
        clear = build_rtp_header(header) + rng.randbytes(rng.choice((0, 20, 160)))
        packets.append(protect_rtp(clear, context, number >> 16, rng.randrange(len(context.keys))))
    return packets


def altered(packet: bytes, others: list[bytes], rng: random.Random) -> bytes:
    kind, place = rng.randrange(8), rng.randrange(len(packet))
    if kind == 0:
        return packet[:place]
    if kind == 1:
        return packet + rng.randbytes(rng.randrange(1, 20))
    if kind == 2:
        return rng.randbytes(rng.randrange(60))
    if kind == 3:
        return packet[:place] + rng.choice(others)[place:]
    if kind == 4:
        return bytes((rng.randrange(256),)) + packet[1:]
    if kind == 5:
        return packet[:place] + packet[place + 1 :]
    if kind == 6:
        return packet[:8] + rng.choice((b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\3")) + packet[12:]
    return packet[:place] + bytes((packet[place] ^ 1 << rng.randrange(8),)) + packet[place + 1 :]


def check_stream(context: SrtpContext, rng: random.Random) -> int:
    """One stream, half of it altered, whole and packet by packet; how many were altered."""
    good = sent(context, rng)
    packets = [packet if rng.random() < 0.5 else altered(packet, good, rng) for packet in good]
    opening = open_stream(packets, context)
    for packet, authenticated in zip(packets, opening.authenticated.tolist(), strict=True):
        assert not authenticated or packet in good
    assert len(dict(opening.clear_packets())) == int(opening.opened.sum())
    for packet in [] if context.mki_octets else packets[:: STREAM_PACKETS // 5]:  # which no tag covers
        try:
            unprotect_rtp(packet, context)
        except (GrammarError, SrtpError):
            continue
        assert packet in good
    return sum(packet not in good for packet in packets)


def check_control(context: SrtpContext, rng: random.Random) -> int:
    """The same for SRTCP."""
    bodies = [b"\x80\xc9\0\1" + rng.randbytes(4) + rng.randbytes(4 * rng.randrange(8)) for _ in range(20)]
    good = [protect_rtcp(body, context, index) for index, body in enumerate(bodies)]
    packets = [altered(packet, good, rng) for packet in good]
    for packet, found in zip(packets, open_rtcp(packets, context).opened, strict=True):
        assert found is None or packet in good
    for packet in [] if context.mki_octets else packets[::5]:
        try:
            unprotect_rtcp(packet, context)
        except (GrammarError, SrtpError):
            continue
        assert packet in good
    return sum(packet not in good for packet in packets)


def check(packets: int, seed: int) -> int:
    rng = random.Random(seed)
    count = 0
    while count < packets:
        for context in contexts(rng):
            count += check_stream(context, rng) + check_control(context, rng)
            if count >= packets:
                break
    return count


def test_no_altered_packet_authenticates() -> None:
    assert check(4_000, 1) >= 4_000


@pytest.mark.proof
def test_no_altered_packet_authenticates_among_many() -> None:
    assert check(100_000, 2) >= 100_000


def test_a_diagnosis_of_noise_raises_nothing() -> None:
    rng = random.Random(3)
    for context in contexts(rng)[::5]:
        good = sent(context, rng)
        noise = [altered(packet, good, rng) for packet in good]
        other = replace(context, keys=tuple(replace(key, salt=Secret(bytes(len(key.salt)))) for key in context.keys))
        assert diagnose_stream(noise, other).context is None
