# SPDX-License-Identifier: GPL-2.0-only
"""What is coded of a packet is decoded to the same, whatever the packet before was, at both speeds."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.speed import compiled, plain, view_plain
from analyzer.evidence import packet_code
from analyzer.evidence.packet_store import RECORD, RECORD_OCTETS, Facts, empty_facts

CODE = "analyzer.evidence.packet_code"
U16, U32, I64 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(-(2**63), 2**63 - 1)
NEAR = st.sampled_from([0, 1, 255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32, -1])
TIMES = st.one_of(st.integers(0, 2**62), NEAR)
OCTETS = st.one_of(st.integers(0, 2**16 - 1), st.integers(2**16 - 1, 2**31 - 1))
PACKET = st.tuples(
    TIMES, st.one_of(st.integers(-(2**40), 2**40), NEAR), st.integers(0, 2**40), U32, OCTETS, OCTETS,
    st.integers(0, 12 + 60 + 4 + 4 * 65535), U16 | st.integers(0, 40), st.integers(0, 255), st.integers(0, 1),
)  # fmt: skip


def coded(module: Any, packets: list[tuple[int, ...]]) -> list[int]:
    words: Any = np.zeros(len(packets) * packet_code.MAX_PACKET_WORDS, np.uint32)
    last: Any = np.zeros(packet_code.LAST_CELLS, np.int64)
    if module is plain(CODE):
        words, last = view_plain(words), view_plain(last)
    for packet in packets:
        before = int(last[packet_code.L_AT])
        module.code_packet(words, last, *packet)
        assert last[packet_code.L_AT] - before <= packet_code.MAX_PACKET_WORDS
    assert last[packet_code.L_PACKETS] == len(packets)
    steps = [(later[7] - earlier[7]) & 0xFFFF for earlier, later in pairwise(packets)]
    assert last[packet_code.L_STEADY] == sum(1 <= step <= packet_code.STEADY_STEP for step in steps)
    goes_back = any(step == 0 or step > 0x8000 for step in steps)
    assert (last[packet_code.L_ORDER] == packet_code.STEPPED_BACK) == goes_back
    return [int(word) for word in words[: int(last[packet_code.L_AT])]]


def decoded(module: Any, words: list[int], packets: int, cut: int) -> list[tuple[int, ...]]:
    facts, last = empty_facts(packets), np.zeros(packet_code.LAST_CELLS, np.int64)
    stored: Any = np.array(words, np.uint32)
    columns: Any = facts
    if module is plain(CODE):
        stored, last, columns = view_plain(stored), view_plain(last), [view_plain(column) for column in facts]
    for row, stop in ((0, min(cut, packets)), (min(cut, packets), packets)):
        module.decode_packets(stored, last, row, stop, *columns)
    return [tuple(row) for row in zip(*(column.tolist() for column in facts), strict=True)]


@settings(max_examples=300)
@given(packets=st.lists(PACKET, max_size=12), cut=st.integers(0, 12))
def test_decoding_undoes_coding_at_both_speeds(packets: list[tuple[int, ...]], cut: int) -> None:
    words = coded(plain(CODE), packets)
    fast = compiled(CODE, allocates=False)
    assert coded(fast, packets) == words
    assert decoded(plain(CODE), words, len(packets), cut) == packets
    assert decoded(fast, words, len(packets), cut) == packets


@pytest.mark.parametrize("lost", [0, 1, 254])
def test_a_steady_stream_takes_three_words_a_packet(lost: int) -> None:
    steady = [
        (20_000_000 * n, 60_000 * n, 300 * n, 160 * n, 182, 182, 12, (n * (lost + 1)) & 0xFFFF, 0, n == 0)
        for n in range(1000)
    ]
    assert len(coded(plain(CODE), steady)) <= 3 * 1000 + 8


def test_columns_are_those_of_a_record() -> None:
    assert tuple(name for name, _ in RECORD) == Facts._fields
    assert RECORD_OCTETS == np.dtype(RECORD).itemsize == 48
