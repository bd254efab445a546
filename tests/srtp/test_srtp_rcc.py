# SPDX-License-Identifier: GPL-2.0-only
"""Tags with the rollover counter in them (RFC 4771), in every mode, under HMAC and under an AEAD."""

import hmac
import random
from dataclasses import replace
from pathlib import Path

import pytest
from srtp_peers import context_of

from analyzer.api import audit
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.evidence import Wire
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import KeySchedule, RccMode, StreamKey
from analyzer.srtp.kdf import Usage
from analyzer.srtp.stream_outcome import PacketOutcome
from analyzer.srtp.suites import SrtpError
from analyzer.srtp.transform import protect_rtp, unprotect_rtp
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from tests.cli.command_line import A_RTP, B_RTP, pcapng

KEY = bytes(range(46))
SPEECH = bytes(0x80 | place % 37 for place in range(160))


def clear(first: int, count: int) -> list[tuple[int, bytes]]:
    """Extended sequence number and packet."""
    numbers = range(first, first + count)
    return [
        (n, build_rtp_header(RtpHeader(sequence_number=n & 0xFFFF, timestamp=160 * n & 0xFFFFFFFF, ssrc=7)) + SPEECH)
        for n in numbers
    ]


@pytest.mark.parametrize("mki", [b"", b"\0\1"])
@pytest.mark.parametrize("rate", [1, 8])
@pytest.mark.parametrize("mode", [RccMode.MODE_1, RccMode.MODE_2, RccMode.MODE_3])
@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
def test_every_mode(suite: str, mode: RccMode, rate: int, mki: bytes) -> None:
    """A late start at a counter that no search would find, a wrap, loss and reordering."""
    tag = {RccMode.MODE_3: 4}.get(mode, 14)
    context = context_of(suite, KEY, rcc_mode=mode, rcc_rate=rate, srtp_tag=tag)
    context = replace(context, keys=(StreamKey(context.keys[0].key, context.keys[0].salt, mki),))
    rng = random.Random(1)
    start = 900_000 << 16 | 65_530
    kept = [pair for pair in clear(start, 60) if rng.random() > 0.1]
    sealed = [(n, packet, protect_rtp(packet, context, n >> 16)) for n, packet in kept]
    sealed = [each for _, each in sorted(enumerate(sealed), key=lambda item: item[0] + rng.uniform(0, 3))]
    opening = open_stream([each[2] for each in sealed], context)
    assert dict(opening.clear_packets()) == {n: each[1] for n, each in enumerate(sealed)}
    carrying = sum(n % rate == 0 for n, _, _ in sealed)
    proved = len(sealed) if context.suite.aead or mode is RccMode.MODE_2 else carrying
    assert opening.authenticated.sum() == (0 if mode is RccMode.MODE_3 and not context.suite.aead else proved)
    assert opening.count(PacketOutcome.UNAUTHENTICATED, PacketOutcome.AUTHENTICATED) == len(sealed)


def test_the_layout_of_a_tag() -> None:
    """§2, written from its text: ROC ‖ the MAC's first tag_length − 4 octets, over packet ‖ ROC."""
    context = context_of("AES_CM_128_HMAC_SHA1_80", KEY, rcc_mode=RccMode.MODE_1, rcc_rate=2, srtp_tag=14)
    ((_, even),) = clear(6, 1)
    sealed = protect_rtp(even, context, 5)
    auth_key = KeySchedule(context, Usage.SRTP).session(0, 0).keys.authentication.reveal()
    mac = hmac.digest(auth_key, sealed[:-14] + bytes((0, 0, 0, 5)), "sha1")
    assert sealed[-14:] == bytes((0, 0, 0, 5)) + mac[:10]
    ((_, odd),) = clear(7, 1)
    assert len(protect_rtp(odd, context, 5)) == len(odd)


@pytest.mark.parametrize("mode", [RccMode.MODE_1, RccMode.MODE_2])
def test_altered_packets_and_counters_are_refused(mode: RccMode) -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", KEY, rcc_mode=mode, srtp_tag=14)
    sealed = [protect_rtp(packet, context, 3) for _, packet in clear(100, 40)]
    for place in (20, -14, -11, -1):
        altered = [bytearray(packet) for packet in sealed]
        for packet in altered:
            packet[place] ^= 1
        assert open_stream([bytes(packet) for packet in altered], context).count(PacketOutcome.BAD_TAG) == 40
    assert open_stream([sealed[0][:20], b"", b"\x80" * 12], context).count(PacketOutcome.AUTHENTICATED) == 0
    with pytest.raises(SrtpError):
        unprotect_rtp(sealed[0], context)
    with pytest.raises(SrtpError):
        replace(context, srtp_tag=3)


def test_a_key_file_says_so(tmp_path: Path) -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", KEY, rcc_mode=RccMode.MODE_2, rcc_rate=4, srtp_tag=14)
    packets = [(A_RTP, B_RTP, protect_rtp(packet, context, 900_000)) for _, packet in clear(1000, 120)]
    (tmp_path / "x.pcapng").write_bytes(pcapng(packets))
    entry = f'[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_80"\nkey = "{KEY[:30].hex()}"\n'
    for more, authenticated in (("rcc = 2\nrcc_rate = 4\ntag_octets = 14\n", 120), ("", 0)):
        (tmp_path / "keys.toml").write_text(entry + more)
        (found,) = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.toml")).streams
        assert found.audit.authenticated == authenticated
        assert (found.audit.wire is Wire.PROVED) is bool(authenticated)
