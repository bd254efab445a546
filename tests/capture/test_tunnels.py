# SPDX-License-Identifier: GPL-2.0-only
"""Every link layer and tunnel, peeled to the message inside: as built, as tshark sees it, at both speeds."""

import random
import subprocess
from pathlib import Path

import capture_frames as made
import numpy as np
import pytest
import tunnel_frames as tunnels

import analyzer.capture.reassembly as reassembly
import analyzer.capture.source as source
from analyzer.api import audit
from analyzer.capture.columns import Columns, Flag, PacketBatch, Transport
from analyzer.capture.source import open_capture
from analyzer.evidence.packets import SignallingDatagram, SignallingReader

ENDS_4, ENDS_6 = ("10.9.8.7:5060", "10.9.8.6:5062"), ("[fd00::7]:5060", "[fd00::6]:5062")


def write(path: Path, frames: list[bytes], link: int = 1) -> Path:
    path.write_bytes(made.pcap(frames, link=link))
    return path


def messages_in(path: Path) -> tuple[list[SignallingDatagram], list[str]]:
    reader = SignallingReader()
    with open_capture(path) as capture:
        found = [message for batch in capture.batches() for message in reader.feed(batch)]
        return found + reader.finish(), [defect.code for defect in capture.defects]


def read_batch(path: Path) -> PacketBatch:
    with open_capture(path) as capture:
        (batch,) = capture.batches()
        return batch


@pytest.mark.parametrize("name", tunnels.ETHERNET)
def test_a_tunnel_over_ethernet(name: str, tmp_path: Path) -> None:
    found, defects = messages_in(write(tmp_path / "one.pcap", [tunnels.ETHERNET[name]]))
    assert [(message.frame, message.data) for message in found] == [(1, tunnels.MESSAGE)]
    assert (found[0].source, found[0].destination) == tunnels.ENDS.get(name, ENDS_4)
    assert defects == []


@pytest.mark.parametrize("name", tunnels.LINKS)
def test_a_link_layer(name: str, tmp_path: Path) -> None:
    link, frame = tunnels.LINKS[name]
    found, defects = messages_in(write(tmp_path / "one.pcap", [frame], link))
    assert [(message.frame, message.data) for message in found] == [(1, tunnels.MESSAGE)]
    assert (found[0].source, found[0].destination) == (ENDS_6 if "IPv6" in name else ENDS_4)
    assert defects == []


def seen_by_tshark(path: Path) -> dict[int, list[str]]:
    command = ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", "-E", "aggregator=|", "-e", "frame.number"]
    fields = ["-e", "ip.src", "-e", "ipv6.src", "-e", "udp.srcport", "-e", "sip.Method"]
    told = subprocess.run([*command, *fields], capture_output=True, text=True, check=True).stdout
    return {int(line.split("\t")[0]): line.split("\t")[1:] for line in told.splitlines()}


@pytest.mark.tool("tshark")
def test_tunnels_are_tsharks(tmp_path: Path) -> None:
    names = list(tunnels.ETHERNET)
    path = write(tmp_path / "all.pcap", list(tunnels.ETHERNET.values()))
    theirs = seen_by_tshark(path)
    ours = {message.frame: message for message in messages_in(path)[0]}
    assert {names[frame - 1] for frame in ours if frame not in theirs} == tunnels.NOT_BY_TSHARK
    assert set(theirs) < set(ours)
    for frame, (ipv4, ipv6, port, method) in theirs.items():
        address, _, ours_port = ours[frame].source.rpartition(":")
        assert address.strip("[]") in (ipv4.split("|")[-1], ipv6.split("|")[-1])
        assert (ours_port, method) == (port.split("|")[-1], "OPTIONS")


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", tunnels.LINKS)
def test_link_layers_are_tsharks(name: str, tmp_path: Path) -> None:
    link, frame = tunnels.LINKS[name]
    assert list(seen_by_tshark(write(tmp_path / "one.pcap", [frame], link))) == [1]


def test_fragments_inside_and_outside_tunnels(tmp_path: Path) -> None:
    inner = tunnels.fragments(tunnels.PACKET)
    vxlan = made.udp(b"\x08\0\0\0\0\0\7\0" + tunnels.FRAME, 1, 4789)
    outer = tunnels.fragments(made.ipv4(vxlan, source="192.0.2.1", destination="192.0.2.2"))
    both = [
        made.ethernet(piece)
        for each in inner
        for piece in tunnels.fragments(made.ipv4(each, 4, **tunnels.OUTER, identification=100 + inner.index(each)), 40)
    ]
    cases = {
        "inside": [tunnels.outer(piece, 4) for piece in inner],
        "outside": [made.ethernet(piece) for piece in outer],
        "both": both,
    }
    for name, frames in cases.items():
        found, defects = messages_in(write(tmp_path / f"{name}.pcap", frames))
        assert [(message.frame, message.data, message.source) for message in found] == [
            (len(frames), tunnels.MESSAGE, ENDS_4[0])
        ], name
        assert defects == [], name


def test_hep_tells_the_agents_addresses_time_and_protocol(tmp_path: Path) -> None:
    payloads = [tunnels.hep3(), tunnels.hep3(compressed=True), tunnels.hep_fixed(2), tunnels.hep_fixed(1)]
    frames = [tunnels.over_udp(payload, 9060) for payload in (*payloads, tunnels.hep3(protocol=6))]
    fragmented = tunnels.fragments(made.ipv4(made.udp(tunnels.hep3(), 1, 9060), source="192.0.2.1"))
    frames += [made.ethernet(piece) for piece in fragmented]
    found, _ = messages_in(write(tmp_path / "hep.pcap", frames))
    assert [message.data for message in found] == [tunnels.MESSAGE] * 6
    assert {(message.source, message.destination) for message in found} == {ENDS_4}
    assert [message.transport for message in found] == ["UDP", "UDP", "UDP", "UDP", "HEP", "UDP"]
    told = [message.timestamp_ns == 1_600_000_000_000_005_000 for message in found]
    assert told == [True, True, True, False, True, True]


def over_tcp(octets: bytes, *cuts: int) -> list[bytes]:
    ends = zip((0, *cuts), (*cuts, len(octets)), strict=True)
    packets = [made.tcp(octets[start:stop], 1000 + start, ports=(40000, 9060)) for start, stop in ends]
    return [made.ethernet(made.ipv4(packet, 6, source="192.0.2.1")) for packet in packets]


@pytest.mark.parametrize("cuts", [(), (9, 15, 200), (100, 101, 102)])
def test_hep_over_tcp_tells_what_it_tells_over_udp(cuts: tuple[int, ...], tmp_path: Path) -> None:
    packets = [tunnels.hep3(), tunnels.hep3(compressed=True), tunnels.hep3(protocol=6), tunnels.hep3(six=True)]
    spoken = write(tmp_path / "udp.pcap", [tunnels.over_udp(packet, 9060) for packet in packets])
    frames = [made.ethernet(made.ipv4(made.tcp(b"", 999, bits=2, ports=(40000, 9060)), 6, source="192.0.2.1"))]
    streamed = write(tmp_path / "tcp.pcap", frames + over_tcp(b"".join(packets), *cuts))
    told = [
        [(one.data, one.source, one.destination, one.transport, one.timestamp_ns) for one in messages_in(path)[0]]
        for path in (spoken, streamed)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 4


def test_hep_over_tcp_joined_late_and_with_a_hole(tmp_path: Path) -> None:
    packets = tunnels.hep3() * 5
    size = len(tunnels.hep3())
    frames = over_tcp(packets, 50, size, 2 * size, 3 * size)
    del frames[0], frames[2]  # the first octets, and the third packet
    found, _ = messages_in(write(tmp_path / "late.pcap", frames))
    whole = [(one.source, one.data) for one in found if one.source == ENDS_4[0]]
    assert whole == [(ENDS_4[0], tunnels.MESSAGE)] * 3


def test_media_in_hep_over_tcp_is_a_stream(tmp_path: Path) -> None:
    packets = [tunnels.hep3(made.rtp(number)) for number in range(40)]
    (stream,) = audit([write(tmp_path / "media.pcap", over_tcp(b"".join(packets), 500))]).streams
    assert (stream.audit.packets, stream.audit.lost) == (40, 0)
    assert (stream.audit.bound.stream.source, stream.audit.bound.stream.destination) == ENDS_4


def test_what_carries_no_packet_is_no_gap(tmp_path: Path) -> None:
    beacon = tunnels.radiotap(b"\x80\0" + bytes(34))
    batch = read_batch(write(tmp_path / "wlan.pcap", [beacon, tunnels.radiotap(tunnels.wlan(protected=True))], 127))
    assert batch.columns.transport.tolist() == [Transport.CONTROL, Transport.UNREAD_LINK]
    echo = tunnels.over_udp(struct_gtp_echo(), 2152)
    hello = tunnels.l2tp(0xC802, bytes(10), b"")
    assert read_batch(write(tmp_path / "a.pcap", [echo, hello])).columns.transport.tolist() == [Transport.CONTROL] * 2


def struct_gtp_echo() -> bytes:
    return b"\x32\x01\0\4" + bytes(8)


def test_a_port_alone_makes_no_tunnel(tmp_path: Path) -> None:
    payloads = [b"\x01" * 60, b"\x08" + bytes(7) + b"\xff" * 40, made.rtp(1), b"GARBAGE " * 8]
    frames = [tunnels.over_udp(payload, port) for payload in payloads for port in (4789, 6081, 2152, 1701, 37008, 6635)]
    batch = read_batch(write(tmp_path / "ports.pcap", frames))
    assert set(batch.columns.transport.tolist()) == {Transport.UDP}
    assert set(batch.columns.dst_port.tolist()) == {4789, 6081, 2152, 1701, 37008, 6635}


def test_tunnels_in_tunnels_end(tmp_path: Path) -> None:
    packet = tunnels.PACKET
    for _ in range(40):
        packet = made.ipv4(packet, 4)
    batch = read_batch(write(tmp_path / "deep.pcap", [made.ethernet(packet)]))
    assert batch.columns.transport.tolist() == [Transport.OTHER]
    assert batch.columns.detail.tolist() == [4]


def mutated(pick: random.Random) -> list[tuple[int, bytes]]:
    frames = [(1, frame) for frame in tunnels.ETHERNET.values()] + list(tunnels.LINKS.values())
    changed = []
    for link, frame in frames:
        octets = bytearray(frame)
        for _ in range(pick.choice((0, 1, 2, 8))):
            octets[pick.randrange(min(len(octets), 90))] = pick.randrange(256)
        changed.append((link, bytes(octets[: pick.choice((len(octets), pick.randrange(len(octets))))])))
    return changed


def test_both_speeds_agree_on_mutated_tunnels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pick = random.Random(4)
    chosen = [item for _ in range(60) for item in mutated(pick)]
    links = sorted({link for link, _ in chosen})
    path = tmp_path / "tunnels.pcapng"
    blocks = [made.enhanced(frame, 1000 + n, links.index(link)) for n, (link, frame) in enumerate(chosen)]
    path.write_bytes(made.section() + b"".join(made.interface(link) for link in links) + b"".join(blocks))
    results = []
    for threshold, rows in ((1 << 60, 1 << 60), (-1, 0)):
        monkeypatch.setattr(source, "COMPILE_OCTETS", threshold)
        monkeypatch.setattr(reassembly, "COMPILED_ROWS", rows)
        with open_capture(path) as capture:
            results.append((list(capture.batches()), capture.defects))
    assert results[0][1] == results[1][1]
    kinds = set()
    for plain, fast in zip(results[0][0], results[1][0], strict=True):
        assert plain.side == fast.side
        kinds |= set(plain.columns.transport.tolist())
        for name, one, other in zip(Columns._fields, plain.columns, fast.columns, strict=True):
            assert np.array_equal(one, other), name
        limit = len(plain.buffer)
        assert ((plain.columns.payload_offset + plain.columns.payload_octets) <= limit).all()
        assert (plain.columns.payload_octets >= 0).all()
    assert kinds >= {0, 1, 2, 4, 5, 17}


def test_flag_of_hep(tmp_path: Path) -> None:
    batch = read_batch(write(tmp_path / "hep.pcap", [tunnels.over_udp(tunnels.hep3(), 9060)]))
    assert batch.columns.flags.tolist() == [Flag.HEP]
