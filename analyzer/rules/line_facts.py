# SPDX-License-Identifier: GPL-2.0-only
"""One media line as the rules see it: what several of them ask for is worked out once."""

from itertools import product

from analyzer.keying.mikey_refusals import is_signed
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence
from analyzer.model.reasons import Reason
from analyzer.model.report import AuditedMedia
from analyzer.model.words import Word
from analyzer.rules import protection

_UNSEEN = frozenset((Reason.WIRE_UNSEEN, Reason.ONE_DIRECTION_UNSEEN))


class Subject(Word):
    """A way of keying a media line that was offered or taken: many rules speak of one alone."""

    MIKEY = "MIKEY"
    SDES = "SDES"
    CERTIFICATES = "certificates"  # of DTLS or TLS on the media path


_SUBJECTS = {
    occurring: frozenset(subject for subject, occurs in zip(Subject, occurring, strict=True) if occurs)
    for occurring in product((False, True), repeat=len(Subject))
}


class LineFacts:
    """An audited media line with what follows from it.

    `refs` are its offer and answer, `agreed_proto` is the proto of the answer (None: there is none, or it refuses
    the line), `is_agreed_secure` says that this is SAVP or SAVPF. `expects_srtp` says whether SRTP was agreed, and
    is None where such an offer has neither answer nor refusal in the capture. `was_tried` says that a key was tried
    on a stream; `misses_media` that a direction shows no packets, or none that tell; `is_without_media` that, on
    complete signalling, nothing was agreed and nothing flowed. `mikey` are the MIKEY messages of both sides,
    readable or not; `freshness` is how they stand to the others of the capture set.
    """

    __slots__ = (
        "_stream_refs",
        "agreed_proto",
        "expects_srtp",
        "freshness",
        "is_agreed_secure",
        "is_without_media",
        "keying",
        "line",
        "mikey",
        "misses_media",
        "negotiation",
        "refs",
        "streams",
        "was_tried",
    )

    def __init__(self, media: AuditedMedia) -> None:
        line, streams = media.line, media.streams
        self.line = line
        self.streams = streams
        self.keying = media.keying
        self.negotiation = media.negotiation
        self.freshness = media.freshness
        self.refs = protection.line_refs(line)
        self.agreed_proto = protection.agreed_proto(line)
        self.is_agreed_secure = self.agreed_proto is not None and protection.is_secure_profile(self.agreed_proto)
        self.expects_srtp = protection.expects_srtp(line)
        self.was_tried = any(map(protection.was_tried, streams))
        self.misses_media = not streams or not _UNSEEN.isdisjoint(media.reasons)
        self.is_without_media = protection.is_without_media(line, streams)
        self.mikey = media.keying.mikey and tuple(one for one in media.keying.mikey if one.protocol.lower() == "mikey")
        self._stream_refs: tuple[FrameRef, ...] | None = None

    @property
    def subjects(self) -> frozenset[Subject]:
        """The ways of keying that occur on the line, whatever became of them."""
        keying = self.keying
        is_sdes = bool(keying.offered_crypto or keying.accepted_crypto)
        return _SUBJECTS[bool(self.mikey), is_sdes, keying.certificates != ()]

    @property
    def offered_mikey(self) -> tuple[MikeyEvidence, ...]:
        """The MIKEY messages of the offer."""
        return tuple(one for one in self.mikey if one.side is Side.OFFERER) if self.mikey else ()

    @property
    def signed_errors(self) -> tuple[MikeyEvidence, ...]:
        """The error messages with a V or signature that refused this offer, and not an earlier one."""
        exchange = self.line.exchange
        told = [one.ref for one in (exchange.final, exchange.answer and exchange.answer.message) if one is not None]
        return tuple(one for one in self.keying.refusals if one.ref in told and is_signed(one))

    @property
    def stream_refs(self) -> tuple[FrameRef, ...]:
        """The first packet of each stream."""
        if self._stream_refs is None:
            self._stream_refs = protection.stream_refs(self.streams)
        return self._stream_refs
