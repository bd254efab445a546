# SPDX-License-Identifier: GPL-2.0-only
"""One source, two speeds: the plain and the compiled pass fill the same columns, as does the way of small captures."""

import os
import random
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer.capture.source as source
from analyzer.capture import peeling, scan, speed
from analyzer.capture.columns import Columns, PacketBatch, PayloadKind, Transport
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
    made.pcap(PLAIN),
    made.section() + made.interface() + made.enhanced(PLAIN[0], 1) * 6 + made.simple(PLAIN[0]) * 2,
]
FEW, MANY, COMPILED = (1 << 60, 1 << 60), (-1, 1 << 60), (1 << 60, -1)  # PLAIN_OCTETS and COMPILE_OCTETS


def both_speeds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for plain_octets, compile_octets in (FEW, MANY, COMPILED):
        monkeypatch.setattr(source, "PLAIN_OCTETS", plain_octets)
        monkeypatch.setattr(source, "COMPILE_OCTETS", compile_octets)
        with open_capture(path) as capture:
            batches = list(capture.batches())
            results.append((batches, capture.account, capture.packets, capture.first_time_ns, capture.last_time_ns))
    for result in results[1:]:
        assert results[0][1:] == result[1:]
        for plain, other in zip(results[0][0], result[0], strict=True):
            same_batch(plain, other)


def same_batch(plain: PacketBatch, other: PacketBatch) -> None:
    assert (plain.side, len(plain), plain.secrets) == (other.side, len(other), other.secrets)
    for name, one, another in zip(Columns._fields, plain.columns, other.columns, strict=True):
        assert one.dtype == another.dtype, name
        assert np.array_equal(one, another), name
    if len(plain):
        assert plain.times_ns == other.times_ns
    for kind in PayloadKind:
        assert plain.cells_of_kind(kind, Columns._fields) == other.cells_of_kind(kind, Columns._fields)
    if plain.holds_only_sip:
        assert set(other.kind.tolist()) == {PayloadKind.SIP_LIKE}
        assert set(other.transport.tolist()) == {Transport.UDP}


def test_a_few_messages_need_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    other = made.ethernet(made.ipv4(made.udp(made.rtp(1))))
    for frames, expected in ((PLAIN, True), ([*PLAIN, other], False), ([*PLAIN, b"arp" * 10], False)):
        path.write_bytes(made.pcap(frames))
        with open_capture(path) as capture:
            assert [batch.holds_only_sip for batch in capture.batches()] == [expected]


@pytest.mark.parametrize("data", [made.pcap(PLAIN), made.section() + made.interface() + made.enhanced(PLAIN[0], 1) * 8])
def test_usual_packets_are_peeled_many_at_a_time(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    monkeypatch.setattr(source, "PLAIN_OCTETS", 0)
    peeled: list[int] = []
    monkeypatch.setattr(peeling, "peel_link", lambda *place: peeled.append(place[1]))
    with open_capture(path) as capture:
        kinds = [int(kind) for batch in capture.batches() for kind in batch.kind]
    assert not peeled
    assert kinds == [PayloadKind.SIP_LIKE] * 8


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
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


def test_numba_is_told_only_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that it has no documentation of save most of a pass; where they went, the pass is slower, no other."""
    import numba

    assert speed._known_options(numba) >= {"_nrt", "no_cfunc_wrapper"}
    monkeypatch.setattr(speed, "_known_options", lambda numba: set())
    buffer = np.frombuffer(b"\x01\x02\x03\x04", np.uint8)
    assert speed._compile(numba, scan.read32, False)(buffer, 0) == scan.read32(memoryview(b"\x01\x02\x03\x04"), 0)


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
