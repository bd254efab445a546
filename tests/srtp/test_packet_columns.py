# SPDX-License-Identifier: GPL-2.0-only
"""Packets that are read as they are asked for are those that are held, in whatever order somebody asks."""

import random
import struct
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from srtp_peers import context_of

from analyzer.srtp import columns as columns_module
from analyzer.srtp.bulk import PacketOutcome, open_stream
from analyzer.srtp.columns import PacketColumns, ReadOctets, RtpColumns, packet_columns, stream_columns
from analyzer.srtp.transform import protect_rtp

PACKETS = 300


class Reader:
    """A stream whose packets lie elsewhere; counts how many were read."""

    def __init__(self, packets: list[bytes]) -> None:
        self.packets = packets
        self.payload_octets = np.array([len(packet) for packet in packets])
        self.wire_octets = self.payload_octets
        self.read = 0

    def join_payloads(self, indices: np.ndarray) -> memoryview:
        self.read += len(indices)
        return memoryview(b"".join(self.packets[number] for number in indices))


def told(columns: PacketColumns, chosen: list[int] | slice) -> list[bytes]:
    buffer, offsets = columns.at(chosen if isinstance(chosen, slice) else np.array(chosen, np.int64))
    places = range(*chosen.indices(len(columns))) if isinstance(chosen, slice) else chosen
    lengths = columns.lengths[list(places)]
    return [bytes(buffer[a : a + n]) for a, n in zip(offsets.tolist(), lengths.tolist(), strict=True)]


places = st.integers(0, PACKETS - 1)
asked = st.one_of(
    st.lists(places, max_size=20), places.map(lambda n: slice(n, n + 1)), st.builds(slice, places, places),
    places.map(lambda n: list(range(n, PACKETS, 3))),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(asked, max_size=12), st.integers(8, 400), st.integers(0, 10**6))
def test_a_window_moves_to_what_is_asked_for(asks: list[list[int] | slice], window: int, seed: int) -> None:
    rng = random.Random(seed)
    packets = [rng.randbytes(rng.randrange(60)) for _ in range(PACKETS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "WINDOW_PACKETS", window)
        read, held = stream_columns(Reader(packets)), packet_columns(packets)
        assert isinstance(read.source, ReadOctets) is (window < PACKETS)
        for ask in asks:
            assert told(read, ask) == told(held, ask)
        some = np.flatnonzero(np.arange(PACKETS) % 5 > 1)
        parts = [each.select(some) for each in (read, held)]
        assert [parts[0].packet(n) for n in range(len(some))] == [parts[1].packet(n) for n in range(len(some))]
        for each in fields(RtpColumns):
            column, other = (getattr(part.headers, each.name) for part in (parts[0], held.select(some)))
            assert np.array_equal(column, other), each.name


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "F8_128_HMAC_SHA1_80"])
def test_streams_open_alike_with_windows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(name)
    context = context_of(name, rng.randbytes(44))
    packets = []
    for number in range(64_000, 67_000):
        clear = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, 160 * number, 0xCAFE) + rng.randbytes(rng.randrange(99))
        packets.append(protect_rtp(clear, context, number >> 16))
    for number in rng.sample(range(3000), 40):
        packets[number] = packets[number][:-1] + bytes([packets[number][-1] ^ 1])
    place = rng.randrange(2000)
    packets[place : place + 30] = rng.sample(packets[place : place + 30], 30)
    whole = open_stream(packets, context)
    monkeypatch.setattr(columns_module, "WINDOW_PACKETS", 257)
    reader = Reader(packets)
    parts = open_stream(stream_columns(reader), context)
    assert np.array_equal(parts.outcome, whole.outcome)
    assert np.array_equal(parts.index, whole.index)
    assert whole.count(PacketOutcome.BAD_TAG) == 40
    assert dict(parts.clear_packets()) == dict(whole.clear_packets())
    assert reader.read < 6 * len(packets)
