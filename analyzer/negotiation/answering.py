# SPDX-License-Identifier: GPL-2.0-only
"""What the answer to one media line says: the choice, and the responder's own lists where it sends any."""

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.model.call import MediaLine, Side
from analyzer.model.keying import Keying, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Choice, Preference
from analyzer.negotiation.carriers.attributes import DTLS_SRTP, KeyingAttributes, read_attributes
from analyzer.negotiation.carriers.dtls import Handshakes
from analyzer.negotiation.carriers.free_text import read_free_text
from analyzer.negotiation.carriers.mikey_lines import (
    ONE_WAY_TYPES,
    chosen_suite,
    is_error,
    mode_of,
    opens_exchange,
    select_messages,
    settles_each_way,
    suite_preferences,
)
from analyzer.negotiation.carriers.priority_extension import select_extension
from analyzer.negotiation.carriers.sdes import SDES, Skipped, find_skipped, is_offered
from analyzer.negotiation.carriers.zrtp import ZRTP, ZrtpExchange
from analyzer.negotiation.offering import Offering, is_mikey
from dissectors.grammar.defects import Defect
from dissectors.grammar.sdes import canonical_suite

NO_CHOICE = Choice(None, None)


class Answering(NamedTuple):
    """The choice, the lists that came with it, whether the accepted crypto line is one of those offered.

    `skipped` is a crypto line that stands before it and differs in parameters alone. Lists of the kinds in `unread`
    have entries that may name anything. `is_settled` says that the offer gave each direction one suite, as MIKEY can,
    so that none was to be chosen.
    """

    choice: Choice
    preferences: tuple[Preference, ...]
    line_offered: bool
    defects: tuple[Defect, ...]
    skipped: Skipped | None = None
    unread: frozenset[CapabilityKind] = frozenset()
    is_settled: bool = False


def read_answer(
    line: MediaLine,
    keying: Keying,
    offering: Offering | None,
    handshakes: Handshakes | None,
    zrtp: ZrtpExchange | None,
    *,
    port_zero_refuses: bool,
) -> Answering:
    """The choice of an answer and its lists; no choice where there is no answer or it refuses the line."""
    messages = select_messages(keying.mikey, Side.ANSWERER)
    preferences: tuple[Preference, ...] = ()
    defects: tuple[Defect, ...] = ()
    unread: frozenset[CapabilityKind] = frozenset()
    line_offered, skipped = True, None
    attributes = None if line.answer is None else read_attributes(line.answer)
    if messages:
        preferences, defects, unread = _lists(messages, attributes, line)
    if zrtp is not None:
        preferences += zrtp.answer
    if handshakes is not None and handshakes.client is Side.ANSWERER:
        preferences += handshakes.offered
    if line.answer is None or attributes is None or (port_zero_refuses and line.answer.is_refused):
        return Answering(NO_CHOICE, preferences, line_offered, defects, unread=unread)
    method = _method(line, keying, offering, attributes, messages, zrtp)
    if method == SDES and keying.offered_crypto:
        line_offered = is_offered(keying.accepted_crypto[0], keying.offered_crypto)
        if offering is None or not offering.attributes.own("pcfg"):  # else their numbers are the order
            skipped = find_skipped(keying.accepted_crypto[0], keying.offered_crypto)
    suite = _suite(method, line, keying, offering, messages, handshakes, zrtp)
    settled = suite is None and method is not None and _is_settled(method, line, offering, messages)
    return Answering(Choice(method, suite), preferences, line_offered, defects, skipped, unread, settled)


def _lists(
    messages: Sequence[MikeyEvidence], attributes: KeyingAttributes | None, line: MediaLine
) -> tuple[tuple[Preference, ...], tuple[Defect, ...], frozenset[CapabilityKind]]:
    """The responder's lists in its MIKEY messages and beside them; what it chose is none of them."""
    extension, defects = select_extension(messages)
    lists = extension.preferences if extension is not None else ()
    if attributes is not None:
        lists += read_free_text(attributes.inherited("key-mgmt"), attributes.ref)
    for evidence in messages:
        if is_error(evidence):
            lists += suite_preferences(evidence, line.index, 1)
    return lists, defects, extension.unread if extension is not None else frozenset()


def _method(
    line: MediaLine,
    keying: Keying,
    offering: Offering | None,
    attributes: KeyingAttributes,
    messages: Sequence[MikeyEvidence],
    zrtp: ZrtpExchange | None,
) -> str | None:
    """The key agreement that the answer takes up; where it names several, the one that keyed the line."""
    found = [SDES] if keying.accepted_crypto else []
    found += [mode_of(evidence) for evidence in messages if not is_error(evidence)]
    if attributes.inherited("fingerprint"):
        found.append(attributes.fingerprint_method)
    if found:
        return keying.method if keying.method in found else found[0]
    both_hashes = offering is not None and offering.attributes.either("zrtp-hash") and attributes.either("zrtp-hash")
    if both_hashes or (zrtp is not None and zrtp.agreed):
        return ZRTP
    if any(is_error(evidence) for evidence in messages) or offering is None or _gives_up_srtp(line):
        return None
    actual_taken = offering.attributes.own("pcfg") and not attributes.own("acfg")  # RFC 5939 §3.6.2
    return None if actual_taken and not offering.attributes.inherited("key-mgmt") else _one_way(offering)


def _gives_up_srtp(line: MediaLine) -> bool:
    """Whether the answer takes plain RTP where SRTP was offered: its silence takes up no keys."""
    protos = [side.media.proto.upper() for side in (line.offer, line.answer) if side is not None]
    return len(protos) == 2 and "SAVP" in protos[0] and "SAVP" not in protos[1]


def _one_way(offering: Offering) -> str | None:
    """The mode that holds without a response: all that was offered, where it needs none (RFC 3830 §3.1, §3.2).

    A verification message that was asked for and did not come changes no choice.
    """
    methods = {one.name for one in offering.key_agreements}
    types = {one.message.header.data_type for one in offering.messages if one.message is not None}
    return methods.pop() if len(methods) == 1 and types and types <= ONE_WAY_TYPES else None


def _suite(
    method: str | None,
    line: MediaLine,
    keying: Keying,
    offering: Offering | None,
    messages: Sequence[MikeyEvidence],
    handshakes: Handshakes | None,
    zrtp: ZrtpExchange | None,
) -> str | None:
    if method == SDES:
        return canonical_suite(keying.accepted_crypto[0].suite)
    if method == DTLS_SRTP:
        return None if handshakes is None else handshakes.chosen
    if method == ZRTP:
        return None if zrtp is None else zrtp.chosen
    if method is None or not is_mikey(method) or offering is None:
        return None
    offered, answer, media_lines = _exchange(method, line, offering, messages)
    suites = {chosen_suite(evidence, answer, line.index, media_lines) for evidence in offered}
    return suites.pop() if len(suites) == 1 else None


def _is_settled(method: str, line: MediaLine, offering: Offering | None, messages: Sequence[MikeyEvidence]) -> bool:
    if offering is None or not is_mikey(method):
        return False
    offered, answer, media_lines = _exchange(method, line, offering, messages)
    return len(offered) == 1 and settles_each_way(offered[0], answer, line.index, media_lines)


def _exchange(
    method: str, line: MediaLine, offering: Offering, messages: Sequence[MikeyEvidence]
) -> tuple[Sequence[MikeyEvidence], MikeyEvidence | None, int]:
    """The offered messages of a MIKEY mode that were taken, the response to them, and how many media were offered."""
    # An initiator's message in the answer keys the answerer's own direction: it takes up no policy of the offer.
    answer = next((one for one in messages if mode_of(one) == method and not opens_exchange(one)), None)
    offered = _answered(answer, [evidence for evidence in offering.messages if mode_of(evidence) == method])
    return offered, answer, len(line.offer.body.session.media) if line.offer is not None else 1


def _answered(answer: MikeyEvidence | None, offered: Sequence[MikeyEvidence]) -> Sequence[MikeyEvidence]:
    """Of several messages of one mode those that the response belongs to by its CSB ID (RFC 3830 §6.1), else all."""
    if answer is None or answer.message is None:
        return offered
    csb_id = answer.message.header.csb_id
    same = [one for one in offered if one.message is not None and one.message.header.csb_id == csb_id]
    return same or offered
