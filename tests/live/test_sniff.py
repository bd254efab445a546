# SPDX-License-Identifier: GPL-2.0-only
"""Live capture on a veth pair: the report of live traffic equals that of the same packets in a file."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scapy.config import conf
from scapy.utils import PcapNgReader

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "pcaps" / "baresip_sdes_call.pcapng"
SENDER, LISTENER = "srtpaudit0", "srtpaudit1"
SPEED = 4
COMMAND = [sys.executable, "-m", "analyzer", "sniff", "-i", LISTENER, "-f", "udp"]


@pytest.fixture(scope="module")
def veth(skip_for_want_of: Callable[[str], None]) -> Iterator[None]:
    if shutil.which("ip") is None:
        skip_for_want_of("the program ip")
    made = subprocess.run(
        ["ip", "link", "add", SENDER, "type", "veth", "peer", "name", LISTENER], check=False, capture_output=True
    )
    if made.returncode:
        skip_for_want_of("the right to make network interfaces")
    try:
        for name in (SENDER, LISTENER):
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", SENDER], check=True)


def replay() -> None:
    """Send the sample's frames with its own pauses, SPEED times faster."""
    import scapy.all  # noqa: F401 - chooses the sockets of this platform

    socket = conf.L2socket(iface=SENDER)
    with PcapNgReader(str(SAMPLE)) as packets:
        start, first = time.monotonic(), None
        for packet in packets:
            first = packet.time if first is None else first
            time.sleep(max(0.0, float(packet.time - first) / SPEED - (time.monotonic() - start)))
            socket.send(bytes(packet))
    socket.close()


def listen(tmp_path: Path, path: str, *options: str) -> "subprocess.Popen[str]":
    """A `sniff` that listens by now; what it says of errors stands in `said`."""
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*COMMAND, "-w", str(tmp_path / "kept.pcapng"), "--json", str(tmp_path / "live.json"), *options],
            cwd=ROOT,
            env=os.environ | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    while "listening on" not in (tmp_path / "said").read_text() and process.poll() is None:
        time.sleep(0.05)
    return process


def assert_live_equals_offline(tmp_path: Path) -> None:
    offline = subprocess.run(
        [sys.executable, "-m", "analyzer", "analyze", str(tmp_path / "kept.pcapng"), "--json", "-"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    reports = [json.loads((tmp_path / "live.json").read_text()), json.loads(offline.stdout)]
    for report in reports:
        del report["captures"][0]["path"]
    assert reports[0] == reports[1]
    (call,) = reports[0]["calls"]
    assert [media["verdict"] for media in call["media"]] == ["conform"]
    streams = call["media"][0]["streams"]
    assert len(streams) == 2
    assert all(stream["authenticated"] == stream["packets"] > 150 for stream in streams)


@pytest.mark.tool("dumpcap")
@pytest.mark.usefixtures("veth")
def test_dumpcap_until_the_duration_is_over(tmp_path: Path) -> None:
    process = listen(tmp_path, os.environ["PATH"], "--duration", "8")
    replay()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 5, (tmp_path / "said").read_text()
    assert "conform" in printed
    assert "alice@192.0.2.1" in printed
    assert_live_equals_offline(tmp_path)


@pytest.mark.usefixtures("veth")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_scapy_until_a_signal_comes(tmp_path: Path, ending: signal.Signals) -> None:
    process = listen(tmp_path, str(tmp_path))  # no dumpcap on this path
    replay()
    time.sleep(1)
    process.send_signal(ending)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 5, (tmp_path / "said").read_text()
    assert "conform" in printed
    assert_live_equals_offline(tmp_path)


def test_an_unknown_interface_is_a_clear_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", "sniff", "-i", "nosuchinterface", "--duration", "1"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "nosuchinterface: can't capture" in done.stderr
    assert "Traceback" not in done.stderr
