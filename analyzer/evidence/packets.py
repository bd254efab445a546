# SPDX-License-Identifier: GPL-2.0-only
"""Signalling found in packets: SIP over UDP, SIP cut out of TCP streams, and TLS connections that hide theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import PacketBatch, PayloadKind, Transport
from analyzer.capture.tcp import Direction, TcpChunk, TcpReassembler, read_segment
from analyzer.model.evidence import TlsFlow
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import looks_like_sip
from dissectors.grammar.sip_stream import FramedMessage, SipStreamFramer

MAX_SNIFFED_OCTETS = 256 * 1024  # of a stream joined in its middle, until it counts as something else
_TLS_HANDSHAKE, _CLIENT_HELLO, _SERVER_HELLO = 22, 1, 2
_TLS_RECORDS = frozenset((20, 21, 22, 23))


class SignallingDatagram(NamedTuple):
    """One SIP message as octets; endpoints are `address:port`, IPv6 as `[address]:port`."""

    capture: int
    frame: int
    timestamp_ns: int
    source: str
    destination: str
    transport: str  # "UDP" or "TCP"
    data: bytes


@dataclass(slots=True)
class _TcpDirection:
    """What is known about one direction of a connection: undecided, SIP (a framer), or of no interest."""

    framer: SipStreamFramer = field(default_factory=SipStreamFramer)
    is_sip: bool = False
    is_other: bool = False
    sniffed: int = 0
    last_time_ns: int = 0


def iter_signalling_datagrams(batch: PacketBatch, capture: int = 0) -> Iterator[SignallingDatagram]:
    """The SIP messages over UDP in a batch, whole again where they were IP fragments, in capture order."""
    columns = batch.columns
    rows = np.flatnonzero(columns.kind == PayloadKind.SIP_LIKE)
    cells = [columns.payload_offset, columns.payload_octets, columns.frame, columns.timestamp_ns]
    cells += [columns.src_hi, columns.src_lo, columns.src_port, columns.dst_hi, columns.dst_lo, columns.dst_port]
    # As lists: reading single cells of an array costs more than all the rest of this loop.
    for offset, octets, frame, time_ns, *ends in zip(*(column[rows].tolist() for column in cells), strict=True):
        data = batch.octets(offset, octets)
        if looks_like_sip(data):
            source, destination = format_endpoint(*ends[:3]), format_endpoint(*ends[3:])
            yield SignallingDatagram(capture, frame, time_ns, source, destination, "UDP", data)


class SignallingReader:
    """Takes the batches of one capture in order and gives its SIP messages in the order they were complete."""

    def __init__(self, capture: int = 0) -> None:
        self.capture = capture
        self._tcp = TcpReassembler()
        self._directions: dict[tuple[Direction, int], _TcpDirection] = {}
        self._tls: dict[int, TlsFlow] = {}

    @property
    def tls(self) -> tuple[TlsFlow, ...]:
        """The TLS connections seen so far; what they carry can't be read without their keys."""
        return tuple(self._tls.values())

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was missing or out of place in the TCP streams that carry SIP; offsets count octets of a stream."""
        found = [defect for entry in self._directions.values() if entry.is_sip for defect in entry.framer.defects]
        if self._tcp.forgotten:
            found.append(Defect("too-many-tcp-streams", 0, "", f"{self._tcp.forgotten} directions let go of"))
        return tuple(found)

    def feed(self, batch: PacketBatch) -> list[SignallingDatagram]:
        """The messages that this batch completes."""
        messages = list(iter_signalling_datagrams(batch, self.capture))
        for row in batch.rows_of(Transport.TCP):
            for chunk in self._tcp.feed(read_segment(batch, row)):
                messages += self._read_chunk(chunk)
        return sorted(messages, key=lambda message: message.frame)

    def finish(self) -> list[SignallingDatagram]:
        """What is left when the capture ends: messages cut short are handed out as they are."""
        messages = [message for chunk in self._tcp.finish() for message in self._read_chunk(chunk)]
        for (direction, _), entry in self._directions.items():
            if not entry.is_other:
                messages += self._hand_out(direction, entry, entry.framer.flush())
        return sorted(messages, key=lambda message: message.frame)

    def _read_chunk(self, chunk: TcpChunk) -> list[SignallingDatagram]:
        flow = self._tls.get(chunk.connection)
        if flow is not None:
            self._tls[chunk.connection] = flow._replace(packets=flow.packets + 1)
            return []
        key = (chunk.direction, chunk.connection)
        entry = self._directions.get(key)
        if entry is None:
            entry = self._directions[key] = _TcpDirection()
            if is_tls_record(chunk.data):
                self._tls[chunk.connection] = self._tls_flow(chunk)
                entry.is_other = True
            elif chunk.from_start:
                entry.is_other = is_no_sip(chunk.data)
        if entry.is_other:
            return []
        return self._frame(chunk, entry)

    def _frame(self, chunk: TcpChunk, entry: _TcpDirection) -> list[SignallingDatagram]:
        messages: list[SignallingDatagram] = []
        if chunk.gap:
            messages += self._hand_out(chunk.direction, entry, entry.framer.skip(chunk.gap))
        entry.last_time_ns = chunk.timestamp_ns
        messages += self._hand_out(chunk.direction, entry, entry.framer.feed(chunk.data, chunk.frame))
        entry.is_sip = entry.is_sip or bool(messages)
        if not entry.is_sip:
            entry.sniffed += len(chunk.data)
            if entry.sniffed > MAX_SNIFFED_OCTETS:
                entry.is_other, entry.framer = True, SipStreamFramer()
        return messages

    def _hand_out(
        self, direction: Direction, entry: _TcpDirection, framed: list[FramedMessage]
    ) -> list[SignallingDatagram]:
        source = format_endpoint(direction.src_hi, direction.src_lo, direction.src_port)
        destination = format_endpoint(direction.dst_hi, direction.dst_lo, direction.dst_port)
        return [
            SignallingDatagram(self.capture, frame, entry.last_time_ns, source, destination, "TCP", data)
            for data, frame in framed
        ]

    def _tls_flow(self, chunk: TcpChunk) -> TlsFlow:
        """Who is the client: the sender of a ClientHello, else the one with the higher port."""
        there, back = chunk.direction, chunk.direction.reverse()
        hello = chunk.data[5] if chunk.data[0] == _TLS_HANDSHAKE and len(chunk.data) > 5 else 0
        if hello == _SERVER_HELLO or (hello != _CLIENT_HELLO and there.src_port < there.dst_port):
            there = back
        client = format_endpoint(there.src_hi, there.src_lo, there.src_port)
        server = format_endpoint(there.dst_hi, there.dst_lo, there.dst_port)
        return TlsFlow(self.capture, chunk.frame, client, server, 1)


def is_tls_record(data: bytes) -> bool:
    """Whether a stream that goes on with these octets is TLS (RFC 8446 §5.1: content type, then version 3.x)."""
    return len(data) >= 3 and data[0] in _TLS_RECORDS and data[1] == 3 and data[2] <= 4


def is_no_sip(data: bytes) -> bool:
    """Whether a stream that begins with these octets can't be SIP: its first line is there, and is no start line."""
    line = data.lstrip(b"\r\n")
    return b"\n" in line and not looks_like_sip(line)
