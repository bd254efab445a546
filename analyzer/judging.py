# SPDX-License-Identifier: GPL-2.0-only
"""All calls of a capture set audited, by one process or several: each in brief, and in full on demand.

A process that audits a call passes on its brief and what was rendered of it, never its keys: memory follows the calls
as they were seen, not what was found out about them.
"""

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple, Protocol, overload

from analyzer.evidence.spool import Spool
from analyzer.model.brief import CallBrief, Damage, Failure, LineBrief, NotedStream
from analyzer.model.call import Call
from analyzer.model.report import AuditedCall
from analyzer.rules.briefing import TallyCounter, brief_call
from analyzer.shares import work_in_shares

KEPT_CALLS = 1000  # audited calls that stay in memory; of further ones each is audited again when it is asked for
STREAM_COST, COST_OF_FORKING = 20, 1000  # in audits of calls without media
PACKETS_A_COST = 50  # packets that cost as much, where they are opened

Audit = Callable[[int], AuditedCall]
Render = Callable[[int, AuditedCall], bytes]


class Sheet(Protocol):
    """Where one process writes what it renders; all of them can be read by the parent."""

    def append(self, octets: bytes, /) -> int:
        """Put octets behind the others; returns their offset."""

    def read(self, offset: int, count: int, /) -> bytes:
        """`count` octets from an offset."""


class _ChildSheet:
    """A temporary file without a name, opened before the child that writes it is forked."""

    def __init__(self) -> None:
        import tempfile  # noqa: PLC0415 - only where calls are many

        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="srtp-audit-", buffering=0)  # noqa: SIM115
        self._end = 0
        weakref.finalize(self, self._file.close)

    def append(self, octets: bytes) -> int:
        """Write octets; raises OSError where they find no room."""
        start, view = self._end, memoryview(octets)
        while view:
            taken = os.pwrite(self._file.fileno(), view, self._end)
            view, self._end = view[taken:], self._end + taken
        return start

    def read(self, offset: int, count: int) -> bytes:
        """What the child wrote."""
        return os.pread(self._file.fileno(), count, offset)


class _Place(NamedTuple):
    """Where the rendition of a call stands."""

    sheet: int
    offset: int
    octets: int


class Renditions(Sequence[bytes]):
    """What was rendered of each call, in the order of the calls."""

    def __init__(self, sheets: Sequence[Sheet], places: Sequence[_Place]) -> None:
        self._sheets = sheets
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self._read(*each) for each in self._places[place]]
        return self._read(*self._places[place])

    def _read(self, sheet: int, offset: int, octets: int) -> bytes:
        return self._sheets[sheet].read(offset, octets)


class CallsOnDemand(Sequence[AuditedCall]):
    """Audited calls of which some are kept; each of the others is audited again, with the same outcome."""

    def __init__(self, count: int, kept: dict[int, AuditedCall], audit: Audit) -> None:
        self._count = count
        self._kept = kept
        self._audit = audit

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> AuditedCall: ...
    @overload
    def __getitem__(self, number: slice) -> list[AuditedCall]: ...
    def __getitem__(self, number: int | slice) -> AuditedCall | list[AuditedCall]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self._count))]
        place = range(self._count)[number]
        return self._kept[place] if place in self._kept else self._audit(place)


class Judged(NamedTuple):
    """What became of all calls."""

    briefs: tuple[CallBrief, ...]
    counter: TallyCounter
    calls: Sequence[AuditedCall]
    renditions: Sequence[bytes]


class _Share(NamedTuple):
    """What became of a run of calls, the first of which is `start`."""

    start: int
    briefs: tuple[CallBrief, ...]
    counts: tuple[dict[Any, int], ...]
    places: tuple[_Place, ...]


class _Worker:
    """Audits runs of calls in one process."""

    def __init__(self, audit: Audit, render: Render | None, number: int, sheet: Sheet, kept: dict[int, AuditedCall]):
        self._audit = audit
        self._render = render
        self._number = number
        self._sheet = sheet
        self._kept = kept

    def __call__(self, numbers: range) -> _Share:
        counter = TallyCounter()
        briefs, places = [], []
        for number in numbers:
            audited = self._audit(number)
            counter.add_call(audited)
            briefs.append(brief_call(audited))
            if self._render is not None:
                octets = self._render(number, audited)
                places.append(_Place(self._number, self._sheet.append(octets), len(octets)))
            if self._number == 0 and len(self._kept) < KEPT_CALLS:
                self._kept[number] = audited
        return _Share(numbers.start, tuple(briefs), counter.counts(), tuple(places))


def judge_calls(calls: Sequence[Call], audit: Audit, render: Render | None, jobs: int) -> Judged:
    """Every call audited by its number and, with `render`, rendered where it was audited; the same with any `jobs`."""
    kept: dict[int, AuditedCall] = {}
    weights = [_weight(call) for call in calls] if jobs > 1 else []
    children = jobs - 1 if sum(weights) >= COST_OF_FORKING else 0
    sheets: list[Sheet] = [Spool(), *_child_sheets(children, written=render is not None)]
    workers = [_Worker(audit, render, number, sheet, kept) for number, sheet in enumerate(sheets)]
    shares = work_in_shares(len(calls), workers, _encode, lambda octets: _decode(octets, calls), weights.__getitem__)
    counter = TallyCounter()
    for share in shares:
        counter.add_counts(share.counts)
    briefs = tuple(brief for share in shares for brief in share.briefs)
    renditions = Renditions(sheets, [place for share in shares for place in share.places])
    return Judged(briefs, counter, CallsOnDemand(len(calls), kept, audit), renditions)


def _child_sheets(number: int, *, written: bool) -> Iterator[Sheet]:
    """A sheet for each child, and so a child for each sheet: fewer where the system has no more room for files."""
    for _ in range(number):
        try:
            yield _ChildSheet() if written else Spool()
        except OSError:
            return


def _weight(call: Call) -> int:
    """How long a call takes, in audits of calls without media."""
    packets = [bound.stop - bound.start for line in call.media for bound in line.streams]
    return 1 + STREAM_COST * len(packets) + sum(packets) // PACKETS_A_COST


def _encode(share: _Share) -> bytes:
    """Plain values, each different line once; a secret among them would refuse."""
    lines: dict[LineBrief, int] = {}
    rows = [
        (
            tuple([lines.setdefault(line, len(lines)) for line in brief.lines]),
            brief.proved,
            brief.streams,
            brief.unknown,
            brief.is_quiet,
            [(rule, severity, [tuple(place) for place in places]) for rule, severity, places in brief.failures],
            [tuple(noted) for noted in brief.noted],
            [tuple(damage) for damage in brief.damage],
        )
        for brief in share.briefs
    ]
    places = [tuple(place) for place in share.places]
    import pickle  # noqa: PLC0415

    return pickle.dumps((share.start, list(lines), rows, share.counts, places), pickle.HIGHEST_PROTOCOL)


def _decode(octets: bytes, calls: Sequence[Call]) -> _Share:
    import pickle  # noqa: PLC0415 - only where calls are many

    start, lines, rows, counts, places = pickle.loads(octets)  # noqa: S301 - from our own child, through a pipe
    briefs = tuple(
        CallBrief(
            calls[number],
            tuple([lines[place] for place in own]),
            proved,
            streams,
            unknown,
            is_quiet,
            tuple([Failure(rule, severity, tuple(refs)) for rule, severity, refs in failures]),
            tuple([NotedStream(*each) for each in noted]),
            tuple([Damage(*each) for each in damage]),
        )
        for number, (own, proved, streams, unknown, is_quiet, failures, noted, damage) in enumerate(rows, start)
    )
    return _Share(start, briefs, counts, tuple([_Place(*place) for place in places]))
