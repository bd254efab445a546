# SPDX-License-Identifier: GPL-2.0-only
"""What is being bound to media lines, until it is frozen into the model's values."""

from collections.abc import Iterable
from dataclasses import field

from analyzer.calls.dialog import CallDraft
from analyzer.calls.media_lines import DraftLine
from analyzer.evidence.packet_facts import packet_facts
from analyzer.model.call import BoundRtcp, BoundStream, Call, CallLink, Exchange, MediaLine, Side
from analyzer.model.evidence import DatagramFlow, MediaStream, TlsFlow
from dissectors.grammar.late_dataclass import dataclass


@dataclass(slots=True)
class RtcpCollector:
    """Datagrams gathered one by one, in flows in order of first sight."""

    flows: dict[int, tuple[DatagramFlow, list[int]]] = field(default_factory=dict)

    def add(self, flow: DatagramFlow, index: int) -> None:
        """Take one datagram."""
        self.flows.setdefault(id(flow), (flow, []))[1].append(index)

    def freeze(self) -> tuple[BoundRtcp, ...]:
        """The value that is passed on."""
        bound = [BoundRtcp(flow, tuple(indices)) for flow, indices in self.flows.values()]
        return tuple(sorted(bound, key=lambda each: (each.flow.capture, int(each.flow.frame[each.indices[0]]))))


@dataclass(slots=True)
class Part:
    """A range of a stream while its RTCP is still being collected."""

    stream: MediaStream
    start: int
    stop: int
    sent_by: Side | None = None
    before_answer: int = 0
    rtcp: RtcpCollector = field(default_factory=RtcpCollector)
    order: tuple[int, int, int, int, str, str] = field(init=False)  # streams stand in order of their first packet

    def __post_init__(self) -> None:
        stream, first = self.stream, packet_facts(self.stream, self.start)
        place = int(first.timestamp_ns[0]), stream.capture, int(first.frame[0])
        self.order = (*place, stream.ssrc, stream.source, stream.destination)

    def freeze(self) -> BoundStream:
        """The value that is passed on."""
        return BoundStream(self.stream, self.start, self.stop, self.sent_by, self.before_answer, self.rtcp.freeze())


@dataclass(slots=True)
class LineMedia:
    """What has been bound to one media line so far."""

    parts: list[Part] = field(default_factory=list)
    lone_rtcp: RtcpCollector = field(default_factory=RtcpCollector)
    dtls: list[DatagramFlow] = field(default_factory=list)
    zrtp: list[DatagramFlow] = field(default_factory=list)
    tls: list[TlsFlow] = field(default_factory=list)


def freeze_parts(parts: Iterable[Part]) -> tuple[BoundStream, ...]:
    """Bound streams in order of their first packet."""
    return tuple(part.freeze() for part in sorted(parts, key=lambda part: part.order))


def freeze_call(draft: CallDraft, media: dict[int, LineMedia], links: tuple[CallLink, ...] = ()) -> Call:
    """The finished call: `media` holds what was bound, by position of the line."""
    used = {draft.lines[position].exchange for position, bound in media.items() if bound.parts}
    exchanges = _freeze_exchanges(draft, used)
    return Call(
        call_id=draft.call_id,
        protocol=draft.protocol,
        caller=draft.caller,
        callee=draft.callee,
        state=draft.state,
        start_ns=draft.start_ns,
        end_ns=draft.end_ns,
        messages=draft.messages,
        exchanges=tuple(exchanges.values()),
        media=tuple(
            _media_line(line, exchanges[line.exchange], media.get(position))
            for position, line in enumerate(draft.lines)
            if line.exchange in exchanges
        ),
        links=links,
    )


def _freeze_exchanges(draft: CallDraft, used: set[int]) -> dict[int, Exchange]:
    """The exchanges to tell, by their number in the draft; where some are left out the others are counted anew."""
    if not any(each.optional or each.early for each in draft.exchanges):
        return {each.exchange.number: each.exchange for each in draft.exchanges}
    kept = [each for each in draft.exchanges if not each.optional or each.exchange.number in used]
    settled = [_settle(each.exchange, each.early, used) for each in kept]
    if len(kept) == len(draft.exchanges):
        return {exchange.number: exchange for exchange in settled}
    numbers = {exchange.number: number for number, exchange in enumerate(settled)}
    return {
        exchange.number: exchange._replace(
            number=numbers[exchange.number],
            retry_of=None if exchange.retry_of is None else numbers[exchange.retry_of],
        )
        for exchange in settled
    }


def _settle(exchange: Exchange, early: bool, used: set[int]) -> Exchange:
    """A refused offer keeps the answer of its early dialog only where early media flowed by it."""
    if early and exchange.number not in used:
        return exchange._replace(answer=None, answered_ns=None)
    return exchange


def _media_line(line: DraftLine, exchange: Exchange, media: LineMedia | None) -> MediaLine:
    answer = line.answer if exchange.answer else None
    if media is None:
        return MediaLine(line.media_index, exchange, line.type, line.offer, answer, (), (), ())
    return MediaLine(
        index=line.media_index,
        exchange=exchange,
        type=line.type,
        offer=line.offer,
        answer=answer,
        streams=freeze_parts(media.parts),
        dtls=_sorted_flows(media.dtls),
        zrtp=_sorted_flows(media.zrtp),
        lone_rtcp=media.lone_rtcp.freeze(),
        tls=tuple(sorted(media.tls)),
    )


def _sorted_flows(flows: list[DatagramFlow]) -> tuple[DatagramFlow, ...]:
    return tuple(sorted(flows, key=lambda flow: (int(flow.timestamp_ns[0]), flow.capture, int(flow.frame[0]))))
