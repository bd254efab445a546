# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY error messages in what refused an offer (RFC 3830 §5.1.2).

They stand in an answer, in the body of a response, or in RTSP in its KeyMgmt or Transport header.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from analyzer.model.call import Call, Exchange, MediaLine, Side
from analyzer.model.evidence import FrameRef, SignallingMessage
from analyzer.model.keying import BODY, MacState, MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import Sign, Verification, parse_mikey
from dissectors.grammar.mikey.registries import DataType
from dissectors.grammar.sdp import SessionDescription, parse_sdp

UNTRIED = MacState(None, "its V or signature was not tried")
NOTHING = MacState(None, "no MAC")

_KEY_MGMT, _KEY_MGMT_OCTETS = frozenset(("key-mgmt",)), b"key-mgmt"


def read_refusal(exchange: Exchange, index: int) -> tuple[MikeyEvidence, ...]:
    """The error messages with which the exchange's offer was refused, for the media line of that index."""
    for session, ref in _descriptions(exchange):
        if _KEY_MGMT_OCTETS not in session.raw:
            continue
        for level, values in _levels(session, index):
            found = tuple(_read_errors(values, level, ref))
            if found:
                return found
    final = exchange.final if exchange.answer is None else None
    if final is None or (exchange.offer is not None and exchange.offer.message.source == final.source):
        return ()
    if isinstance(final, SignallingMessage):
        beside = [(0, octets) for octets in final.sip.mikey_parts()]
    else:  # 463 (RFC 4567 §3.2), or 466 in RTSP 2.0 (RFC 7826 §17.4.30)
        said = [spec.data for spec in final.rtsp.key_mgmt if spec.protocol == "mikey"]
        said += [spec.mikey_octets for spec in final.rtsp.transports]  # RFC 7826 §18.54
        beside = [(0, octets) for octets in said if octets is not None]
    return tuple(_read_errors(beside, BODY, final.ref))


def read_lone_refusal(call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
    """The error messages of the last response that refused an offer before this one and whose request was not seen.

    Nothing verifies them: their V would cover what that request brought.
    """
    offer = line.exchange.offer
    if offer is None or not isinstance(offer.message, SignallingMessage):
        return ()
    refusals = list(_iter_refusals_before(call, offer.message.timestamp_ns))
    if not refusals:
        return ()
    asked = {
        one.sip.cseq_number
        for one in call.messages
        if isinstance(one, SignallingMessage) and one.sip.method == "INVITE"
    }
    found: tuple[MikeyEvidence, ...] = ()
    for message in refusals:
        if message.sip.cseq_number not in asked:
            found = read_refusal(line.exchange._replace(answer=None, final=message), line.index) or found
    return found


def _iter_refusals_before(call: Call, time_ns: int) -> Iterator[SignallingMessage]:
    for message in call.messages:
        if message.timestamp_ns >= time_ns:
            return
        if not isinstance(message, SignallingMessage) or message.sip.cseq_method != "INVITE":
            continue
        if (message.sip.status or 0) >= 300:
            yield message


def _descriptions(exchange: Exchange) -> Iterator[tuple[SessionDescription, FrameRef]]:
    """The descriptions with which an offer was refused: of a final response, or of an answer that holds an error."""
    if exchange.answer is not None:
        yield exchange.answer.session, exchange.answer.message.ref
    elif exchange.final is not None:
        body = exchange.final.text.sdp()
        if body is not None:
            try:
                yield parse_sdp(body.content), exchange.final.ref
            except GrammarError:
                return


def _levels(session: SessionDescription, index: int) -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """The messages of the line's own key-mgmt attributes, then those of the session's, each with its line number."""
    media = session.media[index].attributes_named(_KEY_MGMT) if index < len(session.media) else ()
    for level, attributes in (("media", media), ("session", session.attributes_named(_KEY_MGMT))):
        values = []
        for attribute in attributes:
            try:
                data = parse_key_mgmt(attribute.value or "").data
            except GrammarError:
                continue
            if data is not None:
                values.append((attribute.line_number, data))
        yield level, values


def _read_errors(values: Iterable[tuple[int, bytes]], level: str, ref: FrameRef) -> Iterator[MikeyEvidence]:
    for line_number, data in values:
        try:
            message = parse_mikey(data)
        except GrammarError:
            continue
        if message.header.data_type != DataType.ERROR:
            continue
        place = (ref, level, line_number, Side.ANSWERER, "mikey", data, message)
        found = MikeyEvidence(*place, NOTHING, bound_key=False, defects=message.defects)
        yield replace(found, mac=UNTRIED) if is_signed(found) else found


def is_signed(evidence: MikeyEvidence) -> bool:
    """Whether the message has a V or a signature (RFC 3830 §5.1.2)."""
    message = evidence.message
    return message is not None and (message.find(Verification) is not None or message.find(Sign) is not None)
