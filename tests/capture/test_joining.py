# SPDX-License-Identifier: GPL-2.0-only
"""Spans of a file are the same octets whether each is an object or all are copied into one, by Python or compiled."""

import random
from pathlib import Path

import numpy as np
import pytest

from analyzer.capture import octets
from analyzer.capture.octets import MAP_SPANS, MAPPED_OCTETS, FileOctets, join_spans, read_spans
from analyzer.capture.speed import compiled

FILE_OCTETS = MAPPED_OCTETS + (1 << 20)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("joining") / "octets"
    path.write_bytes(random.Random(1).randbytes(1 << 20) + bytes(FILE_OCTETS - (1 << 20)))
    return path


@pytest.mark.parametrize("spread", [1 << 20, FILE_OCTETS], ids=["near each other, mapped", "far apart, read"])
@pytest.mark.parametrize("count", [1, 40, MAP_SPANS - 1, 3 * MAP_SPANS + 17])
def test_joined_spans_are_the_spans_joined(file: Path, count: int, spread: int) -> None:
    compiled("analyzer.capture.joining", allocates=False)
    rng = np.random.default_rng(count)
    counts = rng.integers(0, 300, count)
    offsets = rng.integers(0, spread - 300, count)
    whole = file.read_bytes()
    expected = [whole[offset : offset + size] for offset, size in zip(offsets, counts, strict=True)]
    for kept in (FileOctets(file), whole):
        assert read_spans(kept, offsets, counts) == expected
        assert bytes(join_spans(kept, offsets, counts)) == b"".join(expected)


def test_a_shared_map_is_given_up_where_nobody_shares_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled("analyzer.capture.joining", allocates=False)
    monkeypatch.setattr(octets, "PRESENT_BLOCKS", 100)
    whole, kept = file.read_bytes(), FileOctets(file)
    near, far = np.arange(0, 1 << 20, 1 << 10), np.arange(0, FILE_OCTETS, 1 << 16)
    for offsets, pays in ((near, True), (near + 99, True), (far, False), (near, False)):
        counts = np.full(len(offsets), 50)
        expected = b"".join(whole[offset : offset + 50] for offset in offsets.tolist())
        assert bytes(join_spans(kept, offsets, counts)) == expected
        assert kept.shared_map(FILE_OCTETS).pays == pays


def test_nothing_is_read_behind_the_end_of_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled("analyzer.capture.joining", allocates=False)
    monkeypatch.setattr(octets, "compiled", None)  # it would read there
    offsets = np.full(2 * MAP_SPANS, FILE_OCTETS - 10)
    assert len(join_spans(FileOctets(file), offsets, np.full(len(offsets), 20))) == 10 * len(offsets)


def test_no_spans_are_no_octets(file: Path) -> None:
    nothing = np.zeros(0, np.int64)
    assert not bytes(join_spans(FileOctets(file), nothing, nothing))
