# SPDX-License-Identifier: GPL-2.0-only
"""One network seen from several capture points: clocks brought together, messages that were seen twice counted once.

A message that stands in two captures octet by octet was captured twice; `capture_clocks` says how clocks are set right.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, TypeVar, cast

from analyzer.evidence.capture_clocks import ClockEvidence, ClockOffset
from analyzer.model.evidence import (
    RUN_PACKETS,
    AnySignalling,
    DatagramFlow,
    LooseMikey,
    MediaEvidence,
    MediaStream,
    PacketFacts,
    PacketRun,
)
from dissectors.grammar.late_dataclass import dataclass

Flow = TypeVar("Flow", MediaStream, DatagramFlow)


@dataclass(frozen=True, slots=True)
class CapturePoints:
    """How the captures of a set stand to each other.

    `clocks` are by capture: how far its clock is ahead of that of the captures before, None where it shares nothing
    with them. `repeated` counts messages that an earlier capture has too. A set of files counts as its first.
    """

    clocks: Mapping[int, ClockOffset | None]
    repeated: Mapping[int, int]
    messages: tuple[AnySignalling, ...] = field(repr=False)

    def offset_ns(self, capture: int) -> int:
        """What to take off the times of a capture."""
        clock = self.clocks[capture]
        return 0 if clock is None else clock.offset_ns

    def align(self, media: MediaEvidence) -> MediaEvidence:
        """The media with its times as the first capture's clock tells them."""
        if not any(map(self.offset_ns, self.clocks)):
            return media
        return MediaEvidence(
            streams=self._shifted(media.streams),
            rtcp=self._shifted(media.rtcp),
            dtls=self._shifted(media.dtls),
            zrtp=self._shifted(media.zrtp),
            stun=self._shifted(media.stun),
            tls=tuple(flow._replace(first_ns=flow.first_ns - self.offset_ns(flow.capture)) for flow in media.tls),
        )

    def _shifted(self, flows: Iterable[Flow]) -> tuple[Flow, ...]:
        return tuple(
            cast("Flow", ShiftedFlow(flow, self.offset_ns(flow.capture))) if self.offset_ns(flow.capture) else flow
            for flow in flows
        )


class ShiftedFlow:
    """A stream or flow whose times are `offset_ns` earlier than its capture says; all else is its own."""

    def __init__(self, flow: MediaStream | DatagramFlow, offset_ns: int) -> None:
        self._flow = flow
        self._offset_ns = offset_ns

    def __len__(self) -> int:
        return len(self._flow)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._flow, name)

    @property
    def timestamp_ns(self) -> Any:
        """Times by the clock of the first capture."""
        return self._flow.timestamp_ns - self._offset_ns  # type: ignore[operator]

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        """The packets of a stream in runs, with those times."""
        for facts in cast("MediaStream", self._flow).iter_facts(start, stop, packets):
            yield replace(facts, timestamp_ns=facts.timestamp_ns - self._offset_ns)

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The same with payloads."""
        for run in cast("MediaStream", self._flow).iter_runs(start, stop, packets):
            yield replace(run, timestamp_ns=run.timestamp_ns - self._offset_ns)


def compare_captures(
    messages: Sequence[AnySignalling], captures: Sequence[int], streams: Sequence[MediaStream] = ()
) -> CapturePoints:
    """The messages of all captures in one order of time, each once, and what they and the media say of the clocks.

    One capture is passed on as it is: there a message that stands twice was sent twice.
    """
    if len(captures) < 2:
        return CapturePoints(dict.fromkeys(captures), dict.fromkeys(captures, 0), tuple(messages))
    by_capture: dict[int, list[AnySignalling]] = {capture: [] for capture in captures}
    for message in messages:
        by_capture[message.capture].append(message)
    clocks: dict[int, ClockOffset | None] = {}
    repeated: dict[int, int] = {}
    kept: list[AnySignalling] = []
    reference: ClockEvidence | None = None
    seen: Counter[bytes] = Counter()
    for capture, own in by_capture.items():
        evidence = ClockEvidence.of(own, (stream for stream in streams if stream.capture == capture))
        clock = None if reference is None else evidence.compare(reference)
        clocks[capture] = clock
        shift = 0 if clock is None else clock.offset_ns
        fresh = list(_unseen(own, seen))
        repeated[capture] = len(own) - len(fresh)
        kept += (each._replace(timestamp_ns=each.timestamp_ns - shift) for each in fresh) if shift else fresh
        if reference is None:
            reference = evidence
        elif clock is not None:
            reference.absorb(evidence, shift)
    kept.sort(key=lambda message: message.timestamp_ns)
    return CapturePoints(clocks, repeated, tuple(kept))


def _unseen(own: Iterable[AnySignalling], seen: Counter[bytes]) -> Iterator[AnySignalling]:
    """The messages of one capture that no earlier one has; `seen` learns of them."""
    copies: Counter[bytes] = Counter()
    for message in own:
        raw = message.text.raw
        copies[raw] += 1
        if copies[raw] > seen[raw]:
            yield message
    seen |= copies


def seen_once(messages: Iterable[LooseMikey]) -> list[LooseMikey]:
    """MIKEY messages outside session descriptions without those that an earlier capture has too."""
    first: dict[tuple[bytes, str, str], int] = {}
    return [
        message
        for message in messages
        if first.setdefault((message.octets, message.source, message.destination), message.capture) == message.capture
    ]
