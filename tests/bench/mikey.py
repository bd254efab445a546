# SPDX-License-Identifier: GPL-2.0-only
"""What reading one MIKEY message costs: the grammar against the Scapy layer, and against tshark.

The message is the I_MESSAGE of the pre-shared key mode with identities, one policy and an extension. Costs are
processor time per message; tshark's is what a capture of them takes beyond starting up.
"""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from dissectors.grammar.mikey import parse_mikey
from dissectors.layers.mikey import MIKEY
from pcaps.keying import PskExchange, sdp_ids

ROUNDS, GRAMMAR_MESSAGES, LAYER_MESSAGES, TSHARK_MESSAGES = 7, 4_000, 400, 50_000
LAYER_LIMIT, TSHARK_LIMIT = 1 / 5, 1.0
PORTS = ("192.0.2.1:2269", "192.0.2.2:2269")
FIELDS = (
    "version", "type", "csb_id", "next_payload", "t.ntp", "rand.data", "id.data", "sp.param.type", "kemac.key_data",
    "kemac.mac",
)  # fmt: skip


def bench_mikey(folder: Path) -> list[str]:
    """Print both rows; returns what missed its limit."""
    octets = PskExchange("bench").offer([sdp_ids(1)])
    pairs = [
        (_seconds(parse_mikey, octets, GRAMMAR_MESSAGES), _seconds(MIKEY, octets, LAYER_MESSAGES))
        for _ in range(ROUNDS)
    ]
    missed = _row(f"MIKEY I_MESSAGE of {len(octets)} octets", "the Scapy layer", pairs, LAYER_LIMIT)
    if shutil.which("tshark") is None:
        print("| MIKEY I_MESSAGE | | tshark -T fields | SKIPPED: tshark is missing | | |")
        return missed
    pairs = [(_seconds(parse_mikey, octets, GRAMMAR_MESSAGES), _tshark_seconds(folder, octets)) for _ in range(ROUNDS)]
    return missed + _row(f"MIKEY I_MESSAGE of {len(octets)} octets", "tshark -T fields", pairs, TSHARK_LIMIT)


def _row(name: str, peer: str, pairs: list[tuple[float, float]], limit: float) -> list[str]:
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(mine / others for mine, others in pairs)
    print(
        f"| {name} | {ours * 1e6:.1f} µs | {peer} | {theirs * 1e6:.1f} µs | {ratio:.2f} | ≤ {limit:.2f} |", flush=True
    )
    return [f"{name}: {ratio:.2f} times the cost of {peer}, not {limit:.2f}"] if ratio > limit else []


def _seconds(read: Callable[[bytes], object], octets: bytes, count: int) -> float:
    read(octets)
    start = time.process_time()
    for _ in range(count):
        read(octets)
    return (time.process_time() - start) / count


def _tshark_seconds(folder: Path, octets: bytes) -> float:
    """Processor time for each message beyond what one message takes."""
    paths = [folder / f"mikey-{count}.pcapng" for count in (1, TSHARK_MESSAGES)]
    for path, count in zip(paths, (1, TSHARK_MESSAGES), strict=True):
        if not path.exists():
            with path.open("wb") as stream:
                writer = PcapngWriter(stream)
                for number in range(count):
                    writer.write(number * 1000, build_udp_frame(*PORTS, octets))
    few, many = map(_processor_seconds, paths)
    return (many - few) / (TSHARK_MESSAGES - 1)


def _processor_seconds(path: Path) -> float:
    names = [argument for name in FIELDS for argument in ("-e", f"mikey.{name}")]
    before = os.times()
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *names], check=True, capture_output=True, text=True
    )
    after = os.times()
    if "0x" not in done.stdout:
        raise RuntimeError("tshark does not read the messages as MIKEY")
    return after.children_user - before.children_user
