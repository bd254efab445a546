# SPDX-License-Identifier: GPL-2.0-only
"""Long streams through the compiled loops: libsrtp protects, chance tampers, and every packet ends as it must."""

import hmac
import random

import numba  # noqa: F401 - once it is loaded, streams of this length are compiled
import numpy as np
import pytest
from pylibsrtp import Policy, Session
from srtp_peers import context_of

from analyzer.capture.speed import compiled
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.column_tags import HmacTags
from analyzer.srtp.columns import packet_columns
from analyzer.srtp.compiling import USE_COMPILED_PACKETS, kernels_for, view_octets
from analyzer.srtp.context import KeySchedule, SrtpContext, StreamKey
from analyzer.srtp.kdf import Usage
from analyzer.srtp.stream_outcome import PacketOutcome
from analyzer.srtp.transform import protect_rtp
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from dissectors.grammar.secret import Secret

PACKETS = USE_COMPILED_PACKETS + 500
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def clear_packets(rng: random.Random, count: int, first: int = 64_000, ssrc: int = 0xCAFEBABE) -> list[bytes]:
    """Packets of every length, some with CSRCs or a header extension, their sequence numbers round a wrap."""
    packets = []
    for number in range(first, first + count):
        csrcs = tuple(range(rng.choice((0, 0, 0, 2))))
        profile, data = rng.choice(((None, b""), (None, b""), (0xBEDE, b"\x10\xff\0\0")))
        header = RtpHeader(
            sequence_number=number & 0xFFFF, timestamp=160 * number, ssrc=ssrc, csrc=csrcs,
            extension_profile=profile, extension_data=data,
        )  # fmt: skip
        packets.append(build_rtp_header(header) + rng.randbytes(rng.choice((160, 160, rng.randrange(300)))))
    return packets


def tamper(rng: random.Random, packet: bytes) -> bytes:
    """One bit of the payload or the tag turned."""
    place = rng.randrange(len(packet) - 4, len(packet))
    return packet[:place] + bytes((packet[place] ^ 1 << rng.randrange(8),)) + packet[place + 1 :]


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize("share", [0.0, 0.002, 0.3])
def test_long_streams_of_libsrtp(name: str, share: float) -> None:
    rng = random.Random(f"{name}{share}")
    assert kernels_for(PACKETS) is not None
    key = rng.randbytes(context_of(name, bytes(46)).suite.inline_octets)
    sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[name]))
    clear = clear_packets(rng, PACKETS)
    sent = [sender.protect(packet) for packet in clear]
    order = sorted(range(PACKETS), key=lambda number: number + rng.uniform(0, 20))
    hit = {number for number in order if rng.random() < share}
    opening = open_stream([tamper(rng, sent[n]) if n in hit else sent[n] for n in order], context_of(name, key))
    assert {order[place] for place in np.flatnonzero(~opening.authenticated).tolist()} == hit
    assert opening.count(PacketOutcome.BAD_TAG) == len(hit)
    assert [clear[order[place]] for place, _ in opening.clear_packets()] == [
        packet for _, packet in opening.clear_packets()
    ]
    assert opening.index[opening.authenticated].tolist() == [64_000 + n for n in order if n not in hit]


@pytest.mark.parametrize(
    "name", ["AES_256_CM_HMAC_SHA1_80", "AEAD_AES_128_GCM", "F8_128_HMAC_SHA1_80", "NULL_HMAC_SHA1_80"]
)
def test_keys_that_packets_name_and_keys_that_change(name: str) -> None:
    rng = random.Random(name)
    suite = context_of(name, bytes(46)).suite
    keys = tuple(
        StreamKey(Secret(rng.randbytes(suite.key_octets)), Secret(rng.randbytes(suite.salt_octets)), bytes((0, n)))
        for n in range(2)
    )
    context = SrtpContext(suite, keys)
    clear = clear_packets(rng, PACKETS)
    sent = [protect_rtp(p, context, n >> 16, n // 700 % 2) for n, p in enumerate(clear, start=64_000)]
    sent[5] = sent[5][:-3] + b"\xff" + sent[5][-2:] if suite.aead else tamper(rng, sent[5])
    opening = open_stream(sent, context)
    assert np.flatnonzero(~opening.authenticated).tolist() == [5]
    assert dict(opening.clear_packets()) == {n: p for n, p in enumerate(clear) if n != 5}
    assert opening.key_number[6:].tolist() == [n // 700 % 2 for n in range(64_006, 64_000 + PACKETS)]


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
def test_keys_derived_again_and_again(name: str) -> None:
    rng = random.Random(name)
    key = rng.randbytes(context_of(name, bytes(46)).suite.inline_octets)
    context = context_of(name, key, kdr=256)
    clear = clear_packets(rng, PACKETS)
    opening = open_stream([protect_rtp(p, context, n >> 16) for n, p in enumerate(clear, start=64_000)], context)
    assert dict(opening.clear_packets()) == dict(enumerate(clear))


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM"])
def test_a_wrong_key_opens_nothing(name: str) -> None:
    rng = random.Random(name)
    sent = [protect_rtp(packet, context_of(name, bytes(range(46)))) for packet in clear_packets(rng, PACKETS, 100)]
    opening = open_stream(sent, context_of(name, bytes(46)))
    assert opening.count(PacketOutcome.BAD_TAG) == PACKETS
    assert not list(opening.clear_packets())


def test_several_sources_of_one_key() -> None:
    rng = random.Random(5)
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
    flows = [clear_packets(rng, 900, 65_000, ssrc) for ssrc in (1, 2**32 - 1, 77)]
    clear = [packet for trio in zip(*flows, strict=True) for packet in trio]
    opening = open_stream([protect_rtp(p, context, (65_000 + n // 3) >> 16) for n, p in enumerate(clear)], context)
    assert dict(opening.clear_packets()) == dict(enumerate(clear))
    assert opening.roc == {1: (0, 1), 2**32 - 1: (0, 1), 77: (0, 1)}


def test_hmac_sha1_of_every_length() -> None:
    rng = random.Random(6)
    session = KeySchedule(context_of("AES_CM_128_HMAC_SHA1_80", rng.randbytes(30)), Usage.SRTP).session(0, 0)
    data, lengths = rng.randbytes(1200), np.arange(1000)
    starts, rocs = lengths % 200, lengths * 4_000_037 % 2**32
    tags = HmacTags(compiled("analyzer.srtp.kernels"), session)(view_octets(memoryview(data)), starts, lengths, rocs)
    key = session.keys.authentication.reveal()
    for tag, start, octets, roc in zip(tags, starts.tolist(), lengths.tolist(), rocs.tolist(), strict=True):
        message = data[start : start + octets] + roc.to_bytes(4, "big")
        assert tag.tobytes() == hmac.digest(key, message, "sha1")


def test_headers_read_alike_at_both_speeds() -> None:
    rng = random.Random(7)
    packets = [packet[: rng.randrange(40)] for packet in clear_packets(rng, PACKETS)]
    packets += [rng.randbytes(rng.randrange(30)) for _ in range(500)]
    fast = packet_columns(packets).headers
    for start in range(0, len(packets), 500):
        slow = packet_columns(packets[start : start + 500]).headers
        for name in (
            "rtp",
            "payload_type",
            "sequence_number",
            "timestamp",
            "ssrc",
            "header_octets",
            "extension_profile",
        ):
            assert np.array_equal(getattr(slow, name), getattr(fast, name)[start : start + 500]), name
