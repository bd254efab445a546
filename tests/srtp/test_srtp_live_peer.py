# SPDX-License-Identifier: GPL-2.0-only
"""libsrtp as a live peer: what it protects opens here and the reverse, through loss, reordering and wraps."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Error, Policy, Session
from srtp_peers import context_of

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.columns import HeldOctets, PacketColumns
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.rtcp import RtcpOutcome, open_rtcp
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from analyzer.srtp.suites import SrtpError
from analyzer.srtp.transform import protect_rtcp, protect_rtp, unprotect_rtp
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from dissectors.grammar.secret import Secret

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
SUITES = st.sampled_from(sorted(PROFILES))
SSRC = 0xCAFEBABE


def rtp_packet(number: int, payload: bytes, ssrc: int = SSRC) -> bytes:
    return build_rtp_header(RtpHeader(sequence_number=number & 0xFFFF, timestamp=160 * number, ssrc=ssrc)) + payload


def peer(name: str, key: bytes, *, outbound: bool) -> Session:
    kind = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=key, ssrc_type=kind, srtp_profile=PROFILES[name])
    policy.window_size = 1024
    return Session(policy)


def key_of(name: str, rng: random.Random) -> bytes:
    return rng.randbytes(context_of(name, bytes(46)).suite.inline_octets)


@given(name=SUITES, seed=st.integers(0, 2**32), start=st.integers(0, 0xFFFF), octets=st.integers(0, 400))
@settings(max_examples=40)
def test_what_libsrtp_protects_opens_here(name: str, seed: int, start: int, octets: int) -> None:
    rng = random.Random(seed)
    key = key_of(name, rng)
    sender = peer(name, key, outbound=True)
    clear = [
        rtp_packet(start + n, rng.randbytes(rng.choice((octets, 20))), rng.choice((1, 2**32 - 1))) for n in range(60)
    ]
    protected = [(packet, sender.protect(packet)) for packet in clear]
    kept = [pair for pair in protected if rng.random() > 0.1]
    kept.sort(key=lambda pair: protected.index(pair) + rng.uniform(0, 8))
    opening = open_stream([pair[1] for pair in kept], context_of(name, key))
    assert opening.authenticated.all()
    assert dict(opening.clear_packets()) == dict(enumerate(pair[0] for pair in kept))


@given(name=SUITES, seed=st.integers(0, 2**32), first=st.sampled_from((0, 65520)))
@settings(max_examples=25)
def test_what_is_protected_here_opens_in_libsrtp(name: str, seed: int, first: int) -> None:
    rng = random.Random(seed)
    key = key_of(name, rng)
    receiver, context = peer(name, key, outbound=False), context_of(name, key)
    for number in range(first, first + 40):
        packet = rtp_packet(number, rng.randbytes(rng.randrange(200)))
        assert receiver.unprotect(protect_rtp(packet, context, number >> 16)) == packet
    compound = bytes.fromhex("80c90001cafebabe") + bytes.fromhex("81ca0002cafebabe01020000")
    for index in (1, 2, 5):
        assert receiver.unprotect_rtcp(protect_rtcp(compound, context, index)) == compound


@given(name=SUITES, seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_srtcp_of_libsrtp_opens_here(name: str, seed: int) -> None:
    rng = random.Random(seed)
    key = key_of(name, rng)
    sender = peer(name, key, outbound=True)
    compounds = [bytes.fromhex("80c90001cafebabe") + rng.randbytes(4 * rng.randrange(9)) for _ in range(5)]
    opening = open_rtcp([sender.protect_rtcp(compound) for compound in compounds], context_of(name, key))
    assert [found and found.packet for found in opening.opened] == compounds
    assert [found and found.index for found in opening.opened] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_long_stream_with_two_wraps_and_loss(name: str) -> None:
    rng = random.Random(7)
    key = key_of(name, rng)
    context = context_of(name, key)
    numbers = [n for n in range(65000, 65000 + 140_000, 37) if rng.random() > 0.05]
    numbers.sort(key=lambda n: n + rng.uniform(0, 400))
    packets = [
        protect_rtp(rtp_packet(n, n.to_bytes(8, "big")), context, n >> 16) for n in numbers[:400] + numbers[-400:]
    ]
    opening = open_stream(packets, context)
    assert opening.authenticated.all()
    assert opening.index.tolist() == numbers[:400] + numbers[-400:]


def late(context: SrtpContext, roc: int, count: int = 20) -> list[bytes]:
    return [protect_rtp(rtp_packet(500 + n, bytes(20)), context, roc) for n in range(count)]


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80"])
def test_a_late_start_is_found_within_the_limit_only(name: str) -> None:
    context = context_of(name, bytes(range(30)), roc_search_limit=100)
    opening = open_stream(late(context, 99), context)
    assert opening.authenticated.all()
    assert opening.roc == {SSRC: (99, 99)}
    assert not open_stream(late(context, 150), context).authenticated.any()
    assert open_stream(late(context, 150), replace(context, roc=150)).authenticated.all()


def test_a_short_tag_found_by_search_needs_a_second_packet() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_32", bytes(range(30)))
    assert not open_stream(late(context, 50, 1), context).authenticated.any()
    assert open_stream(late(context, 50, 2), context).authenticated.all()


def test_a_gap_of_more_than_half_the_sequence_space_is_found_again() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
    packets = late(context, 0) + late(context, 3)
    opening = open_stream(packets, context)
    assert opening.authenticated.all()
    assert opening.roc == {SSRC: (0, 3)}


def test_key_derivation_rate() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(range(30)), kdr=16)
    clear = [rtp_packet(n, b"%d" % n * 30) for n in range(100)]
    packets = [protect_rtp(packet, context) for packet in clear]
    opening = open_stream(packets, context)
    assert dict(opening.clear_packets()) == dict(enumerate(clear))
    assert open_stream(packets, replace(context, kdr=0)).authenticated.sum() == 16


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80", "NULL_HMAC_SHA1_80"])
def test_session_parameters(name: str) -> None:
    clear = [rtp_packet(n, b"voice" * 9) for n in range(65530, 65545)]
    for parameters in (
        {"authenticated": False},
        {"srtp_encrypted": False},
        {"authenticated": False, "srtp_encrypted": False},
    ):
        context = context_of(name, bytes(range(30)), **parameters)
        packets = [
            protect_rtp(packet, context, number >> 16)
            for packet, number in zip(clear, range(65530, 65545), strict=True)
        ]
        opening = open_stream(packets, context)
        assert dict(opening.clear_packets()) == dict(enumerate(clear))
        expected = PacketOutcome.AUTHENTICATED if context.authenticated else PacketOutcome.UNAUTHENTICATED
        assert opening.count(expected) == len(clear)
        assert bool(opening.authenticated.any()) is context.authenticated


def test_columns_over_one_buffer_and_the_snaplen() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
    packets = late(context, 0)
    buffer, lengths = b"frame header".join([b"", *packets]), np.array([len(packet) for packet in packets])
    offsets = np.cumsum(lengths + 12) - lengths
    held = HeldOctets(memoryview(buffer), offsets)
    assert open_stream(PacketColumns(held, lengths, lengths), context).authenticated.all()
    cut = PacketColumns(held, lengths - 5, lengths)
    opening = open_stream(cut, context)
    assert opening.count(PacketOutcome.TRUNCATED) == len(packets)
    assert not opening.failed.any()
    assert open_rtcp([b"\x80\xc9"], context, [40]).outcomes == (RtcpOutcome.TRUNCATED,)


def test_clear_rtcp_is_counted_apart() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_32", bytes(range(30)))
    clear = bytes.fromhex("80c90001cafebabe81cb0001cafebabe")
    short = protect_rtcp(clear, replace(context, srtcp_tag=4), 3)
    right = protect_rtcp(clear, context, 4)
    for good, octets in ((right, 10), (short, 4)):
        opening = open_rtcp([clear, good, good[:-1] + bytes((good[-1] ^ 1,)), b"hello"], context)
        assert opening.outcomes == (
            RtcpOutcome.CLEAR,
            RtcpOutcome.AUTHENTICATED,
            RtcpOutcome.BAD_TAG,
            RtcpOutcome.NOT_SRTCP,
        )
        assert opening.tag_octets == octets
    cut_to_a_short_tag = right[:-6]
    assert open_rtcp([cut_to_a_short_tag, right], context).outcomes[0] is RtcpOutcome.BAD_TAG


def mutated(rng: random.Random, packet: bytes) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return packet[: rng.randrange(len(packet))]
    if kind == 1:
        return packet + rng.randbytes(rng.randrange(1, 9))
    if kind == 2:
        return rng.randbytes(rng.randrange(1, 60))
    place = rng.randrange(len(packet))
    return packet[:place] + bytes((packet[place] ^ 1 << rng.randrange(8),)) + packet[place + 1 :]


@pytest.mark.parametrize(
    "name", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "NULL_HMAC_SHA1_80"]
)
def test_no_altered_packet_authenticates(name: str) -> None:
    rng = random.Random(11)
    context = context_of(name, bytes(range(30)), roc_search_limit=64)
    good = [protect_rtp(rtp_packet(n, rng.randbytes(40)), context) for n in range(1000)]
    packets = [packet if n % 4 == 0 else mutated(rng, packet) for n, packet in enumerate(good)]
    opening = open_stream(packets, context)
    assert opening.authenticated.tolist() == [packet == right for packet, right in zip(packets, good, strict=True)]
    control = [protect_rtcp(b"\x80\xc9\0\1" + bytes(20), context, n) for n in range(500)]
    altered = [packet if n % 4 == 0 else mutated(rng, packet) for n, packet in enumerate(control)]
    found = [one is not None for one in open_rtcp(altered, context).opened]
    assert found == [packet == right for packet, right in zip(altered, control, strict=True)]
    for packet in packets:
        try:
            assert unprotect_rtp(packet, context)[12:] in {g[12:] for g in good} or packet in good
        except (GrammarError, SrtpError):
            assert packet not in good


def test_libsrtp_refuses_what_is_refused_here() -> None:
    rng = random.Random(12)
    key = key_of("AES_CM_128_HMAC_SHA1_80", rng)
    context = context_of("AES_CM_128_HMAC_SHA1_80", key)
    packets = [mutated(rng, protect_rtp(rtp_packet(5, bytes(40)), context)) for _ in range(300)]
    for packet in packets:
        with pytest.raises(Error):
            peer("AES_CM_128_HMAC_SHA1_80", key, outbound=False).unprotect(packet)


def test_a_context_that_can_not_be_used_says_so() -> None:
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(30))
    with pytest.raises(SrtpError, match="0 master keys"):
        replace(context, keys=())
    with pytest.raises(SrtpError, match="length"):
        replace(context, keys=(context.keys[0], replace(context.keys[0], mki=b"1")))
    with pytest.raises(SrtpError, match="16 and 14"):
        open_stream([b""], replace(context, keys=(StreamKey(Secret(b"short"), Secret(b"")),)))
    assert "[redacted" in repr(context)


def counts(opening: StreamOpening) -> list[int]:
    return [opening.count(outcome) for outcome in PacketOutcome]


def test_an_empty_stream() -> None:
    opening = open_stream([], context_of("AES_CM_128_HMAC_SHA1_80", bytes(30)))
    assert sum(counts(opening)) == 0
    assert list(opening.clear_packets()) == []
    assert opening.repeated.tolist() == []
