# SPDX-License-Identifier: GPL-2.0-only
"""SIP (also in WebSocket frames), RTSP or RTP in one direction of a byte stream, or what it turns out not to be."""

from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.rtp_stream import RtpStreamFramer
from dissectors.grammar.rtsp import looks_like_rtsp
from dissectors.grammar.rtsp_stream import PieceKind, RtspPiece, RtspStreamFramer, opens_tunnel
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_stream import FramedMessage, SipStreamFramer
from dissectors.grammar.turn_stream import TurnStreamFramer, opens_turn
from dissectors.grammar.websocket import WebSocketFramer, is_sip_frame, may_be_upgrade

MAX_SNIFFED_OCTETS = 256 * 1024  # of a stream joined in its middle, until it counts as something else
NO_CHANNEL = -1  # of media that has a connection to itself, or that a TURN server relays
MAX_UNDECIDED = 64  # packets of a stream of which nobody knows what it is
TELLING_FRAMES = 4  # interleaved frames in a row that make a stream joined in its middle RTSP


class InterleavedPacket(NamedTuple):
    """The payload of one interleaved frame (RFC 2326 §10.12), and the frame of the capture that completed it.

    Media that has a connection to itself (RFC 4571), or that a TURN server relays, stands here with `NO_CHANNEL`.
    """

    channel: int
    data: bytes
    frame: int
    timestamp_ns: int


class StreamReader:
    """Undecided at first, then SIP, SIP over WebSocket (RFC 7118), RTSP, TURN (RFC 8656), RTP, or of no interest.

    `interleaved` gathers the media until somebody takes it; `time_ns` is set before each `feed`. Where a stream is
    `hidden` in TLS its media is not looked for: it is not clear, whatever it is inside.
    """

    __slots__ = (
        *("_framer", "_held", "_hidden", "_last_frame", "_rtp", "_rtsp", "_sniffed", "_started", "_turn", "_undecided"),
        *("interleaved", "is_other", "is_rtsp", "is_sip", "time_ns"),
    )

    def __init__(self, *, is_rtsp: bool = False, hidden: bool = False) -> None:
        self._rtsp: RtspStreamFramer | None = RtspStreamFramer() if is_rtsp else None
        self._held: list[tuple[RtspPiece, int, int]] = []
        self._turn: TurnStreamFramer | None = None
        self._rtp: RtpStreamFramer | None = None
        self._undecided: list[InterleavedPacket] = []  # packets of RTP, if that is what this is
        self._hidden = hidden
        self._last_frame = 0
        self.is_rtsp = is_rtsp
        self.interleaved: list[InterleavedPacket] = []
        self.time_ns = 0
        self._framer: SipStreamFramer | WebSocketFramer = SipStreamFramer()
        self._started = False
        self._sniffed = 0
        self.is_sip = False
        self.is_other = False

    @property
    def is_rtp(self) -> bool:
        """Whether this is known to be media with a connection to itself."""
        return self._rtp is not None and self._rtp.is_told

    @property
    def is_websocket(self) -> bool:
        """Whether the messages come in WebSocket frames."""
        return isinstance(self._framer, WebSocketFramer)

    @property
    def defects(self) -> list[Defect]:
        """What was missing or out of place, where the stream carries SIP or RTSP; offsets count its octets."""
        if self.is_rtsp and self._rtsp is not None:
            return self._rtsp.defects
        if self._turn is not None:
            return self._turn.defects
        if self.is_rtp and self._rtp is not None:
            return self._rtp.defects
        return self._framer.defects if self.is_sip else []

    def feed(self, data: bytes, frame: int, gap: int, from_start: bool) -> list[FramedMessage]:
        """The messages that these octets complete; `gap` octets before them were lost."""
        if not self._started:
            self._started = True
            if not self.is_rtsp:
                self._choose(data, from_start)
        if self._turn is not None:
            self._feed_turn(self._turn, data, frame, gap)
        if self._rtp is not None:
            self._feed_rtp(self._rtp, data, frame, gap)
        if self._rtsp is not None:
            messages = self._feed_rtsp(self._rtsp, data, frame, gap)
            if self.is_rtsp:
                return messages
        if self.is_other:
            return []
        messages = self._framer.skip(gap) if gap else []
        messages += self._framer.feed(data, frame)
        return self._settle(messages, len(data))

    def interrupt(self) -> list[FramedMessage]:
        """Octets of unknown number are missing here: what waits is handed out as it is."""
        if self.is_rtsp and self._rtsp is not None:
            return self._sort(self._rtsp.skip(0), 0)
        return self._settle(self._framer.skip(0), 0)

    def flush(self) -> list[FramedMessage]:
        """The stream ends: a message cut short is handed out as it is."""
        if self.is_rtsp and self._rtsp is not None:
            return self._sort(self._rtsp.flush(), self._last_frame)
        return [] if self.is_other else self._settle(self._framer.flush(), 0)

    def _choose(self, data: bytes, from_start: bool) -> None:
        if opens_turn(data):
            self._turn, self.is_other = TurnStreamFramer(), True
        elif looks_like_rtsp(data) or opens_tunnel(data):
            self._rtsp, self.is_rtsp = RtspStreamFramer(), True
        elif may_be_upgrade(data):
            self._framer = WebSocketFramer()
        elif not from_start and is_sip_frame(data):
            self._framer = WebSocketFramer(is_open=True)
        elif from_start:
            self.is_other = is_no_sip(data)
            self._look_for_rtp(from_start=True)
        else:
            self._rtsp = RtspStreamFramer()
            self._look_for_rtp(from_start=False)

    def _look_for_rtp(self, *, from_start: bool) -> None:
        if not self._hidden:
            self._rtp = RtpStreamFramer(from_start=from_start)

    @property
    def tunnel(self) -> tuple[str, bool] | None:
        """The cookie of a tunnel in HTTP and whether this is its POST; None outside tunnels."""
        if self._rtsp is None or self._rtsp.cookie is None:
            return None
        return self._rtsp.cookie, self._rtsp.is_tunnelled_post

    def expect_rtsp(self) -> list[FramedMessage]:
        """The other direction is RTSP, so this one is; returns what was held back until this was known."""
        if self.is_rtsp or self.is_sip:
            return []
        if self._rtsp is None or self.is_other:
            self._rtsp, self._held = RtspStreamFramer(), []
        self.is_rtsp, self.is_other = True, False
        return self._release()

    def expect_rtp(self) -> None:
        """This direction or the other one is known to be media: what was held back until this was known is."""
        if self._rtp is None or self.is_sip or self.is_rtsp:
            return
        self._rtp.is_told = True
        self.interleaved += self._undecided
        self._undecided, self._rtsp, self._held, self.is_other = [], None, [], True

    def _feed_turn(self, framer: TurnStreamFramer, data: bytes, frame: int, gap: int) -> None:
        if gap:
            framer.skip(gap)
        for datagram in framer.feed(data):
            self.interleaved.append(InterleavedPacket(NO_CHANNEL, datagram, frame, self.time_ns))

    def _feed_rtp(self, framer: RtpStreamFramer, data: bytes, frame: int, gap: int) -> None:
        """Packets are kept to themselves until enough of them say that nothing else is to be looked for."""
        if gap:
            framer.skip(gap)
        self._undecided += [InterleavedPacket(NO_CHANNEL, one, frame, self.time_ns) for one in framer.feed(data)]
        if framer.is_told:
            self.expect_rtp()
        elif framer.is_other or self.is_sip or self.is_rtsp or len(self._undecided) > MAX_UNDECIDED:
            self._rtp, self._undecided = None, []

    def _feed_rtsp(self, framer: RtspStreamFramer, data: bytes, frame: int, gap: int) -> list[FramedMessage]:
        self._last_frame = frame
        pieces = framer.skip(gap) if gap else []
        pieces += framer.feed(data)
        if self.is_rtsp:
            return self._sort(pieces, frame)
        self._held += [(piece, frame, self.time_ns) for piece in pieces]
        is_told = any(piece.kind is not PieceKind.INTERLEAVED for piece in pieces)
        if self.is_sip:
            self._rtsp, self._held = None, []
        elif is_told or len(self._held) >= TELLING_FRAMES:
            self.is_rtsp = True
            return self._release()
        return []

    def _release(self) -> list[FramedMessage]:
        held, self._held = self._held, []
        now, messages = self.time_ns, []
        for piece, frame, time_ns in held:
            self.time_ns = time_ns
            messages += self._sort([piece], frame)
        self.time_ns = now
        return messages

    def _sort(self, pieces: list[RtspPiece], frame: int) -> list[FramedMessage]:
        """Messages are returned, interleaved frames set aside, the headers of a tunnel dropped."""
        messages = []
        for piece in pieces:
            if piece.channel is not None:
                self.interleaved.append(InterleavedPacket(piece.channel, piece.data, frame, self.time_ns))
            elif piece.kind is PieceKind.MESSAGE:
                messages.append(FramedMessage(piece.data, frame))
        return messages

    def _settle(self, messages: list[FramedMessage], octets: int) -> list[FramedMessage]:
        if self.is_websocket:  # keep-alives, and what other protocols send in their frames
            messages = [message for message in messages if looks_like_sip(message.data)]
        self.is_sip = self.is_sip or bool(messages)
        if not self.is_sip:
            self._sniffed += octets
            over = isinstance(self._framer, WebSocketFramer) and self._framer.is_over
            if over or self._sniffed > MAX_SNIFFED_OCTETS:
                self.is_other, self._framer = True, SipStreamFramer()
                self._rtsp, self._held = None, []
                self._rtp, self._undecided = None, []
        return messages


def is_no_sip(data: bytes) -> bool:
    """Whether a stream that begins with these octets can't be SIP: its first line is there, and is no start line."""
    line = data.lstrip(b"\r\n")
    return b"\n" in line and not looks_like_sip(line)
