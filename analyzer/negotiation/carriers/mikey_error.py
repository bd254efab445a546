# SPDX-License-Identifier: GPL-2.0-only
"""`mikey-error`: the policies in a MIKEY error message that refused an earlier offer (RFC 3830 §5.1.2)."""

from collections.abc import Iterator

from analyzer.model.call import Call, Exchange, MediaLine, Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from analyzer.model.negotiation import Preference
from analyzer.negotiation.carriers.mikey_lines import NO_MAC, is_error, suite_preferences
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import Verification, parse_mikey
from dissectors.grammar.sdp import SessionDescription, parse_sdp

UNTRIED = MacState(None, "a verification message that was not tried")
NOTHING = MacState(None, NO_MAC)


def read_refusals(call: Call, line: MediaLine) -> tuple[Preference, ...]:
    """The suites that the responder named when it refused this offer, or last an earlier one (RFC 4567 §4.1.2)."""
    offer = line.exchange.offer
    if offer is None:
        return ()
    for exchange in reversed([one for one in call.exchanges if one.number <= line.exchange.number]):
        if exchange.offer is None or exchange.offer.party is not offer.party:
            continue
        found = read_refusal(exchange, line.index)
        if found:
            return found
    return ()


def read_refusal(exchange: Exchange, index: int) -> tuple[Preference, ...]:
    """The suites that a MIKEY error message named when the exchange's offer was refused."""
    for session, ref in _descriptions(exchange):
        found = _read_errors(session, ref, index)
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


def _read_errors(session: SessionDescription, ref: FrameRef, index: int) -> tuple[Preference, ...]:
    media = session.media[index].attributes if index < len(session.media) else ()
    for level, attributes in (("media", media), ("session", session.attributes)):
        for attribute in attributes:
            if attribute.name != "key-mgmt":
                continue
            try:
                data = parse_key_mgmt(attribute.value or "").data
                message = None if data is None else parse_mikey(data)
            except GrammarError:
                continue
            state = NOTHING if message is None or message.find(Verification) is None else UNTRIED
            evidence = MikeyEvidence(
                ref, level, attribute.line_number, Side.ANSWERER, "mikey", data, message, state, bound_key=False
            )
            if is_error(evidence):
                return suite_preferences(evidence, index, len(session.media))
    return ()
