# SPDX-License-Identifier: GPL-2.0-only
"""SIP in one direction of a byte stream, bare or in WebSocket frames, and who the stream turns out not to be."""

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_stream import FramedMessage, SipStreamFramer
from dissectors.grammar.websocket import WebSocketFramer, is_sip_frame, may_be_upgrade

MAX_SNIFFED_OCTETS = 256 * 1024  # of a stream joined in its middle, until it counts as something else


class StreamReader:
    """Undecided at first, then SIP, SIP over WebSocket (RFC 7118), or of no interest."""

    __slots__ = ("_framer", "_sniffed", "_started", "is_other", "is_sip")

    def __init__(self) -> None:
        self._framer: SipStreamFramer | WebSocketFramer = SipStreamFramer()
        self._started = False
        self._sniffed = 0
        self.is_sip = False
        self.is_other = False

    @property
    def is_websocket(self) -> bool:
        """Whether the messages come in WebSocket frames."""
        return isinstance(self._framer, WebSocketFramer)

    @property
    def defects(self) -> list[Defect]:
        """What was missing or out of place, where the stream carries SIP; offsets count its octets."""
        return self._framer.defects if self.is_sip else []

    def feed(self, data: bytes, frame: int, gap: int, from_start: bool) -> list[FramedMessage]:
        """The SIP messages that these octets complete; `gap` octets before them were lost."""
        if not self._started:
            self._started = True
            self._choose(data, from_start)
        if self.is_other:
            return []
        messages = self._framer.skip(gap) if gap else []
        messages += self._framer.feed(data, frame)
        return self._settle(messages, len(data))

    def interrupt(self) -> list[FramedMessage]:
        """Octets of unknown number are missing here: what waits is handed out as it is."""
        return self._settle(self._framer.skip(0), 0)

    def flush(self) -> list[FramedMessage]:
        """The stream ends: a message cut short is handed out as it is."""
        return [] if self.is_other else self._settle(self._framer.flush(), 0)

    def _choose(self, data: bytes, from_start: bool) -> None:
        if may_be_upgrade(data):
            self._framer = WebSocketFramer()
        elif not from_start and is_sip_frame(data):
            self._framer = WebSocketFramer(is_open=True)
        elif from_start:
            self.is_other = is_no_sip(data)

    def _settle(self, messages: list[FramedMessage], octets: int) -> list[FramedMessage]:
        if self.is_websocket:  # keep-alives, and what other protocols send in their frames
            messages = [message for message in messages if looks_like_sip(message.data)]
        self.is_sip = self.is_sip or bool(messages)
        if not self.is_sip:
            self._sniffed += octets
            over = isinstance(self._framer, WebSocketFramer) and self._framer.is_over
            if over or self._sniffed > MAX_SNIFFED_OCTETS:
                self.is_other, self._framer = True, SipStreamFramer()
        return messages


def is_no_sip(data: bytes) -> bool:
    """Whether a stream that begins with these octets can't be SIP: its first line is there, and is no start line."""
    line = data.lstrip(b"\r\n")
    return b"\n" in line and not looks_like_sip(line)
