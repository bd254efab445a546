# SPDX-License-Identifier: GPL-2.0-only
"""Calls, states, messages and streams of every real capture beside tshark's; where they differ it is said why."""

import collections
import fnmatch
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analyzer.model.call import CallState
from tests.calls.tshark_calls import count
from tests.captures.end_to_end import every_capture, report_of, streams_of

pytestmark = [pytest.mark.captures, pytest.mark.tool("tshark")]

STATES = {
    CallState.TRYING: "setup",
    CallState.ANSWERED: "in call",
    CallState.ENDED: "completed",
    CallState.REJECTED: "rejected",
    CallState.CANCELLED: "cancelled",
}
# Captures in which we and tshark differ, in what, and why.
DIFFERENCES = {
    "peers/libsrtp/*": ("stream", "tshark takes a few protected packets for something else than RTP"),
    "public/veondigital__srtp_decoder/_history/2f0ba278fd-TCP_call_1.pcap": (
        "stream",
        "media that a TURN server relays over TCP, and single packets that tshark takes for RTP",
    ),
    "public/wireshark-wiki/SampleCaptures/aaa.pcap": (
        "state",
        "a call that the caller gave up and the server timed out with 408: refused, and for Wireshark cancelled",
    ),
}
NAMES = [name for name in every_capture() if ".clear." not in name]
SAMPLE = [*random.Random(6).sample(NAMES, min(len(NAMES), 8)), *(name for name in DIFFERENCES if "*" not in name)]


def differences(name: str, folder: Path) -> list[str]:
    theirs, report = count(folder / name), report_of(name)
    calls = [call.call for call in report.calls if call.call.protocol == "sip"]
    messages = collections.Counter(one.sip.call_id or "" for call in calls for one in call.messages)
    messages += collections.Counter(one.message.sip.call_id or "" for one in report.messages)
    states = {call.call_id: STATES[call.state] for call in calls if call.state in STATES}
    streams: collections.Counter[tuple[str, str, int]] = collections.Counter()
    for stream in streams_of(report):
        bound = stream.bound
        streams[bound.stream.source, bound.stream.destination, bound.stream.ssrc] += bound.stop - bound.start
    pairs = (
        ("message", messages, theirs.messages),
        ("state", states, theirs.states),
        ("stream", streams, theirs.streams),
    )
    return [line for kind, ours, others in pairs for line in _differing(kind, ours, others)]


def _differing(kind: str, ours: Mapping[Any, object], theirs: Mapping[Any, object]) -> list[str]:
    keys = sorted(ours.keys() | theirs.keys())
    return [f"{kind} {key} {ours.get(key)} {theirs.get(key)}" for key in keys if ours.get(key) != theirs.get(key)]


def check(name: str, captures: Path) -> None:
    kinds = {line.split(" ", 1)[0] for line in differences(name, captures)}
    allowed = {kind for pattern, (kind, _) in DIFFERENCES.items() if fnmatch.fnmatch(name, pattern)}
    assert kinds <= allowed, differences(name, captures)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_capture_counts_as_in_tshark(captures: Path, name: str) -> None:
    check(name, captures)


@pytest.mark.proof
@pytest.mark.parametrize("name", NAMES)
def test_every_capture_counts_as_in_tshark(captures: Path, name: str) -> None:
    check(name, captures)
