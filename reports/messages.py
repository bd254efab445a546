# SPDX-License-Identifier: GPL-2.0-only
"""What a report shows of a signalling message: its name, its place, and its body with the secrets masked."""

from typing import NamedTuple

from analyzer.model.evidence import AnySignalling, SignallingMessage
from analyzer.model.report import AuditedMikey
from dissectors.grammar.content_coding import is_coded
from dissectors.grammar.mikey import name_of
from dissectors.grammar.mikey.registries import DataType
from dissectors.grammar.sdp import mask_sdp_secrets
from dissectors.grammar.sip import BodyPart, first_sdp
from dissectors.grammar.sip_extensions import Reason, parse_reasons

SDP = "application/sdp"
MAX_REASONS = 8  # of one message that are shown
MAX_REASON_LENGTH = 512  # characters of one Reason header that are read


class ShownPart(NamedTuple):
    """One part of a body; `text` is None where showing it could show a secret (DTMF, messages, anything unknown)."""

    content_type: str
    octets: int
    text: str | None


def mikey_name(audited: AuditedMikey) -> str:
    """What a MIKEY message outside session descriptions is called: its mode and its data type."""
    message = audited.evidence.message
    if message is None:
        return "unreadable MIKEY"
    name = name_of(DataType, message.header.data_type)
    return f"{audited.method} {name}" if audited.method else name


def message_name(message: AnySignalling) -> str:
    """`INVITE`, or `200 OK`."""
    sip = message.text
    if sip.method is not None:
        return sip.method
    return f"{sip.status} {sip.reason or ''}".rstrip()


def cseq_text(message: AnySignalling) -> str | None:
    """CSeq as number and method, None where the message has none that can be read."""
    sip = message.text
    if sip.cseq_number is None or sip.cseq_method is None:
        spelled = sip.header("cseq")
        return None if spelled is None else mask_sdp_secrets(spelled)
    return f"{sip.cseq_number} {sip.cseq_method}"


def reasons_of(message: AnySignalling) -> tuple[Reason, ...]:
    """Why a message was sent, as its Reason headers say (RFC 3326 §2), secrets masked; RTSP has none."""
    if not isinstance(message, SignallingMessage) or "reason" not in message.sip.header_names:
        return ()
    values = tuple(value[:MAX_REASON_LENGTH] for value in message.sip.header_values("reason")[:MAX_REASONS])
    return tuple(map(_masked, parse_reasons(values)[:MAX_REASONS]))


def _masked(reason: Reason) -> Reason:
    text = None if reason.text is None else mask_sdp_secrets(reason.text)
    return reason._replace(protocol=mask_sdp_secrets(reason.protocol), text=text)


def reason_text(reason: Reason) -> str:
    """`Q.850 16 Terminated`."""
    cause = "" if reason.cause is None else str(reason.cause)
    return " ".join(filter(None, (reason.protocol, cause, reason.text)))


def carries_sdp(message: AnySignalling) -> bool:
    """Whether a part of the body is a session description."""
    return message.text.sdp() is not None


def shown_parts(message: AnySignalling) -> tuple[ShownPart, ...]:
    """The leaves of the body: session descriptions with masked secrets, of all else the type and size only.

    A compressed body is one part: its size is that on the wire, its text what was inside.
    """
    sip = message.text
    if is_coded(sip.header("content-encoding")):
        sdp = sip.sdp()
        text = None if sdp is None else mask_sdp_secrets(sdp.content)
        return (ShownPart(sip.content_type or "", len(sip.body), text),)
    return tuple(_shown(part) for part in sip.body_parts())


def _shown(part: BodyPart) -> ShownPart:
    sdp = first_sdp((part,))
    if sdp is None:
        return ShownPart(part.content_type, len(part.content), None)
    return ShownPart(part.content_type or SDP, len(part.content), mask_sdp_secrets(sdp.content))
