# SPDX-License-Identifier: GPL-2.0-only
"""A sieve in the compiled pass over a capture: it sorts media packets into the flows of a `MediaTable` as it goes."""

from functools import cached_property
from typing import Any

import numpy as np

from analyzer.capture.columns import Octets, Sieved, Table
from analyzer.capture.speed import compiled
from analyzer.evidence import sieve_scan
from analyzer.evidence.media_table import MediaTable
from analyzer.model.arrays import Column

_SIEVE_SCAN = "analyzer.evidence.sieve_scan"
_NEVER_NS = 1 << 62


class MediaSieve:
    """Stands beside the pass over one capture (`capture.source.Sieve`), whose frames are numbered from `before` on."""

    def __init__(self, table: MediaTable, before: int = 0) -> None:
        self._table = table
        self._before = before
        self._octets: Octets = b""

    @cached_property
    def _cells(self) -> Column:
        cells: Column = np.zeros(sieve_scan.SIEVE_CELLS, np.int64)
        cells[sieve_scan.V_BEFORE], cells[sieve_scan.V_TIME_NS] = self._before, -1
        return cells

    @cached_property
    def _known(self) -> Column:
        return np.full((sieve_scan.KNOWN_SLOTS, sieve_scan.KNOWN_CELLS), -1, np.int64)

    def begin(self, octets: Octets, stop: int, rows: int) -> None:
        """A batch begins: it ends about offset `stop` or with so many rows; payloads stay in `octets`."""
        cells, self._octets = self._cells, octets
        cells[sieve_scan.V_STOP], cells[sieve_scan.V_CAPACITY], cells[sieve_scan.V_OPEN] = stop, rows, 1
        for cell in (sieve_scan.V_PACKETS, sieve_scan.V_MEDIA, sieve_scan.V_SNAPPED):
            cells[cell] = 0
        cells[sieve_scan.V_FIRST_NS], cells[sieve_scan.V_LAST_NS] = _NEVER_NS, -_NEVER_NS

    def walk(self, buffer: Octets, state: Column, interfaces: Column, table: Table, *, is_pcapng: bool) -> None:
        """As `records.scan_pcap` and `scan_pcapng` do, over arrays, but media packets take no row."""
        module: Any = compiled(_SIEVE_SCAN, allocates=False)
        self._cells[sieve_scan.V_PCAPNG] = is_pcapng

        def run(flows: tuple[Any, ...], arena: tuple[Any, ...]) -> bool:
            module.sieve_records(buffer, state, interfaces, table, self._cells, *flows, self._known, *arena)
            return bool(self._cells[sieve_scan.V_WAITING])

        self._table.sieve(self._octets, run)

    @property
    def last_time_ns(self) -> int:
        """The time of the packet that was read last, whether it took a row or not."""
        return int(self._cells[sieve_scan.V_TIME_NS])

    def sieved(self) -> Sieved:
        """What took no row since the batch began."""
        cells = self._cells.tolist()
        return Sieved(
            cells[sieve_scan.V_PACKETS], cells[sieve_scan.V_MEDIA], cells[sieve_scan.V_SNAPPED],
            cells[sieve_scan.V_FIRST_NS], cells[sieve_scan.V_LAST_NS],
        )  # fmt: skip
