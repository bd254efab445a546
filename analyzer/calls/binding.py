# SPDX-License-Identifier: GPL-2.0-only
"""Media bound to the media lines that announced its addresses; what belongs to no call stays by itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from analyzer.calls.announcement import AddressBooks, add_claims, span_of
from analyzer.calls.bound_media import LineMedia, Part, freeze_call, freeze_parts
from analyzer.calls.claims import AddressBook, Claim, Span, Timeline
from analyzer.calls.dialog import CallDraft
from analyzer.calls.flow_windows import LATE_NS, while_lasting
from analyzer.calls.groups import Speaker, is_group, speaker_in_group
from analyzer.calls.ice import learn_endpoints
from analyzer.calls.media_lines import DraftLine
from analyzer.calls.named_ssrcs import mapped_ssrcs, stated_ssrcs
from analyzer.calls.rtcp_binding import NeighbouringStreams, SenderStreams
from analyzer.calls.turn import learn_clients, read_allocations
from analyzer.evidence.media_statistics import is_plausible_rtp
from analyzer.evidence.packet_facts import packet_facts
from analyzer.evidence.packet_times import PacketTimes
from analyzer.model.call import BoundStream, Call, CallLink, CallState, MediaSide, Side
from analyzer.model.evidence import DatagramFlow, MediaEvidence, MediaStream, TlsFlow

RTSP = "rtsp"
CallOrder = tuple[int, int, int, str]
Range = tuple[Span, int, int]  # packets start (inclusive) to stop (exclusive) under one span
SenderKey = tuple[tuple[CallOrder, int], tuple[int, ...], Side | None]
_OTHER = {Side.OFFERER: Side.ANSWERER, Side.ANSWERER: Side.OFFERER}


class Binder:
    """Binds the media of `evidence` to the calls of `drafts`; ask for each call, and for what is left."""

    def __init__(self, drafts: Sequence[CallDraft], evidence: MediaEvidence) -> None:
        drafts = learn_endpoints(drafts, evidence.stun) if evidence.stun else drafts
        allocations = read_allocations(evidence.stun)
        drafts = learn_clients(drafts, allocations)
        self._servers = allocations.servers
        self._drafts = {draft.order: draft for draft in drafts}
        self._media: dict[CallOrder, dict[int, LineMedia]] = {}
        self._loose: list[Part] = []
        self._sender_streams: dict[SenderKey, SenderStreams] = {}
        self._books = AddressBooks(AddressBook(), AddressBook())
        wanted = endpoints_of(evidence)
        for draft in drafts if wanted else ():
            add_claims(draft, wanted, self._books)
        self._latched = AddressBook()
        self._relayed: dict[tuple[str, int], list[Claim]] = {}  # by latched address, the streams that come from it
        for stream in filter(len, evidence.streams):
            self._bind_stream(stream)
        if self._loose and drafts:
            self._bind_loose()
        neighbours = NeighbouringStreams(self._parts())
        for flow in evidence.rtcp:
            self._bind_rtcp(flow, neighbours)
        for media, window in self._keyed_by(evidence.dtls):
            media.dtls.append(window)
        for media, window in self._keyed_by(evidence.zrtp):
            media.zrtp.append(window)
        for connection in evidence.tls:
            self._bind_tls(connection)

    def call(self, draft: CallDraft, links: tuple[CallLink, ...] = ()) -> Call:
        """The finished call of one draft, with what it came out of."""
        order = draft.order
        return freeze_call(self._drafts.get(order, draft), self._media.get(order, {}), links)

    def unbound(self) -> tuple[BoundStream, ...]:
        """Streams, or their packets before any offer, that belong to no call."""
        return freeze_parts(self._loose)

    def _parts(self) -> Iterator[Part]:
        yield from self._loose
        for lines in self._media.values():
            for media in lines.values():
                yield from media.parts

    def _line(self, claim: Claim, position: int) -> LineMedia:
        return self._media.setdefault(claim.order[0], {}).setdefault(position, LineMedia())

    def _bind_stream(self, stream: MediaStream) -> None:
        times = PacketTimes(stream)
        spans = self._books.rtp.resolve(stream.source, stream.destination, times.first, times.last + 1)
        spans = [span for span in spans if not self._was_over(span.claim, times.first)]
        ranges = _ranges(spans, times.place, len(stream))
        for span, start, stop in ranges:
            self._bind_range(times, span, start, stop)
            if not span.by_source:
                self._latch(stream, span)
        first = ranges[0][1] if ranges else len(stream)
        if first:
            self._loose.append(Part(stream, 0, first))

    def _was_over(self, claim: Claim, moment: int) -> bool:
        """Whether a call had ended when a stream began: then that is another call's, which took its ports.

        After a refusal the media of an early dialog may still begin.
        """
        draft = self._drafts[claim.order[0]]
        return draft.state is CallState.ENDED and moment > draft.end_ns + LATE_NS

    def _latch(self, stream: MediaStream, span: Span) -> None:
        """Whoever sends to an announced address from one that nobody announced may be answered there (RFC 7362 §4).

        Not where it is a TURN server: that has one address for all of its clients.
        """
        sender = None if is_group(stream.destination) else sender_of(span)
        if sender is not None and stream.source not in self._servers and not self._books.rtp.knows(stream.source):
            claim = span.claim._replace(owner=sender)
            self._latched.add(stream.source, claim)
            self._relayed.setdefault((stream.source, stream.ssrc), []).append(claim)

    def _bind_loose(self) -> None:
        """Streams at addresses that nobody announced: by a latched address, else by an SSRC that one call names."""
        loose, self._loose = self._loose, []
        names: SsrcNames | None = None
        shared = self._shared(part.stream for part in loose)
        for part in loose:
            stream, times = part.stream, PacketTimes(part.stream, part.stop)
            begin, end = times.first, times.last + 1
            spans = self._on_its_way(stream, begin, end)
            if not spans and shared.isdisjoint((stream.source, stream.destination)):
                spans = self._latched.resolve(stream.source, stream.destination, begin, end)
            if not spans and part.stop == len(stream):
                names = SsrcNames(self._drafts.values()) if names is None else names
                spans = names.resolve(stream.ssrc, begin, end)
            spans = [span for span in spans if not self._was_over(span.claim, begin)]
            ranges = _ranges(spans, times.place, part.stop)
            for span, start, stop in ranges:
                self._bind_range(times, span, start, stop)
            first = ranges[0][1] if ranges else part.stop
            if first:
                self._loose.append(Part(stream, 0, first))

    def _shared(self, loose: Iterable[MediaStream]) -> set[str]:
        """Latched addresses to which several hosts send, what is passed on aside: nobody's own, as a TURN server's."""
        hosts: dict[str, set[str]] = {}
        for stream in loose:
            if (stream.destination, stream.ssrc) not in self._relayed:
                hosts.setdefault(stream.destination, set()).add(stream.source.rpartition(":")[0])
        return {endpoint for endpoint, found in hosts.items() if len(found) > 1}

    def _on_its_way(self, stream: MediaStream, begin: int, end: int) -> list[Span]:
        """The spans of a stream that the element it goes to passes on, as a TURN server does: one party sends both."""
        claims = self._relayed.get((stream.destination, stream.ssrc), ())
        return [span._replace(by_source=True) for span in Timeline(claims).between(begin, end)] if claims else []

    def _bind_range(self, times: PacketTimes, span: Span, start: int, stop: int) -> None:
        stream = times.stream
        draft = self._drafts[span.claim.order[0]]
        exchange = draft.exchanges[span.claim.order[1]].exchange
        sender = self._sender(span, stream.source, stream.destination)
        if draft.protocol == RTSP and _is_stray(draft, span.claim, sender, stream):
            self._loose.append(Part(stream, start, stop))
            return
        position = _choose_line(draft, span.claim, sender, stream, start)
        seen = exchange.answered_ns
        answered = stop if seen is None else min(max(times.place(seen), start), stop)
        self._line(span.claim, position).parts.append(Part(stream, start, stop, sender, answered - start))

    def _bind_rtcp(self, flow: DatagramFlow, neighbours: NeighbouringStreams) -> None:
        ranges = self._flow_ranges(flow)
        foreign = list(range(ranges[0][1] if ranges else len(flow)))
        for span, start, stop in ranges:
            if self._speaker(span, flow.source, flow.destination) is Speaker.THIRD:
                foreign += range(start, stop)
            else:
                sender = self._sender(span, flow.source, flow.destination)
                self._senders(span, sender).attach(flow, range(start, stop))
        for index in foreign:
            neighbours.attach(flow, index)

    def _speaker(self, span: Span, source: str, destination: str) -> Speaker:
        if span.by_source or not is_group(destination):
            return Speaker.PEER
        draft = self._drafts[span.claim.order[0]]
        lines = [draft.lines[position] for position in span.claim.lines]
        return speaker_in_group(lines, span.claim.owner, source)

    def _sender(self, span: Span, source: str, destination: str) -> Side | None:
        """Which side sent what came under a claim: in a group its owner may speak too."""
        if self._speaker(span, source, destination) is Speaker.OWNER:
            return span.claim.owner
        return sender_of(span)

    def _senders(self, span: Span, sender: Side | None) -> SenderStreams:
        key = (span.claim.order, span.claim.lines, sender)
        if key not in self._sender_streams:
            lines = [self._line(span.claim, position) for position in span.claim.lines]
            self._sender_streams[key] = SenderStreams(lines, key[2])
        return self._sender_streams[key]

    def _flow_ranges(self, flow: DatagramFlow) -> list[Range]:
        if not len(flow):
            return []
        times = np.maximum.accumulate(np.asarray(flow.timestamp_ns, dtype=np.int64))
        spans = self._books.beside.resolve(flow.source, flow.destination, int(times[0]), int(times[-1]) + 1)
        return _ranges(spans, lambda time_ns: int(np.searchsorted(times, time_ns)), len(times))

    def _bind_tls(self, connection: TlsFlow) -> None:
        """A connection belongs to the lines that announce TLS where it goes: at such ports SIP is spoken too."""
        way, began = (connection.client, connection.server), connection.first_ns
        claims = [span.claim for span in self._books.rtp.resolve(*way, began, began + 1)]
        for claim in claims:
            lines = self._drafts[claim.order[0]].lines
            if any(_is_in_tls(lines[position]) for position in claim.lines):
                for _, media in self._keyed_lines([claim], *way):
                    media.tls.append(connection)

    def _keyed_by(self, flows: Iterable[DatagramFlow]) -> Iterator[tuple[LineMedia, DatagramFlow]]:
        """The lines that handshakes may key, each with what of a flow came while its call lasted.

        Both directions go to one line: a handshake may overlap an exchange that follows, and be answered under that.
        """
        by_path: dict[frozenset[str], list[DatagramFlow]] = {}
        for flow in flows:
            by_path.setdefault(frozenset((flow.source, flow.destination)), []).append(flow)
        for path, both in by_path.items():
            spans = [[span for span, _, _ in self._flow_ranges(flow)] for flow in both]
            passed_on = _passed_on(spans)
            claims = [span.claim for each in spans for span in each]
            windows: dict[CallOrder, list[DatagramFlow]] = {}
            for order, media in self._keyed_lines(claims, *path):
                if order not in windows:
                    cut = (while_lasting(self._drafts[order], flow, passed_on.get(order)) for flow in both)
                    windows[order] = [window for window in cut if window is not None]
                for window in windows[order]:
                    yield media, window

    def _keyed_lines(self, claims: Iterable[Claim], *endpoints: str) -> Iterator[tuple[CallOrder, LineMedia]]:
        """The lines of the claims on a flow between two endpoints, and later lines of the call that keep one."""
        reached: dict[CallOrder, dict[int, Claim]] = {}
        for claim in claims:
            for position in claim.lines:
                reached.setdefault(claim.order[0], {}).setdefault(position, claim)
        for order, positions in reached.items():
            keyed: dict[int, Claim] = {}  # by index of the media line
            for position, line in enumerate(self._drafts[order].lines):
                if position in positions:
                    keyed[line.media_index] = positions[position]
                elif line.media_index not in keyed or _addresses(line.offer, line.answer).isdisjoint(endpoints):
                    continue
                yield order, self._line(keyed[line.media_index], position)


def _passed_on(ways: Iterable[Sequence[Span]]) -> dict[CallOrder, int]:
    """When calls lost their addresses to later ones, by the spans under which each direction was sent."""
    found: dict[CallOrder, int] = {}
    for spans in ways:
        for before, after in pairwise(spans):
            order, next_order = before.claim.order[0], after.claim.order[0]
            if order < next_order:
                found[order] = min(found.get(order, after.begin), after.begin)
    return found


def _is_stray(draft: CallDraft, claim: Claim, sender: Side | None, stream: MediaStream) -> bool:
    """Whether what a side sends that only receives is no stream: GStreamer opens NATs with octets out of its hat."""
    lines = [draft.lines[position] for position in claim.lines]
    sides = [line.offer if sender is Side.OFFERER else line.answer for line in lines]
    receives = all(side is None or side.media.direction == "recvonly" for side in sides)
    return receives and not is_plausible_rtp(stream)


def _is_in_tls(line: DraftLine) -> bool:
    return any(side is not None and side.media.is_in_tls for side in (line.offer, line.answer))


def sender_of(span: Span) -> Side | None:
    """Packets to an address were sent by the other side, packets from it by its owner."""
    owner = span.claim.owner
    return owner if owner is None or span.by_source else _OTHER[owner]


def endpoints_of(evidence: MediaEvidence) -> set[str]:
    """Every source and destination of media."""
    kinds: tuple[Sequence[MediaStream | DatagramFlow], ...]
    kinds = (evidence.streams, evidence.rtcp, evidence.dtls, evidence.zrtp)
    found = {endpoint for kind in kinds for flow in kind for endpoint in (flow.source, flow.destination)}
    return found.union(endpoint for flow in evidence.tls for endpoint in (flow.client, flow.server))


def _ranges(spans: list[Span], place: Callable[[int], int], packets: int) -> list[Range]:
    """The packets under each span; packets after the first span that nobody holds stay with the span before them.

    `place` says how many packets come before a time.
    """
    ranges: list[Range] = []
    for span in spans:
        start, stop = place(span.begin), place(span.end)
        if start == stop:
            continue
        if ranges:
            before, first, _ = ranges[-1]
            if before.claim == span.claim and before.by_source == span.by_source:
                ranges[-1] = (before, first, stop)
                continue
            ranges[-1] = (before, first, start)
        ranges.append((span, start, stop))
    if ranges:
        ranges[-1] = (ranges[-1][0], ranges[-1][1], packets)
    return ranges


def _choose_line(draft: CallDraft, claim: Claim, sender: Side | None, stream: MediaStream, first: int) -> int:
    """Of lines that share an address (RFC 8843) the one that names the SSRC, else the payload type, or the first.

    What a side sends carries the payload types that the other side asked for (RFC 3264 §5.1), or its own.
    """
    if len(claim.lines) == 1:
        return claim.lines[0]
    payload_type = str(int(packet_facts(stream, first).payload_type[0]))
    ways: tuple[Callable[[DraftLine], bool], ...] = (
        lambda line: any(stream.ssrc in stated_ssrcs(side) for side in _sides_of(line, sender)),
        lambda line: any(stream.ssrc in mapped_ssrcs(side) for side in (line.offer, line.answer) if side),
        lambda line: any(payload_type in side.media.formats for side in _sides_of(line, sender and _OTHER[sender])),
        lambda line: any(payload_type in side.media.formats for side in _sides_of(line, sender)),
    )
    for names in ways:
        for position in claim.lines:
            if names(draft.lines[position]):
                return position
    return claim.lines[0]


def _sides_of(line: DraftLine, sender: Side | None) -> Iterator[MediaSide]:
    if line.offer is not None and sender is not Side.ANSWERER:
        yield line.offer
    if line.answer is not None and sender is not Side.OFFERER:
        yield line.answer


class SsrcNames:
    """Which calls name which SSRC, for streams whose addresses tell nothing."""

    def __init__(self, drafts: Iterable[CallDraft]) -> None:
        self._claims: dict[int, list[Claim]] = {}
        for draft in drafts:
            for position, line in enumerate(draft.lines):
                for side, who in ((line.offer, Side.OFFERER), (line.answer, Side.ANSWERER)):
                    if side is not None:
                        self._enter(draft, position, side, who)

    def _enter(self, draft: CallDraft, position: int, side: MediaSide, who: Side) -> None:
        stated = stated_ssrcs(side)
        for ssrc in stated | mapped_ssrcs(side):
            exchange = draft.exchanges[draft.lines[position].exchange]
            begin, end = span_of(draft, exchange)
            order = draft.order, exchange.exchange.number
            self._claims.setdefault(ssrc, []).append(
                Claim(begin, end, order, (position,), who if ssrc in stated else None)
            )

    def resolve(self, ssrc: int, begin: int, end: int) -> list[Span]:
        """The spans of the call that names the SSRC; none where several calls of that time do."""
        claims = [claim for claim in self._claims.get(ssrc, ()) if claim.begin < end and claim.end > begin]
        if len({claim.order[0] for claim in claims}) != 1:
            return []
        return [span._replace(by_source=True) for span in Timeline(claims).between(begin, end)]


def _addresses(*sides: MediaSide | None) -> set[str | None]:
    return {address for side in sides if side for address in (side.address, side.rtcp_address, *side.also)} - {None}
