# SPDX-License-Identifier: GPL-2.0-only
"""Which files are one capture that was written into several: by dumpcap or tcpdump, or cut by editcap.

Names say which files may belong together, their octets whether they do. Files whose times overlap are views of two
taps, however they are named, and are left to `evidence.capture_points`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analyzer.capture.intake import STDIN
from analyzer.capture.source import CaptureHead, peek_capture

MAX_PAUSE_NS = 600_000_000_000  # nothing that a joint cuts waits longer for its rest
REORDERED_NS = 100_000_000  # how much earlier than the last packet of a file the next file may begin
_BEHIND_ENDING = re.compile(r"(\.(?:pcap|pcapng|cap))\d+", re.IGNORECASE)  # tcpdump -C: x.pcap, x.pcap1, x.pcap2
_DIGITS = re.compile(r"[0-9]+")
_COUNTER = re.compile(r"\d{5,}|\d\d(?:[-_:.]\d\d){2,}")  # dumpcap -b, editcap -c: x_00001_20240101120000; tcpdump -G


class Member(NamedTuple):
    """A capture by its index, and how it begins; None where nobody had to look."""

    capture: int
    head: CaptureHead | None = None


class FileEnd(NamedTuple):
    """How a file begins, and when its last packet was captured; None or 0 where nobody knows."""

    head: CaptureHead
    last_time_ns: int | None


def plan_sets(paths: Sequence[Path | str]) -> list[list[Member]]:
    """The captures in the order in which to read them: those that may be one set together, the earliest first."""
    families: dict[tuple[Path, str], list[int]] = {}
    for index, path in enumerate(paths):
        families.setdefault(_family(index, path), []).append(index)
    return [_by_time(members, paths) for members in families.values()]


def _family(index: int, path: Path | str) -> tuple[Path, str]:
    """What files of one set have in common: the folder, and the name but for counters and times."""
    if str(path) == STDIN:
        return Path(), f"/{index}"  # no file has such a name
    return Path(path).parent, _COUNTER.sub("#", _BEHIND_ENDING.sub(r"\1", Path(path).name))


def _by_time(members: list[int], paths: Sequence[Path | str]) -> list[Member]:
    """The earliest first; a file that tells no time follows the one whose name its own follows."""
    if len(members) == 1:
        return [Member(members[0])]
    numbered = sorted(members, key=lambda index: ([int(each) for each in _DIGITS.findall(str(paths[index]))], index))
    found, times, time_ns = [Member(index, peek_capture(paths[index])) for index in numbered], {}, 0
    for member in found:
        time_ns = (member.head.first_time_ns if member.head is not None else 0) or time_ns
        times[member] = time_ns
    return sorted(found, key=times.__getitem__)


def goes_on(end: FileEnd, head: CaptureHead) -> bool:
    """Whether a file that begins so is the rest of a capture whose file before ended so."""
    if (end.head.format, end.head.link_types) != (head.format, head.link_types):
        return False
    if not end.last_time_ns or not head.first_time_ns:
        return True  # without packets, or without their times, there is nothing that could contradict
    lasted_ns = end.last_time_ns - end.head.first_time_ns
    overlap_ns = min(REORDERED_NS, lasted_ns // 10)
    return -overlap_ns <= head.first_time_ns - end.last_time_ns <= MAX_PAUSE_NS
