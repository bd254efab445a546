# SPDX-License-Identifier: GPL-2.0-only
"""How far the clock of one capture point is ahead of another's: by what both have seen.

Best are messages that stand in both octet by octet; where an element between the points rewrites them, those of one
transaction; where it makes new calls of them, media packets. The differences of their times are taken apart by
direction, so that the way between the points cancels out: what it may take is how far the estimate can be wrong.
"""

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import NamedTuple

from analyzer.evidence.packet_facts import first_facts
from analyzer.model.evidence import AnySignalling, MediaStream, SignallingMessage
from analyzer.model.words import Word
from dissectors.grammar.late_dataclass import dataclass

MAX_COMPARED = 100_000  # messages of one capture that are looked at for its clock
MAX_COMPARED_OCTETS = 65_536
MAX_STREAMS = 256  # of one capture that are looked at, and packets of each
MAX_PACKETS = 200
MAX_MEDIA_OFFSET_NS = 60_000_000_000  # what comes again later was replayed, or played anew, sooner than relayed


class ClockBasis(Word):
    """What two captures have in common, the best evidence first; its text stands in reports."""

    MESSAGES = "messages that both show"
    TRANSACTIONS = "messages that an element between the two rewrites"
    MEDIA = "media packets that both show"


class ClockOffset(NamedTuple):
    """How far a clock is ahead, on what ground, and how far that can be wrong; None where one direction alone tells."""

    offset_ns: int
    basis: ClockBasis
    uncertainty_ns: int | None


class _Sighting(NamedTuple):
    timestamp_ns: int
    is_upward: bool  # from the lower to the higher endpoint, in text order


_Sightings = dict[Hashable, _Sighting | None]  # None for what was seen twice, as nobody can tell the copies apart


@dataclass(slots=True)
class ClockEvidence:
    """What one capture, or all that were aligned so far, saw and when."""

    seen: dict[ClockBasis, _Sightings] = field(default_factory=lambda: {basis: {} for basis in ClockBasis})

    @classmethod
    def of(cls, messages: Iterable[AnySignalling], streams: Iterable[MediaStream]) -> "ClockEvidence":
        """What the messages and streams of one capture tell."""
        found = cls()
        for message, _ in zip(messages, range(MAX_COMPARED), strict=False):
            raw = message.text.raw
            sighting = _Sighting(message.timestamp_ns, message.source < message.destination)
            if len(raw) <= MAX_COMPARED_OCTETS:
                _note(found.seen[ClockBasis.MESSAGES], raw, sighting)
            if isinstance(message, SignallingMessage):
                _note(found.seen[ClockBasis.TRANSACTIONS], _transaction(message), sighting)
        for stream, _ in zip(streams, range(MAX_STREAMS), strict=False):
            for key, sighting in _packets(stream):
                _note(found.seen[ClockBasis.MEDIA], key, sighting)
        return found

    def compare(self, reference: "ClockEvidence") -> ClockOffset | None:
        """How far this clock is ahead of the reference; None where nothing that both have tells."""
        from statistics import median  # noqa: PLC0415 - only where several captures are compared

        for basis in ClockBasis:
            ways = list(_differences(self.seen[basis], reference.seen[basis]).values())
            if ways:
                medians = [median(way) for way in ways]
                spread = round(abs(medians[0] - medians[-1]) / 2) if len(medians) > 1 else None
                offset_ns = round(sum(medians) / len(medians))
                is_told = basis is not ClockBasis.MEDIA or abs(offset_ns) <= MAX_MEDIA_OFFSET_NS
                return ClockOffset(offset_ns, basis, spread) if is_told else None
        return None

    def absorb(self, other: "ClockEvidence", shift_ns: int) -> None:
        """Take in what another capture saw first; its clock is `shift_ns` ahead."""
        for basis, sightings in other.seen.items():
            own = self.seen[basis]
            for key, sighting in sightings.items():
                own.setdefault(key, sighting and sighting._replace(timestamp_ns=sighting.timestamp_ns - shift_ns))


def _note(sightings: _Sightings, key: Hashable, sighting: _Sighting) -> None:
    sightings[key] = None if key in sightings else sighting


def _differences(own: _Sightings, reference: Mapping[Hashable, _Sighting | None]) -> dict[bool, list[int]]:
    """Differences of the times of what both saw, by its direction where the reference was taken."""
    ways: dict[bool, list[int]] = {}
    for key, sighting in own.items():
        known = reference.get(key)
        if known is not None and sighting is not None:
            ways.setdefault(known.is_upward, []).append(sighting.timestamp_ns - known.timestamp_ns)
    return ways


def _transaction(message: SignallingMessage) -> Hashable:
    """What a proxy leaves as it was (RFC 3261 §16.6): no header that each hop has of its own."""
    sip = message.sip
    return sip.call_id, sip.cseq_number, sip.cseq_method, sip.status, sip.from_tag, sip.to_tag


def _packets(stream: MediaStream) -> Iterator[tuple[Hashable, _Sighting]]:
    """The first packets of a stream: an element that relays media changes no SSRC, number or payload."""
    is_upward = stream.source < stream.destination
    facts = first_facts(stream, MAX_PACKETS)
    numbers, headers, times = facts.sequence_number.tolist(), facts.header_octets.tolist(), facts.timestamp_ns.tolist()
    payloads = stream.read_payloads(range(len(facts)))
    for number, header, time_ns, payload in zip(numbers, headers, times, payloads, strict=True):
        digest = hashlib.blake2b(payload[header:], digest_size=16).digest()
        yield (stream.ssrc, number, digest), _Sighting(time_ns, is_upward)
