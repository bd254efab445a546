# SPDX-License-Identifier: GPL-2.0-only
"""Signalling found in packets: SIP and RTSP over UDP, and cut out of streams, those included that TLS hides."""

from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import DATAGRAM_TRANSPORTS, RTSP_PORTS, PacketBatch, PayloadKind, Transport
from analyzer.model.evidence import SignallingMessage, TlsFlow
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.defects import Defect
from dissectors.grammar.rtsp import looks_like_rtsp
from dissectors.grammar.sip import looks_like_sip

if TYPE_CHECKING:
    from analyzer.evidence.streamed import StreamedSignalling

_by_frame = attrgetter("frame")
STREAMS = (Transport.TCP, Transport.SCTP)
_READ = (
    *("payload_offset", "payload_octets", "frame", "timestamp_ns", "detail"),
    *("src_hi", "src_lo", "src_port", "dst_hi", "dst_lo", "dst_port"),
)


class SignallingDatagram(NamedTuple):
    """One SIP or RTSP message as octets; endpoints are `address:port`, IPv6 as `[address]:port`.

    `offset` is that of a datagram's octets in the batch it came from; None where they came in a stream.
    """

    capture: int
    frame: int
    timestamp_ns: int
    source: str
    destination: str
    transport: str  # UDP, TCP, TLS, WS, WSS, SCTP
    data: bytes
    is_rtsp: bool = False
    offset: int | None = None


Found = SignallingDatagram | SignallingMessage  # as octets, or understood already


def iter_signalling_datagrams(batch: PacketBatch, capture: int = 0) -> Iterator[SignallingDatagram]:
    """The SIP messages over UDP in a batch, whole again where they were IP fragments, in capture order."""
    texts = _EndpointTexts()
    lists = batch.cells_of_kind(PayloadKind.SIP_LIKE, _READ)
    for offset, octets, frame, time_ns, protocol, *ends in zip(*lists, strict=True):
        data = batch.octets(offset, octets)
        if looks_like_sip(data):
            source, destination = texts[(ends[0], ends[1], ends[2])], texts[(ends[3], ends[4], ends[5])]
            transport = DATAGRAM_TRANSPORTS.get(protocol, "HEP")
            yield SignallingDatagram(capture, frame, time_ns, source, destination, transport, data, False, offset)


class _EndpointTexts(dict[tuple[int, int, int], str]):
    """Endpoints of a batch as text, each spelled once."""

    def __missing__(self, key: tuple[int, int, int]) -> str:
        text = self[key] = format_endpoint(*key)
        return text


def iter_rtsp_datagrams(batch: PacketBatch, capture: int = 0) -> Iterator[SignallingDatagram]:
    """The RTSP messages over UDP in a batch, to or from the ports of RTSP (RFC 2326 §4.1, `rtspu`)."""
    columns = batch.columns
    known = np.zeros(len(batch), np.bool_)
    for port in RTSP_PORTS:  # a comparison of its own for each costs a tenth of np.isin
        known |= (columns.src_port == port) | (columns.dst_port == port)
    rows = np.flatnonzero(known & (columns.transport == Transport.UDP) & (columns.payload_octets > 0))
    for row in rows.tolist():
        data = batch.payload(row)
        if looks_like_rtsp(data):
            source = format_endpoint(columns.src_hi[row], columns.src_lo[row], columns.src_port[row])
            destination = format_endpoint(columns.dst_hi[row], columns.dst_lo[row], columns.dst_port[row])
            frame, time_ns = int(columns.frame[row]), int(columns.timestamp_ns[row])
            yield SignallingDatagram(capture, frame, time_ns, source, destination, "UDP", data, is_rtsp=True)


class SignallingReader:
    """Takes the batches of one capture in order and gives its messages in the order they were complete.

    `secrets` open the TLS connections; those that come later, from the capture itself, open what waits for them.
    """

    def __init__(self, capture: int = 0, secrets: TlsSecrets | None = None) -> None:
        self.capture = capture
        self._secrets = TlsSecrets() if secrets is None else secrets
        self._streamed: StreamedSignalling | None = None  # from the first packet of a stream on

    @property
    def tls(self) -> tuple[TlsFlow, ...]:
        """The TLS connections seen so far, opened or not."""
        return () if self._streamed is None else self._streamed.tls

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was missing or out of place in the streams that carry SIP; offsets count octets of a stream."""
        return () if self._streamed is None else self._streamed.defects

    def feed(self, batch: PacketBatch) -> list[SignallingDatagram]:
        """The messages that this batch completes."""
        return sorted([*iter_signalling_datagrams(batch, self.capture), *self.feed_rest(batch)], key=_by_frame)

    def feed_rest(self, batch: PacketBatch) -> list[SignallingDatagram]:
        """The same without SIP over UDP, for whoever has that already; one after the other as they were complete."""
        messages = [] if batch.holds_only_sip else list(iter_rtsp_datagrams(batch, self.capture))
        if self._streamed is None:
            if batch.holds_only_sip or all(next(batch.rows_of(transport), None) is None for transport in STREAMS):
                return messages
            from analyzer.evidence.streamed import StreamedSignalling  # noqa: PLC0415 - most captures have none

            self._streamed = StreamedSignalling(self.capture, self._secrets)
        return messages + self._streamed.feed(batch)

    def finish(self) -> list[SignallingDatagram]:
        """What is left when the capture ends: messages cut short are handed out as they are."""
        return [] if self._streamed is None else self._streamed.finish()

    def take_media(self, batch: PacketBatch | None) -> PacketBatch | None:
        """The media that came interleaved with RTSP since this was last asked, as if in datagrams; None without any.

        `batch` is the one that was fed last: the packets stand beside it, their octets in a side of their own.
        """
        return None if self._streamed is None else self._streamed.take_media(batch)
