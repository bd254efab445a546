# SPDX-License-Identifier: GPL-2.0-only
"""A sieve in the pass gives the flows, and leaves the rows, that sorting all rows afterwards gives."""

import random
import struct
from pathlib import Path
from typing import Any

import capture_frames as made
import numpy as np
import pytest
import tunnel_frames as tunnels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analyzer.capture.source as source
from analyzer.capture.columns import Columns, PacketBatch, PayloadKind
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureError
from analyzer.evidence import media_table, packet_store, sieve_scan
from analyzer.evidence.media_sieve import MediaSieve
from analyzer.evidence.media_statistics import is_plausible_rtp
from analyzer.evidence.media_table import MediaTable
from analyzer.evidence.reading import Reading

COLUMNS = (
    "frame", "timestamp_ns", "sequence_number", "rtp_timestamp", "payload_type", "marker", "payload_octets",
    "wire_octets", "header_octets",
)  # fmt: skip
MEDIA = (PayloadKind.RTP_LIKE, PayloadKind.RTCP_LIKE, PayloadKind.STUN, PayloadKind.DTLS, PayloadKind.ZRTP)
ENDS = {"source": "10.0.0.1", "destination": "10.0.0.2"}
OFFSETS = ("header_offset", "payload_offset")  # of a datagram put together they count within a batch


def datagrams(chance: random.Random, number: int) -> bytes:
    """Media of few flows, or what stands beside it and may relay or hide packets of the same flows."""
    packet = made.rtp(number, 160 * number, chance.choice([1, 2]), chance.randbytes(chance.choice([20, 20, 33])))
    relayed = struct.pack("!HH", 0x4001, len(packet)) + packet
    attribute = struct.pack("!HH", 0x13, len(packet)) + packet + bytes(-len(packet) % 4)
    send = struct.pack("!HHI12s", 0x16, len(attribute), 0x2112A442, bytes(12)) + attribute
    others = [
        relayed, send, made.rtp(number, second=201), b"\x16\xfe\xfd" + bytes(12), b"\x10\x00\x00\x01ZRTP1234", b"",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), b"\r\n\r\n", tunnels.MESSAGE, tunnels.hep3(packet), bytes(30),
        packet[:9], bytes([0x90]) + packet[1:], bytes([packet[0] | 3]) + packet[1:],
    ]  # fmt: skip
    return packet if chance.random() < 0.7 else chance.choice(others)


def frames_of(chance: random.Random, count: int) -> list[bytes]:
    frames = []
    for number in range(count):
        datagram = made.udp(datagrams(chance, number), 4000, chance.choice([4002, 4004]))
        packet = made.ipv4(datagram, **ENDS)
        ways = [made.ethernet(packet)] * 12
        ways += [
            made.ethernet(packet, tags=[0x8100]),
            made.ethernet(made.ipv6(datagram)),
            tunnels.over_udp(struct.pack("!II", 0x08000000, 5 << 8) + made.ethernet(packet), 4789),
            tunnels.outer(packet, 4),
            made.ethernet(packet, 0x0806),
            made.ethernet(made.ipv4(made.tcp(b"", 5), 6)),
            made.ethernet(packet) + b"trailer",
            made.ethernet(packet)[: chance.randint(15, 60)],
        ]
        frames.append(chance.choice(ways))
        if chance.random() < 0.04:
            first, last = made.ipv4(datagram[:16], identification=number, fragment=0x2000, **ENDS), datagram[16:]
            frames += [made.ethernet(first), made.ethernet(made.ipv4(last, identification=number, fragment=2, **ENDS))]
    return frames


def file_of(chance: random.Random, form: str) -> bytes:
    frames = frames_of(chance, chance.choice([5, 60, 200]))
    if form == "pcap":
        return made.pcap(frames)
    order = chance.choice("<>")
    blocks = [made.section(order), made.interface(order=order), made.interface(link=101, order=order)]
    for place, frame in enumerate(frames):
        time_us, is_cut = 1_700_000_000_000_000 + place * 20_000, chance.random() < 0.05
        wire = len(frame) + 9 if is_cut else None
        blocks.append(made.enhanced(frame, time_us, int(chance.random() < 0.03), order, wire))
        if chance.random() < 0.03:
            blocks.append(made.simple(frame, order))
        if chance.random() < 0.03:
            blocks.append(commented(frame, time_us, order))
    return b"".join(blocks)


def commented(frame: bytes, time_us: int, order: str) -> bytes:
    """An Enhanced Packet Block with a comment."""
    plain = made.enhanced(frame, time_us, 0, order)
    return made.block(6, plain[8:-4] + made.option(1, b"mark", order) + made.option(0, b"", order), order)


class Told:
    """All that a reading of a capture says; rows of media are said by the flows alone."""

    def __init__(self, path: Path, *, sieved: bool, packets: int, jobs: int = 1) -> None:
        table = MediaTable()
        batches: list[PacketBatch] = []
        with open_capture(path, jobs=jobs) as capture:
            if sieved:
                capture.sieve = MediaSieve(table)
            for batch in capture.batches(packets):
                table.feed(batch)
                batches.append(batch)
            self.capture = (
                capture.packets, capture.first_time_ns, capture.last_time_ns, capture.defects, capture.comments,
            )  # fmt: skip
        self.sieved = sum(batch.sieved.packets for batch in batches)
        self.media = sum(batch.sieved.media_packets + int((batch.kind == 2).sum()) for batch in batches)
        self.packets = sum(batch.sieved.packets + len(batch) for batch in batches)
        self.flows = [
            (kind.name, flow.key, flow.is_in_order, is_plausible_rtp(flow),
             [getattr(flow, name).tolist() for name in COLUMNS], flow.read_payloads())
            for kind in MEDIA
            for flow in table.flows(kind)
        ]  # fmt: skip
        self.defects = table.defects
        self.rows: list[Any] = [
            [int(getattr(batch, name)[row]) for name in Columns._fields if name not in OFFSETS] + [batch.payload(row)]
            for batch in batches
            for row in np.flatnonzero(~np.isin(batch.kind, MEDIA)).tolist()
        ]

    @property
    def all(self) -> dict[str, Any]:
        """What must not depend on a sieve."""
        return {name: value for name, value in vars(self).items() if name != "sieved"}


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 1 << 30),
    form=st.sampled_from(["pcap", "pcapng"]),
    changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 40),
    packets=st.sampled_from([1, 3, 1 << 14]),
    octets=st.sampled_from([100, 2000, 8 << 20]),
)
def test_a_sieve_changes_nothing(
    seed: int, form: str, changes: list[tuple[int, int]], cut: int, packets: int, octets: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = bytearray(file_of(random.Random(seed), form))
    for place, octet in changes:
        data[place % len(data)] = octet
    path = tmp_path / "x.pcap"
    path.write_bytes(data[: len(data) - cut])
    with monkeypatch.context() as patched:
        patched.setattr(source, "COMPILE_OCTETS", -1)
        try:
            whole = Told(path, sieved=False, packets=1 << 14).all
        except CaptureError:
            return
        patched.setattr(source, "SIEVED_OCTETS", octets)
        patched.setattr(source, "TRIED_OCTETS", octets)
        patched.setattr(media_table, "FIRST_FLOWS", 1)
        patched.setattr(packet_store, "ARENA_CHUNKS", 3)
        assert Told(path, sieved=True, packets=packets).all == whole
        assert Told(path, sieved=True, packets=packets, jobs=2).all == whole


def test_nearly_all_media_takes_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    frames = [made.ethernet(made.ipv4(made.udp(made.rtp(n, 160 * n, n % 3)))) for n in range(300)]
    frames[200:200] = [made.ethernet(made.ipv4(made.udp(tunnels.MESSAGE))), made.ethernet(bytes(28), 0x0806)]
    path.write_bytes(made.pcap(frames))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    told = Told(path, sieved=True, packets=1 << 14)
    assert (told.sieved, told.packets, len(told.flows), len(told.rows)) == (300, 302, 3, 2)


def test_a_sieve_that_takes_little_gives_way_to_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    packet = made.ipv4(made.udp(made.rtp(1), 4000, 4002))
    path.write_bytes(made.pcap([tunnels.outer(packet, 4)] * 3000))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    monkeypatch.setattr(source, "TRIED_OCTETS", 1000)
    taken: list[object] = []
    adopt = source.Capture._adopt
    monkeypatch.setattr(source.Capture, "_adopt", lambda self, window: taken.append(window) or adopt(self, window))
    monkeypatch.setattr("analyzer.capture.windows.WINDOW_OCTETS", 4096)
    assert Told(path, sieved=True, packets=100, jobs=2).all == Told(path, sieved=False, packets=100).all
    assert taken


def test_frames_are_counted_on_behind_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(made.rtp(n, ssrc=n % 2)))) for n in range(10)]))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    reading = Reading(0)
    for place in range(2):
        if place:
            reading.begin_file(1)
        with open_capture(path) as capture:
            capture.sieve = reading.sieve()
            for batch in capture.batches():
                reading.feed(batch)
    assert reading.packets == 20
    flows = reading.media.flows(PayloadKind.RTP_LIKE)
    assert [flow.frame.tolist() for flow in flows] == [list(range(1, 20, 2)), list(range(2, 21, 2))]
    assert [flow.ref(12) for flow in flows] == [(1, 2), (1, 2)]


def test_flows_beyond_the_limit_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(made.pcap([made.ethernet(made.ipv4(made.udp(made.rtp(n, ssrc=n % 5)))) for n in range(20)]))
    monkeypatch.setattr(source, "COMPILE_OCTETS", -1)
    monkeypatch.setattr(media_table, "MAX_FLOWS", 3)
    told = Told(path, sieved=True, packets=4)
    assert [flow[1].ssrc for flow in told.flows] == [0, 1, 2]
    assert told.defects[0].detail == "8 packets beyond 3 flows"
    assert sieve_scan.KNOWN_SLOTS & (sieve_scan.KNOWN_SLOTS - 1) == 0
