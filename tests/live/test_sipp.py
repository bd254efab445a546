# SPDX-License-Identifier: GPL-2.0-only
"""sipp plays calls over the loopback interface, tcpdump records them, and each call reads as its scenario says."""

import collections
import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.api import audit
from tests.calls.flow_calls import said_of
from tests.live.sipp_scenarios import SCENARIOS, render

CALLS = 5
CALLEE_PORT, CALLER_PORT = 25060, 26060
SECONDS = 20


def play(number: int, end: str, steps: tuple[str, ...], folder: Path) -> "subprocess.Popen[bytes]":
    """Start one end; it leaves by itself after its calls."""
    path = folder / f"{end}{number}.xml"
    path.write_text(render(f"{end} {number}", steps), encoding="utf-8")
    mine, other = CALLEE_PORT + number, CALLER_PORT + number
    if end == "caller":
        mine, other = other, mine
    command = ["sipp", "-sf", str(path), "-i", "127.0.0.1", "-p", str(mine), "-m", str(CALLS), "-nostdin"]
    command += ["-timeout", str(SECONDS), "-mp", str(30000 + 20 * number + 10 * (end == "caller"))]
    command += ["-r", "20", f"127.0.0.1:{other}"] if end == "caller" else []
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def recorded(path: Path, skip_for_want_of: Callable[[str], None]) -> Iterator[None]:
    """tcpdump writes what crosses the loopback interface between the ports of the scenarios; it must not drop any.

    In immediate mode each packet takes a slot of a whole MTU (64 KiB there): 2 MiB, as usual, hold some thirty.
    """
    ports = f"{CALLEE_PORT}-{CALLER_PORT + len(SCENARIOS)}"
    command = ["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-s", "4096", "-B", "65536", "-w", str(path)]
    with subprocess.Popen([*command, "udp", "portrange", ports], stderr=subprocess.PIPE, text=True) as recorder:
        said = iter(recorder.stderr or ())
        if not any("listening" in line for line in said):
            skip_for_want_of("the right to capture")
        try:
            yield
            time.sleep(0.3)
        finally:
            recorder.terminate()
        assert "0 packets dropped by kernel" in [line.strip() for line in said]


@pytest.mark.tool("sipp", "tcpdump")
def test_live_calls_read_as_their_scenarios_say(tmp_path: Path, skip_for_want_of: Callable[[str], None]) -> None:
    path = tmp_path / "sipp.pcap"
    with recorded(path, skip_for_want_of):
        ends = [play(number, "callee", one.callee, tmp_path) for number, one in enumerate(SCENARIOS.values())]
        time.sleep(0.5)
        ends += [play(number, "caller", one.caller, tmp_path) for number, one in enumerate(SCENARIOS.values())]
        try:
            codes = [end.wait(SECONDS + 10) for end in ends]
        finally:
            for end in ends:
                end.kill()
                end.wait()
    assert codes == [0] * len(ends)
    names = list(SCENARIOS)
    found: dict[str, list[str]] = collections.defaultdict(list)
    for call in audit([path]).calls:
        port = int(call.call.messages[0].destination.rpartition(":")[2])
        found[names[port - CALLEE_PORT]].append(said_of(call))
    assert found == {name: [scenario.expected] * CALLS for name, scenario in SCENARIOS.items()}
