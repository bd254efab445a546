# SPDX-License-Identifier: GPL-2.0-only
"""Which captures a command line names."""

import re
from collections.abc import Sequence
from pathlib import Path

from analyzer.capture.source import peek_capture
from analyzer.errors import UsageError

STDIN = "-"
_FORMATS = (".pcap", ".pcapng", ".cap", ".ntar", ".dmp")
_COMPRESSED = ("", ".gz", ".bz2", ".xz", ".zst", ".lz4")
CAPTURE_ENDINGS = tuple(kind + packed for kind in _FORMATS for packed in _COMPRESSED)
_NUMBERED = re.compile(r".*\.(?:pcap|pcapng|cap)[0-9]+")  # the ring buffer of tcpdump -C -W


def expand_paths(names: Sequence[str]) -> list[str]:
    """Files as they are, directories as the captures in them by time; raises UsageError for one without any."""
    paths: list[str] = []
    for name in names:
        if name != STDIN and Path(name).is_dir():
            found = [str(entry) for entry in Path(name).iterdir() if _is_named_capture(entry)]
            if not found:
                looked_for = f"{', '.join(_FORMATS)}, also with {', '.join(_COMPRESSED[1:])}"
                raise UsageError(f"{name}: no capture in this directory (looked for {looked_for})")
            paths += sorted(found, key=lambda path: (_first_time_ns(path), path))
        else:
            paths.append(name)
    if paths.count(STDIN) > 1:
        raise UsageError("standard input can be read only once")
    return paths


def _first_time_ns(path: str) -> int:
    head = peek_capture(path)
    return 0 if head is None else head.first_time_ns


def _is_named_capture(entry: Path) -> bool:
    name = entry.name.lower()
    return entry.is_file() and (name.endswith(CAPTURE_ENDINGS) or _NUMBERED.fullmatch(name) is not None)
