# SPDX-License-Identifier: GPL-2.0-only
"""A large capture scanned ahead in windows by threads: each finds the first record of its window for itself.

Where a window begins is a guess until the scan before it ends there under the same headers; whoever takes windows
verifies that joint, so a wrong guess costs time and nothing else. The compiled scan holds no lock of Python's.
"""

import os
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzer.capture import scan
from analyzer.capture.blocks import Layout
from analyzer.capture.columns import Octets, Table, empty_table, view_cells
from analyzer.capture.speed import view_array
from analyzer.model.arrays import Column
from dissectors.grammar.late_dataclass import dataclass

if TYPE_CHECKING:
    from concurrent.futures import Future

WINDOW_OCTETS = 4 << 20
WINDOW_PACKETS = 1 << 16  # at most
RESYNC_OCTETS = 1 << 20
_PLAIN_STOPS = (scan.END, scan.FULL, scan.SHORT, scan.DAMAGED, scan.BLOCK)  # before what the reader must see itself


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Records from offset `start` up to `stop` in a table; frames count from 1. None of them is damaged."""

    start: int
    stop: int
    rows: int
    table: Table
    headers: tuple[Column, Column]


class WindowScans:
    """Keeps `ahead` windows of a capture in work beyond the place where it is being read."""

    def __init__(self, buffer: Octets, module: Any, ahead: int) -> None:
        self._buffer = buffer
        self._array = view_array(buffer)
        self._module = module
        self._ahead = ahead
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only for large captures

        self._pool = ThreadPoolExecutor(ahead, thread_name_prefix="scan")
        self._work: deque[tuple[int, Future[Window | None]]] = deque()
        self._next = 0

    def close(self) -> None:
        """Forget what is in work."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._work.clear()

    def take(self, layout: Layout) -> Window | None:
        """The window that begins where the capture has been read to, under the same headers; None if there is none."""
        at = int(layout.state[scan.S_OFFSET])
        self._submit(layout, at)
        window = self._first(at)
        if window is None or window.start != at or not _same(window.headers, _headers(layout)):
            return None
        self._work.popleft()
        self._submit(layout, window.stop)
        return window

    def next_start(self, layout: Layout) -> int:
        """Where the next window is thought to begin: as far as the capture has to be read before it."""
        window = self._first(int(layout.state[scan.S_OFFSET]) + 1)
        return len(self._buffer) if window is None else window.start

    def drop(self) -> None:
        """The next window begins where no record does."""
        self._work.popleft()

    def _first(self, at: int) -> Window | None:
        """The first window in work that doesn't begin before an offset."""
        while self._work:
            window = self._work[0][1].result()
            if window is not None and window.start >= at:
                return window
            self._work.popleft()
        return None

    def _submit(self, layout: Layout, at: int) -> None:
        self._next = max(self._next, (at // WINDOW_OCTETS + 1) * WINDOW_OCTETS)
        while len(self._work) < self._ahead and self._next < len(self._buffer):
            state, interfaces = view_cells(layout.state).copy(), view_cells(layout.interfaces).copy()
            state[scan.S_CAPACITY] = rows = _rows_to_expect(state)
            table = empty_table(rows)  # here: memory that a thread asks for is new to it each time
            future = self._pool.submit(self._scan, self._next, state, interfaces, table, layout.format == "pcapng")
            self._work.append((self._next, future))
            self._next += WINDOW_OCTETS

    def _scan(self, begin: int, state: Column, interfaces: Column, table: Table, is_pcapng: bool) -> Window | None:
        headers = (_fixed_cells(state), interfaces.copy())
        size = len(self._buffer)
        boundary = min(begin + WINDOW_OCTETS, size)
        state[scan.S_OFFSET], state[scan.S_END] = begin - 1, size
        start = int(self._module.find_record(self._array, state, min(begin + RESYNC_OCTETS, size), -1, is_pcapng))
        if start < 0 or start >= boundary:
            return None
        state[scan.S_OFFSET], state[scan.S_ROWS], state[scan.S_FRAME] = start, 0, 0
        state[scan.S_END] = boundary
        walk = self._module.scan_pcapng if is_pcapng else self._module.scan_pcap
        walk(self._array, state, interfaces, table)
        if state[scan.S_STATUS] == scan.SHORT and boundary < size:  # the last record lies across the boundary
            state[scan.S_END] = min(self._record_end(state, is_pcapng), size)
            walk(self._array, state, interfaces, table)
        if state[scan.S_STATUS] not in _PLAIN_STOPS:
            return None
        return Window(start, int(state[scan.S_OFFSET]), int(state[scan.S_ROWS]), table, headers)

    def _record_end(self, state: Column, is_pcapng: bool) -> int:
        at, big = int(state[scan.S_OFFSET]), int(state[scan.S_BIG])
        if at + 16 > len(self._buffer):
            return at
        octets = scan.file32(self._buffer, at + (4 if is_pcapng else 8), big)
        return at + octets + (0 if is_pcapng else int(state[scan.S_HEADER]))


def _rows_to_expect(state: Column) -> int:
    """Room for the packets of a window, should they be as long as those before, and for a third more."""
    octets = int(state[scan.S_OFFSET]) // max(int(state[scan.S_FRAME]), 1)
    return max(1, min(WINDOW_PACKETS, 4 * WINDOW_OCTETS // (3 * max(octets, 1))))


def _headers(layout: Layout) -> tuple[Column, Column]:
    return _fixed_cells(view_cells(layout.state)), view_cells(layout.interfaces)


def _fixed_cells(state: Column) -> Column:
    """What the headers of file and section say, without where a scan stands."""
    fixed = state.copy()
    for cell in (scan.S_OFFSET, scan.S_END, scan.S_FRAME, scan.S_ROWS, scan.S_CAPACITY, scan.S_STATUS, scan.S_COMMENT):
        fixed[cell] = 0
    return fixed


def _same(some: tuple[Column, Column], other: tuple[Column, Column]) -> bool:
    return all(np.array_equal(one, another) for one, another in zip(some, other, strict=True))
