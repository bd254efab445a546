# SPDX-License-Identifier: GPL-2.0-only
"""Packets, SIP, SDP, MIKEY and RTP streams with losses and jitter are tshark's on every real capture."""

import random
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.crosscheck.compare import cross_check

SAMPLE = 4
LARGEST_OCTETS = 6_000_000  # pyshark takes milliseconds a packet
# Wireshark numbers custom blocks of pcapng as frames although they are no packets.
CUSTOM_BLOCKS = ("test018.pcapng", "test102.pcapng")
# Wireshark does not look into the TURN channels that carry these streams.
IN_TURN = ("WebRTC_OPUS_Turn_SDES_Call_1.pcap", "WebRTC_PCMA_Turn_SDES_Call_1.pcap")
# Of the streams that follow DTLS (aiortc) Wireshark does not tell a jitter, whatever their payload type.
# Telephone events or comfort noise stand between the speech; the generator of the libsrtp folder sends both as well.
WITH_EVENTS = ("SIP-Call-Flow-Over-TCP.pcap",)


def every_capture(captures: Path) -> list[Path]:
    found = [path for path in captures.rglob("*") if path.name.endswith((".pcap", ".pcapng", ".cap", ".pcap.gz"))]
    return sorted(path for path in found if path.stat().st_size <= LARGEST_OCTETS and "_history" not in path.parts)


def agree(path: Path) -> None:
    report = audit([path])
    check = cross_check([path], report)
    differing = [each for each in check.differences if not (each.topic == "frames" and path.name in CUSTOM_BLOCKS)]
    assert differing == [], path
    gaps = {gap.gap for gap in check.gaps}
    assert {gap for gap in gaps if gap.startswith("jitter-")} == jitter_gaps(path), path
    gaps -= jitter_gaps(path)
    assert gaps <= {"inside-tls", "mikey-at-media-level", "stream-too-short"} or path.name in IN_TURN, path


def jitter_gaps(path: Path) -> set[str]:
    """Why streams of a capture have no jitter to compare: all others have tshark's."""
    if path.parent.name == "libsrtp" or path.name in WITH_EVENTS:
        return {"jitter-of-several-types"}
    return {"jitter-not-by-wireshark"} if path.parent.name == "aiortc" else set()


@pytest.mark.captures
@pytest.mark.tool("tshark")
def test_some_captures_agree_with_tshark(captures: Path) -> None:
    paths = every_capture(captures)
    for path in random.Random(4).sample(paths, SAMPLE):
        agree(path)


@pytest.mark.captures
@pytest.mark.proof
@pytest.mark.tool("tshark")
def test_every_capture_agrees_with_tshark(captures: Path) -> None:
    paths = every_capture(captures)
    assert len(paths) > 100
    for path in paths:
        agree(path)
