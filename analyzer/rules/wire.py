# SPDX-License-Identifier: GPL-2.0-only
"""What the streams of one media line amount to: which directions were seen, and whether they bear the choice out."""

from collections.abc import Iterable, Iterator

from analyzer.model.call import MediaLine, MediaSide, Side
from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import StreamAudit
from analyzer.model.negotiation import Choice
from analyzer.model.reasons import Reason

IN_BAND = frozenset({"DTLS-SRTP", "TLS", "ZRTP"})
UNSPECIFIED = frozenset({"0.0.0.0", "::"})  # noqa: S104 - an address that puts media on hold, not one to bind
SENDS = frozenset({"sendrecv", "sendonly"})
RECEIVES = frozenset({"sendrecv", "recvonly"})
BOTH = frozenset(Side)


def expected_directions(line: MediaLine) -> frozenset[Side]:
    """Who was agreed to send: the sides that say they do to a side that receives and is not on hold (RFC 3264 §6.1)."""
    if line.offer is None or line.answer is None:
        return frozenset()
    pairs = ((Side.OFFERER, line.offer, line.answer), (Side.ANSWERER, line.answer, line.offer))
    return frozenset(side for side, sender, receiver in pairs if _flows(sender, receiver))


def _flows(sender: MediaSide, receiver: MediaSide) -> bool:
    if sender.media.direction not in SENDS or receiver.media.direction not in RECEIVES:
        return False
    return receiver.media.connection_address not in UNSPECIFIED


def seen_directions(streams: Iterable[StreamAudit]) -> frozenset[Side]:
    """Who was seen sending; streams whose addresses tell no side count as both where they answer each other."""
    seen: set[Side] = set()
    ways: set[tuple[str, str]] = set()
    for stream in streams:
        if stream.bound.sent_by is not None:
            seen.add(stream.bound.sent_by)
        else:
            ways.add((stream.bound.stream.source, stream.bound.stream.destination))
    return BOTH if any((there, here) in ways for here, there in ways) else frozenset(seen)


def is_proved(streams: Iterable[StreamAudit]) -> bool:
    """Whether packets flowed and every stream of them authenticates."""
    states = {stream.wire for stream in streams if stream.packets}
    return states == {Wire.PROVED}


def wire_reasons(line: MediaLine, chosen: Choice, streams: tuple[StreamAudit, ...]) -> Iterator[Reason]:
    """What the streams leave open: nothing where all are proved; a direction without packets never passes."""
    flowing = [stream for stream in streams if stream.packets]
    if not flowing:
        yield Reason.WIRE_UNSEEN
        if _is_in_band(line, chosen):
            yield Reason.IN_BAND_KEYING_NOT_OPENED
        return
    told = [stream for stream in flowing if _state(stream) is not Wire.UNSEEN]
    expected = expected_directions(line)
    unseen = not told or not (expected & seen_directions(flowing)) <= seen_directions(told)
    if unseen:
        yield Reason.WIRE_UNSEEN
    if told and not expected <= seen_directions(flowing):
        yield Reason.ONE_DIRECTION_UNSEEN
    states = {_state(stream) for stream in flowing}
    if _is_in_band(line, chosen) and states != {Wire.PROVED} and (chosen.suite is None or not told):
        yield Reason.IN_BAND_KEYING_NOT_OPENED
    elif Wire.CONSISTENT in states or (Wire.UNSEEN in states and not unseen):
        yield Reason.WIRE_NOT_PROVED


def _is_in_band(line: MediaLine, chosen: Choice) -> bool:
    """Whether the keys come out of a handshake on the media path."""
    return chosen.key_agreement in IN_BAND or (
        chosen.key_agreement is None and bool(line.dtls or line.zrtp or line.tls)
    )


def _state(stream: StreamAudit) -> Wire:
    """The stream's state, where packets that were clear before the answer alone tell nothing."""
    early = stream.wire is Wire.CONTRADICTING and stream.protection is Protection.RTP and not stream.clear
    return Wire.UNSEEN if early else stream.wire
