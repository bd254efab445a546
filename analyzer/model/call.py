# SPDX-License-Identifier: GPL-2.0-only
"""Calls: dialogs, offers and answers, media lines, and the streams bound to them."""

from typing import NamedTuple

from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import AnySignalling, DatagramFlow, FrameRef, MediaStream, TlsFlow
from analyzer.model.legs import KeyingHabit, LegDifference, OtherLeg
from analyzer.model.words import Word
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import MediaDescription, SessionDescription


class CallState(Word):
    """How far a call got, as far as the capture shows."""

    TRYING = "trying"  # no final response seen
    ANSWERED = "answered"  # a 2xx seen, no end
    ENDED = "ended"  # BYE after an answer
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    MID_CALL = "mid-call"  # its INVITE was not seen


class Party(Word):
    """Who of a call spoke: the caller is the one whose From tag the first request carries."""

    CALLER = "caller"
    CALLEE = "callee"


class Side(Word):
    """A role in one offer/answer exchange (RFC 3264 §3)."""

    OFFERER = "offerer"
    ANSWERER = "answerer"


class Resolution(Word):
    """What became of an offer."""

    ANSWERED = "answered"
    REJECTED = "rejected"  # a final response of 300 or above, or a 2xx/ACK that refuses it
    CANCELLED = "cancelled"
    UNANSWERED = "unanswered"  # the capture shows no answer and no refusal
    OFFER_UNSEEN = "offer-unseen"


class LinkKind(Word):
    """How a call came out of another one."""

    RETRY_OF = "retry-of"  # the same parties again after a refusal that asks for another offer
    REDIRECT_OF = "redirect-of"  # to where a 3xx pointed
    TRANSFER_OF = "transfer-of"  # asked for by REFER
    REPLACES = "replaces"  # RFC 3891
    JOINS = "joins"  # RFC 3911


class CallLink(NamedTuple):
    """A call that came out of another: the other's Call-ID, and the message that says so, if it is in the capture.

    `differences` are what became of the other's offer where this one tries again, read from the other to this one.
    """

    kind: LinkKind
    call_id: str
    message: AnySignalling | None
    differences: tuple[LegDifference, ...] = ()


class SdpBody(NamedTuple):
    """A session description and the message that carried it.

    Its last `bodies` key-mgmt lines at session level stand for MIKEY messages that came beside it as bodies.
    """

    message: AnySignalling
    session: SessionDescription
    party: Party
    bodies: int = 0


class HopSight(NamedTuple):
    """Where a further hop showed the same offer and answer; `answer` is None where that hop's was not seen.

    `is_answered` is False where there was none to see, as that hop refused the offer.
    """

    offer: FrameRef
    answer: FrameRef | None
    is_answered: bool = True


class Exchange(NamedTuple):
    """One offer/answer exchange of a call; times in nanoseconds since the epoch, `end_ns` where the next begins.

    `between` names two elements where they show the offer otherwise than the hop nearest the caller does. `retry_of`
    is the number of the refused exchange that this one tries again in another way (RFC 3261 §8.1.3.5). `answered_ns` is
    when the answer was seen, or an ACK that tells of one which was not. `onward` are further hops on which media and
    keying were described alike.
    """

    number: int
    offer: SdpBody | None
    answer: SdpBody | None
    resolution: Resolution
    final: AnySignalling | None  # the response or request that settled it
    start_ns: int
    answered_ns: int | None
    end_ns: int | None
    between: tuple[str, str] | None = None
    retry_of: int | None = None
    onward: tuple[HopSight, ...] = ()


class MediaSide(NamedTuple):
    """One media line as one party described it; `address` and `rtcp_address` are where that party wants packets.

    `also` are its ICE candidates, and endpoints of which connectivity checks showed that they are its own. A line
    that `is_bundled` shares the address of the first line of its group (RFC 8843 §7), whatever port it states.
    """

    body: SdpBody
    media: MediaDescription
    address: str | None
    rtcp_address: str | None
    also: tuple[str, ...] = ()
    is_bundled: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the port is 0 (RFC 3264 §6), and no bundled line's, which has no port of its own."""
        return self.media.port == 0 and not self.is_bundled


@dataclass(frozen=True, slots=True)
class BoundRtcp:
    """RTCP (or SRTCP) datagrams of one flow that belong to a bound stream: indices into the flow."""

    flow: DatagramFlow
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BoundStream:
    """The packets `start` (inclusive) to `stop` (exclusive) of a stream that belong to one media line and exchange.

    `before_answer` counts those of them that were sent before the answer was seen. `sent_by` is None where the
    addresses do not tell who sent.
    """

    stream: MediaStream
    start: int
    stop: int
    sent_by: Side | None
    before_answer: int
    rtcp: tuple[BoundRtcp, ...]


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One media line in one exchange; `answer` is None when the offer was refused or no answer was seen.

    `dtls` and `zrtp` are in-band keying flows seen on its transport addresses within the exchange, or earlier in the
    call where the exchange keeps an address; `tls` are connections there, of a line
    whose media runs in TLS. `lone_rtcp` is RTCP of a side that sent no RTP in the exchange.
    """

    index: int
    exchange: Exchange
    type: str
    offer: MediaSide | None
    answer: MediaSide | None
    streams: tuple[BoundStream, ...]
    dtls: tuple[DatagramFlow, ...]
    zrtp: tuple[DatagramFlow, ...]
    lone_rtcp: tuple[BoundRtcp, ...] = ()
    tls: tuple[TlsFlow, ...] = ()

    def side_at(self, endpoint: str) -> Side | None:
        """Which side receives (and so sends) at an endpoint, None where neither announced it."""
        for side, where in ((Side.OFFERER, self.offer), (Side.ANSWERER, self.answer)):
            if where is not None and endpoint in (where.address, where.rtcp_address, *where.also):
                return side
        return None


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that one Call-ID (and its dialogs) showed; `caller` and `callee` are addresses-of-record (URIs).

    `watched_until_ns` is when the captures that show a call end which did not end in them, None where nobody knows.
    `has_unseen_after` says that its end was not seen, and of a later call of the same elements not the offer: that may
    have taken its ports.
    """

    call_id: str
    protocol: str
    caller: str
    callee: str
    state: CallState
    start_ns: int
    end_ns: int
    messages: CallMessages
    exchanges: tuple[Exchange, ...]
    media: tuple[MediaLine, ...]
    links: tuple[CallLink, ...] = ()
    other_legs: tuple[OtherLeg, ...] = ()
    lost_keying: tuple[KeyingHabit, ...] = ()
    watched_until_ns: int | None = None
    has_unseen_after: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it was taken and no end of it was seen."""
        return self.state in (CallState.ANSWERED, CallState.MID_CALL)


@dataclass(frozen=True, slots=True)
class CallSet:
    """What the signalling and media of a capture set amount to: calls, the rest of the media, the rest of the messages.

    An unbound stream carries its own RTCP and stands with `sent_by=None`, `before_answer=0` and its whole length.
    """

    calls: tuple[Call, ...]
    unbound: tuple[BoundStream, ...]
    outside: tuple[AnySignalling, ...]
