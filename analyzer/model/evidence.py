# SPDX-License-Identifier: GPL-2.0-only
"""What was found in the packets: frames, signalling messages, media streams."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from analyzer.model.words import Word
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtsp import RtspMessage
from dissectors.grammar.sip import SipMessage


class FrameRef(NamedTuple):
    """A frame by Wireshark's number within one file (`capture` is the index into the report's captures)."""

    capture: int
    frame: int


class SignallingMessage(NamedTuple):
    """One SIP message as it crossed the wire; endpoints are `address:port`, IPv6 as `[address]:port`.

    `capture` and `frame` order messages: over the files of a set, of which the first has the index, frames are counted
    on. `ref` is where a person finds the frame.
    """

    capture: int
    frame: int
    timestamp_ns: int
    source: str
    destination: str
    transport: str  # UDP, TCP, TLS, WS, WSS, SCTP
    sip: SipMessage
    retransmission_of: FrameRef | None = None
    place: FrameRef | None = None  # in a later file of a set

    @property
    def ref(self) -> FrameRef:
        """Where it stands."""
        return self.place or FrameRef(self.capture, self.frame)

    @property
    def text(self) -> SipMessage:
        """The message, whichever its protocol."""
        return self.sip

    @property
    def call_id(self) -> str | None:
        """Call-ID."""
        return self.sip.call_id


class RtspSignallingMessage(NamedTuple):
    """One RTSP message as it crossed the wire; what comes in a tunnel in HTTP has the endpoints of the tunnel's GET."""

    capture: int
    frame: int
    timestamp_ns: int
    source: str
    destination: str
    transport: str  # UDP, TCP, TLS
    rtsp: RtspMessage
    retransmission_of: FrameRef | None = None
    place: FrameRef | None = None  # in a later file of a set

    @property
    def ref(self) -> FrameRef:
        """Where it stands."""
        return self.place or FrameRef(self.capture, self.frame)

    @property
    def text(self) -> RtspMessage:
        """The message, whichever its protocol."""
        return self.rtsp

    @property
    def call_id(self) -> str | None:
        """The Session id: what stands for a Call-ID in RTSP."""
        return self.rtsp.session_id


AnySignalling = SignallingMessage | RtspSignallingMessage


class MikeyCarrier(Word):
    """What carried a MIKEY message that stands in no session description."""

    UDP = "udp"  # port 2269
    SIP_BODY = "sip-body"  # application/mikey (RFC 3830 §10.1)


class LooseMikey(NamedTuple):
    """A MIKEY message outside session descriptions.

    `parties` are the SIP sender and receiver where SIP carried it; `transport` is as that of signalling messages.
    """

    capture: int
    frame: int
    timestamp_ns: int
    source: str
    destination: str
    carrier: MikeyCarrier
    octets: bytes
    call_id: str | None = None
    parties: tuple[str, str] = ("", "")
    transport: str = "UDP"
    place: FrameRef | None = None  # in a later file of a set

    @property
    def ref(self) -> FrameRef:
        """Where it stands."""
        return self.place or FrameRef(self.capture, self.frame)


RUN_PACKETS = 1 << 13


@dataclass(frozen=True, slots=True, eq=False)
class PacketFacts:
    """Packets of a stream that follow each other, as columns of `MediaStream`; `first` is the first one's number."""

    first: int
    frame: Any
    timestamp_ns: Any
    sequence_number: Any
    rtp_timestamp: Any
    payload_type: Any
    payload_octets: Any
    wire_octets: Any
    header_octets: Any

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, slots=True, eq=False)
class PacketRun(PacketFacts):
    """Packets that follow each other with their payloads (of UDP, as captured), which stand back to back.

    That of packet `i` of the run is `octets[offsets[i] : offsets[i] + payload_octets[i]]`.
    """

    offsets: Any
    octets: memoryview


class MediaStream(Protocol):
    """RTP (or SRTP) packets of one source, destination and SSRC; columns run parallel, one entry a packet.

    Endpoints are `address:port`; of packets interleaved with RTSP they are `address:port$channel`.

    `frame`, `timestamp_ns`, `sequence_number`, `rtp_timestamp`, `payload_type`, `payload_octets` (UDP payload as
    captured), `wire_octets` (as sent) and `header_octets` (of the RTP header, 0 where it is broken) are integer arrays.
    They are made anew for whoever asks, as long as the stream; of one that may be long ask `iter_facts`.
    """

    @property
    def capture(self) -> int:
        """Index of the capture; of a set's first file, over the files of which `frame` is counted on."""
        ...

    @property
    def source(self) -> str:
        """Endpoint that sent."""
        ...

    @property
    def destination(self) -> str:
        """Endpoint that was sent to."""
        ...

    @property
    def ssrc(self) -> int:
        """RFC 3550 §5.1."""
        ...

    @property
    def frame(self) -> Any: ...  # noqa: D102
    @property
    def timestamp_ns(self) -> Any: ...  # noqa: D102
    @property
    def sequence_number(self) -> Any: ...  # noqa: D102
    @property
    def rtp_timestamp(self) -> Any: ...  # noqa: D102
    @property
    def payload_type(self) -> Any: ...  # noqa: D102
    @property
    def payload_octets(self) -> Any: ...  # noqa: D102
    @property
    def wire_octets(self) -> Any: ...  # noqa: D102
    @property
    def header_octets(self) -> Any: ...  # noqa: D102

    def __len__(self) -> int: ...

    def payload(self, index: int) -> bytes:
        """The UDP payload of packet `index`, as captured."""
        ...

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        """The payloads of these packets, or of all, in the order given: cheaper than one by one."""
        ...

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        """Packets `start` to `stop`, at most `packets` at a time: memory follows the run, not the stream."""
        ...

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        """The same with payloads."""
        ...

    def join_payloads(self, indices: Any) -> memoryview:
        """The payloads of these packets (an array of numbers) one behind the other: cheaper still."""
        ...

    def ref(self, frame: int) -> FrameRef:
        """Where one of these frames stands."""
        ...


class DatagramFlow(Protocol):
    """Datagrams of one kind between two endpoints (RTCP, STUN, DTLS, ZRTP), in capture order."""

    @property
    def capture(self) -> int: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def destination(self) -> str: ...  # noqa: D102
    @property
    def frame(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def timestamp_ns(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def wire_octets(self) -> Sequence[int]: ...  # noqa: D102

    def __len__(self) -> int: ...

    def payload(self, index: int) -> bytes:
        """The UDP payload of datagram `index`, as captured; the snaplen may have cut it short of `wire_octets`."""
        ...

    def ref(self, frame: int) -> FrameRef:
        """Where one of these frames stands."""
        ...


class TlsFlow(NamedTuple):
    """A TLS connection: signalling may be inside, and nobody can tell without its keys.

    `opened` and `shut` count records of application data; `reason` is empty where none stayed shut. `version` and
    `cipher_suite` are what the hellos agreed, empty where they were not captured. `first_ns` is the time of the first
    frame. Certificates are those that each side showed as its own, as DER, where the handshake can be read.
    """

    capture: int
    first_frame: int
    client: str
    server: str
    packets: int
    version: str = ""
    cipher_suite: str = ""
    opened: int = 0
    shut: int = 0
    reason: str = ""
    first_ns: int = 0
    client_certificates: tuple[bytes, ...] = ()
    server_certificates: tuple[bytes, ...] = ()
    place: FrameRef | None = None  # of the first frame in a later file of a set

    @property
    def ref(self) -> FrameRef:
        """Where its first frame stands."""
        return self.place or FrameRef(self.capture, self.first_frame)

    @property
    def is_shut(self) -> bool:
        """Whether something in it stays unread, and nothing of it was read."""
        return not self.opened and bool(self.reason)


class Protection(Word):
    """What the payload of a stream is, by authentication or by the clear/encrypted test."""

    SRTP = "srtp"
    RTP = "rtp"
    UNKNOWN = "unknown"


class Wire(Word):
    """What the packets of a stream say about the choice."""

    PROVED = "proved"
    CONSISTENT = "consistent"
    CONTRADICTING = "contradicting"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class MediaEvidence:
    """All media that the captures show, before anything is bound to a call."""

    streams: tuple[MediaStream, ...] = ()
    rtcp: tuple[DatagramFlow, ...] = ()
    dtls: tuple[DatagramFlow, ...] = ()
    zrtp: tuple[DatagramFlow, ...] = ()
    stun: tuple[DatagramFlow, ...] = ()
    tls: tuple[TlsFlow, ...] = ()  # media may be inside
