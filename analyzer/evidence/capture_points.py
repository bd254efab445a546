# SPDX-License-Identifier: GPL-2.0-only
"""One network seen from several capture points: clocks brought together, messages that were seen twice counted once.

A message that stands in two captures octet by octet was captured twice. The differences of its times, taken apart by
direction so that the way between the points cancels out, give the offset of the clocks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, NamedTuple, TypeVar, cast

from analyzer.model.evidence import (
    RUN_PACKETS,
    AnySignalling,
    DatagramFlow,
    LooseMikey,
    MediaEvidence,
    MediaStream,
    PacketRun,
)

MAX_COMPARED = 100_000  # messages of one capture that are looked at for its clock
MAX_COMPARED_OCTETS = 65_536
Flow = TypeVar("Flow", MediaStream, DatagramFlow)


class _Sighting(NamedTuple):
    timestamp_ns: int
    is_upward: bool  # from the lower to the higher endpoint, in text order


@dataclass(frozen=True, slots=True)
class CapturePoints:
    """How the captures of a set stand to each other.

    `offsets_ns` are by capture: how far its clock is ahead of that of the first capture it shares messages with, None
    where it shares none. `repeated` counts messages that an earlier capture has too.
    """

    offsets_ns: tuple[int | None, ...]
    repeated: tuple[int, ...]
    messages: tuple[AnySignalling, ...] = field(repr=False)

    def offset_ns(self, capture: int) -> int:
        """What to take off the times of a capture."""
        return self.offsets_ns[capture] or 0

    def align(self, media: MediaEvidence) -> MediaEvidence:
        """The media with its times as the first capture's clock tells them."""
        if not any(self.offsets_ns):
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

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The packets of a stream in runs, with those times."""
        for run in cast("MediaStream", self._flow).iter_runs(start, stop, packets):
            yield replace(run, timestamp_ns=run.timestamp_ns - self._offset_ns)


def compare_captures(messages: Sequence[AnySignalling], captures: int) -> CapturePoints:
    """The messages of all captures in one order of time, each once, and what they say of the clocks.

    One capture is passed on as it is: there a message that stands twice was sent twice.
    """
    if captures == 1:
        return CapturePoints((None,), (0,), tuple(messages))
    by_capture: list[list[AnySignalling]] = [[] for _ in range(captures)]
    for message in messages:
        by_capture[message.capture].append(message)
    offsets: list[int | None] = []
    repeated: list[int] = []
    kept: list[AnySignalling] = []
    reference: dict[bytes, _Sighting | None] = {}
    seen: Counter[bytes] = Counter()
    for own in by_capture:
        sightings = _sightings(own)
        offset = _offset(reference, sightings) if reference else None
        offsets.append(offset)
        shift = offset or 0
        copies: Counter[bytes] = Counter()
        fresh = []
        for message in own:
            raw = message.text.raw
            copies[raw] += 1
            if copies[raw] > seen[raw]:
                fresh.append(message._replace(timestamp_ns=message.timestamp_ns - shift) if shift else message)
        repeated.append(len(own) - len(fresh))
        kept += fresh
        seen |= copies
        if offset is not None or not reference:
            for raw, sighting in sightings.items():
                moved = sighting and sighting._replace(timestamp_ns=sighting.timestamp_ns - shift)
                reference.setdefault(raw, moved)
    kept.sort(key=lambda message: message.timestamp_ns)
    return CapturePoints(tuple(offsets), tuple(repeated), tuple(kept))


def _sightings(messages: Iterable[AnySignalling]) -> dict[bytes, _Sighting | None]:
    """When each message was seen; None for one that was sent again, as nobody can tell the copies apart."""
    found: dict[bytes, _Sighting | None] = {}
    for message, _ in zip(messages, range(MAX_COMPARED), strict=False):
        raw = message.text.raw
        if len(raw) <= MAX_COMPARED_OCTETS:
            sighting = _Sighting(message.timestamp_ns, message.source < message.destination)
            found[raw] = None if raw in found else sighting
    return found


def _offset(reference: dict[bytes, _Sighting | None], own: dict[bytes, _Sighting | None]) -> int | None:
    """How far a clock is ahead of the reference; None without a common message."""
    ways: dict[bool, list[int]] = {}
    for raw, sighting in own.items():
        known = reference.get(raw)
        if known is not None and sighting is not None:
            ways.setdefault(sighting.is_upward, []).append(sighting.timestamp_ns - known.timestamp_ns)
    if not ways:
        return None
    medians = [median(differences) for differences in ways.values()]
    return round(sum(medians) / len(medians))


def seen_once(messages: Iterable[LooseMikey]) -> list[LooseMikey]:
    """MIKEY messages outside session descriptions without those that an earlier capture has too."""
    first: dict[tuple[bytes, str, str], int] = {}
    return [
        message
        for message in messages
        if first.setdefault((message.octets, message.source, message.destination), message.capture) == message.capture
    ]
