# SPDX-License-Identifier: GPL-2.0-only
"""Signalling and media out of TCP connections and SCTP associations, those included that TLS hides."""

from operator import attrgetter

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import PacketBatch, Transport
from analyzer.capture.sctp import SctpReassembler
from analyzer.capture.tcp import TcpReassembler, read_segment
from analyzer.evidence.connections import ConnectionTable, StreamMessage
from analyzer.evidence.interleaved import build_media_batch
from analyzer.evidence.packets import SignallingDatagram
from analyzer.model.evidence import TlsFlow
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import looks_like_sip

_by_frame = attrgetter("frame")


class StreamedSignalling:
    """Cuts the SIP and RTSP messages of one capture out of its streams."""

    def __init__(self, capture: int, secrets: TlsSecrets) -> None:
        self.capture = capture
        self._tcp = TcpReassembler()
        self._sctp = SctpReassembler()
        self._connections = ConnectionTable(secrets)

    @property
    def tls(self) -> tuple[TlsFlow, ...]:
        """The TLS connections seen so far, opened or not."""
        return self._connections.tls_flows(self.capture)

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was missing or out of place; offsets count octets of a stream."""
        found = self._connections.defects
        if self._tcp.forgotten:
            found += (Defect("too-many-tcp-streams", 0, "", f"{self._tcp.forgotten} directions let go of"),)
        for number, code, what in (
            (self._sctp.dropped, "sctp-incomplete", "pieces of messages whose rest is missing"),
            (self._sctp.unreadable, "sctp-unreadable", "packets with chunks that can't be read"),
        ):
            found += (Defect(code, 0, "RFC 9260 §3", f"{number} {what}"),) if number else ()
        return found

    def feed(self, batch: PacketBatch) -> list[SignallingDatagram]:
        """The messages that this batch completes, one after the other as they were complete."""
        messages: list[SignallingDatagram] = []
        for row in batch.rows_of(Transport.TCP):
            for chunk in self._tcp.feed(read_segment(batch, row)):
                messages += map(self._locate, self._connections.feed(chunk))
        for row in batch.rows_of(Transport.SCTP):
            messages += self._read_sctp(batch, row)
        messages += map(self._locate, self._connections.retry())
        return messages

    def finish(self) -> list[SignallingDatagram]:
        """What is left when the capture ends, by frame: messages cut short are handed out as they are."""
        streamed = [message for chunk in self._tcp.finish() for message in self._connections.feed(chunk)]
        streamed += self._connections.finish()
        return sorted(map(self._locate, streamed), key=_by_frame)

    def take_media(self, batch: PacketBatch | None) -> PacketBatch | None:
        """The media that came interleaved since this was last asked, beside the batch that was fed last."""
        media = self._connections.take_media()
        return build_media_batch(media, batch) if media else None

    def _read_sctp(self, batch: PacketBatch, row: int) -> list[SignallingDatagram]:
        """The SIP messages that a packet of SCTP completes (RFC 4168)."""
        found = self._sctp.feed_row(batch, row)
        sip = (each for each in found if looks_like_sip(each.data))
        return [self._locate(StreamMessage(way, "SCTP", data, frame, at)) for way, data, frame, at in sip]

    def _locate(self, message: StreamMessage) -> SignallingDatagram:
        way = message.direction
        source = format_endpoint(way.src_hi, way.src_lo, way.src_port)
        destination = format_endpoint(way.dst_hi, way.dst_lo, way.dst_port)
        return SignallingDatagram(
            self.capture,
            message.frame,
            message.timestamp_ns,
            source,
            destination,
            message.transport,
            message.data,
            message.is_rtsp,
        )
