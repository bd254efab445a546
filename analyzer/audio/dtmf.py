# SPDX-License-Identifier: GPL-2.0-only
"""The digits that were pressed, out of telephone-event packets (RFC 4733)."""

from analyzer.audio.decoders import DEFAULT_CLOCK_RATE
from analyzer.audio.track import AudioPacket
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.telephone_event import parse_telephone_event

MAX_EVENTS = 4096


@dataclass(slots=True)
class DtmfEvent:
    """One event: when its first packet was captured, its name, and how long it lasted by its last report."""

    timestamp_ns: int
    name: str
    milliseconds: int


class DtmfReader:
    """Takes the telephone-event packets of one stream; packets of one event share its RTP timestamp (§2.5.1.2)."""

    def __init__(self, clock_rate: int = DEFAULT_CLOCK_RATE) -> None:
        self._clock_rate = clock_rate
        self._events: dict[tuple[int, int], DtmfEvent] = {}
        self.broken = 0

    def add(self, packet: AudioPacket) -> None:
        """Take one packet; one that is too short is counted as broken."""
        try:
            report = parse_telephone_event(packet.payload)
        except GrammarError:
            self.broken += 1
            return
        key = (packet.rtp_timestamp, report.event)
        milliseconds = 1000 * report.duration // self._clock_rate
        known = self._events.get(key)
        if known is None:
            if len(self._events) < MAX_EVENTS:
                self._events[key] = DtmfEvent(packet.timestamp_ns, report.name, milliseconds)
        else:
            known.milliseconds = max(known.milliseconds, milliseconds)

    @property
    def events(self) -> tuple[DtmfEvent, ...]:
        """The events in the order in which they began."""
        return tuple(sorted(self._events.values(), key=lambda event: event.timestamp_ns))
