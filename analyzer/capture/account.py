# SPDX-License-Identifier: GPL-2.0-only
"""What a pass over a capture counts beside its packets: their times, what was damaged, cut or not read."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analyzer.capture.columns import Columns, Flag, PlainTable, Sieved, Transport
from analyzer.capture.fragments import INCOMPLETE, PlainPending, count_incomplete
from analyzer.model.arrays import Column
from analyzer.model.capture_comment import CaptureComment, CaptureName
from dissectors.grammar.defects import Defect

MAX_LISTED_DEFECTS = 100
_SNAPPED = ("packet-cut-by-snaplen", "packets")
_UNREAD = (
    (Transport.UNREAD_LINK, "unread-link-type", "packets of link type {}"),
    (Transport.NOT_IP, "not-ip", "packets of EtherType {:#06x}"),
    (Transport.OTHER, "unread-protocol", "packets of IP protocol {}"),
    (Transport.CONTROL, "control", "packets of links and tunnels themselves"),
)


class CaptureAccount(NamedTuple):
    """What a pass over a capture tells beside its packets; the fields are those of `Capture`."""

    format: str
    damage: tuple[Defect, ...]  # all defects but those of fragments
    interface_drops: int | None
    comments: tuple[CaptureComment, ...]
    names: tuple[CaptureName, ...] = ()
    fragment_defects: tuple[tuple[str, int], ...] = ()
    fragments: tuple[PlainPending, ...] = ()  # what still waits at the end, unless another file goes on with it

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was damaged, cut or not read."""
        counts = Counter(dict(self.fragment_defects))
        counts[INCOMPLETE] += count_incomplete(self.fragments)
        clause = "RFC 791 §3.2, RFC 8200 §4.5"
        pieces = [Defect(code, 0, clause, f"{number} times") for code, number in sorted(counts.items()) if number]
        return (*self.damage, *pieces)


class CaptureTally:
    """Counts the packets of a pass: how many there were, how many of them as rows, and from when to when."""

    def __init__(self, defects: Iterable[Defect] = ()) -> None:
        self.packets = 0
        self.rows = 0
        self.first_time_ns: int | None = None
        self.last_time_ns: int | None = None
        self.noted = list(defects)
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def counted(self) -> list[Defect]:
        """What is told by its number, each kind once."""
        return [Defect(code, 0, "", f"{number} {what}") for (code, what), number in sorted(self._counts.items())]

    def note(self, defect: Defect) -> None:
        """Something is wrong at one place; the first hundred are listed."""
        if len(self.noted) < MAX_LISTED_DEFECTS:
            self.noted.append(defect)
        else:
            self._counts[("more-defects", "further damaged places are not listed")] += 1

    def add_plain(self, table: PlainTable) -> None:
        """Packets of SIP over UDP alone."""
        self.packets += table.packets
        self.rows += table.packets
        flags, times = table.column("flags"), table.column("timestamp_ns")
        timed = [time_ns for time_ns, flag in zip(times, flags, strict=True) if not flag & Flag.NO_TIME]
        if timed:
            self._widen(min(timed), max(timed))
        self._count(_SNAPPED, sum(1 for flag in flags if flag & Flag.SNAPPED))

    def add_sieved(self, sieved: Sieved) -> None:
        """Packets that took no row."""
        self.packets += sieved.packets
        if sieved.packets:
            self._widen(sieved.first_time_ns, sieved.last_time_ns)
        self._count(_SNAPPED, sieved.snapped)

    def add_columns(self, columns: Columns) -> None:
        """Packets, a row each."""
        self.packets += len(columns.frame)
        self.rows += len(columns.frame)
        if not len(columns.frame):
            return
        timed = columns.timestamp_ns[(columns.flags & Flag.NO_TIME) == 0]
        if len(timed):
            self._widen(int(timed.min()), int(timed.max()))
        self._count(_SNAPPED, _number_of(columns.flags & Flag.SNAPPED))
        self._count(("damaged-packet", "packets"), _number_of(columns.transport == Transport.DAMAGED))
        for transport, code, what in _UNREAD:
            rows = columns.transport == transport
            if rows.any():
                for detail, number in zip(*np.unique(columns.detail[rows], return_counts=True), strict=True):
                    self._count((code, what.format(int(detail))), int(number))

    def _count(self, kind: tuple[str, str], number: int) -> None:
        if number:
            self._counts[kind] += number

    def _widen(self, first_ns: int, last_ns: int) -> None:
        self.first_time_ns = first_ns if self.first_time_ns is None else min(first_ns, self.first_time_ns)
        self.last_time_ns = last_ns if self.last_time_ns is None else max(last_ns, self.last_time_ns)


def _number_of(rows: Column) -> int:
    return int(np.count_nonzero(rows))
