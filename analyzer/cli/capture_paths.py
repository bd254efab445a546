# SPDX-License-Identifier: GPL-2.0-only
"""Which captures a command line names."""

from collections.abc import Sequence
from pathlib import Path

from analyzer.errors import UsageError

STDIN = "-"
CAPTURE_ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz", ".cap.gz")


def expand_paths(names: Sequence[str]) -> list[str]:
    """Files as they are, directories as the captures in them by name; raises UsageError for one that has none."""
    paths: list[str] = []
    for name in names:
        if name != STDIN and Path(name).is_dir():
            found = sorted(str(entry) for entry in Path(name).iterdir() if entry.name.lower().endswith(CAPTURE_ENDINGS))
            if not found:
                raise UsageError(f"{name}: no capture in this directory (looked for {', '.join(CAPTURE_ENDINGS)})")
            paths += found
        else:
            paths.append(name)
    if paths.count(STDIN) > 1:
        raise UsageError("standard input can be read only once")
    return paths
