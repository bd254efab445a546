# SPDX-License-Identifier: GPL-2.0-only
"""Large captures against everybody who reads captures; and whether memory and the cost of a packet stay flat.

    python -m tests.bench.large [packets]

Takes a quarter of an hour and 8 GB of room for the captures, one at a time; tshark takes most of the time. Each command
runs once, ours after one run that fills caches. A command that fails ends it all.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from tests.bench.__main__ import SIP_FIELDS
from tests.bench.captures import MESSAGES_PER_CALL, write_call_capture, write_media_capture
from tests.bench.mixed_captures import write_mixed_capture

PACKETS = 10_000_000
STREAMS = 100
OURS = str(Path(sys.executable).with_name("srtp-audit"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
MEMORY_LIMIT_MB = 400
GROWTH_LIMIT = 1.1
FLAT_LIMIT = 1.25
SAMPLED_SECONDS = 0.2
# Exit codes of ours that come with a report: what was found, what stayed unknown.
REPORTED = (0, 4, 5)
# What finds messages, streams and calls as `analyze` does, without verdicts and rules: as much as sngrep, and more.
GATHER = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from analyzer.cycles import no_search_for_cycles
from analyzer.evidence.reading_ahead import start_reading
path, jobs = sys.argv[1], os.cpu_count() or 1
with no_search_for_cycles(freeze=True), start_reading(path, jobs, digest=False) as ahead:
    from analyzer.gathering import gather
    from analyzer.tls.secrets import TlsSecrets
    gather([path], TlsSecrets(), jobs=jobs, digests=False, ahead=ahead)
"""
READERS = {
    "dpkt": "import sys,dpkt\nfor _ in dpkt.pcap.Reader(open(sys.argv[1],'rb')): pass",
    "scapy": "import sys\nfrom scapy.utils import PcapReader\nfor _ in PcapReader(sys.argv[1]): pass",
    "pyshark": "import sys,pyshark\nfor _ in pyshark.FileCapture(sys.argv[1],keep_packets=False): pass",
}


class Run(NamedTuple):
    """One command: wall-clock and processor seconds, and the most memory that all its processes held together."""

    seconds: float
    processor: float
    megabytes: float


class Memory:
    """What the processes of a session hold, looked at again and again: pages that several share count once."""

    def __init__(self, session: int) -> None:
        self.most_kilobytes = 0
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLED_SECONDS):
            held = sum(_kilobytes(process) for process in _processes(self._session))
            self.most_kilobytes = max(self.most_kilobytes, held)


def _processes(session: int) -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def _kilobytes(process: Path) -> int:
    """The proportional set size of a process, 0 once it has ended."""
    try:
        rollup = (process / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def run(command: list[str], *, accepted: tuple[int, ...] = (0,), watched: bool = False) -> Run:
    """Run a command; what it prints is thrown away. Memory is 0 unless it is `watched`.

    What the system says of its most (`ru_maxrss`) is no use: it counts this process, out of which the other came.
    """
    before = os.times()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True
    ) as process:
        memory = Memory(process.pid) if watched else None
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    after = os.times()
    if memory is not None:
        memory.stop()
    if process.returncode not in accepted:
        sys.exit(f"{' '.join(command[:3])} … ended with {process.returncode}")
    megabytes = 0.0 if memory is None else memory.most_kilobytes / 1024
    return Run(after.elapsed - before.elapsed, usage.ru_utime + usage.ru_stime, megabytes)


def peers_of_media(path: str, *, whole: bool = True) -> list[tuple[str, list[str], float | None]]:
    """Peers, their commands, and the limit of our time over theirs; the start counts little in a `whole` capture."""
    heuristic = ["tshark", "-n", "-q", "-o", "rtp.heuristic_rtp:TRUE", "-z", "rtp,streams", "-r", path]
    return [
        ("tshark -z rtp,streams", heuristic, 1 / 20 if whole else 1 / 3),
        ("tcpdump -w /dev/null", ["tcpdump", "-r", path, "-w", os.devnull], 4.0 if whole else None),
        ("capinfos", ["capinfos", path], None),
    ]


def contest(
    name: str, path: Path, peers: list[tuple[str, list[str], float | None]], command: list[str] | None = None
) -> tuple[Run, list[str]]:
    """Rows of the table, for the whole analysis or another command of ours; what missed its limit."""
    command = [OURS, "analyze", str(path)] if command is None else [*command, str(path)]
    run(command, accepted=REPORTED)
    ours, missed = run(command, accepted=REPORTED), []
    for peer, theirs, limit in peers:
        if shutil.which(theirs[0]) is None or (peer in READERS and importlib.util.find_spec(peer) is None):
            print(f"| {name} | | {peer} | SKIPPED: it is missing | | |", flush=True)
            continue
        told = run(theirs)
        ratio, shown = ours.seconds / told.seconds, "" if limit is None else f"≤ {limit:.2f}"
        print(
            f"| {name} | {ours.seconds:.2f} s ({ours.processor:.2f} s) | {peer} "
            f"| {told.seconds:.2f} s ({told.processor:.2f} s) | {ratio:.3f} ({ours.processor / told.processor:.3f}) "
            f"| {shown} |",
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
    path.unlink()
    some = packets // 1000  # pyshark takes milliseconds a packet
    write_media_capture(folder / "some.pcap", some, 1 + some // 1000)
    readers = [(name, [sys.executable, "-c", code, str(folder / "some.pcap")], None) for name, code in READERS.items()]
    missed += contest(f"{some:,} SRTP packets", folder / "some.pcap", readers)[1]
    for calls in (packets // 1000, packets // 100):
        path = folder / "calls.pcap"
        write_call_capture(path, calls, sdes=False)
        missed += bench_signalling(path, calls)
    path.unlink()
    write_call_capture(folder / "few.pcap", 7, sdes=True)
    fields = ["tshark", "-n", "-T", "fields", "-e", "frame.number", "-e", "sip.Method", "-r", str(folder / "few.pcap")]
    missed += contest("49 SIP messages", folder / "few.pcap", [("tshark -T fields", fields, 1.0)])[1]
    return missed + bench_many_calls(folder, packets)


def bench_signalling(path: Path, calls: int) -> list[str]:
    """Calls without media: the whole analysis against tshark, and finding the calls alone against sngrep."""
    name = f"{calls * MESSAGES_PER_CALL:,} SIP messages"
    fields = [argument for field in SIP_FIELDS for argument in ("-e", field)]
    tshark = ("tshark -T fields", ["tshark", "-n", "-T", "fields", *fields, "-r", str(path)], 1 / 2)
    limit = str(2 * calls)  # of dialogs: those beyond it are not kept
    sngrep = ["sngrep", "-N", "-q", "-l", limit, "-I", str(path), "-O", os.devnull]
    missed = contest(name, path, [tshark, ("sngrep -N", sngrep, None)])[1]
    alone = [sys.executable, "-c", GATHER]
    return missed + contest(f"{name}, calls alone", path, [("sngrep -N", sngrep, 1.0)], alone)[1]


def bench_many_calls(folder: Path, packets: int) -> list[str]:
    """The cost of a packet with 300 and 3,000 calls at a time, and memory when a capture is three times longer."""
    path, missed = folder / "mixed.pcap", []
    some = packets // 10
    few, long, short = ((some, 300), (packets, 3_000), (some, 3_000))
    costs = {}
    for number, calls in (few, long, short):
        write_mixed_capture(path, number, calls)
        heuristic = peers_of_media(str(path))[:1]
        ours, _ = contest(f"{number:,} packets, {calls:,} calls", path, [(*heuristic[0][:2], None)])
        costs[number, calls] = ours.seconds / number
    flat = costs[long] / costs[few]
    print(f"\nOf 3,000 calls as long as those of 300 a packet costs {flat:.2f} times as much; limit {FLAT_LIMIT}.")
    print(f"Of 3,000 calls a tenth as long, as many packets in all, {costs[short] / costs[few]:.2f} times as much.")
    if flat > FLAT_LIMIT:
        missed.append(f"a packet of 3,000 calls costs {flat:.2f} times one of 300 as long, not {FLAT_LIMIT}")
    memory = []
    for length in (1, 3):
        write_mixed_capture(path, length * packets, 1_000)
        memory.append(run([OURS, "analyze", str(path)], accepted=REPORTED, watched=True).megabytes)
    print(f"1,000 calls at a time: {memory[0]:.0f} MB at most, {memory[1]:.0f} MB in a capture three times longer.")
    if max(memory) > MEMORY_LIMIT_MB or memory[1] > GROWTH_LIMIT * memory[0]:
        missed.append(f"memory: {memory[0]:.0f} and {memory[1]:.0f} MB")
    return missed


def main() -> int:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else PACKETS
    print("Wall-clock seconds of whole processes, processor seconds in brackets; limits are on wall-clock time\n")
    print("| What | srtp-audit | peer | time of peer | ratio | limit |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        missed = bench_large(Path(name), packets)
    print("\n".join(missed) or "Every limit is kept.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
