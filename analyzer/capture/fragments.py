# SPDX-License-Identifier: GPL-2.0-only
"""IP fragments put together (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722), bounded in time, number and size."""

import bisect
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import astuple, field
from typing import Any, NamedTuple

from dissectors.grammar.late_dataclass import dataclass

MAX_PENDING_DATAGRAMS = 4096
MAX_FRAGMENTS = 8192  # of one datagram: 65,535 octets in pieces of 8
MAX_DATAGRAM_OCTETS = 65_535
TIMEOUT_NS = 60_000_000_000  # RFC 8200 §4.5
INCOMPLETE = "fragment-incomplete"
PlainPending = tuple[Any, ...]  # a key and the cells of what waits under it, as plain values


class FragmentKey(NamedTuple):
    """What fragments of one datagram have in common."""

    version: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    protocol: int
    identification: int


class Datagram(NamedTuple):
    """An IP payload, whole again."""

    protocol: int
    data: bytes


@dataclass(slots=True)
class _Pending:
    since_ns: int
    pieces: dict[int, bytes] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    octets: int = 0
    protocol: int = 0
    total: int | None = None
    spoilt: bool = False  # stays the last field


class FragmentTable:
    """Collects fragments; `defects` counts by code what could not be put together."""

    def __init__(self) -> None:
        self.defects: Counter[str] = Counter()
        self._pending: OrderedDict[FragmentKey, _Pending] = OrderedDict()

    def feed(
        self, key: FragmentKey, offset: int, more: bool, data: bytes, timestamp_ns: int, protocol: int
    ) -> Datagram | None:
        """One fragment whose `data` begins `offset` octets into the datagram; the datagram, once it is whole.

        `protocol` is what this fragment's header says; the first fragment's counts (RFC 8200 §4.5).
        """
        self._expire(timestamp_ns)
        entry = self._pending.get(key)
        if entry is None:
            entry = self._pending[key] = _Pending(timestamp_ns)
        if offset == 0:
            entry.protocol = protocol
        self._add(entry, offset, more, data)
        if entry.spoilt or entry.total is None or entry.octets < entry.total:
            return None
        del self._pending[key]
        if entry.octets != entry.total:
            self.defects["fragment-beyond-end"] += 1
            return None
        return Datagram(entry.protocol, b"".join(entry.pieces[start] for start in entry.starts))

    def spoil(self, key: FragmentKey, timestamp_ns: int) -> None:
        """A fragment of this datagram was captured in part only: the datagram can't be put together."""
        self._expire(timestamp_ns)
        self._pending.setdefault(key, _Pending(timestamp_ns)).spoilt = True
        self.defects["fragment-cut"] += 1

    @property
    def pending(self) -> tuple[PlainPending, ...]:
        """What is not whole yet, the oldest first."""
        return tuple((tuple(key), *astuple(entry)) for key, entry in self._pending.items())

    def resume(self, pending: Iterable[PlainPending]) -> None:
        """Go on from what another table had."""
        for key, since_ns, pieces, starts, *rest in pending:
            self._pending[FragmentKey(*key)] = _Pending(since_ns, dict(pieces), list(starts), *rest)

    def _add(self, entry: _Pending, offset: int, more: bool, data: bytes) -> None:
        end = offset + len(data)
        if end > MAX_DATAGRAM_OCTETS or (more and (len(data) % 8 or not data)):
            self.defects["fragment-malformed"] += 1
            entry.spoilt = True
            return
        if not more:
            if entry.total not in (None, end):
                self.defects["fragment-overlap"] += 1
                entry.spoilt = True
            entry.total = end
        if entry.pieces.get(offset) == data or entry.spoilt:
            return  # an exact copy, as a mirror port makes it
        if len(entry.pieces) >= MAX_FRAGMENTS or _overlaps(entry, offset, end):
            self.defects["fragment-overlap"] += 1
            entry.spoilt = True
            entry.pieces.clear()
            return
        entry.pieces[offset] = data
        bisect.insort(entry.starts, offset)
        entry.octets += len(data)

    def _expire(self, now_ns: int) -> None:
        while self._pending:
            oldest = next(iter(self._pending.values()))
            if len(self._pending) < MAX_PENDING_DATAGRAMS and now_ns - oldest.since_ns <= TIMEOUT_NS:
                return
            self._drop()

    def _drop(self) -> None:
        _, entry = self._pending.popitem(last=False)
        if not entry.spoilt:
            self.defects[INCOMPLETE] += 1


def count_incomplete(pending: Iterable[PlainPending]) -> int:
    """How many datagrams are missed that wait for more, without those whose loss was told already."""
    return sum(not cells[-1] for cells in pending)


def _overlaps(entry: _Pending, start: int, end: int) -> bool:
    place = bisect.bisect_right(entry.starts, start)
    if place and (before := entry.starts[place - 1]) + max(1, len(entry.pieces[before])) > start:
        return True
    return place < len(entry.starts) and entry.starts[place] < end
