# SPDX-License-Identifier: GPL-2.0-only
"""DTMF digits and other telephone events in RTP payloads (RFC 4733 §2.3, §3.2)."""

from typing import NamedTuple

from dissectors.grammar.errors import Truncated

EVENT_OCTETS = 4
DTMF_EVENTS = "0123456789*#ABCD"  # RFC 4733 §3.2
FLASH_EVENT = 16


class TelephoneEvent(NamedTuple):
    """One event report: `duration` in ticks of the RTP clock so far, `volume` in −dBm0."""

    event: int
    end: bool
    volume: int
    duration: int

    @property
    def name(self) -> str:
        """The digit, `flash`, or the event's number."""
        if self.event < len(DTMF_EVENTS):
            return DTMF_EVENTS[self.event]
        return "flash" if self.event == FLASH_EVENT else f"event {self.event}"


def parse_telephone_event(payload: bytes) -> TelephoneEvent:
    """The report of a payload, what follows its four octets left aside; raises Truncated (RFC 4733 §2.3)."""
    if len(payload) < EVENT_OCTETS:
        raise Truncated("telephone-event", needed=EVENT_OCTETS, have=len(payload), clause="RFC 4733 §2.3")
    duration = int.from_bytes(payload[2:4], "big")
    return TelephoneEvent(payload[0], bool(payload[1] & 0x80), payload[1] & 0x3F, duration)
