# SPDX-License-Identifier: GPL-2.0-only
"""The fields of real SIP messages, compared with what Wireshark reads from the same captures."""

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from dissectors.grammar.sip import build_sip, looks_like_sip, parse_sip
from dissectors.grammar.sip_stream import SipStreamFramer

UDP_CAPTURES = {
    "peers/sipp/udp_sdes_100.pcap": 600,
    "peers/sipp/udp_frag_200.pcap": 1200,
    "peers/baresip/udp_sdes_cm80_mand.pcap": 1,
    "peers/baresip/udp_sdes_mand_rejected.pcap": 1,
    "peers/baresip/udp_plain_pcmu.pcap": 1,
    "public/goffinet__sip_captures/SIP-Call-with-Proxy-Server.pcap": 1,
    "public/goffinet__sip_captures/uac-uas-scenario-sipp.pcapng": 1,
    "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap": 2,
}
TCP_CAPTURES = {
    "peers/sipp/tcp_stall_t1_1500.pcap": 8_000,
    "peers/baresip/tcp_sdes_cm80_mand.pcap": 5,
    "public/goffinet__sip_captures/SIP-Call-Flow-Over-TCP.pcap": 5,
}
SEPARATOR = "\x1f"

pytestmark = [pytest.mark.captures, pytest.mark.tool("tshark")]


def read_rows(capture: Path, display_filter: str, fields: list[str]) -> list[list[str]]:
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-Y",
        display_filter,
        "-T",
        "fields",
        "-E",
        f"aggregator={SEPARATOR}",
    ]
    for name in fields:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.split("\n") if line]


@pytest.mark.parametrize("name", UDP_CAPTURES)
def test_datagrams_read_as_tshark_reads_them(captures: Path, name: str) -> None:
    fields = ["sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq", "sip.from.tag", "sip.to.tag", "udp.payload"]
    rows = read_rows(captures / name, "sip && udp && !icmp", fields)
    assert len(rows) >= UDP_CAPTURES[name]
    for *expected, payload in rows:
        data = bytes.fromhex(payload)
        assert looks_like_sip(data)
        message = parse_sip(data)
        found = [
            message.method or "",
            str(message.status or ""),
            message.call_id or "",
            f"{message.cseq_number} {message.cseq_method}",
            message.from_tag or "",
            message.to_tag or "",
        ]
        assert found == expected
        assert build_sip(message) == data


def reassemble(segments: list[tuple[int, bytes, int]]) -> list[tuple[bytes, int]]:
    """New octets in order of sequence numbers, each with its frame; enough for captures without holes."""
    pieces = []
    position = 1
    for sequence, data, frame in sorted(segments):
        if sequence + len(data) > position:
            assert sequence <= position, f"a hole before frame {frame}"
            pieces.append((data[position - sequence :], frame))
            position = sequence + len(data)
    return pieces


@pytest.mark.parametrize("name", TCP_CAPTURES)
def test_streams_are_cut_as_tshark_cuts_them(captures: Path, name: str) -> None:
    streams: dict[tuple[str, str], list[tuple[int, bytes, int]]] = defaultdict(list)
    for frame, stream, port, sequence, payload in read_rows(
        captures / name, "tcp.len > 0", ["frame.number", "tcp.stream", "tcp.srcport", "tcp.seq", "tcp.payload"]
    ):
        streams[stream, port].append((int(sequence), bytes.fromhex(payload), int(frame)))
    found: list[tuple[str, str]] = []
    for segments in streams.values():
        framer = SipStreamFramer()
        framed = [message for data, frame in reassemble(segments) for message in framer.feed(data, frame)]
        assert (framer.pending, framer.defects) == (0, [])
        messages = [parse_sip(message.data) for message in framed]
        found += [(message.call_id or "", f"{message.cseq_number} {message.cseq_method}") for message in messages]
    expected: list[tuple[str, str]] = []
    for call_ids, numbers in read_rows(captures / name, "sip && tcp", ["sip.Call-ID", "sip.CSeq"]):
        expected += zip(call_ids.split(SEPARATOR), numbers.split(SEPARATOR), strict=True)
    assert len(found) >= TCP_CAPTURES[name]
    assert sorted(found) == sorted(expected)
