# SPDX-License-Identifier: GPL-2.0-only
"""Any suite that libsrtp has, any MKI and number of keys, loss, reordering, wraps, several sources: both ways."""

import random
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from libsrtp_peer import POLICIES, LibsrtpPeer, PeerKey
from pylibsrtp import Session  # initialises the library
from srtp_peers import context_of

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.rtcp import open_rtcp
from analyzer.srtp.suites import suite_by_name
from analyzer.srtp.transform import protect_rtcp, protect_rtp
from dissectors.grammar.secret import Secret
from dissectors.layers.srtcp import SRTCP
from dissectors.layers.srtp import RTP, SRTP

assert Session
SSRCS = (1, 0xCAFEBABE, 0xFFFFFFFF)
COMPOUND = bytes.fromhex("80c90001cafebabe81ca0002cafebabe01020000")


def scene(suite_name: str, mki_octets: int, key_count: int, rng: random.Random) -> tuple[SrtpContext, list[PeerKey]]:
    """The same keys for both ends."""
    suite = suite_by_name(suite_name)
    assert suite is not None
    mkis = [rng.randbytes(mki_octets - 1) + bytes((number,)) if mki_octets else b"" for number in range(key_count)]
    octets = [rng.randbytes(suite.inline_octets) for _ in mkis]
    size = suite.key_octets
    keys = [StreamKey(Secret(o[:size]), Secret(o[size:]), mki) for o, mki in zip(octets, mkis, strict=True)]
    derivation = KeyDerivation.LIBSRTP_AES_192 if suite.key_octets == 24 else KeyDerivation.RFC
    return SrtpContext(suite, tuple(keys), derivation=derivation), [
        PeerKey(*pair) for pair in zip(octets, mkis, strict=True)
    ]


def packet(number: int, ssrc: int, rng: random.Random, *, csrcs: bool = False) -> bytes:
    media = rng.randbytes(rng.choice((0, 1, 20, 160, 333)))
    layer = RTP(sequence_number=number & 0xFFFF, timestamp=160 * number & 0xFFFFFFFF, ssrc=ssrc, media=media)
    if csrcs:
        layer.csrc = [7, 8]
    return bytes(layer)


scenes = given(
    suite=st.sampled_from(sorted(POLICIES)),
    mki_octets=st.sampled_from((0, 0, 1, 2, 4, 8, 128)),
    key_count=st.integers(1, 3),
    start=st.sampled_from((0, 1000, 65_500)),
    roc=st.sampled_from((0, 0, 1, 900)),
    seed=st.integers(0, 2**32),
)


@scenes
@settings(max_examples=40, phases=(Phase.explicit, Phase.generate))
def test_protected_there_opened_here(
    suite: str, mki_octets: int, key_count: int, start: int, roc: int, seed: int
) -> None:
    rng = random.Random(seed)
    context, keys = scene(suite, mki_octets, key_count if mki_octets else 1, rng)
    peer = LibsrtpPeer(suite, keys, outbound=True)
    clear, sealed = [], []
    for step in range(60):
        for ssrc in SSRCS:
            clear.append(packet(start + step, ssrc, rng, csrcs=step % 7 == 0))
            if step == 0 and roc:
                peer.protect(packet(start, ssrc, rng))
                peer.set_roc(ssrc, roc)
                clear[-1] = packet(start + 1, ssrc, rng) if start + 1 <= 0xFFFF else clear[-1]
                sealed.append(b"")
                continue
            sealed.append(peer.protect(clear[-1], rng.randrange(len(keys))))
    pairs = [pair for pair in zip(clear, sealed, strict=True) if pair[1] and rng.random() > 0.08]
    pairs = [pair for _, pair in sorted(enumerate(pairs), key=lambda item: item[0] + rng.uniform(0, 12))]
    opening = open_stream([pair[1] for pair in pairs], context)
    assert opening.authenticated.all()
    assert dict(opening.clear_packets()) == dict(enumerate(pair[0] for pair in pairs))
    compounds = [peer.protect(COMPOUND, len(keys) - 1, rtcp=True) for _ in range(3)]
    assert [found and found.packet for found in open_rtcp(compounds, context).opened] == [COMPOUND] * 3


@scenes
@settings(max_examples=40, phases=(Phase.explicit, Phase.generate))
def test_protected_here_opened_there(
    suite: str, mki_octets: int, key_count: int, start: int, roc: int, seed: int
) -> None:
    """Through the Scapy layers: an RTP layer is built, protected, read as an SRTP layer, built again, and sent."""
    rng = random.Random(seed)
    context, keys = scene(suite, mki_octets, key_count if mki_octets else 1, rng)
    peer = LibsrtpPeer(suite, keys, outbound=False)
    tag_octets = context.srtp_tag_octets
    trailer = tag_octets + mki_octets
    for ssrc in SSRCS:
        first = packet(start, ssrc, rng)
        assert peer.unprotect(protect_rtp(first, context)) == first
        if roc:
            peer.set_roc(ssrc, roc)
    order = sorted(range(start + 1, start + 50), key=lambda number: number + rng.uniform(0, 8))
    for number in (number for number in order if rng.random() > 0.08):
        for ssrc in SSRCS:
            clear = packet(number, ssrc, rng, csrcs=number % 7 == 0)
            sealed = protect_rtp(clear, context, roc + (number >> 16), rng.randrange(len(keys)))
            layer = SRTP(sealed, tag_octets=tag_octets, mki_octets=mki_octets)
            if not context.suite.aead:
                assert (layer.tag, layer.mki or b"") == (
                    sealed[-tag_octets:],
                    sealed[len(sealed) - trailer :][:mki_octets],
                )
            assert peer.unprotect(bytes(layer)) == clear
    for index in (1, 2, 9):
        layer = SRTCP(
            protect_rtcp(COMPOUND, context, index), tag_octets=context.srtcp_tag_octets, mki_octets=mki_octets
        )
        assert peer.unprotect(bytes(layer), rtcp=True) == COMPOUND


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_what_is_altered_is_refused_by_both(name: str) -> None:
    rng = random.Random(3)
    context, keys = scene(name, 4, 2, rng)
    few = replace(context, roc_search_limit=8)
    for _ in range(60):
        sealed = protect_rtp(packet(5, 9, rng), context)
        place = rng.randrange(12 if rng.random() < 0.3 else 0, len(sealed))
        altered = sealed[:place] + bytes((sealed[place] ^ 1 << rng.randrange(8),)) + sealed[place + 1 :]
        with pytest.raises(ValueError, match="libsrtp answered"):
            LibsrtpPeer(name, keys, outbound=False).unprotect(altered)
        assert not open_stream([altered], few).authenticated.any()


def test_the_policies_are_those_of_the_table() -> None:
    for name in POLICIES:
        assert context_of(name, bytes(64)).suite.name == name
