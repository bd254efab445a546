# SPDX-License-Identifier: GPL-2.0-only
"""Whether media is protected: the predicates that the verdict and the rules share, so that they can't differ."""

from collections.abc import Iterable
from functools import lru_cache

from analyzer.model.call import MediaLine, MediaSide, Resolution
from analyzer.model.evidence import FrameRef, Wire
from analyzer.model.keying import StreamAudit
from dissectors.grammar.sdp_description import runs_in_tls

KEYING_ATTRIBUTES = frozenset(("crypto", "key-mgmt", "fingerprint"))
ZRTP_HASH = "zrtp-hash"
_ACCEPTABLE = KEYING_ATTRIBUTES | {ZRTP_HASH}
MAX_CITED_FRAMES = 20
_PLAIN = frozenset(("AVP", "AVPF"))
_SECURE = frozenset(("SAVP", "SAVPF"))
_REFUSED = frozenset((Resolution.REJECTED, Resolution.CANCELLED))


@lru_cache(maxsize=64)
def is_plain_profile(proto: str) -> bool:
    """Whether an m-line's proto is an RTP profile without security: AVP or AVPF, over whatever transport but TLS."""
    return not _PLAIN.isdisjoint(proto.upper().split("/")) and not runs_in_tls(proto)


@lru_cache(maxsize=64)
def is_secure_profile(proto: str) -> bool:
    """Whether an m-line's proto is SAVP or SAVPF (RFC 3711 §12, RFC 5124), over whatever transport."""
    return not _SECURE.isdisjoint(proto.upper().split("/"))


def agreed_proto(line: MediaLine) -> str | None:
    """The proto of the answer, None where there is none or it refuses the line with port 0 (RFC 3264 §6)."""
    answer = line.answer
    return answer.media.proto if answer is not None and not answer.is_refused else None


def is_rtp(line: MediaLine) -> bool:
    """Whether either side names an RTP profile."""
    return any(_is_rtp_profile(side.media.proto) for side in (line.offer, line.answer) if side is not None)


@lru_cache(maxsize=64)
def _is_rtp_profile(proto: str) -> bool:
    return not (_PLAIN | _SECURE).isdisjoint(proto.upper().split("/"))


def is_inactive(line: MediaLine) -> bool:
    """Whether either side says that no media flows (RFC 3264 §6.1)."""
    return any(side is not None and side.media.direction == "inactive" for side in (line.offer, line.answer))


def accepted_keying(line: MediaLine) -> frozenset[str]:
    """The names of the keying attributes in the answer, on the line or above it; `zrtp-hash` of either side counts."""
    found: set[str] = set()
    if line.answer is not None:
        found.update(_ACCEPTABLE.intersection(line.answer.media.attribute_names))
        found.update(_ACCEPTABLE.intersection(line.answer.body.session.attribute_names))
    if line.offer is not None and _says_zrtp(line.offer):
        found.add(ZRTP_HASH)
    return frozenset(found)


def _says_zrtp(side: MediaSide) -> bool:
    return side.media.attribute(ZRTP_HASH) is not None or side.body.session.attribute(ZRTP_HASH) is not None


def is_pending(line: MediaLine) -> bool:
    """Whether the capture shows an offer, and neither an answer to it nor that it was refused."""
    return line.answer is None and line.offer is not None and line.exchange.resolution not in _REFUSED


def expects_srtp(line: MediaLine) -> bool | None:
    """Whether SRTP was agreed, by profile or by keying; None where the answer to such an offer was not seen."""
    proto = agreed_proto(line)
    if proto is not None and runs_in_tls(proto):
        return is_secure_profile(proto)
    if proto is not None:
        return is_secure_profile(proto) or bool(accepted_keying(line) or line.dtls or line.zrtp)
    if line.offer is not None and is_pending(line) and is_secure_profile(line.offer.media.proto):
        return None
    return False


def was_tried(stream: StreamAudit) -> bool:
    """Whether a key was tried on the stream."""
    return bool(stream.bound_key or stream.authenticated or stream.failed or stream.decrypted)


def is_proved_clear(streams: Iterable[StreamAudit]) -> bool:
    """Whether packets after the answer are proved to be clear RTP."""
    return any(stream.clear for stream in streams)


def nothing_protects(line: MediaLine, streams: tuple[StreamAudit, ...]) -> bool:
    """Whether plain RTP was agreed and nothing took effect that could protect it.

    True for an active AVP or AVPF line whose offer and answer were seen, with no `crypto`, `key-mgmt` or
    `fingerprint` in the answer, no `zrtp-hash`, no ZRTP or DTLS on its addresses, and media that does not
    authenticate: what took effect decides, not the profile.
    """
    proto = agreed_proto(line)
    if proto is None or line.offer is None or not is_plain_profile(proto):
        return False
    if line.dtls or line.zrtp or is_without_media(line, streams) or accepted_keying(line):
        return False
    return not (streams and all(stream.wire is Wire.PROVED for stream in streams))


def is_without_media(line: MediaLine, streams: tuple[StreamAudit, ...]) -> bool:
    """Whether, on complete signalling, nothing was agreed and nothing flowed."""
    if line.offer is None or any(stream.packets for stream in streams):
        return False
    if line.answer is None or line.exchange.resolution in _REFUSED:
        return line.exchange.resolution in _REFUSED
    return line.answer.is_refused or is_inactive(line)


def line_refs(line: MediaLine) -> tuple[FrameRef, ...]:
    """Where its offer and answer stand."""
    offer, answer = line.offer, line.answer
    if offer is not None and answer is not None:
        return offer.body.message.ref, answer.body.message.ref
    return tuple(side.body.message.ref for side in (offer, answer) if side is not None)


def stream_refs(streams: Iterable[StreamAudit]) -> tuple[FrameRef, ...]:
    """The first packet of each stream."""
    return tuple([stream.first for stream in streams])


def clear_refs(streams: Iterable[StreamAudit]) -> tuple[FrameRef, ...]:
    """The first clear packets of each stream that has any."""
    return cited_frames((stream, stream.clear_frames) for stream in streams if stream.clear)


def cited_frames(found: Iterable[tuple[StreamAudit, tuple[int, ...]]]) -> tuple[FrameRef, ...]:
    """Up to MAX_CITED_FRAMES frames of each stream; its first packet where no frame is named."""
    return tuple(
        stream.bound.stream.ref(frame)
        for stream, frames in found
        for frame in frames[:MAX_CITED_FRAMES] or (stream.first_frame,)
    )
