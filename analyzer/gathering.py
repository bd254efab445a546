# SPDX-License-Identifier: GPL-2.0-only
"""The first half of an audit: captures in, their calls out.

Calls of a single capture are read as they end, while the capture is; several captures have to be compared first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.calls.tracker import CallTracker
from analyzer.errors import CaptureError
from analyzer.evidence.capture_points import CapturePoints, compare_captures
from analyzer.evidence.reading import Reading, merge_evidence
from analyzer.evidence.reading_ahead import CaptureReader, open_reader
from analyzer.model.call import CallSet
from analyzer.model.evidence import AnySignalling
from analyzer.model.policy import RETRY_SECONDS
from analyzer.model.report import CaptureFacts
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.defects import Defect

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What captures hold: `facts` and `readings` by capture, `calls` of all of them, `notes` for whoever reads that."""

    facts: tuple[CaptureFacts, ...]
    readings: tuple[Reading, ...]
    calls: CallSet
    notes: tuple[str, ...]


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

    With more than one of `jobs` a capture is read by threads or by a child as well; what comes of it is the same.
    `ahead` is a reading of the first capture that has begun already. `retry_seconds`: see `CallTracker`.
    """
    readings = tuple(Reading(index, secrets) for index in range(len(paths)))
    messages = _Messages(retry_seconds, is_single=len(paths) == 1)
    facts = []
    for path, reading in zip(paths, readings, strict=True):
        try:
            reader = ahead if ahead is not None and reading.index == 0 else open_reader(path, jobs, digest=digests)
        except CaptureError as error:
            defect = Defect("capture-unreadable", 0, "", str(error))
            facts.append(CaptureFacts(str(path), "", "", 0, 0, None, None, (defect,), readable=False))
            continue
        with reader:
            facts.append(_read(reader, reading, messages, progress))
    media = merge_evidence(readings)
    points = compare_captures(messages.in_order(), len(paths), media.streams)
    calls = messages.tracker(points.messages).finish(points.align(media))
    moved = [
        each if clock is None else replace(each, clock_offset_ns=clock.offset_ns)
        for each, clock in zip(facts, points.clocks, strict=True)
    ]
    notes = (*_point_notes(moved, points), *_copy_notes(moved, readings))
    return Gathered(tuple(moved), readings, calls, notes)


class _Messages:
    """The messages of all captures; those of a single one go to a tracker at once, as long as they come in order."""

    def __init__(self, retry_seconds: int, *, is_single: bool) -> None:
        self._retry_seconds = retry_seconds
        self._all: list[AnySignalling] = []
        self._is_single = is_single
        self._tracker: CallTracker | None = CallTracker(retry_seconds) if is_single else None
        self._last_frame = 0

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


def _read(reader: CaptureReader, reading: Reading, messages: _Messages, progress: Progress | None) -> CaptureFacts:
    reader.capture.begin_digest()
    for batch, ahead in reader.batches(reading.index):
        messages.take(reading.feed(batch, ahead))
        if progress is not None:
            progress(str(reader.capture.path), reading.packets)
    messages.take(reading.finish())
    return reading.facts(reader.capture, reader.account)


def _point_notes(facts: Sequence[CaptureFacts], points: CapturePoints) -> Iterator[str]:
    """What was done about captures that show the same network."""
    for each, clock, copies in zip(facts, points.clocks, points.repeated, strict=True):
        if clock is not None:
            way = "ahead of" if clock.offset_ns >= 0 else "behind"
            ahead = f"its clock is {abs(clock.offset_ns) / 1e9:.6f} s {way} that of the capture before"
            exact = "by one direction alone, so that the way between the two counts as part of it"
            if clock.uncertainty_ns is not None:
                exact = f"within {clock.uncertainty_ns / 1e9:.6f} s"
            moved = f"by {clock.basis}, {exact}; its times were moved by that"
            yield f"{each.path}: {ahead}, {moved}; {copies} message(s) that both show count once"


def _copy_notes(facts: Sequence[CaptureFacts], readings: Sequence[Reading]) -> Iterator[str]:
    """Which captures hold media packets more than once."""
    for each, reading in zip(facts, readings, strict=True):
        if copies := reading.media.copies:
            yield f"{each.path}: {copies} copies of media packets, as several taps see them, were not counted again"
