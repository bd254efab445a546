# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY error messages in what refused an offer: the body of a final response, or an answer (RFC 3830 §5.1.2)."""

from collections.abc import Iterator

from analyzer.model.call import Exchange, Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import Sign, Verification, parse_mikey
from dissectors.grammar.mikey.registries import DataType
from dissectors.grammar.sdp import SessionDescription, parse_sdp

UNTRIED = MacState(None, "its V or signature was not tried")
NOTHING = MacState(None, "no MAC")


def read_refusal(exchange: Exchange, index: int) -> tuple[MikeyEvidence, ...]:
    """The error messages with which the exchange's offer was refused, for the media line of that index."""
    for session, ref in _descriptions(exchange):
        found = tuple(_read_errors(session, ref, index))
        if found:
            return found
    return ()


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


def _read_errors(session: SessionDescription, ref: FrameRef, index: int) -> Iterator[MikeyEvidence]:
    """The line's own errors, else the session's."""
    media = session.media[index].attributes if index < len(session.media) else ()
    for level, attributes in (("media", media), ("session", session.attributes)):
        found = False
        for attribute in attributes:
            if attribute.name != "key-mgmt":
                continue
            try:
                data = parse_key_mgmt(attribute.value or "").data
                message = None if data is None else parse_mikey(data)
            except GrammarError:
                continue
            if message is None or message.header.data_type != DataType.ERROR:
                continue
            found = True
            covered = message.find(Verification) is not None or message.find(Sign) is not None
            place = (ref, level, attribute.line_number, Side.ANSWERER, "mikey", data, message)
            yield MikeyEvidence(*place, UNTRIED if covered else NOTHING, bound_key=False, defects=message.defects)
        if found:
            return
