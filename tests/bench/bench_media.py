# SPDX-License-Identifier: GPL-2.0-only
"""A million SRTP packets: our columns, streams, loss and jitter against `tshark -q -z rtp,streams`, in one run.

    python tests/bench/bench_media.py [packets] [streams]

Each side is a process of its own, best of three. Exit status 1 if we are not FASTER times faster or count otherwise.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FASTER = 3.0
RUNS = 3
FIRST_PORT = 10_000
BODY_OCTETS = 170
RECORD = np.dtype(
    [("seconds", "<u4"), ("micros", "<u4"), ("captured", "<u4"), ("wire", "<u4"), ("ethernet", "u1", 12),
     ("ethertype", ">u2"), ("ip", "u1", 2), ("total", ">u2"), ("rest", "u1", 8), ("source", ">u4"),
     ("destination", ">u4"), ("source_port", ">u2"), ("destination_port", ">u2"), ("length", ">u2"), ("sum", ">u2"),
     ("first", "u1"), ("second", "u1"), ("seq", ">u2"), ("stamp", ">u4"), ("ssrc", ">u4"), ("body", "u1", BODY_OCTETS)]
)  # fmt: skip
PCAP_HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000") + (1 << 18).to_bytes(4, "little") + b"\1\0\0\0"
OURS = """
import sys
from analyzer.capture.source import open_capture
from analyzer.evidence.media import MediaTable
from analyzer.evidence.media_statistics import stream_statistics
table = MediaTable()
with open_capture(sys.argv[1]) as capture:
    for batch in capture.batches():
        table.feed(batch)
told = [stream_statistics(stream, 8000) for stream in table.evidence().streams]
print(len(told), sum(one.packets for one in told), sum(one.lost for one in told))
"""


def write_capture(path: Path, packets: int, streams: int) -> None:
    """SRTP at 50 packets a second and stream, with jitter and 0.2 % loss."""
    chance = np.random.default_rng(711)
    count = np.arange(packets)
    stream, index = count % streams, count // streams
    times = index * 20_000 + stream * (20_000 // streams) + chance.integers(0, 500, packets)
    records = np.zeros(packets, RECORD)
    octets = RECORD.itemsize - 16
    records["seconds"], records["micros"] = 1_700_000_000 + times // 1_000_000, times % 1_000_000
    records["captured"] = records["wire"] = octets
    records["ethertype"], records["total"], records["length"] = 0x0800, octets - 14, octets - 34
    records["ip"] = (0x45, 0xB8)
    records["rest"] = (0, 0, 0, 0, 64, 17, 0, 0)
    records["source"], records["destination"] = 0x0A000001, 0x0A010000 + stream
    records["source_port"] = records["destination_port"] = FIRST_PORT + 2 * stream
    records["first"], records["seq"], records["stamp"] = 0x80, (index + 100 * stream) & 0xFFFF, index * 160
    records["ssrc"] = stream * 7919 + 12345
    records["body"] = chance.integers(0, 256, (packets, BODY_OCTETS), dtype=np.uint8)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        records[chance.random(packets) >= 0.002].tofile(file)


def timed(command: list[str]) -> tuple[float, str]:
    """The best of some runs in seconds, and what the last one printed."""
    best, output = float("inf"), ""
    for _ in range(RUNS):
        start = time.perf_counter()
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        best = min(best, time.perf_counter() - start)
    return best, output


def main() -> int:
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    streams = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "media.pcap"
        write_capture(path, packets, streams)
        subprocess.run([sys.executable, "-c", OURS, str(path)], capture_output=True, check=True)  # fills Numba's cache
        ours, told = timed([sys.executable, "-c", OURS, str(path)])
        ports = f"udp.port=={FIRST_PORT}-{FIRST_PORT + 2 * streams},rtp"
        theirs, table = timed(["tshark", "-n", "-q", "-r", str(path), "-d", ports, "-z", "rtp,streams"])
    rows = [(int(row[1]), int(row[2])) for row in re.finditer(r"\s(\d+)\s+(-?\d+) \(\S+%\)", table)]
    expected = f"{len(rows)} {sum(row[0] for row in rows)} {sum(row[1] for row in rows)}"
    print(f"{packets} packets, {streams} streams: ours {ours:.2f} s, tshark {theirs:.2f} s, ratio {theirs / ours:.1f}")
    if told.strip() != expected:
        print(f"streams, packets, lost: ours {told.strip()}, tshark {expected}")
        return 1
    return 0 if theirs >= FASTER * ours else 1


if __name__ == "__main__":
    sys.exit(main())
