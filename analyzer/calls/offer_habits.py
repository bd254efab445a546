# SPDX-License-Identifier: GPL-2.0-only
"""Calls whose offer has no keying although its endpoint had always offered some: stripped on the way, or changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.model.call import Call, Exchange, Party
from analyzer.model.evidence import FrameRef
from analyzer.model.legs import KeyingHabit
from dissectors.grammar.sdp import MediaDescription, SessionDescription
from dissectors.grammar.sip_address import bare_address

_KEYING = frozenset(("crypto", "key-mgmt", "fingerprint", "zrtp-hash", "acap"))
_REFUSED_PORT = 0
Endpoint = tuple[str, str | None, str]  # address-of-record, User-Agent, media type


@dataclass(slots=True)
class _Habit:
    """How often an endpoint offered a medium with keying and without, and where it last did with."""

    keyed: int = 0
    plain: int = 0
    last: FrameRef | None = None


def note_habits(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls, in the order they began, with what their endpoints used to offer where this one lacks keying."""
    habits: dict[Endpoint, _Habit] = {}
    return tuple(_compare(call, habits) for call in calls)


def _compare(call: Call, habits: dict[Endpoint, _Habit]) -> Call:
    exchange = next((one for one in call.exchanges if one.offer is not None), None)
    if exchange is None or exchange.offer is None:
        return call
    session, message = exchange.offer.session, exchange.offer.message
    lost: list[KeyingHabit] = []
    for media in session.media:
        if media.port == _REFUSED_PORT:
            continue
        habit = habits.setdefault((*_endpoint(call, exchange), media.type), _Habit())
        if _is_keyed(session, media):
            habit.keyed, habit.last = habit.keyed + 1, message.ref
            continue
        if habit.last is not None:
            lost.append(KeyingHabit(media.index, habit.keyed, habit.plain, message.ref, habit.last))
        habit.plain += 1
    return replace(call, lost_keying=tuple(lost)) if lost else call


def _endpoint(call: Call, exchange: Exchange) -> tuple[str, str | None]:
    if exchange.offer is None:
        return "", None
    aor = call.caller if exchange.offer.party is Party.CALLER else call.callee
    return bare_address(aor), exchange.offer.message.text.user_agent


def _is_keyed(session: SessionDescription, media: MediaDescription) -> bool:
    names = _KEYING.intersection(media.attribute_names) or _KEYING.intersection(session.attribute_names)
    return bool(names) or "SAVP" in media.proto.upper()
