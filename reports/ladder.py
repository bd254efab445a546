# SPDX-License-Identifier: GPL-2.0-only
"""The ladder diagram of one call: where each message and each stream is drawn; the template writes the text."""

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.model.call import Call, Party, Side
from analyzer.model.evidence import AnySignalling, FrameRef
from analyzer.model.keying import StreamAudit
from analyzer.model.report import AuditedCall, AuditedMedia
from dissectors.grammar.late_dataclass import dataclass
from reports.messages import carries_sdp, message_name, reason_text, reasons_of
from reports.safe_text import visible
from reports.spelling import count_text, offset_text, ssrc_text
from reports.wording import WIRE_SYMBOLS

MAX_ROWS = 80
MAX_COLUMNS = 6
_FIRST_COLUMN = 160
_SPREAD = 600
_MIN_SPACING = 230
_MARGIN = 96
_HEAD = 30
_ROW = 36
_HEAD_LENGTH = 9


class Column(NamedTuple):
    """One host (or endpoint) of the signalling."""

    x: int
    label: str


class Arrow(NamedTuple):
    """One message: from `x1` to `x2` at height `y`; `tip` is the outline of the arrow head."""

    y: int
    x1: int
    x2: int
    middle: int
    tip: str
    kind: str
    frame: int
    offset: str
    name: str
    note: str
    repeated: bool


class Band(NamedTuple):
    """One media stream: a bar from `x1` to `x2` around height `y`."""

    y: int
    left: int
    width: int
    middle: int
    tip: str
    wire: str
    frame: int
    last_frame: int
    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """A whole diagram; `omitted` rows did not fit."""

    width: int
    height: int
    bottom: int
    columns: tuple[Column, ...]
    arrows: tuple[Arrow, ...]
    bands: tuple[Band, ...]
    omitted: int


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]


class _Places:
    """Which column an endpoint stands in: its host's, or its own where all hosts are one."""

    def __init__(self, messages: Sequence[AnySignalling]) -> None:
        endpoints = [end for message in messages for end in (message.source, message.destination)]
        self._by_host = len({_host(end) for end in endpoints}) > 1
        names = dict.fromkeys(map(self._name, endpoints))
        self.names = list(names)[:MAX_COLUMNS]
        spacing = max(_MIN_SPACING, _SPREAD // max(1, len(self.names) - 1))
        self._x = {name: _FIRST_COLUMN + place * spacing for place, name in enumerate(self.names)}
        self.width = _FIRST_COLUMN + spacing * max(1, len(self.names) - 1) + _MARGIN

    def _name(self, endpoint: str) -> str:
        return _host(endpoint) if self._by_host else endpoint

    def x(self, endpoint: str) -> int | None:
        """The column of an endpoint, None where it has none."""
        return self._x.get(self._name(endpoint))

    def columns(self) -> tuple[Column, ...]:
        """All columns from left to right."""
        return tuple(Column(self._x[name], visible(name, 30)) for name in self.names)


def _tip(x1: int, x2: int, y: int) -> str:
    back = x2 - _HEAD_LENGTH if x2 > x1 else x2 + _HEAD_LENGTH
    return f"M{x2} {y}L{back} {y - 5}L{back} {y + 5}Z"


def _kind(message: AnySignalling) -> str:
    status = message.text.status
    if status is None:
        return "request"
    return "provisional" if status < 200 else "success" if status < 300 else "failure"


def _sdp_notes(call: Call) -> dict[FrameRef, str]:
    notes: dict[FrameRef, str] = {}
    for exchange in call.exchanges:
        if exchange.offer is not None:
            notes[exchange.offer.message.ref] = _spoken("offer", exchange.offer.message)
        if exchange.answer is not None:
            notes[exchange.answer.message.ref] = _spoken("answer", exchange.answer.message)
    return notes


def _spoken(what: str, message: AnySignalling) -> str:
    """`SDP offer`; what RTSP says in headers alone is an offer or an answer without SDP."""
    return f"SDP {what}" if carries_sdp(message) else what


def _note(message: AnySignalling, notes: dict[FrameRef, str]) -> str:
    if message.retransmission_of is not None:
        return f"repeats #{message.retransmission_of.frame}"
    if carries_sdp(message):
        return notes.get(message.ref) or "SDP"
    return notes.get(message.ref) or visible("; ".join(map(reason_text, reasons_of(message))), 36)


def _arrow(message: AnySignalling, y: int, places: _Places, call: Call, notes: dict[FrameRef, str]) -> Arrow | None:
    x1, x2 = places.x(message.source), places.x(message.destination)
    if x1 is None or x2 is None:
        return None
    if x1 == x2:
        x2 = x1 + 60
    return Arrow(
        y=y,
        x1=x1,
        x2=x2,
        middle=(x1 + x2) // 2,
        tip=_tip(x1, x2, y),
        kind=_kind(message),
        frame=message.ref.frame,
        offset=offset_text(message.timestamp_ns, call.start_ns),
        name=visible(message_name(message), 36),
        note=_note(message, notes),
        repeated=message.retransmission_of is not None,
    )


def _party_columns(call: Call, places: _Places) -> dict[Party, int | None]:
    """The columns of caller and callee: the ends of the first offer's path, else of the first request."""
    for exchange in call.exchanges:
        if exchange.offer is not None:
            message, party = exchange.offer.message, exchange.offer.party
            other = Party.CALLEE if party is Party.CALLER else Party.CALLER
            return {party: places.x(message.source), other: places.x(message.destination)}
    first = call.messages[0]
    return {Party.CALLER: places.x(first.source), Party.CALLEE: places.x(first.destination)}


def _stream_columns(
    stream: StreamAudit, media: AuditedMedia, call: Call, places: _Places
) -> tuple[int | None, int | None]:
    flow = stream.bound.stream
    ends = places.x(flow.source), places.x(flow.destination)
    if None not in ends and ends[0] != ends[1]:
        return ends
    parties = _party_columns(call, places)
    offer = media.line.exchange.offer
    offerer = offer.party if offer is not None else Party.CALLER
    answerer = Party.CALLEE if offerer is Party.CALLER else Party.CALLER
    if stream.bound.sent_by is Side.OFFERER:
        return parties[offerer], parties[answerer]
    return parties[answerer], parties[offerer]


def _band(stream: StreamAudit, media: AuditedMedia, y: int, call: Call, places: _Places) -> Band | None:
    x1, x2 = _stream_columns(stream, media, call, places)
    if x1 is None or x2 is None or x1 == x2:
        return None
    name = {"srtp": "SRTP", "rtp": "clear RTP"}.get(stream.protection.value, "RTP?")
    back = x2 - 12 if x2 > x1 else x2 + 12
    return Band(
        y=y,
        left=min(x1, back),
        width=abs(back - x1),
        middle=(x1 + x2) // 2,
        tip=f"M{x2} {y}L{back} {y - 13}L{back} {y + 13}Z",
        wire=stream.wire.value,
        frame=stream.first.frame,
        last_frame=stream.last.frame,
        label=f"{name} {ssrc_text(stream.bound.stream.ssrc)} · {count_text(stream.packets)} packets",
        state=f"{WIRE_SYMBOLS[stream.wire]} {stream.wire.value}",
    )


def _events(audited: AuditedCall) -> list[tuple[int, int, int, AnySignalling | tuple[StreamAudit, AuditedMedia]]]:
    events: list[tuple[int, int, int, AnySignalling | tuple[StreamAudit, AuditedMedia]]] = []
    for place, message in enumerate(audited.call.messages):
        events.append((message.capture, message.frame, place, message))
    streams = ((stream, media) for media in audited.media for stream in media.streams if stream.packets)
    for place, (stream, media) in enumerate(streams, len(events)):
        events.append((stream.bound.stream.capture, stream.first_frame, place, (stream, media)))
    return sorted(events, key=lambda event: event[:3])


def draw_ladder(audited: AuditedCall) -> Ladder | None:
    """The diagram of a call, messages and streams in the order of their frames; None for a call without messages."""
    call = audited.call
    if not call.messages:
        return None
    places = _Places(call.messages)
    notes = _sdp_notes(call)
    events = _events(audited)
    arrows: list[Arrow] = []
    bands: list[Band] = []
    y = _HEAD + _ROW
    for _, _, _, event in events[:MAX_ROWS]:
        if isinstance(event, AnySignalling):
            arrow = _arrow(event, y, places, call, notes)
            arrows += [arrow] if arrow is not None else []
        else:
            band = _band(*event, y, call, places)
            bands += [band] if band is not None else []
        y = _HEAD + _ROW * (len(arrows) + len(bands) + 1)
    return Ladder(
        width=places.width,
        height=y,
        bottom=y - _ROW + 22,
        columns=places.columns(),
        arrows=tuple(arrows),
        bands=tuple(bands),
        omitted=len(events) - len(arrows) - len(bands),
    )
