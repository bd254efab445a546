# SPDX-License-Identifier: GPL-2.0-only
"""Large captures against everybody who reads captures; and whether memory and the cost of a packet stay flat.

    python -m tests.bench.large [packets]

Takes minutes, as tshark does: each command runs once after one run that fills caches.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.bench.captures import MESSAGES_PER_CALL, write_call_capture, write_media_capture
from tests.bench.mixed_captures import write_mixed_capture

PACKETS = 10_000_000
STREAMS = 100
OURS = str(Path(sys.executable).with_name("srtp-audit"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
MEMORY_LIMIT_MB = 400
GROWTH_LIMIT = 1.1
FLAT_LIMIT = 1.25
READERS = {
    "dpkt": "import sys,dpkt\nfor _ in dpkt.pcap.Reader(open(sys.argv[1],'rb')): pass",
    "scapy": "import sys\nfrom scapy.utils import PcapReader\nfor _ in PcapReader(sys.argv[1]): pass",
    "pyshark": "import sys,pyshark\nfor _ in pyshark.FileCapture(sys.argv[1],keep_packets=False): pass",
}


class Run(NamedTuple):
    """One whole process: wall-clock and processor seconds, and the most memory it held."""

    seconds: float
    processor: float
    megabytes: float


def run(command: list[str]) -> Run:
    """Run a command; what it prints is thrown away."""
    before = os.times()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    after = os.times()
    return Run(after.elapsed - before.elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def peers_of_media(path: str, *, whole: bool = True) -> list[tuple[str, list[str], float | None]]:
    """Peers, their commands, and the limit of our time over theirs; the start counts little in a `whole` capture."""
    heuristic = ["tshark", "-n", "-q", "-o", "rtp.heuristic_rtp:TRUE", "-z", "rtp,streams", "-r", path]
    return [
        ("tshark -z rtp,streams", heuristic, 1 / 20 if whole else 1 / 3),
        ("tcpdump -w /dev/null", ["tcpdump", "-r", path, "-w", os.devnull], 4.0 if whole else None),
        ("capinfos", ["capinfos", path], None),
    ]


def contest(name: str, path: Path, peers: list[tuple[str, list[str], float | None]]) -> tuple[Run, list[str]]:
    """Rows of the table; what missed its limit."""
    command = [OURS, "analyze", str(path)]
    run(command)
    ours, missed = run(command), []
    for peer, theirs, limit in peers:
        if shutil.which(theirs[0]) is None or (peer in READERS and importlib.util.find_spec(peer) is None):
            print(f"| {name} | | {peer} | SKIPPED: it is missing | | |", flush=True)
            continue
        told = run(theirs)
        ratio, shown = ours.processor / told.processor, "" if limit is None else f"≤ {limit:.2f}"
        print(
            f"| {name} | {ours.processor:.2f} s ({ours.seconds:.2f} s) | {peer} "
            f"| {told.processor:.2f} s ({told.seconds:.2f} s) | {ratio:.3f} | {shown} |",
            flush=True,
        )
        if limit is not None and ratio > limit:
            missed.append(f"{name}: {ratio:.3f} times {peer}, not {limit:.3f}")
    return ours, missed


def bench_large(folder: Path, packets: int) -> list[str]:
    """Media, readers in Python, signalling, a small capture, and many calls at a time."""
    missed: list[str] = []
    for number in (packets // 10, packets):
        path = folder / "media.pcap"
        write_media_capture(path, number, STREAMS)
        missed += contest(f"{number:,} SRTP packets", path, peers_of_media(str(path), whole=number == packets))[1]
    some = packets // 1000  # pyshark takes milliseconds a packet
    write_media_capture(folder / "some.pcap", some, STREAMS)
    readers = [(name, [sys.executable, "-c", code, str(folder / "some.pcap")], None) for name, code in READERS.items()]
    missed += contest(f"{some:,} SRTP packets", folder / "some.pcap", readers)[1]
    for calls in (packets // 1000, packets // 100):
        path = folder / "calls.pcap"
        write_call_capture(path, calls, sdes=False)
        sngrep = ("sngrep -N", ["sngrep", "-N", "-q", "-I", str(path), "-O", os.devnull], None)
        missed += contest(f"{calls * MESSAGES_PER_CALL:,} SIP messages", path, [sngrep])[1]
    write_call_capture(folder / "few.pcap", 7, sdes=True)
    fields = ["tshark", "-n", "-T", "fields", "-e", "frame.number", "-e", "sip.Method", "-r", str(folder / "few.pcap")]
    missed += contest("49 SIP messages", folder / "few.pcap", [("tshark -T fields", fields, 1.0)])[1]
    return missed + bench_many_calls(folder, packets)


def bench_many_calls(folder: Path, packets: int) -> list[str]:
    """The cost of a packet with 300 and 3,000 calls at a time, and memory when a capture is three times longer."""
    path, missed = folder / "mixed.pcap", []
    costs = []
    for calls in (300, 3_000):
        write_mixed_capture(path, packets // 2, calls)
        heuristic = peers_of_media(str(path))[:1]
        ours, _ = contest(f"{packets // 2:,} packets, {calls:,} calls", path, [(*heuristic[0][:2], None)])
        costs.append(ours.processor)
    print(f"\nA packet of 3,000 calls costs {costs[1] / costs[0]:.2f} times one of 300.")
    if costs[1] > FLAT_LIMIT * costs[0]:
        missed.append(f"a packet of 3,000 calls costs {costs[1] / costs[0]:.2f} times one of 300, not {FLAT_LIMIT}")
    memory = []
    for length in (1, 3):
        write_mixed_capture(path, length * packets, 1_000)
        memory.append(run([OURS, "analyze", str(path)]).megabytes)
    print(f"1,000 calls at a time: {memory[0]:.0f} MB at most, {memory[1]:.0f} MB in a capture three times longer.")
    if max(memory) > MEMORY_LIMIT_MB or memory[1] > GROWTH_LIMIT * memory[0]:
        missed.append(f"memory: {memory[0]:.0f} and {memory[1]:.0f} MB")
    return missed


def main() -> int:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else PACKETS
    print("Processor seconds (wall-clock seconds) of whole processes; ratios of processor seconds\n")
    print("| What | srtp-audit | peer | time of peer | ratio | limit |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        missed = bench_large(Path(name), packets)
    print("\n".join(missed) or "Every limit is kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
