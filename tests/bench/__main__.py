# SPDX-License-Identifier: GPL-2.0-only
"""`make bench`: whole processes against their peers, one after the other in turn, on captures made for the purpose.

    python -m tests.bench [runs]

Prints a table of medians and ratios; a peer that is not installed is named as skipped. Exits with 1 when a limit is
missed or tshark counts other packets, streams or messages than we do.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.captures import MESSAGES_PER_CALL, write_call_capture, write_media_capture
from tests.bench.mikey import bench_mikey
from tests.bench.opening import PROFILES, compare_opening, write_protected

RUNS = 5
PACKETS, STREAMS, CALLS = 1_000_000, 100, 10_000
OPENING_LIMIT = 1 / 4
OURS = str(Path(sys.executable).with_name("srtp-audit"))
# What a user's shell has: bytecode is kept, output is buffered.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
SIP_FIELDS = (
    "frame.number", "frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport", "sip.Request-Line",
    "sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq", "sip.from.addr", "sip.from.tag", "sip.to.addr",
    "sip.to.tag", "sip.Via.branch", "sdp.owner", "sdp.connection_info", "sdp.media", "sdp.media_attr",
)  # fmt: skip


class Contest(NamedTuple):
    """Our command and a peer's; `limit` bounds our time divided by the peer's."""

    name: str
    ours: list[str]
    peer_name: str
    peer: list[str]
    limit: float


class Timing(NamedTuple):
    """Medians in seconds of runs taken in turn; `ratio` is the median of the ratios of the pairs."""

    ours: float
    peer: float
    ratio: float


def seconds(command: list[str]) -> float:
    """Wall-clock time of one whole process; what it prints is thrown away."""
    start = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, check=False
    )
    taken = time.perf_counter() - start
    if done.returncode in (2, 70) or "Traceback" in done.stderr:
        sys.exit(f"{' '.join(command[:2])} failed: {done.stderr[-500:]}")
    return taken


def compare(contest: Contest, runs: int) -> Timing:
    """Both commands in turn, after one run of each that fills caches."""
    seconds(contest.ours), seconds(contest.peer)
    pairs = [(seconds(contest.ours), seconds(contest.peer)) for _ in range(runs)]
    ours, peer = (statistics.median(times) for times in zip(*pairs, strict=True))
    return Timing(ours, peer, statistics.median(mine / theirs for mine, theirs in pairs))


def contests(folder: Path) -> list[Contest]:
    """What is measured; the captures must be there."""
    sip = [argument for name in SIP_FIELDS for argument in ("-e", name)]
    media, plain, sdes = (str(folder / f"{name}.pcap") for name in ("media", "plain", "sdes"))
    heuristic = ["tshark", "-n", "-q", "-o", "rtp.heuristic_rtp:TRUE", "-z", "rtp,streams", "-r", media]
    fields = ["tshark", "-n", "-T", "fields", *sip, "-r"]
    messages = f"{CALLS * MESSAGES_PER_CALL:,} SIP messages"
    return [
        Contest(f"{PACKETS:,} SRTP packets", [OURS, "analyze", media], "tshark -z rtp,streams", heuristic, 1 / 3),
        Contest(f"{messages}, plain calls", [OURS, "analyze", plain], "tshark -T fields", [*fields, plain], 1.0),
        Contest(f"{messages}, SDES calls", [OURS, "analyze", sdes], "tshark -T fields", [*fields, sdes], 1.0),
        Contest("--version", [OURS, "--version"], "python -c pass", [sys.executable, "-c", "pass"], 6.0),
    ]


def bench_opening(folder: Path) -> list[str]:
    """Rows of authenticating and decrypting, in processor time a packet; what missed its limit."""
    missed = []
    for name in PROFILES:
        path = folder / f"{name}.pcap"
        write_protected(path, name, PACKETS)
        found = compare_opening(path, name)
        row = f"{found.ours:.2f} µs | pylibsrtp | {found.peer:.2f} µs | {found.ratio:.2f} | ≤ {OPENING_LIMIT:.2f}"
        print(f"| open {found.packets:,} packets, {name} | {row} |", flush=True)
        if found.ratio > OPENING_LIMIT:
            missed.append(f"{name}: {found.ratio:.2f} times pylibsrtp's time, not {OPENING_LIMIT:.2f}")
        path.unlink()
    return missed


def machine() -> str:
    """What it ran on, in general words."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (found := re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())):
        model = found[1]
    version = "no tshark"
    if shutil.which("tshark"):
        told = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
        version = f"tshark {found[1]}" if (found := re.search(r"([0-9]+\.[0-9.]+[0-9])", told)) else "tshark"
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {version}"


def counts_of_ours(path: Path) -> tuple[int, int, int]:
    """Streams, packets and lost packets as our report has them."""
    told = subprocess.run(
        [OURS, "analyze", "--json", "-", str(path)], capture_output=True, env=ENVIRONMENT, check=False
    ).stdout
    streams = json.loads(told)["streams"]
    return len(streams), sum(one["packets"] for one in streams), sum(one["lost"] for one in streams)


def counts_of_tshark(command: list[str]) -> tuple[int, int, int]:
    """The same from tshark's table."""
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [(int(row[1]), int(row[2])) for row in re.finditer(r"\s(\d+)\s+(-?\d+) \(\S+%\)", table)]
    return len(rows), sum(row[0] for row in rows), sum(row[1] for row in rows)


def stray_imports() -> list[str]:
    """Which of the heavy modules `--version` imports."""
    program = (
        "import sys\nfrom analyzer.cli.main import main\ntry:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "print(*{'scapy', 'numpy', 'numba', 'jinja2', 'cryptography'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[-1].split()


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    missed = []
    print(f"{machine()}; medians of {runs} runs taken in turn\n")
    print("| What | srtp-audit | peer | time of peer | ratio | limit |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        write_media_capture(folder / "media.pcap", PACKETS, STREAMS)
        write_call_capture(folder / "plain.pcap", CALLS, sdes=False)
        write_call_capture(folder / "sdes.pcap", CALLS, sdes=True)
        planned = contests(folder)
        for contest in planned:
            if shutil.which(contest.peer[0]) is None:
                print(f"| {contest.name} | | {contest.peer_name} | SKIPPED: {contest.peer[0]} is missing | | |")
                continue
            timing = compare(contest, runs)
            row = f"{timing.ours:.2f} s | {contest.peer_name} | {timing.peer:.2f} s | {timing.ratio:.2f}"
            print(f"| {contest.name} | {row} | ≤ {contest.limit:.2f} |", flush=True)
            if timing.ratio > contest.limit:
                missed.append(f"{contest.name}: {timing.ratio:.2f} times the peer's time, not {contest.limit:.2f}")
        missed += bench_mikey(folder)
        missed += bench_opening(folder)
        if shutil.which("tshark"):
            ours, theirs = counts_of_ours(folder / "media.pcap"), counts_of_tshark(planned[0].peer)
            print(f"\nStreams, packets, lost: {ours}; as tshark counts: {theirs}")
            missed += [] if ours == theirs else ["tshark counts other packets"]
    missed += [f"--version imports {module}" for module in stray_imports()]
    print("\n".join(missed) or "Every limit is kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
