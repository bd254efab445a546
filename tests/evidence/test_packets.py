# SPDX-License-Identifier: GPL-2.0-only
"""Signalling messages out of packets: as many, in the same frames, as tshark finds."""

import collections
import subprocess
from pathlib import Path

import capture_frames as made
import pytest

from analyzer.capture.source import open_capture
from analyzer.evidence.packets import SignallingDatagram, SignallingReader

MESSAGE = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def read(path: Path, packets: int = 1 << 18) -> tuple[list[SignallingDatagram], SignallingReader]:
    reader = SignallingReader(3)
    with open_capture(path) as capture:
        messages = [message for batch in capture.batches(packets) for message in reader.feed(batch)]
    return messages + reader.finish(), reader


def write(packets: list[bytes], tmp_path: Path) -> Path:
    path = tmp_path / "signalling.pcap"
    path.write_bytes(made.pcap([made.ethernet(packet) for packet in packets]))
    return path


def test_udp(tmp_path: Path) -> None:
    packets = [made.ipv4(made.udp(MESSAGE)), made.ipv4(made.udp(b"hello")), made.ipv6(made.udp(MESSAGE))]
    messages, _ = read(write(packets, tmp_path))
    assert [(m.capture, m.frame, m.transport, m.data) for m in messages] == [
        (3, 1, "UDP", MESSAGE),
        (3, 3, "UDP", MESSAGE),
    ]
    assert (messages[1].source, messages[1].destination) == ("[fe80::1]:5060", "[fe80::2]:5060")


@pytest.mark.parametrize("syn", [True, False])
@pytest.mark.parametrize("size", [1, 7, 40, 150])
def test_tcp_in_pieces_of_any_size(size: int, syn: bool, tmp_path: Path) -> None:
    stream = MESSAGE * 5
    packets = [made.ipv4(made.tcp(b"", 99, bits=2), 6)] if syn else []
    packets += [made.ipv4(made.tcp(stream[at : at + size], 100 + at), 6) for at in range(0, len(stream), size)]
    for packets_a_batch in (1 << 18, 3):
        messages, reader = read(write(packets, tmp_path), packets_a_batch)
        assert [message.data for message in messages] == [MESSAGE] * 5
        ends = [(index + 1) * len(MESSAGE) for index in range(5)]
        assert [message.frame for message in messages] == [-(-end // size) + syn for end in ends]
        assert messages[0].transport == "TCP"
        assert reader.defects == ()


def test_a_hole_in_a_tcp_stream_is_told(tmp_path: Path) -> None:
    packets = [made.ipv4(made.tcp(MESSAGE[:20], 100), 6), made.ipv4(made.tcp(MESSAGE, 100 + len(MESSAGE)), 6)]
    messages, reader = read(write(packets, tmp_path))
    assert [message.data for message in messages if message.data.endswith(b"\r\n\r\n")] == [MESSAGE]
    assert "stream-hole" in {defect.code for defect in reader.defects}


def test_other_streams_are_left_alone(tmp_path: Path) -> None:
    packets = [made.ipv4(made.tcp(b"", 99, bits=2), 6), made.ipv4(made.tcp(b"GET / HTTP/1.1\r\n\r\n", 100), 6)]
    messages, reader = read(write(packets, tmp_path))
    assert (messages, reader.defects, reader.tls) == ([], (), ())


@pytest.mark.captures
def test_tls_is_present_and_unread(captures: Path) -> None:
    for name in ("tls13_sdes_cm80_mand", "tls12_rsa_sdes_cm80_mand"):
        messages, reader = read(captures / "peers" / "baresip" / f"{name}.pcap")
        assert messages == []
        (flow,) = reader.tls
        assert (flow.server, flow.first_frame) == ("10.77.0.2:5061", 4)
        assert flow.client.startswith("10.77.0.1:")
        assert flow.packets > 5


PUBLIC = ("goffinet", "irontec", "nextcaller", "wireshark-wiki", "seladb", "zeek", "OISF", "heplify", "arkime")


@pytest.mark.captures
@pytest.mark.tool("tshark")
def test_messages_stand_in_the_frames_tshark_names(captures: Path) -> None:
    files = [path for path in captures.rglob("*.pcap*") if path.suffix in (".pcap", ".pcapng")]
    files = [path for path in files if any(part in str(path) for part in (*PUBLIC, "baresip", "sipp", "linphone/"))]
    compared = 0
    for path in sorted(files):
        if ".clear." in path.name:
            continue
        told = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", "-E", "aggregator=|",
             "-e", "frame.number", "-e", "sip.Request-Line", "-e", "sip.Status-Line"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        theirs: collections.Counter[int] = collections.Counter()
        for line in told.stdout.splitlines():
            frame, requests, responses = line.split("\t")
            theirs[int(frame)] += len([word for word in f"{requests}|{responses}".split("|") if word])
        messages, _ = read(path)
        assert collections.Counter(message.frame for message in messages) == theirs, path
        compared += len(messages)
    assert compared > 15_000
