# SPDX-License-Identifier: GPL-2.0-only
"""A capture cut into the files of a ring buffer, at any record, is reported as the whole is."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from tests.captures.end_to_end import CAPTURES, document_of, every_capture
from tests.captures.ring_files import Pieces, take_apart, told_as_whole, write_ring

pytestmark = pytest.mark.captures
MAX_OCTETS = 1_500_000
CUTS = 3
YEARS_APART = "public/seladb__PcapPlusPlus/Tests/Packet++Test/PacketExamples/sip_reqs.pcap"  # packets of three captures


def told_of(paths: Sequence[Path], before: Sequence[int], jobs: int = 1) -> tuple[Any, list[int | None]]:
    report = audit(paths, jobs=jobs)
    return told_as_whole(document_of(report), before), [each.continues for each in report.captures]


def cuts_of(pieces: Pieces, seed: str) -> list[int]:
    places = range(1, len(pieces.records))
    return sorted(random.Random(seed).sample(places, min(CUTS, len(places))))


def cuttable() -> list[str]:
    """The captures that can be cut: neither large, damaged, of several sections, nor of a single packet."""
    small = [name for name in every_capture() if (CAPTURES / name).stat().st_size < MAX_OCTETS]
    return [name for name in small if (pieces := take_apart(CAPTURES / name)) is not None and len(pieces.records) > 1]


@pytest.mark.parametrize("name", cuttable())
def test_cut_anywhere(captures: Path, name: str, tmp_path: Path) -> None:
    pieces = take_apart(captures / name)
    assert pieces is not None
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(pieces.head + b"".join(pieces.records))
    cuts = cuts_of(pieces, name)
    paths, before = write_ring(pieces, cuts, tmp_path)
    told, continues = told_of(paths, before)
    expected, _ = told_of([whole], [0])
    if name == YEARS_APART:
        assert continues == [None, None, 1, None]
        return
    assert continues == [None, *range(len(cuts))]
    assert told == expected


@pytest.mark.parametrize("name", ["peers/sipp/udp_frag_200.pcap", "peers/baresip/tcp_sdes_cm80_mand.pcap"])
def test_cut_at_every_record(captures: Path, name: str, tmp_path: Path) -> None:
    """SIP in IP fragments, and over TCP: whichever message the joint cuts, it is whole."""
    pieces = take_apart(captures / name)
    assert pieces is not None
    pieces = Pieces(pieces.head, pieces.records[:30])
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(pieces.head + b"".join(pieces.records))
    expected, _ = told_of([whole], [0])
    for cut in range(1, len(pieces.records)):
        paths, before = write_ring(pieces, [cut], tmp_path)
        assert told_of(paths, before, jobs=1 + cut % 2) == (expected, [None, 0])
