# SPDX-License-Identifier: GPL-2.0-only
"""Digits: reports of one event are one digit, and `--redact` leaves none behind (RFC 4733)."""

import json
import subprocess
from pathlib import Path

import pytest

from analyzer.audio.dtmf import DtmfReader
from analyzer.audio.track import AudioPacket
from dissectors.grammar.errors import Truncated
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from dissectors.grammar.telephone_event import parse_telephone_event
from tests.cli.command_line import A_RTP, B_RTP, call, pcapng, run, sdp

DIGITS = "159#"


def report(event: int, duration: int, end: bool = False) -> bytes:
    return bytes((event, 0x80 * end | 10)) + duration.to_bytes(2, "big")


def pressed(digits: str = DIGITS) -> list[tuple[int, bytes]]:
    """RTP timestamps and payloads as a phone sends them: updates, then the end three times."""
    found = []
    for place, digit in enumerate(digits):
        event, stamp = "0123456789*#ABCD".index(digit), 8000 * place
        found += [(stamp, report(event, 160 * n)) for n in (1, 2, 3, 4)] + [(stamp, report(event, 800, True))] * 3
    return found


def test_reports_of_an_event_are_one_digit() -> None:
    reader = DtmfReader(8000)
    for number, (stamp, payload) in enumerate(pressed("1122*D")):
        reader.add(AudioPacket(number, number, stamp, 101, payload))
    reader.add(AudioPacket(99, 99, 1, 101, b"\1\2"))
    assert [(event.name, event.milliseconds) for event in reader.events] == [(d, 100) for d in "1122*D"]
    assert reader.broken == 1
    assert parse_telephone_event(report(16, 1)).name == "flash"
    assert parse_telephone_event(report(70, 1)).name == "event 70"
    with pytest.raises(Truncated):
        parse_telephone_event(b"\1\2\3")


def capture() -> bytes:
    """A clear call in which somebody speaks, then presses digits."""
    offer, answer = (sdp(a, p, "rtpmap:0 PCMU/8000", "rtpmap:101 telephone-event/8000", proto="RTP/AVP").replace(
        b"RTP/AVP 0", b"RTP/AVP 0 101") for a, p in (("192.0.2.1", 4000), ("192.0.2.2", 6000)))  # fmt: skip
    sent = [(160 * n, 0, b"\xd5\x55" * 80) for n in range(100)]
    sent += [(16_000 + stamp, 101, payload) for stamp, payload in pressed()]
    media = [
        (
            A_RTP,
            B_RTP,
            build_rtp_header(RtpHeader(payload_type=kind, sequence_number=n, timestamp=stamp, ssrc=7)) + body,
        )
        for n, (stamp, kind, body) in enumerate(sent)
    ]
    return pcapng(call(offer, answer, media))


def test_digits_are_text_unless_redacted(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_bytes(capture())
    done = run("decrypt", tmp_path / "x.pcapng", "-o", tmp_path / "open")
    (stream,) = json.loads((tmp_path / "open" / "decrypt.json").read_text())["calls"][0]["streams"]
    assert stream["dtmf"]["digits"] == DIGITS
    assert [event["milliseconds"] for event in stream["dtmf"]["events"]] == [100] * 4
    assert f"digits: {DIGITS}".encode() in done.stdout
    assert stream["audio"]["not_heard"] == {"telephone-event is no speech": 28}
    done = run("decrypt", tmp_path / "x.pcapng", "-o", tmp_path / "shut", "--redact")
    (one,) = json.loads((tmp_path / "shut" / "decrypt.json").read_text())["calls"]
    assert (one["streams"][0]["dtmf"], one["redacted"]) == ({"count": 4}, 28)
    assert DIGITS.encode() not in done.stdout + done.stderr


@pytest.mark.tool("tshark")
def test_wireshark_reads_the_same_digits_and_none_when_redacted(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_bytes(capture())
    found = {}
    for name, more in (("open", ()), ("shut", ("--redact",))):
        run("decrypt", tmp_path / "x.pcapng", "-o", tmp_path / name, *more)
        (copy,) = (tmp_path / name).glob("*.pcapng")
        command = ["tshark", "-n", "-r", str(copy), "-Y", "rtpevent.end_of_event==1", "-T", "fields"]
        fields = [*command, "-e", "rtp.timestamp", "-e", "rtpevent.event_id"]
        rows = subprocess.run(fields, capture_output=True, text=True, check=True).stdout.splitlines()
        found[name] = [row.split("\t")[1] for row in dict.fromkeys(rows)]
    assert found == {"open": ["1", "5", "9", "11"], "shut": []}
