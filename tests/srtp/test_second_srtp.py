# SPDX-License-Identifier: GPL-2.0-only
"""What no library at hand can do, against a second implementation from the RFCs: key derivation rates, RCC and AEAD."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session
from second_srtp import Peer, protect_rtcp, protect_rtp
from srtp_peers import context_of

from analyzer.srtp import transform
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import RccMode, SrtpContext, StreamKey
from analyzer.srtp.rtcp import RtcpOutcome, open_rtcp
from analyzer.srtp.stream_outcome import PacketOutcome
from dissectors.grammar.secret import Secret

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14, 10),
    "AES_CM_128_HMAC_SHA1_32": (16, 14, 4),
    "AES_256_CM_HMAC_SHA1_80": (32, 14, 10),
    "AEAD_AES_128_GCM": (16, 12, None),
    "AEAD_AES_256_GCM": (32, 12, None),
}
rates = st.sampled_from((0, 1, 2, 3, 16, 256, 1 << 16, 1 << 24))
suites = st.sampled_from(sorted(SUITES))
mkis = st.binary(max_size=5)


def both(name: str, rate: int, mki: bytes, master: bytes, **parameters: Any) -> tuple[Peer, SrtpContext]:
    key, salt, tag = SUITES[name]
    peer = Peer(master[:key], master[key : key + salt], rate, tag, mki)
    context = context_of(name, master, kdr=rate, **parameters)
    stream_key = StreamKey(Secret(peer.key), Secret(peer.salt), mki)
    return peer, SrtpContext(context.suite, (stream_key,), kdr=rate, **parameters)


def rtp(number: int, ssrc: int = 0xDECAFBAD) -> tuple[bytes, bytes]:
    return struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, ssrc), bytes(range(number % 90))


@given(suites, rates, mkis, st.binary(min_size=46, max_size=46), st.integers(0, (1 << 48) - 40))
def test_srtp_at_any_rate(name: str, rate: int, mki: bytes, master: bytes, first: int) -> None:
    peer, context = both(name, rate, mki, master, roc=first >> 16)
    clear = [rtp(number) for number in range(first, first + 30)]
    sealed = [protect_rtp(peer, *packet, number >> 16) for number, packet in enumerate(clear, first)]
    opening = open_stream(sealed, context)
    assert dict(opening.clear_packets()) == dict(enumerate(header + payload for header, payload in clear))
    assert opening.authenticated.all()
    ours = [transform.protect_rtp(a + b, context, number >> 16) for number, (a, b) in enumerate(clear, first)]
    assert ours == sealed


@given(suites, rates, mkis, st.binary(min_size=46, max_size=46), st.integers(0, (1 << 31) - 20))
def test_srtcp_at_any_rate(name: str, rate: int, mki: bytes, master: bytes, first: int) -> None:
    peer, context = both(name, rate, mki, master)
    clear = [struct.pack(">BBHI", 0x81, 200, 12, 7) + bytes([number % 251]) * 44 for number in range(12)]
    sealed = [protect_rtcp(peer, packet, first + number) for number, packet in enumerate(clear)]
    opening = open_rtcp(sealed, context)
    assert opening.count(RtcpOutcome.AUTHENTICATED) == len(clear)
    assert [each.packet for each in opening.opened if each is not None] == clear
    assert [transform.protect_rtcp(packet, context, first + number) for number, packet in enumerate(clear)] == sealed


@given(
    st.sampled_from(("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM")),
    st.sampled_from((1, 2, 3)), st.sampled_from((1, 3, 10)), rates, mkis,
    st.binary(min_size=46, max_size=46), st.integers(0, (1 << 48) - 80),
)  # fmt: skip
def test_rcc_in_every_mode(name: str, mode: int, every: int, rate: int, mki: bytes, master: bytes, first: int) -> None:
    """The counter is far beyond any search; only what packets carry tells it."""
    tag = 4 if mode == RccMode.MODE_3 else 14
    peer, context = both(name, rate, mki, master, rcc_mode=RccMode(mode), rcc_rate=every, srtp_tag=tag)
    peer = peer if peer.tag is None else peer._replace(tag=tag)
    first -= first % 65536 % every  # the first packet carries it
    clear = [rtp(number) for number in range(first, first + 50)]
    sealed = [protect_rtp(peer, *packet, number >> 16, rcc=(mode, every)) for number, packet in enumerate(clear, first)]
    opening = open_stream(sealed, context)
    assert dict(opening.clear_packets()) == dict(enumerate(header + payload for header, payload in clear))
    if peer.tag is None:
        assert opening.authenticated.all()
    sealed[7] = sealed[7][:4] + bytes([sealed[7][4] ^ 1]) + sealed[7][5:]
    if peer.tag is None or mode == RccMode.MODE_2:
        assert open_stream(sealed, context).outcome[7] == PacketOutcome.BAD_TAG


@pytest.mark.parametrize(("name", "profile"), [
    ("AES_CM_128_HMAC_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80),
    ("AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM),
])  # fmt: skip
def test_the_second_implementation_agrees_with_libsrtp_where_libsrtp_can(name: str, profile: int) -> None:
    master = bytes(range(100, 146))
    peer, _ = both(name, 0, b"", master)
    policy = Policy(key=peer.key + peer.salt, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    libsrtp = Session(policy)
    for number in range(65_500, 65_600):
        header, payload = rtp(number)
        assert libsrtp.protect(header + payload) == protect_rtp(peer, header, payload, number >> 16)
    compound = struct.pack(">BBHI", 0x80, 201, 1, 7) + bytes(12)
    assert libsrtp.protect_rtcp(compound) == protect_rtcp(peer, compound, 1)
