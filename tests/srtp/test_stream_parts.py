# SPDX-License-Identifier: GPL-2.0-only
"""A stream that is opened part by part opens as it does in one piece, and takes memory for a part."""

import random
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from srtp_peers import context_of

from analyzer.evidence.index_set import IndexSet
from analyzer.keying.contexts import Candidate
from analyzer.keying.opening_record import record_opening
from analyzer.model.evidence import PacketRun
from analyzer.model.keying import MasterKey
from analyzer.srtp import bulk, sources
from analyzer.srtp import parts as parts_module
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.columns import packet_columns
from analyzer.srtp.context import RccMode, SrtpContext, StreamKey
from analyzer.srtp.opener import Opener
from analyzer.srtp.parts import StreamPackets, open_parts
from analyzer.srtp.rcc import RccOpener
from analyzer.srtp.stream_outcome import StreamOpening
from analyzer.srtp.transform import protect_rtp

COUNT = 300


class Reader:
    """A stream whose packets lie elsewhere, in two files of which the second begins at packet `cut`."""

    def __init__(self, packets: list[bytes], cut: int = 0) -> None:
        self.packets = packets
        self.cut = cut

    def __len__(self) -> int:
        return len(self.packets)

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = 1 << 13) -> Iterator[PacketRun]:
        last = len(self.packets) if stop is None else min(stop, len(self.packets))
        while start < last:
            end = min(start + packets, last, self.cut if start < self.cut else last)
            some = self.packets[start:end]
            lengths = np.array([len(packet) for packet in some])
            none = np.zeros(len(some), np.int64)
            octets = memoryview(b"".join(some))
            yield PacketRun(
                start, none, none, none, none, none, lengths, lengths, none, np.cumsum(lengths) - lengths, octets
            )
            start = end


def clear_packets(rng: random.Random, first: int, count: int = COUNT) -> Iterator[tuple[int, bytes]]:
    for number in range(first, first + count):
        head = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, 0xCAFE)
        yield number, head + rng.randbytes(rng.randrange(40))


def sealed(rng: random.Random, context: SrtpContext, first: int) -> list[bytes]:
    """A wrap in mid-stream, then loss, altered packets, repeats and reordering, wherever they fall."""
    packets = [protect_rtp(packet, context, number >> 16) for number, packet in clear_packets(rng, first)]
    for number in rng.sample(range(len(packets)), 12):
        packets[number] = packets[number][:-1] + bytes([packets[number][-1] ^ 1])
    place = rng.randrange(len(packets) - 60)
    packets[place : place + 60] = rng.sample(packets[place : place + 60], 60)
    lost = rng.randrange(len(packets) - 60)
    del packets[lost : lost + 50]
    return packets + packets[-5:]


def in_parts(packets: list[bytes], context: SrtpContext, sizes: list[int]) -> list[StreamOpening]:
    pieces, start = [], 0
    while start < len(packets):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(packet_columns(packets[start : start + size]))
        start += size
    openings = []
    for opening in open_parts(pieces, context):
        for column in (opening.outcome, opening.index, opening.key_number):
            column.flags.writeable = False  # what was given out is not changed any more
        openings.append(opening)
    return openings


def told(openings: list[StreamOpening]) -> list[object]:
    return [
        np.concatenate([getattr(each, name) for each in openings]).tolist()
        for name in ("outcome", "index", "key_number")
    ] + [[packet for each in openings for _, packet in each.clear_packets()]]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("AES_CM_128_HMAC_SHA1_80", {}),
        ("AES_CM_128_HMAC_SHA1_32", {}),
        ("AEAD_AES_128_GCM", {}),
        ("F8_128_HMAC_SHA1_80", {}),
        ("AES_CM_128_HMAC_SHA1_80", {"kdr": 16}),
        ("AES_CM_128_HMAC_SHA1_80", {"authenticated": False}),
    ],
)
@settings(max_examples=4)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 200), min_size=1, max_size=5), st.sampled_from([0, 2, 40]))
def test_parts_of_any_size_open_as_the_whole(
    name: str, parameters: dict[str, int], seed: int, sizes: list[int], roc: int
) -> None:
    rng = random.Random(seed)
    context = replace(context_of(name, rng.randbytes(44)), **parameters)
    packets = sealed(rng, context, (roc << 16) + 65_300)
    whole = open_stream(packets, context)
    assert whole.opened.sum() >= COUNT - 70 or "authenticated" in parameters
    assert told(in_parts(packets, context, sizes)) == told([whole])


def test_a_source_starts_again_where_parts_meet() -> None:
    """Four failures, and the counter is looked for: they may lie in the part before."""
    rng = random.Random(4)
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(30))
    packets = [protect_rtp(packet, context, number >> 16) for number, packet in clear_packets(rng, 3 << 16, 100)]
    packets += [protect_rtp(packet, context, number >> 16) for number, packet in clear_packets(rng, 40_000, 100)]
    for size in range(95, 108):
        openings = in_parts(packets, context, [size])
        assert all(opening.authenticated.all() for opening in openings), size
        assert told(openings) == told([open_stream(packets, context)])


@pytest.mark.parametrize("size", [1, 7, 64])
def test_an_mki_that_nobody_signalled_is_found_in_the_first_part(size: int) -> None:
    rng = random.Random(size)
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(30))
    named = replace(context, keys=(StreamKey(context.keys[0].key, context.keys[0].salt, b"\0\0\0\7"),))
    packets = [protect_rtp(packet, named, 0) for _, packet in clear_packets(rng, 0, 100)]
    openings = in_parts(packets, context, [max(size, 8)])
    assert {opening.mki_octets for opening in openings} == {4}
    assert all(opening.authenticated.all() for opening in openings)


RCC = [(RccMode.MODE_1, None), (RccMode.MODE_2, None), (RccMode.MODE_3, 4)]


def with_counters(mode: RccMode, tag: int | None, rate: int) -> SrtpContext:
    return replace(context_of("AES_CM_128_HMAC_SHA1_80", bytes(30)), rcc_mode=mode, rcc_rate=rate, srtp_tag=tag)


@pytest.mark.parametrize(("mode", "tag"), RCC)
@settings(max_examples=6)
@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 200), min_size=1, max_size=5), st.sampled_from([1, 16, 150, 1000]),
    st.sampled_from([16, 120, 1 << 17]),
)  # fmt: skip
def test_counters_carried_in_tags_go_on_from_part_to_part(
    mode: RccMode, tag: int | None, seed: int, sizes: list[int], rate: int, reach: int
) -> None:
    rng, context = random.Random(seed), with_counters(mode, tag, rate)
    packets = sealed(rng, context, (5 << 16) + 65_300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RccOpener, "reach", reach)
        assert told(in_parts(packets, context, sizes)) == told([open_stream(packets, context)])


@pytest.mark.parametrize(("mode", "tag"), RCC)
def test_packets_wait_for_the_first_counter_however_rare_it_is(mode: RccMode, tag: int | None) -> None:
    """The counter comes 40,000 packets, more than half a wrap, after the first packet, behind a wrap."""
    context, number, packets, clear = with_counters(mode, tag, 60_000), (5 << 16) + 20_001, [], []
    while number < (6 << 16) + 10:  # 60,000 carries the counter, 0 after the wrap as well
        clear.append(struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, 0xCAFE) + b"speech")
        packets.append(protect_rtp(clear[-1], context, number >> 16))
        number += 40 if number & 0xFFFF < 59_000 else 1
    for sizes in ([len(packets)], [100], [1000]):
        openings = in_parts(packets, context, sizes)
        assert all(opening.opened.all() for opening in openings)
        assert [packet for each in openings for _, packet in each.clear_packets()] == clear


def sealed_badly(rng: random.Random, context: SrtpContext, first: int) -> list[bytes]:
    """Stretches under the key and altered packets, apart from each other by what is no RTP; a sender restarts."""
    packets: list[bytes] = []
    for count in (rng.choice([1, 2, 60]), rng.choice([1, 2, 60]), rng.randrange(90)):
        number = rng.choice([first, first + (1 << 16), 200])
        some = [protect_rtp(packet, context, n >> 16) for n, packet in clear_packets(rng, number, count)]
        for place in rng.sample(range(count), rng.randrange(count + 1)):
            some[place] = some[place][:-1] + bytes([some[place][-1] ^ 1])
        packets += some + [bytes(20)] * rng.randrange(90)
    return packets


@pytest.mark.parametrize("name", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
@pytest.mark.parametrize("mki", [b"", b"\0\7"])
@settings(max_examples=25)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 70), min_size=1, max_size=4), st.integers(8, 60))
def test_streams_that_fail_open_alike_in_parts_of_any_size(
    name: str, mki: bytes, seed: int, sizes: list[int], reach: int
) -> None:
    """Late starts, restarts, an MKI that nobody signalled: what is tried again does not depend on the parts."""
    rng = random.Random(seed)
    context = replace(context_of(name, bytes(30)), roc_search_limit=8)
    named = replace(context, keys=(StreamKey(context.keys[0].key, context.keys[0].salt, mki),))
    packets = sealed_badly(rng, named, (3 << 16) + 65_500)
    with pytest.MonkeyPatch.context() as patch:
        for module in (bulk, parts_module, sources):
            patch.setattr(module, "RETRY_WITHIN", reach)
        patch.setattr(Opener, "reach", reach)
        assert told(in_parts(packets, context, sizes)) == told([open_stream(packets, context)])


@pytest.mark.parametrize("size", [1, 7, 64, 500])
def test_a_stream_whose_keys_change_opens_alike_in_parts(size: int) -> None:
    rng = random.Random(size)
    old, new = (context_of("AES_CM_128_HMAC_SHA1_80", bytes([octet] * 30)) for octet in (1, 2))
    both = replace(old, keys=(*new.keys, *old.keys))
    numbers = list(clear_packets(rng, 65_400, 400))
    packets = [protect_rtp(packet, old if n < 65_600 else new, n >> 16) for n, packet in numbers]
    packets[190:210] = rng.sample(packets[190:210], 20)  # out of order where the keys change
    openings = in_parts(packets, both, [size])
    assert told(openings) == told([open_stream(packets, both)])
    assert all(opening.authenticated.all() for opening in openings)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 60), max_size=80), st.integers(1, 20), st.integers(0, 80), st.data())
def test_packets_are_found_by_their_numbers(lengths: list[int], part: int, cut: int, data: st.DataObject) -> None:
    rng = random.Random(len(lengths))
    packets = [rng.randbytes(length) for length in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "PART_PACKETS", part)
        stream = StreamPackets(Reader(packets, min(cut, len(packets))))
        assert [each.packet(n) for each in stream.parts() for n in range(len(each))] == packets
        start = data.draw(st.integers(0, len(packets)))
        found = stream.part(start, start + 5)
        assert [found.packet(n) for n in range(len(found))] == packets[start : start + 5]
        first = stream.first()
        assert [first.packet(n) for n in range(len(first))] == packets[: max(part, len(first))][: len(first)]
        chosen = sorted(data.draw(st.sets(st.integers(0, max(len(packets) - 1, 0))))) if packets else []
        flags = np.zeros(len(packets), np.bool_)
        flags[chosen] = True
        few = stream.thinned(flags)
        wanted = chosen
        if len(packets) > part and len(chosen) > part:
            half, middle = part // 2, len(chosen) // 2
            wanted = chosen[:half] + chosen[middle : middle + half]
        assert [few.packet(n) for n in range(len(few))] == [packets[n] for n in wanted]


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 50), max_size=30), max_size=8))
def test_indices_that_come_again_are_counted(parts: list[list[int]]) -> None:
    seen: set[int] = set()
    found = IndexSet()
    for part in parts:
        repeats = len(part) - len(set(part) - seen)
        seen |= set(part)
        assert found.add(np.array(part, np.int64)).sum() == repeats


def test_memory_does_not_follow_the_length_of_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Opener, "reach", 512)
    context = context_of("AES_CM_128_HMAC_SHA1_80", bytes(30))
    key = MasterKey("AES_CM_128_HMAC_SHA1_80", context.keys[0].key, context.keys[0].salt, "key-ring", bound=True)
    candidate = Candidate(context, key, bound=True, keys=(key,))
    rng = random.Random(1)
    packets = [protect_rtp(packet, context, number >> 16) for number, packet in clear_packets(rng, 0, 16 * 512)]
    peaks = []
    for parts in (2, 4, 16):
        pieces = (packet_columns(packets[512 * n : 512 * n + 512]) for n in range(parts))
        tracemalloc.start()
        record = record_opening(open_parts(pieces, context), 512 * parts, candidate)
        peaks.append(tracemalloc.get_traced_memory()[1] - record.failed.nbytes)
        tracemalloc.stop()
        assert (record.authenticated, list(record.oddities())) == (512 * parts, [])
    assert peaks[2] < 1.2 * peaks[1]
