# SPDX-License-Identifier: GPL-2.0-only
"""The whole way through, for programs: captures in, one report out.

`audit(paths)` reads files; a live source feeds a `Reading` batch by batch and asks an `Auditor` for each call as it
ends and for the report when it stops. Both take the same stages, so they give the same report of the same packets.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from analyzer.auditor import Auditor
from analyzer.calls.tracker import CallTracker
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureError
from analyzer.evidence.capture_points import compare_captures
from analyzer.evidence.reading import Reading, merge_evidence
from analyzer.judging import Render
from analyzer.keying.key_ring import KeyRing
from analyzer.model.evidence import AnySignalling
from analyzer.model.policy import Policy
from analyzer.model.report import CaptureFacts, Report
from analyzer.negotiation.inventory import Inventory
from analyzer.policies import DEFAULT_POLICY, read_policy
from dissectors.grammar.defects import Defect

Progress = Callable[[str, int], None]


def audit(
    paths: Sequence[Path | str],
    *,
    policy: Policy | None = None,
    ring: KeyRing | None = None,
    inventory: Inventory | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
    render: Render | None = None,
    keep_calls: bool = True,
    digests: bool = True,
) -> Report:
    """Audit captures (`-` is standard input) as one set; an unreadable one is reported and does not stop the others.

    With more than one of `jobs` large captures are scanned by as many threads; the report is the same. Without
    `digests` the SHA-256 of plain files is left empty: of a large one it takes longer than the scan.
    Raises nothing for bad captures: `CaptureFacts.readable` and `defects` say what could not be read.
    """
    ring = ring or KeyRing()
    auditor = Auditor(policy or read_policy(DEFAULT_POLICY), ring, inventory or Inventory())
    secrets = ring.tls_secrets()
    readings = [Reading(index, secrets) for index in range(len(paths))]
    facts: list[CaptureFacts] = []
    messages: list[AnySignalling] = []
    for path, reading in zip(paths, readings, strict=True):
        facts.append(_read(path, reading, messages, progress, jobs, digests))
    if len(paths) == 1:  # what opened late, by secrets further down, goes where it was sent
        messages.sort(key=lambda message: message.frame)
    points = compare_captures(messages, len(paths))
    tracker = CallTracker()
    for message in points.messages:
        tracker.feed(message)
    calls = tracker.finish(points.align(merge_evidence(readings)))
    facts = [replace(each, clock_offset_ns=offset) for each, offset in zip(facts, points.offsets_ns, strict=True)]
    notes = _point_notes(facts, points.repeated)
    return auditor.report(facts, calls, readings, notes=notes, render=render, jobs=jobs, keep_calls=keep_calls)


def _point_notes(facts: Sequence[CaptureFacts], repeated: Sequence[int]) -> list[str]:
    """What was done about captures that show the same messages."""
    notes = []
    for each, copies in zip(facts, repeated, strict=True):
        if each.clock_offset_ns is not None:
            way = "ahead of" if each.clock_offset_ns >= 0 else "behind"
            seconds = abs(each.clock_offset_ns) / 1e9
            clock = f"its clock is {seconds:.6f} s {way} that of the capture before, and its times were moved by that"
            notes.append(f"{each.path}: {clock}; {copies} message(s) that both show count once")
    return notes


def _read(
    path: Path | str,
    reading: Reading,
    messages: list[AnySignalling],
    progress: Progress | None,
    jobs: int,
    digest: bool,
) -> CaptureFacts:
    try:
        capture = open_capture(path, jobs=jobs, digest=digest)
    except CaptureError as error:
        defect = Defect("capture-unreadable", 0, "", str(error))
        return CaptureFacts(str(path), "", "", 0, 0, None, None, (defect,), readable=False)
    for batch in capture.batches():
        messages += reading.feed(batch)
        if progress is not None:
            progress(str(path), reading.packets)
    messages += reading.finish()
    return reading.facts(capture)
