# SPDX-License-Identifier: GPL-2.0-only
"""The second opinion: tshark agrees where both can read, and a difference is told with its frames."""

import dataclasses
import gc
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from analyzer.api import audit
from analyzer.crosscheck import compare
from analyzer.crosscheck.compare import cross_check
from analyzer.crosscheck.observation import Observation, StreamFacts
from analyzer.crosscheck.wireshark import observe_capture
from analyzer.errors import UsageError
from analyzer.model.call_messages import CallMessages
from analyzer.model.report import Report
from reports.html_report import render_html
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal

AGREEING = [
    "peers/baresip/udp_sdes_cm80_mand.pcap",
    "peers/baresip/tcp_sdes_cm80_mand.pcap",
    "peers/linphone/zrtp.pcap",
    "peers/libsrtp/rekey_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
    "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap",
]
OPTIONS = (
    b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: 1@example.com\r\n\r\n"
)
SCHEMA = Path(__file__).resolve().parents[2] / "reports/schema/report-1.json"


def checked(path: Path, *changes: str) -> Report:
    """A report with a second opinion, in which somebody reads these things wrongly."""
    report = audit([path])

    def observe(file: Path, ports: Sequence[int]) -> Observation:
        seen = observe_capture(file, ports)
        for change in changes:
            if change == "frames":
                seen.frames = 1
            elif change == "streams":
                seen.streams = {name: StreamFacts(each.packets - 1, each.lost) for name, each in seen.streams.items()}
            else:
                texts = getattr(seen, change)
                texts[min(texts)] = ("<b>BREW\x1b[31m</b>",)
        return seen

    return dataclasses.replace(report, cross_check=cross_check([path], report, observe))


@pytest.mark.captures
@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", AGREEING)
def test_tshark_agrees(name: str, captures: Path) -> None:
    report = checked(captures / name)
    check = report.cross_check
    assert check is not None
    assert (check.differences, check.notes) == ((), ())
    numbers = {each.topic: each.number for each in check.agreements}
    assert numbers["frames"] == report.captures[0].packets
    assert numbers["SIP methods and statuses"] == report.captures[0].signalling_messages
    streams = {id(each.bound.stream) for call in report.calls for line in call.media for each in line.streams}
    assert numbers["RTP streams"] == len(streams) + len(report.streams)


@pytest.mark.captures
@pytest.mark.tool("tshark")
def test_each_disagreement_is_told_with_its_frames_and_escaped(captures: Path) -> None:
    report = checked(captures / AGREEING[0], "frames", "sip", "media", "crypto", "streams")
    check = report.cross_check
    assert check is not None
    told = {each.topic: each for each in check.differences}
    assert set(told) == set(compare.TOPICS) - {"MIKEY headers"}
    assert all(each.frames for topic, each in told.items() if topic != "frames")
    assert told["SIP methods and statuses"].ours == "INVITE"
    document = render_json(report)
    jsonschema.validate(json.loads(document), json.loads(SCHEMA.read_text()))
    page = render_html(report)
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 100))
    printed = stream.getvalue()
    assert "Second opinion" in page
    assert "Second opinion" in printed
    assert "<b>BREW" not in page
    for text in (document, page, printed):
        assert "BREW" in text
        assert "\x1b" not in text


@pytest.mark.captures
@pytest.mark.tool("tshark")
def test_known_gaps_are_no_differences(captures: Path) -> None:
    report = audit([captures / AGREEING[0]])
    (call,) = report.briefs
    hidden = tuple(message._replace(transport="TLS") for message in call.call.messages)
    closed = call._replace(call=dataclasses.replace(call.call, messages=CallMessages(hidden)))
    check = cross_check(
        [captures / AGREEING[0]], dataclasses.replace(report, briefs=(closed,)), lambda *_: Observation(716)
    )
    assert check.differences == ()
    assert {gap.gap: gap.number for gap in check.gaps} == {"inside-tls": 6, "stream-not-announced": 2}


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_a_message_that_an_icmp_error_quotes_is_none(family: str, tmp_path: Path) -> None:
    there, back = ("192.0.2.1", "192.0.2.2") if family == "IPv4" else ("2001:db8::1", "2001:db8::2")
    network: Any = IP if family == "IPv4" else IPv6
    error: Any = ICMP(type=3, code=3) if family == "IPv4" else ICMPv6DestUnreach(code=4)
    sent = network(src=there, dst=back) / UDP(sport=5060, dport=5060) / Raw(OPTIONS)
    path = tmp_path / "refused.pcap"
    wrpcap(
        str(path),
        [
            Ether(dst="02:00:00:00:00:02") / sent,
            Ether(dst="02:00:00:00:00:01") / network(src=back, dst=there) / error / network(bytes(sent)),
        ],
    )
    check = cross_check([path], audit([path]))
    assert check.differences == ()
    assert {each.topic: each.number for each in check.agreements}["SIP methods and statuses"] == 1


@pytest.mark.tool("tshark")
def test_a_damaged_capture_is_compared_where_tshark_reads_as_far(tmp_path: Path) -> None:
    sent = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=5060, dport=5060) / Raw(OPTIONS)
    cut, damaged = tmp_path / "cut.pcap", tmp_path / "damaged.pcap"
    wrpcap(str(cut), [Ether(dst="02:00:00:00:00:02") / sent] * 3)
    whole = cut.read_bytes()
    first_record = slice(24, 24 + (len(whole) - 24) // 3)
    cut.write_bytes(whole[:-9])
    damaged.write_bytes(whole + b"\xff" * 40 + whole[first_record] * 20)
    found = {path: cross_check([path], audit([path])) for path in (cut, damaged)}
    numbers = {each.topic: each.number for each in found[cut].agreements}
    assert (numbers["SIP methods and statuses"], found[cut].notes) == (2, ())
    assert [check.differences for check in found.values()] == [(), ()]
    gc.collect()  # what pyshark still has to say when it is collected is an error of this test
    (note,) = found[damaged].notes
    assert note.startswith(f"{damaged}: tshark did not read it to its end, not compared: ")


@pytest.mark.tool("tshark")
def test_what_can_not_be_read_twice_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(b"no capture")
    report = audit([path])
    check = cross_check([path], report)
    assert check.notes == (f"{path}: not readable, not compared",)


def test_without_tshark_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="needs tshark"):
        cross_check([], audit([]))


@pytest.mark.parametrize(
    ("theirs", "agrees"),
    [
        (StreamFacts(9, 1, jitter_ms=0.501), True),  # as far as three decimals tell
        (StreamFacts(9, 1, jitter_ms=None), True),
        (StreamFacts(9, 1, jitter_ms=0.503), False),
        (StreamFacts(9, 0, jitter_ms=0.5), False),
        (StreamFacts(8, 1, jitter_ms=0.5), False),
    ],
)
def test_streams_agree_in_packets_losses_and_jitter(theirs: StreamFacts, agrees: bool) -> None:
    assert StreamFacts(9, 1, 7, 0.5).agrees(theirs) is agrees
