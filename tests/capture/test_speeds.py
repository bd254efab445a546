# SPDX-License-Identifier: GPL-2.0-only
"""One source, two speeds: the plain and the compiled pass fill the same columns."""

import os
import random
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer.capture.source as source
from analyzer.capture import peeling, speed
from analyzer.capture.columns import Columns, PayloadKind
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureError

_PAYLOADS = [
    made.rtp(1), made.rtp(2, first=0x9F, body=bytes(90)), made.rtp(3, second=201), b"", b"INVITE sip:a SIP/2.0\r\n\r\n",
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), b"A b", b"SIP/2.0", b"x  sips", b"\x10\x00\x00\x01ZRTP1234",
]  # fmt: skip
_FRAMES = [
    frame
    for payload in _PAYLOADS
    for frame in (
        made.ethernet(made.ipv4(made.udp(payload))),
        made.ethernet(made.ipv4(made.udp(payload)), tags=[0x8100]),
        made.ethernet(made.ipv6(made.udp(payload), source="ff00::1")),
        made.ethernet(made.ipv4(made.tcp(payload, 5), 6)),
        made.ethernet(made.ipv4(made.udp(payload)[:8], fragment=0x2000)),
    )
]
PLAIN = [made.ethernet(made.ipv4(made.udp(b"INVITE sip:a SIP/2.0\r\n\r\n")))] * 8
SAMPLES = [
    made.pcap(_FRAMES),
    made.section()
    + made.interface(options=made.option(9, bytes([0x80 | 33])))
    + b"".join(made.enhanced(frame, 1 << (index % 40 + 20)) for index, frame in enumerate(_FRAMES))
    + made.simple(_FRAMES[0]),
]


def both_speeds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threshold in (1 << 60, -1):
        monkeypatch.setattr(source, "COMPILE_OCTETS", threshold)
        with open_capture(path) as capture:
            batches = list(capture.batches())
            results.append((batches, capture.defects, capture.packets, capture.first_time_ns))
    assert results[0][1:] == results[1][1:]
    for plain, compiled in zip(results[0][0], results[1][0], strict=True):
        assert plain.side == compiled.side
        for name, one, other in zip(Columns._fields, plain.columns, compiled.columns, strict=True):
            assert np.array_equal(one, other), name


@pytest.mark.parametrize("data", [made.pcap(PLAIN), made.section() + made.interface() + made.enhanced(PLAIN[0], 1) * 8])
def test_usual_packets_are_peeled_many_at_a_time(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    peeled: list[int] = []
    monkeypatch.setattr(peeling, "peel_link", lambda *place: peeled.append(place[1]))
    with open_capture(path) as capture:
        kinds = [int(kind) for batch in capture.batches() for kind in batch.kind]
    assert not peeled
    assert kinds == [PayloadKind.SIP_LIKE] * 8


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=12),
    tail=st.binary(max_size=200),
)
def test_any_octets(
    sample: bytes, changes: list[tuple[int, int]], tail: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(sample + tail)
    for place, octet in changes:
        data[place % len(data)] = octet
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    try:
        both_speeds(path, monkeypatch)
    except CaptureError:
        return


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(link=st.sampled_from([0, 1, 12, 101, 108, 113, 276]), packets=st.lists(st.binary(max_size=120), max_size=8))
def test_any_packets(link: int, packets: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap(packets, link=link))
    both_speeds(path, monkeypatch)


@pytest.mark.captures
def test_real_captures(captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path for path in captures.rglob("*.pcap*") if path.suffix in (".pcap", ".pcapng")]
    files = [path for path in files if path.stat().st_size < 300_000]
    for path in random.Random(5).sample(sorted(files), 25):
        both_speeds(path, monkeypatch)


def test_a_cache_is_as_old_as_what_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compiled function calls is compiled into it, however many modules away its source stands."""
    texts = {"chain_a": "from chain_b import g\ndef f(): g()", "chain_b": "from chain_c import h\ndef g(): h()"}
    texts["chain_c"] = "def h(): pass"
    for age, (name, text) in enumerate(texts.items()):
        (tmp_path / f"{name}.py").write_text(text + "\n")
        os.utime(tmp_path / f"{name}.py", (1_000_000 + age, 1_000_000 + age))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(speed, "_OWN", "chain_")
    assert speed._newest_source("chain_a") == tmp_path / "chain_c.py"
    assert speed._newest_source("chain_b") == tmp_path / "chain_c.py"
    os.utime(tmp_path / "chain_a.py", (2_000_000, 2_000_000))
    assert speed._newest_source("chain_a") == tmp_path / "chain_a.py"
