# SPDX-License-Identifier: GPL-2.0-only
"""The second opinion: tshark agrees where both can read, and a difference is told with its frames."""

import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from analyzer.api import audit
from analyzer.crosscheck import compare
from analyzer.crosscheck.compare import cross_check
from analyzer.crosscheck.observation import Observation, StreamFacts
from analyzer.crosscheck.wireshark import observe_capture
from analyzer.errors import UsageError
from analyzer.model.report import Report
from reports.html_report import render_html
from reports.json_report import render_json
from reports.terminal import render_terminal

AGREEING = [
    "peers/baresip/udp_sdes_cm80_mand.pcap",
    "peers/baresip/tcp_sdes_cm80_mand.pcap",
    "peers/linphone/zrtp.pcap",
    "peers/libsrtp/rekey_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
    "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap",
]
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
    console = Console(file=io.StringIO(), width=100)
    render_terminal(report, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
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
    closed = call._replace(call=dataclasses.replace(call.call, messages=hidden))
    check = cross_check(
        [captures / AGREEING[0]], dataclasses.replace(report, briefs=(closed,)), lambda *_: Observation(716)
    )
    assert check.differences == ()
    assert {gap.gap: gap.number for gap in check.gaps} == {"inside-tls": 6, "stream-not-announced": 2}


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
