# SPDX-License-Identifier: GPL-2.0-only
"""One media line as the rules see it: what several of them ask for is worked out once."""

from functools import cached_property

from analyzer.model.evidence import FrameRef
from analyzer.model.report import AuditedMedia
from analyzer.rules import protection


class LineFacts:
    """An audited media line with its references and what was agreed on, each computed when first asked for."""

    def __init__(self, media: AuditedMedia) -> None:
        self.line = media.line
        self.streams = media.streams
        self.keying = media.keying
        self.negotiation = media.negotiation

    @cached_property
    def refs(self) -> tuple[FrameRef, ...]:
        """Where offer and answer stand."""
        return protection.line_refs(self.line)

    @cached_property
    def stream_refs(self) -> tuple[FrameRef, ...]:
        """The first packet of each stream."""
        return protection.stream_refs(self.streams)

    @cached_property
    def agreed_proto(self) -> str | None:
        """The proto of the answer, None where there is none or it refuses the line."""
        return protection.agreed_proto(self.line)

    @cached_property
    def is_agreed_secure(self) -> bool:
        """Whether SAVP or SAVPF was agreed."""
        return self.agreed_proto is not None and protection.is_secure_profile(self.agreed_proto)

    @cached_property
    def expects_srtp(self) -> bool | None:
        """Whether SRTP was agreed; None where such an offer has no answer and no refusal in the capture."""
        return protection.expects_srtp(self.line)

    @cached_property
    def was_tried(self) -> bool:
        """Whether a key was tried on any stream."""
        return any(map(protection.was_tried, self.streams))

    @cached_property
    def is_without_media(self) -> bool:
        """Whether, on complete signalling, nothing was agreed and nothing flowed."""
        return protection.is_without_media(self.line, self.streams)
