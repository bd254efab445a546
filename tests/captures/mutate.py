# SPDX-License-Identifier: GPL-2.0-only
"""The worker of the proof on mutated captures: `python -m tests.captures.mutate COUNT SEED` audits that many.

Prints as JSON how many were audited, the slowest, and the peak of memory before and after. Any exception ends it.
"""

import bz2
import gzip
import json
import lzma
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import lz4.frame
import zstandard

from analyzer.api import audit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "capture"))

import capture_frames as made  # noqa: E402
import tunnel_frames as tunnels  # noqa: E402

MAX_SAMPLE_OCTETS = 21_000
PACKERS = (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress, lz4.frame.compress)


def clean_captures() -> list[bytes]:
    """Samples with calls, every tunnel and link layer, in both formats and every compression."""
    bases = [path.read_bytes() for path in sorted((ROOT / "pcaps").glob("*.pcapng"))]
    bases = [data for data in bases if len(data) < MAX_SAMPLE_OCTETS]
    bases.append(made.pcap(tunnels.ETHERNET.values()))
    links = sorted({link for link, _ in tunnels.LINKS.values()})
    blocks = [made.enhanced(frame, n, links.index(link)) for n, (link, frame) in enumerate(tunnels.LINKS.values())]
    bases.append(made.section() + b"".join(made.interface(link) for link in links) + b"".join(blocks))
    pieces = [made.ethernet(piece) for piece in tunnels.fragments(tunnels.PACKET, 24)]
    bases.append(made.pcap(pieces, magic=0xA1B23C4D))
    return bases + [pack(bases[-3]) for pack in PACKERS]


def mutate(data: bytes, pick: random.Random) -> bytes:
    """Octets changed, lost, doubled, put in, or the end cut."""
    changed = bytearray(data)
    for _ in range(pick.choice((1, 1, 2, 4, 16))):
        at = pick.randrange(len(changed) or 1)
        how = pick.randrange(6)
        if how <= 2:
            changed[at : at + 1] = bytes((pick.choice((0, 0xFF, 0x7F, 0x80, pick.randrange(256))),))
        elif how == 3:
            del changed[at : at + pick.randrange(1, 64)]
        elif how == 4:
            changed[at:at] = changed[at : at + pick.randrange(1, 64)]
        else:
            changed[at : at + 4] = pick.randbytes(4)
    return bytes(changed[: pick.randrange(len(changed) + 1)]) if pick.randrange(8) == 0 else bytes(changed)


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def audited(captures: Iterator[bytes]) -> tuple[int, int, int]:
    """How many captures there were, how many could be opened, and how many milliseconds the slowest took."""
    count, readable, slowest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        for data in captures:
            path.write_bytes(data)
            start = time.process_time()
            report = audit([path])
            slowest = max(slowest, time.process_time() - start)
            count += 1
            readable += report.captures[0].readable
    return count, readable, int(1000 * slowest)


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    bases = clean_captures()
    audited(iter(bases * 3))
    clean = peak_kib()
    pick = random.Random(seed)
    captures, readable, slowest = audited(mutate(pick.choice(bases), pick) for _ in range(count))
    told = {"captures": captures, "audited": readable, "slowest_ms": slowest, "clean_kib": clean}
    print(json.dumps(told | {"mutated_kib": peak_kib()}))


if __name__ == "__main__":
    main()
