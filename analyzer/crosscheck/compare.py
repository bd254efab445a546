# SPDX-License-Identifier: GPL-2.0-only
"""Two readings of the same captures side by side: what agrees in numbers, what differs with its frames."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from analyzer.crosscheck.observation import Observation, Texts
from analyzer.crosscheck.ours import loose_ports, observe_report
from analyzer.crosscheck.wireshark import observe_capture, tshark_version
from analyzer.errors import CaptureError
from analyzer.model.cross_check import Agreement, CrossCheck, Difference, KnownGap
from analyzer.model.report import Report

STDIN = "-"
MIN_STREAM_PACKETS = 4
LISTED_FRAMES = 20
GAPS = {
    "inside-tls": "Wireshark was given no keys: what we read inside TLS stays closed to it",
    "jitter-not-by-wireshark": "Wireshark tells no jitter of a stream whose clock rate it does not know",
    "jitter-of-several-types": "payload types of one stream may have clocks of their own: its jitter is not compared",
    "jitter-without-clock": "nothing says which clock rate a dynamic payload type has: there is no jitter to compare",
    "mikey-at-media-level": "Wireshark reads MIKEY in a=key-mgmt at session level only",
    "stream-not-announced": "Wireshark takes UDP for RTP only where signalling announces it or its heuristic is sure",
    "stream-over-files": "Wireshark reads each file of a set by itself: a stream that goes on in the next is two to it",
    "stream-too-short": "Wireshark's heuristic calls a few packets that look like RTP a stream; we ask for four",
}
TOPICS = ("frames", "SIP methods and statuses", "SDP media", "SDP crypto", "MIKEY headers", "RTP streams")


class _Tally:
    """Agreements, differences and gaps as they are found."""

    def __init__(self) -> None:
        self.agreed: Counter[str] = Counter()
        self.differences: list[Difference] = []
        self._gaps: dict[tuple[str, int], list[int]] = {}

    def note_gap(self, gap: str, capture: int, frame: int, count: int = 1) -> None:
        self._gaps.setdefault((gap, capture), []).extend([frame] * count)

    def gaps(self) -> tuple[KnownGap, ...]:
        return tuple(
            KnownGap(
                gap, GAPS[gap], capture, len(frames), tuple(sorted({each for each in frames if each}))[:LISTED_FRAMES]
            )
            for (gap, capture), frames in sorted(self._gaps.items())
        )


def cross_check(
    paths: Sequence[Path | str], report: Report, observe: Callable[[Path, Sequence[int]], Observation] = observe_capture
) -> CrossCheck:
    """The second opinion on a report of `paths`; raises UsageError where there is nobody to give one."""
    tool = tshark_version()
    tally, notes = _Tally(), []
    for capture, path in enumerate(paths):
        if str(path) == STDIN:
            notes.append("standard input can't be read a second time: not compared")
        elif not report.captures[capture].readable:
            notes.append(f"{path}: not readable, not compared")
        else:
            try:
                theirs = observe(Path(path), loose_ports(report, capture))
            except CaptureError as error:
                notes.append(str(error))
                continue
            ours = observe_report(report, capture)
            if theirs.stopped and ours.frames != theirs.frames:
                notes.append(f"{path}: tshark did not read it to its end, not compared: {theirs.stopped}")
                continue
            compare(capture, ours, theirs, tally)
    agreements = tuple(Agreement(topic, tally.agreed[topic]) for topic in TOPICS)
    return CrossCheck(tool, agreements, tuple(tally.differences), tally.gaps(), tuple(notes))


def compare(capture: int, ours: Observation, theirs: Observation, tally: _Tally) -> None:
    """Everything that both have read of one capture."""
    if ours.frames == theirs.frames:
        tally.agreed["frames"] += ours.frames or 0
    elif theirs.frames is not None:
        tally.differences.append(Difference("frames", capture, (), str(ours.frames), str(theirs.frames)))
    pairs = (
        (ours.sip, theirs.sip),
        (ours.media, theirs.media),
        (ours.crypto, theirs.crypto),
        (ours.mikey, theirs.mikey),
    )
    for topic, (mine, other) in zip(TOPICS[1:5], pairs, strict=True):
        _compare_texts(topic, capture, (mine, other), ours.hidden, tally)
    for frame, count in sorted(ours.media_level.items()):
        if frame not in ours.hidden:
            tally.note_gap("mikey-at-media-level", capture, frame, count)
    _compare_streams(capture, ours, theirs, tally)


def _compare_texts(topic: str, capture: int, texts: tuple[Texts, Texts], hidden: set[int], tally: _Tally) -> None:
    mine, other = texts
    for frame in sorted(mine.keys() | other.keys()):
        own, their = mine.get(frame, ()), other.get(frame, ())
        if sorted(own) == sorted(their):  # messages that one frame completes have no order among calls
            tally.agreed[topic] += len(own)
        elif frame in hidden and not their:
            if topic == TOPICS[1]:
                tally.note_gap("inside-tls", capture, frame, len(own))
        else:
            tally.differences.append(Difference(topic, capture, (frame,), ", ".join(own), ", ".join(their)))


def _compare_streams(capture: int, ours: Observation, theirs: Observation, tally: _Tally) -> None:
    for name in sorted(ours.streams.keys() | theirs.streams.keys()):
        own, their = ours.streams.get(name), theirs.streams.get(name)
        if own is not None and name in ours.parted:
            tally.note_gap("stream-over-files", capture, own.first_frame)
        elif own is None:
            if their is not None and their.packets < MIN_STREAM_PACKETS:
                tally.note_gap("stream-too-short", capture, 0)
            else:
                tally.differences.append(Difference(TOPICS[5], capture, (), "", f"{name}: {their}"))
        elif their is None:
            tally.note_gap("stream-not-announced", capture, own.first_frame)
        elif own.agrees(their):
            tally.agreed[TOPICS[5]] += 1
            if None in (own.jitter_ms, their.jitter_ms) and own.packets > 1:  # one packet alone has no jitter
                tally.note_gap(own.no_jitter or their.no_jitter, capture, own.first_frame)
        else:
            said = f"{name}: {own}", f"{name}: {their}"
            tally.differences.append(Difference(TOPICS[5], capture, (own.first_frame,), *said))
