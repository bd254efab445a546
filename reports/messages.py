# SPDX-License-Identifier: GPL-2.0-only
"""What a report shows of a signalling message: its name, its place, and its body with the secrets masked."""

from typing import NamedTuple

from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.sdp import mask_sdp_secrets
from dissectors.grammar.sip import BodyPart

SDP = "application/sdp"


class ShownPart(NamedTuple):
    """One part of a body; `text` is None where showing it could show a secret (DTMF, messages, anything unknown)."""

    content_type: str
    octets: int
    text: str | None


def message_name(message: SignallingMessage) -> str:
    """`INVITE`, or `200 OK`."""
    sip = message.sip
    if sip.method is not None:
        return sip.method
    return f"{sip.status} {sip.reason or ''}".rstrip()


def cseq_text(message: SignallingMessage) -> str | None:
    """CSeq as number and method, None where the message has none that can be read."""
    sip = message.sip
    if sip.cseq_number is None or sip.cseq_method is None:
        return sip.header("cseq")
    return f"{sip.cseq_number} {sip.cseq_method}"


def _is_sdp(part: BodyPart) -> bool:
    return part.content_type == SDP or (not part.content_type and part.content[:2] == b"v=")


def carries_sdp(message: SignallingMessage) -> bool:
    """Whether a part of the body is a session description."""
    return message.sip.sdp() is not None


def shown_parts(message: SignallingMessage) -> tuple[ShownPart, ...]:
    """The leaves of the body: session descriptions with masked secrets, of all else the type and size only."""
    parts = message.sip.body_parts()
    encoded = (message.sip.header("content-encoding") or "identity").lower() != "identity"
    return tuple(_shown(part, encoded) for part in parts)


def _shown(part: BodyPart, encoded: bool) -> ShownPart:
    if encoded or not _is_sdp(part):
        return ShownPart(part.content_type, len(part.content), None)
    return ShownPart(part.content_type or SDP, len(part.content), mask_sdp_secrets(part.content))
