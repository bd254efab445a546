# SPDX-License-Identifier: GPL-2.0-only
"""The straight road through most calls: one INVITE with an offer, one dialog, one answer in it, both ends on one hop.

`dialog` reads every call the careful way, by transactions and hops; for calls of this shape it would find what is read
here, and a test holds the two together. Whatever else occurs in a call leaves it to the careful way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.calls.proposal import Session
from analyzer.calls.session_reader import SessionReader
from analyzer.model.call import Exchange, Party, Resolution, SdpBody
from analyzer.model.evidence import SignallingMessage

_MAY_OFFER = ("UPDATE", "PRACK")


class PlainDialog(NamedTuple):
    """The one exchange of a plain call, the session it belongs to, and whether a BYE was seen."""

    invite: SignallingMessage
    exchange: Exchange
    session: Session
    is_over: bool


def read_plain_dialog(messages: Sequence[SignallingMessage], sessions: SessionReader) -> PlainDialog | None:
    """A call that was offered in its INVITE and answered in one dialog; None for any other."""
    first = messages[0]
    invite = first.sip
    if invite.method != "INVITE" or invite.to_tag or not invite.from_tag or invite.body_end <= invite.body_offset:
        return None
    way = first.source, first.destination
    replies: list[SignallingMessage] = []
    is_over = False
    for message in messages:
        sip = message.sip
        if message is first or message.retransmission_of is not None:
            continue
        method = sip.method or sip.cseq_method
        if method in ("INVITE", "ACK"):
            if not _is_of(first, message, way):
                return None
            if method == "INVITE":
                replies.append(message)
        elif method == "BYE":
            is_over = is_over or sip.method is not None
        elif method == "CANCEL" or (method in _MAY_OFFER and sip.body_end > sip.body_offset):
            return None
    return _settle(first, replies, sessions, is_over=is_over)


def _is_of(invite: SignallingMessage, message: SignallingMessage, way: tuple[str, str]) -> bool:
    """Whether a response or ACK belongs to the INVITE, on the same hop; a second INVITE never does."""
    sip = message.sip
    if sip.cseq_number != invite.sip.cseq_number or sip.from_tag != invite.sip.from_tag:
        return False
    if sip.method is None:
        return sip.cseq_method == "INVITE" and (message.destination, message.source) == way
    return sip.method == "ACK" and (message.source, message.destination) == way


def _settle(
    invite: SignallingMessage, replies: Sequence[SignallingMessage], sessions: SessionReader, *, is_over: bool
) -> PlainDialog | None:
    """The exchange, where one 2xx, or several of one dialog, accepted the offer and one description answered it."""
    answer: SdpBody | None = None
    success: SignallingMessage | None = None
    tag: str | None = None
    for reply in replies:
        sip = reply.sip
        status = sip.status or 0
        if status == 100:
            continue
        if not 100 < status < 300 or not sip.to_tag or sip.to_tag != (tag or sip.to_tag):
            return None
        tag = sip.to_tag
        if success is None:
            if status >= 200:
                success = reply
            body = sessions.read(reply, Party.CALLEE)
            if body is not None and answer is not None and body.session.raw != answer.session.raw:
                return None
            answer = answer or body
    offer = sessions.read(invite, Party.CALLER)
    if offer is None or answer is None or success is None:
        return None
    start_ns, answered_ns = invite.timestamp_ns, answer.message.timestamp_ns
    exchange = Exchange(0, offer, answer, Resolution.ANSWERED, success, start_ns, answered_ns, None)
    return PlainDialog(invite, exchange, ((invite.sip.from_tag, tag), None), is_over)
