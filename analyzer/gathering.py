# SPDX-License-Identifier: GPL-2.0-only
"""The first half of an audit: captures in, their calls out.

Calls of a single capture are read as they end, while the capture is; several captures have to be compared first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from analyzer.calls.tracker import CallTracker
from analyzer.capture.account import CaptureAccount
from analyzer.capture.file_sets import FileEnd, Member, goes_on, plan_sets
from analyzer.capture.source import Capture, CaptureHead
from analyzer.cycles import no_search_for_cycles
from analyzer.errors import CaptureError
from analyzer.evidence.capture_clocks import ClockOffset
from analyzer.evidence.capture_points import CapturePoints, compare_captures
from analyzer.evidence.readers_ahead import ReadersAhead
from analyzer.evidence.reading import Reading, merge_evidence
from analyzer.evidence.reading_ahead import CaptureReader
from analyzer.model.call import Call, CallSet
from analyzer.model.evidence import AnySignalling
from analyzer.model.policy import RETRY_SECONDS
from analyzer.model.report import CaptureFacts
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What captures hold: `facts` and `readings` by capture, `calls` of all of them, `notes` for whoever reads that."""

    facts: tuple[CaptureFacts, ...]
    readings: tuple[Reading, ...]
    calls: CallSet
    notes: tuple[str, ...]


@no_search_for_cycles()
def gather(
    paths: Sequence[Path | str],
    secrets: TlsSecrets,
    *,
    progress: Progress | None = None,
    jobs: int = 1,
    digests: bool = True,
    ahead: CaptureReader | None = None,
    retry_seconds: int = RETRY_SECONDS,
) -> Gathered:
    """Read captures as one set; those that can't be read have facts that say so.

    Files that go on where another ended are read as one capture with it (`capture.file_sets`). With more than one of
    `jobs` a capture is read by threads or by a child as well; what comes of it is the same. `ahead` is a reading of
    the first capture that has begun already. `retry_seconds`: see `CallTracker`.
    """
    plan = plan_sets(paths)
    messages = _Messages(retry_seconds, is_single=len(plan) == 1)
    order = [member.capture for members in plan for member in members]
    with ReadersAhead(paths, order, jobs, digest=digests) as readers:
        way = _PassOver(paths, secrets, messages, progress, readers, ahead)
        for members in plan:
            way.read(members)
    readings = tuple(way.readings)
    media = merge_evidence(readings)
    points = compare_captures(messages.in_order(), [reading.index for reading in readings], media.streams)
    calls = _watched(messages.tracker(points.messages).finish(points.align(media)), readings, points)
    facts = [_moved(way.facts[index], points.clocks.get(way.sets.get(index, index))) for index in range(len(paths))]
    notes = (*_set_notes(facts), *_point_notes(facts, points), *_copy_notes(facts, readings))
    return Gathered(tuple(facts), readings, calls, notes)


def _moved(facts: CaptureFacts, clock: ClockOffset | None) -> CaptureFacts:
    return facts if clock is None else replace(facts, clock_offset_ns=clock.offset_ns)


def _watched(calls: CallSet, readings: Sequence[Reading], points: CapturePoints) -> CallSet:
    """The calls, those that did not end with the time at which the last capture ends that shows them."""
    ends: dict[int, int] = {}
    for reading in readings:
        clock, last_ns = points.clocks.get(reading.index), reading.last_time_ns
        if last_ns is not None:
            ends[reading.index] = last_ns - (clock.offset_ns if clock else 0)
    return replace(calls, calls=tuple(_watch(call, ends) if call.is_open else call for call in calls.calls))


def _watch(call: Call, ends: Mapping[int, int]) -> Call:
    shown = {message.capture for message in call.messages}
    return replace(call, watched_until_ns=max((ends[each] for each in shown if each in ends), default=None))


@dataclass(slots=True)
class _OpenFile:
    """The file that was read last: whoever goes on with it takes what waits at its end."""

    index: int
    head: CaptureHead | None
    capture: Capture
    account: CaptureAccount
    continues: int | None  # the file that it goes on with


@dataclass(slots=True)
class _PassOver:
    """The captures one after the other; files of a set in one reading, whose first file stands in `sets` for each."""

    paths: Sequence[Path | str]
    secrets: TlsSecrets
    messages: "_Messages"
    progress: Progress | None
    readers: ReadersAhead
    ahead: CaptureReader | None
    facts: dict[int, CaptureFacts] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    sets: dict[int, int] = field(default_factory=dict)

    def read(self, members: Sequence[Member]) -> None:
        """Read captures of which each may go on where the one before ended."""
        last: _OpenFile | None = None
        for member in members:
            before = last if last is not None and self._is_continued(last, member) else None
            carried = () if before is None else before.account.fragments
            try:
                reader = self._open(member.capture, is_alone=not carried)
            except CaptureError as error:
                self._note_unreadable(member.capture, error)
                continue
            if last is not None:
                self._conclude(last, is_continued=before is not None)
            self._begin(member.capture, is_new=before is None)
            reader.capture.carried = carried
            with reader:
                self._read(reader)
            continues = None if before is None else before.index
            last = _OpenFile(member.capture, member.head, reader.capture, reader.account, continues)
        if last is not None:
            self._conclude(last)

    def _is_continued(self, file: _OpenFile, member: Member) -> bool:
        if file.head is None or member.head is None:
            return False
        return goes_on(FileEnd(file.head, self.readings[-1].last_time_ns), member.head)

    def _begin(self, index: int, *, is_new: bool) -> None:
        if is_new:
            self.readings.append(Reading(index, self.secrets))
            self.messages.begin()
        else:
            self.readings[-1].begin_file(index)
        self.sets[index] = self.readings[-1].index

    def _open(self, index: int, *, is_alone: bool) -> CaptureReader:
        """A reader; by a child only where none has to know how the file before ended."""
        if self.ahead is not None and index == 0 and is_alone:
            return self.ahead
        return self.readers.take(index, is_alone=is_alone)

    def _read(self, reader: CaptureReader) -> None:
        reading = self.readings[-1]
        reader.capture.begin_digest()
        if not reader.is_ahead:
            reader.capture.sieve = reading.sieve()
        for batch, ahead in reader.batches(reading.index):
            self.messages.take(reading.feed(batch, ahead))
            if self.progress is not None:
                self.progress(str(reader.capture.path), reading.packets)

    def _conclude(self, file: _OpenFile, *, is_continued: bool = False) -> None:
        """What the report says of a file; the reading ends with it where no other goes on."""
        reading, account = self.readings[-1], file.account
        if is_continued:
            account = account._replace(fragments=())
        else:
            self.messages.take(reading.finish())
        number = reading.places.files - 1 if is_continued else None
        facts = reading.facts(file.capture, account, file=number)
        self.facts[file.index] = replace(facts, continues=file.continues)

    def _note_unreadable(self, index: int, error: CaptureError) -> None:
        defect = Defect("capture-unreadable", 0, "", str(error))
        self.facts[index] = CaptureFacts(str(self.paths[index]), "", "", 0, 0, None, None, (defect,), readable=False)


class _Messages:
    """The messages of all captures; those of a single one go to a tracker at once, as long as they come in order."""

    def __init__(self, retry_seconds: int, *, is_single: bool) -> None:
        self._retry_seconds = retry_seconds
        self._all: list[AnySignalling] = []
        self._is_single = is_single
        self._tracker: CallTracker | None = CallTracker(retry_seconds) if is_single else None
        self._last_frame = 0
        self._readings = 0

    def begin(self) -> None:
        """What comes now is of another capture than before."""
        self._readings += 1
        if self._readings > 1:
            self._is_single, self._tracker = False, None

    def take(self, messages: Sequence[AnySignalling]) -> None:
        """The next messages of a capture, by frame; they may come after later ones."""
        self._all += messages
        if self._tracker is None or not messages:
            return
        if messages[0].frame < self._last_frame:  # opened late, by secrets further down
            self._tracker = None
            return
        self._last_frame = messages[-1].frame
        for message in messages:
            self._tracker.feed(message)
        self._tracker.prepare(self._tracker.ended())

    def in_order(self) -> list[AnySignalling]:
        """All of them: those of a single capture where they were sent."""
        return sorted(self._all, key=lambda message: message.frame) if self._is_single else self._all

    def tracker(self, messages: Iterable[AnySignalling]) -> CallTracker:
        """One that has been fed all of these, which are the messages in their order of time."""
        if self._tracker is not None:
            return self._tracker
        tracker = CallTracker(self._retry_seconds)
        for message in messages:
            tracker.feed(message)
        return tracker


def _set_notes(facts: Sequence[CaptureFacts]) -> Iterator[str]:
    """Which captures were read as one."""
    for each in facts:
        if each.continues is not None:
            before = facts[each.continues].path
            yield f"{each.path}: goes on where {before} ends; both are read as one capture, frames are numbered in each"


def _point_notes(facts: Sequence[CaptureFacts], points: CapturePoints) -> Iterator[str]:
    """What was done about captures that show the same network."""
    for capture, clock in points.clocks.items():
        if clock is not None:
            way = "ahead of" if clock.offset_ns >= 0 else "behind"
            ahead = f"its clock is {abs(clock.offset_ns) / 1e9:.6f} s {way} that of the capture before"
            exact = "by one direction alone, so that the way between the two counts as part of it"
            if clock.uncertainty_ns is not None:
                exact = f"within {clock.uncertainty_ns / 1e9:.6f} s"
            moved = f"by {clock.basis}, {exact}; its times were moved by that"
            copies = f"{points.repeated[capture]} message(s) that both show count once"
            yield f"{facts[capture].path}: {ahead}, {moved}; {copies}"


def _copy_notes(facts: Sequence[CaptureFacts], readings: Sequence[Reading]) -> Iterator[str]:
    """Which captures hold media packets more than once."""
    for reading in readings:
        if copies := reading.media.copies:
            path = facts[reading.index].path
            yield f"{path}: {copies} copies of media packets, as several taps see them, were not counted again"
