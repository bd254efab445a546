# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages out of the `a=key-mgmt` lines of a media line (RFC 4567), as they were sent."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.model.call import MediaLine, MediaSide, Side
from analyzer.model.keying import BODY, MacState, MikeyEvidence
from dissectors.grammar.capability_negotiation import parse_acap
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdp import Attribute

NO_KEY = MacState(None, "no key in the ring fits")
UNREAD = MacState(None, "the message can't be read")
_CARRIERS = frozenset(("key-mgmt", "acap"))


def may_carry_mikey(line: MediaLine) -> bool:
    """Whether a side of a media line may have attributes in which MIKEY stands; by its octets, as most have none."""
    offer, answer = line.offer, line.answer
    return (offer is not None and _may_carry(offer)) or (answer is not None and _may_carry(answer))


def _may_carry(side: MediaSide) -> bool:
    octets = side.body.session.raw
    return b"key-mgmt" in octets or b"acap" in octets


def read_key_mgmt(side: MediaSide | None, role: Side) -> tuple[MikeyEvidence, ...]:
    """The key-mgmt lines that govern one media line: its own, else the session's (RFC 4567 §3.1); bodies last."""
    if side is None or not _may_carry(side):
        return ()
    own = tuple(_key_mgmt_values(side.media.attributes_named(_CARRIERS)))
    values = tuple(_key_mgmt_values(side.body.session.attributes_named(_CARRIERS)))
    lines = len(values) - side.body.bodies
    governing = [(value, "media") for value in own] or [(value, "session") for value in values[:lines]]
    levels = (*governing, *((value, BODY) for value in values[lines:]))
    return tuple(_evidence(value, line_number, level, side, role) for (value, line_number), level in levels)


def _key_mgmt_values(attributes: Iterable[Attribute]) -> Iterable[tuple[str, int]]:
    for attribute in attributes:
        if attribute.value is None:
            continue
        if attribute.name == "key-mgmt":
            yield attribute.value, attribute.line_number
        elif attribute.name == "acap":
            try:
                capability = parse_acap(attribute.value)
            except GrammarError:
                continue
            if capability.name == "key-mgmt" and capability.value is not None:
                yield capability.value, attribute.line_number


def _evidence(value: str, line_number: int, level: str, side: MediaSide, role: Side) -> MikeyEvidence:
    carrier = side.body.message
    place = (carrier.ref, level, line_number, role)
    try:
        attribute = parse_key_mgmt(value)
    except GrammarError as error:
        defect = Defect("key-mgmt-unreadable", error.offset, error.clause, str(error))
        shut = MikeyEvidence(*place, "", None, None, UNREAD, bound_key=False, defects=(defect,))
        return replace(shut, transport=carrier.transport, sent_ns=carrier.timestamp_ns)
    message, defects = None, attribute.defects
    if attribute.protocol == "mikey" and attribute.data is not None:
        try:
            message = parse_mikey(attribute.data)
            defects += message.defects
        except GrammarError as error:
            defects += (Defect("mikey-unreadable", error.offset, error.clause, str(error)),)
    mac = UNREAD if message is None else NO_KEY
    read = (attribute.protocol, attribute.data, message, mac)
    found = MikeyEvidence(*place, *read, bound_key=False, defects=defects)
    return replace(found, transport=carrier.transport, sent_ns=carrier.timestamp_ns)
