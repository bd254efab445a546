# SPDX-License-Identifier: GPL-2.0-only
"""TCP connections that carry SIP or RTSP: in the clear, over WebSocket, or in TLS that keys at hand open."""

from collections import OrderedDict
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from analyzer.capture.address import format_endpoint, parse_address
from analyzer.capture.columns import DATAGRAM_TRANSPORTS
from analyzer.capture.tcp import Direction, TcpChunk
from analyzer.evidence.stream_reader import NO_CHANNEL, InterleavedPacket, StreamReader
from analyzer.model.evidence import TlsFlow
from analyzer.tls.secrets import CLIENT, TlsSecrets
from dissectors.grammar.defects import Defect
from dissectors.grammar.hep_stream import HepStreamFramer, opens_hep
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_stream import FramedMessage

if TYPE_CHECKING:  # it needs cryptography, which a capture without TLS should not wait for
    from analyzer.tls.connection import TlsConnection, TlsData

MAX_CONNECTIONS = 65_536
_TLS_RECORDS = frozenset((20, 21, 22, 23))


class StreamMessage(NamedTuple):
    """One message out of a connection; `transport` is TCP, TLS, WS or WSS (RFC 3261 §20.42; RFC 7118 §5).

    An RTSP tunnel in HTTP counts as one connection, which has the addresses of its GET.
    """

    direction: Direction
    transport: str
    data: bytes
    frame: int
    timestamp_ns: int
    is_rtsp: bool = False


class StreamMedia(NamedTuple):
    """Media out of a connection: one packet of its own, one interleaved frame, or one relayed datagram."""

    direction: Direction
    packet: InterleavedPacket


@dataclass(slots=True)
class _Tls:
    """A TLS connection: `directions` in order of first sight, numbered 0 and 1 for it."""

    connection: "TlsConnection"
    directions: list[Direction]
    first_frame: int
    first_ns: int
    packets: int = 0


@dataclass(slots=True)
class _Connection:
    """What is known about one connection; readers are kept by direction, in TLS by role."""

    readers: dict[Direction | int, StreamReader] = field(default_factory=dict)
    agents: dict[Direction, HepStreamFramer] = field(default_factory=dict)  # directions in which HEP is sent
    last_time_ns: dict[Direction | int, int] = field(default_factory=dict)
    tls: _Tls | None = None
    is_rtsp: bool = False
    is_rtp: bool = False

    @property
    def defects(self) -> list[Defect]:
        """What was missing or out of place in either direction."""
        found = [defect for reader in self.readers.values() for defect in reader.defects]
        return found + [defect for framer in self.agents.values() for defect in framer.defects]

    def reader(self, key: Direction | int) -> StreamReader:
        """The reader of one direction, new where there is none."""
        found = self.readers.get(key)
        if found is None:
            found = self.readers[key] = StreamReader(is_rtsp=self.is_rtsp, hidden=self.tls is not None)
        return found


class ConnectionTable:
    """Takes the chunks of all TCP streams and gives the SIP and RTSP messages in them; media stands in `media`."""

    def __init__(self, secrets: TlsSecrets) -> None:
        self._secrets = secrets
        self._generation = secrets.generation
        self._connections: OrderedDict[int, _Connection] = OrderedDict()
        self._defects: list[Defect] = []
        self._tls_flows: list[TlsFlow] = []
        self._tunnels: OrderedDict[tuple[int, int, int, str], Direction] = OrderedDict()  # the way of their GET
        self._media: list[StreamMedia] = []
        self.forgotten = 0  # connections let go of because MAX_CONNECTIONS were open

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was missing or out of place in the streams that carry SIP; offsets count octets of a stream."""
        found = [defect for one in self._connections.values() for defect in one.defects]
        if self.forgotten:
            found.append(Defect("too-many-connections", 0, "", f"{self.forgotten} connections let go of"))
        return (*self._defects, *found)

    def tls_flows(self, capture: int) -> tuple[TlsFlow, ...]:
        """The TLS connections seen so far, opened or not."""
        flows = [_describe(one.tls, capture) for one in self._connections.values() if one.tls is not None]
        return tuple(sorted((*(flow._replace(capture=capture) for flow in self._tls_flows), *flows)))

    def feed(self, chunk: TcpChunk) -> list[StreamMessage]:
        """The messages that this chunk completes."""
        one = self._connections.get(chunk.connection)
        if one is None:
            one = self._connections[chunk.connection] = _Connection()
            if len(self._connections) > MAX_CONNECTIONS:
                self._forget()
        if one.tls is None and self._is_hep(one, chunk):
            return self._feed_hep(one.agents[chunk.direction], chunk)
        if one.tls is None and chunk.direction not in one.readers and is_tls_record(chunk.data):
            one.tls = _start_tls(self._secrets, chunk)
        if one.tls is not None:
            return self._feed_tls(one, one.tls, chunk)
        return self._feed_clear(one, chunk)

    def take_media(self) -> list[StreamMedia]:
        """The interleaved frames since this was last asked."""
        media, self._media = self._media, []
        return media

    def retry(self) -> list[StreamMessage]:
        """What secrets open that came after the connections they belong to."""
        if self._generation == self._secrets.generation:
            return []
        self._generation = self._secrets.generation
        return [
            message
            for one in self._connections.values()
            if one.tls is not None
            for message in self._read_tls(one, one.tls, one.tls.connection.retry())
        ]

    def finish(self) -> list[StreamMessage]:
        """What is left when the capture ends: messages cut short are handed out as they are."""
        messages = self.retry()
        for one in self._connections.values():
            for key in one.readers:
                messages += self._flush(one, key)
        return messages

    def _forget(self) -> None:
        _, oldest = self._connections.popitem(last=False)
        self.forgotten += 1
        self._defects += oldest.defects
        if oldest.tls is not None:
            self._tls_flows.append(_describe(oldest.tls, 0))

    def _is_hep(self, one: _Connection, chunk: TcpChunk) -> bool:
        """Whether a capture agent sends this direction, which its first octets tell."""
        if chunk.direction in one.agents:
            return True
        reader = one.readers.get(chunk.direction)
        if not opens_hep(chunk.data) or (reader is not None and (reader.is_sip or reader.is_rtsp)):
            return False
        one.readers.pop(chunk.direction, None)  # it was joined within a packet
        one.agents[chunk.direction] = HepStreamFramer()
        return True

    def _feed_hep(self, framer: HepStreamFramer, chunk: TcpChunk) -> list[StreamMessage]:
        """What the agent tells, with the addresses and the time that it saw; media stands in `media`."""
        if chunk.gap:
            framer.skip(chunk.gap)
        messages = []
        for hep in framer.feed(chunk.data):
            way = Direction(
                *parse_address(str(hep.source)),
                hep.source_port,
                *parse_address(str(hep.destination)),
                hep.destination_port,
            )
            time_ns = chunk.timestamp_ns if hep.timestamp_ns is None else hep.timestamp_ns
            if looks_like_sip(hep.payload):
                transport = DATAGRAM_TRANSPORTS.get(hep.ip_protocol, "HEP")
                messages.append(StreamMessage(way, transport, hep.payload, chunk.frame, time_ns))
            elif hep.payload:
                packet = InterleavedPacket(NO_CHANNEL, hep.payload, chunk.frame, time_ns)
                self._media.append(StreamMedia(way, packet))
        return messages

    def _feed_clear(self, one: _Connection, chunk: TcpChunk) -> list[StreamMessage]:
        reader = one.reader(chunk.direction)
        one.last_time_ns[chunk.direction] = reader.time_ns = chunk.timestamp_ns
        framed = reader.feed(chunk.data, chunk.frame, chunk.gap, chunk.from_start)
        if reader.is_rtsp:
            return self._name_rtsp(one, chunk.direction, framed)
        if one.is_rtp or reader.is_rtp:
            self._expect_rtp(one)
        elif reader.interleaved:
            self._take_relayed(reader, chunk.direction)
        transport = "WS" if reader.is_websocket else "TCP"
        return _name(framed, chunk.direction, transport, chunk.timestamp_ns)

    def _expect_rtp(self, one: _Connection) -> None:
        """The media of a connection of which one direction is known to be media."""
        one.is_rtp = True
        for key, reader in one.readers.items():
            reader.expect_rtp()
            if isinstance(key, Direction) and reader.interleaved:
                self._take_relayed(reader, key)

    def _take_relayed(self, reader: StreamReader, way: Direction) -> None:
        self._media += [StreamMedia(way, packet) for packet in reader.interleaved]
        reader.interleaved = []

    def _name_rtsp(self, one: _Connection, key: Direction | int, framed: list[FramedMessage]) -> list[StreamMessage]:
        """RTSP messages of one direction; the first make the other direction RTSP too."""
        messages = self._place_rtsp(one, key, framed)
        if not one.is_rtsp:
            one.is_rtsp = True
            for other, reader in one.readers.items():
                if other != key:
                    messages += self._place_rtsp(one, other, reader.expect_rtsp())
        return messages

    def _place_rtsp(self, one: _Connection, key: Direction | int, framed: list[FramedMessage]) -> list[StreamMessage]:
        reader, time_ns = one.readers[key], one.last_time_ns[key]
        if isinstance(key, Direction):
            way, transport = key, "TCP"
        elif one.tls is not None:
            way, transport = _way(one.tls, key), _transport(one.tls, reader)
        way = self._tunnel_way(reader, way)
        self._take_relayed(reader, way)
        return [StreamMessage(way, transport, data, frame, time_ns, is_rtsp=True) for data, frame in framed]

    def _tunnel_way(self, reader: StreamReader, way: Direction) -> Direction:
        """The way of the tunnel's GET for its POST, any other as it is."""
        if reader.tunnel is None:
            return way
        cookie, is_post = reader.tunnel
        key = (way.dst_hi, way.dst_lo, way.dst_port, cookie)
        if is_post:
            return self._tunnels.get(key, way)
        self._tunnels[key] = way
        if len(self._tunnels) > MAX_CONNECTIONS:
            self._tunnels.popitem(last=False)
        return way

    def _feed_tls(self, one: _Connection, tls: _Tls, chunk: TcpChunk) -> list[StreamMessage]:
        tls.packets += 1
        side = tls.directions.index(chunk.direction)
        opened = tls.connection.feed(side, chunk.data, chunk.frame, chunk.timestamp_ns, chunk.gap)
        return self._read_tls(one, tls, opened)

    def _read_tls(self, one: _Connection, tls: _Tls, opened: "list[TlsData]") -> list[StreamMessage]:
        messages: list[StreamMessage] = []
        for item in opened:
            reader = one.reader(item.role)
            one.last_time_ns[item.role] = reader.time_ns = item.timestamp_ns
            framed = reader.interrupt() if item.gap else []
            framed += reader.feed(item.data, item.frame, 0, from_start=not item.gap)
            if reader.is_rtsp:
                messages += self._name_rtsp(one, item.role, framed)
                continue
            if reader.interleaved:
                self._take_relayed(reader, _way(tls, item.role))
            transport = _transport(tls, reader)
            messages += _name(framed, _way(tls, item.role), transport, item.timestamp_ns)
        return messages

    def _flush(self, one: _Connection, key: Direction | int) -> list[StreamMessage]:
        reader = one.readers[key]
        if reader.is_rtsp:
            return self._place_rtsp(one, key, reader.flush())
        if isinstance(key, Direction):
            direction, transport = key, "WS" if reader.is_websocket else "TCP"
        elif one.tls is not None:
            direction, transport = _way(one.tls, key), _transport(one.tls, reader)
        return _name(reader.flush(), direction, transport, one.last_time_ns[key])


def _start_tls(secrets: TlsSecrets, chunk: TcpChunk) -> _Tls:
    from analyzer.tls.connection import TlsConnection  # noqa: PLC0415

    return _Tls(TlsConnection(secrets), [chunk.direction, chunk.direction.reverse()], chunk.frame, chunk.timestamp_ns)


def _name(framed: list[FramedMessage], direction: Direction, transport: str, time_ns: int) -> list[StreamMessage]:
    return [StreamMessage(direction, transport, data, frame, time_ns) for data, frame in framed]


def _transport(tls: _Tls, reader: StreamReader) -> str:
    if not tls.connection.is_encrypted:  # authenticated, and readable by everybody
        return "TLS-NULL"
    return "WSS" if reader.is_websocket else "TLS"


def _client_direction(tls: _Tls) -> Direction:
    """The client is who sent a ClientHello, else the one with the higher port."""
    there, back = tls.directions
    if tls.connection.client is not None:
        return tls.directions[tls.connection.client]
    return back if there.src_port < there.dst_port else there


def _way(tls: _Tls, role: int) -> Direction:
    client = _client_direction(tls)
    return client if role == CLIENT else client.reverse()


def _describe(tls: _Tls, capture: int) -> TlsFlow:
    way = _way(tls, CLIENT)
    client = format_endpoint(way.src_hi, way.src_lo, way.src_port)
    server = format_endpoint(way.dst_hi, way.dst_lo, way.dst_port)
    connection = tls.connection
    return TlsFlow(
        capture,
        tls.first_frame,
        client,
        server,
        tls.packets,
        connection.version,
        connection.cipher_suite,
        connection.opened,
        connection.shut,
        connection.reason,
        tls.first_ns,
        connection.certificates(tls.directions.index(way)),
        connection.certificates(1 - tls.directions.index(way)),
    )


def is_tls_record(data: bytes) -> bool:
    """Whether a stream that goes on with these octets is TLS (RFC 8446 §5.1: content type, then version 3.x)."""
    return len(data) >= 3 and data[0] in _TLS_RECORDS and data[1] == 3 and data[2] <= 4
