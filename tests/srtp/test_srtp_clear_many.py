# SPDX-License-Identifier: GPL-2.0-only
"""Runs judged together are judged as each would be alone."""

import functools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.speed import compiled, plain
from analyzer.srtp import clear_many, clear_test
from analyzer.srtp.clear_many import Coding, classify_alike, classify_runs
from analyzer.srtp.clear_test import Clearness, classify_payloads

CODINGS = [
    Coding(0), Coding(8), Coding(18), Coding(96), Coding(111, "opus", 2), Coding(97, "AMR"), Coding(9, "G722"),
    Coding(10, "L16", 2), Coding(98, "H264"),
]  # fmt: skip


def make_run(chance: random.Random, octets: int) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """Cipher text, speech-like or constant payloads; some runs have gaps, copies, a tag or packets of other lengths."""
    packets = chance.choice([0, 1, 9, 12, 64, 64, 64, 120])
    kind = chance.choice(["noise", "noise", "speech", "silence", "header", "mixed"])
    numbers, stamps, payloads = [], [], []
    sequence = chance.randrange(1 << 16)
    for place in range(packets):
        sequence += chance.choice([1] * 30 + [0, 2, 5])
        noise = chance.randbytes(octets)
        if kind == "speech":
            noise = bytes(octet & 0x8F | 0x50 for octet in noise)
        elif kind == "silence":
            noise = b"\xff" * octets
        elif kind == "header":
            noise = b"\x78" + noise[1:]
        elif kind == "mixed" and place % 2:
            noise = noise[: octets // 2]
        payloads.append(noise)
        numbers.append(sequence & 0xFFFF)
        stamps.append(sequence * chance.choice([160, 160, 160, 320]) & 0xFFFFFFFF)
    return payloads, np.array(numbers, np.int64), np.array(stamps, np.int64)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 30),
    coding=st.sampled_from(CODINGS),
    octets=st.sampled_from([3, 17, 20, 30, 160, 170, 5000]),
)
def test_many_runs_are_judged_as_each_alone(seed: int, coding: Coding, octets: int) -> None:
    chance = random.Random(seed)
    runs = [make_run(chance, octets) for _ in range(chance.randint(1, 8))]
    alone = [
        classify_payloads(
            payloads, coding.payload_type, coding.encoding,
            sequence_numbers=numbers, rtp_timestamps=stamps, channels=coding.channels,
        ).clearness
        for payloads, numbers, stamps in runs
    ]  # fmt: skip
    together = classify_runs([run[0] for run in runs], coding, [run[1] for run in runs], [run[2] for run in runs])
    assert together == alone


def make_alike_run(chance: random.Random, octets: int, ticks: int) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """Payloads of one length, now and then one lost, seldom one seen twice or one of another duration."""
    packets, mask = chance.choice([1, 7, 9, 10, 12, 64, 64, 64]), chance.choice([0xFF, 0xFF, 0x7F, 0x00])
    numbers, stamps, payloads = [], [], []
    sequence, stamp = chance.randrange(1 << 16), chance.randrange(1 << 32)
    for _ in range(packets):
        step = chance.choice([1] * 40 + [2]) if chance.random() > 0.002 else 0
        sequence, stamp = sequence + step, stamp + step * ticks + (ticks if chance.random() < 0.002 else 0)
        payloads.append(bytes(octet & mask for octet in chance.randbytes(octets)))
        numbers.append(sequence & 0xFFFF)
        stamps.append(stamp & 0xFFFFFFFF)
    return payloads, np.array(numbers, np.int64), np.array(stamps, np.int64)


def classify_table(runs: list[tuple[list[bytes], np.ndarray, np.ndarray]], coding: Coding) -> list[Clearness] | None:
    table = np.array([list(payload) for payloads, _, _ in runs for payload in payloads], np.uint8)
    packets = np.array([len(run[0]) for run in runs])
    numbers, stamps = (np.concatenate([run[place] for run in runs]) for place in (1, 2))
    return classify_alike(table, packets, coding, numbers, stamps)


@settings(max_examples=120)
@given(
    seed=st.integers(0, 1 << 30),
    coding=st.sampled_from(CODINGS),
    octets=st.sampled_from([8, 17, 20, 30, 160, 164, 170, 174, 176, 5000]),
    ticks=st.sampled_from([80, 160, 160, 320]),
)
def test_runs_of_one_length_are_judged_as_each_alone(seed: int, coding: Coding, octets: int, ticks: int) -> None:
    chance = random.Random(seed)
    runs = [make_alike_run(chance, octets, ticks) for _ in range(chance.randint(1, 8))]
    each = classify_runs([run[0] for run in runs], coding, [run[1] for run in runs], [run[2] for run in runs])
    assert classify_table(runs, coding) in (None, each)


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_runs_of_one_length_need_no_second_look(coding: Coding) -> None:
    chance = random.Random(5)
    runs = [
        ([chance.randbytes(170) for _ in range(packets)], np.arange(packets), np.arange(packets) * 160)
        for packets in (64, 64, 5)
    ]
    found = classify_table(runs, coding)
    assert found is not None
    assert found[2] is Clearness.UNKNOWN
    assert Clearness.CLEAR not in found


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 30),
    packets=st.lists(st.integers(1, 20), min_size=1, max_size=300),
    width=st.sampled_from([1, 7, 8, 9, 40]),
    mask=st.sampled_from([0xFF, 0x1F, 0xF0, 0]),
)
def test_octets_are_counted_alike_at_both_speeds(seed: int, packets: list[int], width: int, mask: int) -> None:
    heads = np.random.default_rng(seed).integers(0, 256, (sum(packets), width), np.uint8) & np.uint8(mask)
    told = []
    for speed in (plain, functools.partial(compiled, allocates=False)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(clear_many, "at_hand", speed)
            told.append(clear_many.measure_runs(heads, np.array(packets)))
    assert told[0] == told[1]
    octets = heads[: packets[0]]
    counts = np.bincount(octets.ravel(), minlength=256)
    assert told[0][0][0] == pytest.approx(((counts - octets.size / 256) ** 2).sum() / (octets.size / 256), abs=1e-6)
    places = [[*octets[:, place].tolist()] for place in range(min(width, 8))]
    most = max(each.count(value) for each in places for value in each)
    half = max([value >> 4 for value in each].count(value >> 4) for each in places for value in each)
    assert told[0][1][0] == clear_test.surprise_bits(most, half, packets[0])


def test_what_is_not_alike_is_left_to_the_other_way() -> None:
    run = [bytes(range(170))] * 64, np.arange(64), np.arange(64) * 160
    repeated = run[0], np.append(np.arange(63), 62), run[2]
    uneven = run[0], run[1], np.append(np.arange(32) * 160, 32 * 160 + np.arange(32) * 240)
    assert classify_table([run, run], Coding(0)) is not None
    assert classify_table([run, repeated], Coding(0)) is None
    assert classify_table([run, uneven], Coding(0)) is None


@pytest.mark.parametrize(("mask", "verdict"), [(0xFF, Clearness.NOT_CLEAR), (0x7F, Clearness.CLEAR)])
def test_the_way_of_the_many_tells_clear_from_encrypted(mask: int, verdict: Clearness) -> None:
    chance = random.Random(4)
    run = [bytes(octet & mask for octet in chance.randbytes(170)) for _ in range(64)]
    numbers = np.arange(64)
    assert classify_runs([run] * 16, Coding(0), [numbers] * 16, [numbers * 160] * 16) == [verdict] * 16
