# SPDX-License-Identifier: GPL-2.0-only
"""A file scanned ahead in windows gives what one scan from the beginning gives, wherever the windows begin."""

import random
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer.capture.source as source
from analyzer.capture import windows
from analyzer.capture.columns import Columns
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureError


def frames_of(chance: random.Random, count: int) -> list[bytes]:
    bodies = [made.rtp(n, ssrc=n % 3, body=chance.randbytes(chance.choice([0, 20, 170]))) for n in range(count)]
    frames = [made.ethernet(made.ipv4(made.udp(body))) for body in bodies]
    whole = made.udp(bytes(64))
    for place in range(0, count, 9):
        frames[place] = made.ethernet(made.ipv4(whole[:24], identification=place, fragment=0x2000))
        frames[min(place + 4, count - 1)] = made.ethernet(made.ipv4(whole[24:], identification=place, fragment=3))
    return frames


def file_of(chance: random.Random, kind: str) -> bytes:
    frames = frames_of(chance, 60)
    if kind == "pcap":
        return made.pcap(frames)
    blocks = [made.section(), made.interface()]
    for place, frame in enumerate(frames):
        blocks.append(made.enhanced(frame, 1_700_000_000_000_000 + place * 20_000))
        if kind == "sections" and place in (20, 40):
            blocks += [made.section(), made.interface(options=made.option(9, bytes([9])))]
        if kind == "statistics" and place % 15 == 7:
            blocks.append(made.simple(frame))
    return b"".join(blocks)


def told(path: Path, jobs: int) -> object:
    with open_capture(path, jobs=jobs) as capture:
        batches = list(capture.batches(5))
        columns = [np.concatenate([getattr(batch, name) for batch in batches]).tolist() for name in Columns._fields[:2]]
        payloads = [batch.payload(row) for batch in batches for row in range(len(batch))]
        rest = [
            np.concatenate([getattr(batch, name) for batch in batches]).tolist()
            for name in Columns._fields
            if name not in ("header_offset", "payload_offset")  # of a datagram put together they count within a batch
        ]
        return columns, payloads, rest, capture.defects, capture.packets, capture.first_time_ns, capture.last_time_ns


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 1 << 30),
    kind=st.sampled_from(["pcap", "pcapng", "sections", "statistics"]),
    octets=st.integers(64, 4000),
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 40),
)
def test_windows_change_nothing(
    seed: int, kind: str, octets: int, changes: list[tuple[int, int]], cut: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = bytearray(file_of(random.Random(seed), kind))
    for place, octet in changes:
        data[place % len(data)] = octet
    path = tmp_path / "x.pcap"
    path.write_bytes(data[: len(data) - cut])
    with monkeypatch.context() as patched:
        patched.setattr(source, "COMPILE_OCTETS", -1)
        patched.setattr(windows, "WINDOW_OCTETS", octets)
        patched.setattr(windows, "WINDOW_PACKETS", 8)
        try:
            alone = told(path, 1)
        except (CaptureError, ValueError):  # nothing to put together
            return
        assert told(path, 2) == alone
        assert told(path, 5) == alone


def test_windows_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap(frames_of(random.Random(5), 400)))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    monkeypatch.setattr(windows, "WINDOW_OCTETS", 4096)
    taken = []
    adopt = source.Capture._adopt
    monkeypatch.setattr(source.Capture, "_adopt", lambda self, window: taken.append(window) or adopt(self, window))
    with open_capture(path, jobs=2) as capture:
        assert sum(len(batch) for batch in capture.batches(10)) == 400
    assert len(taken) >= path.stat().st_size // 4096 - 1
