# SPDX-License-Identifier: GPL-2.0-only
"""Calls whose offer has no keying although its endpoint had always offered some: stripped on the way, or changed."""

from collections.abc import Iterable
from dataclasses import replace

from analyzer.model.call import Call, Party, SdpBody
from analyzer.model.evidence import FrameRef
from analyzer.model.legs import KeyingHabit
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import MediaDescription, SessionDescription
from dissectors.grammar.sip_address import bare_address

_KEYING = frozenset(("crypto", "key-mgmt", "fingerprint", "zrtp-hash", "acap"))
_KEYING_OCTETS = tuple(name.encode() for name in sorted(_KEYING))
_REFUSED_PORT = 0
Endpoint = tuple[str, str | None, str]  # address-of-record, User-Agent, media type


@dataclass(slots=True)
class _Habit:
    """How often an endpoint offered a medium with keying and without, and where it last did with."""

    keyed: int = 0
    plain: int = 0
    last: FrameRef | None = None

    def count(self, here: FrameRef, *, is_keyed: bool) -> None:
        """Take one more offer of the medium."""
        if is_keyed:
            self.keyed, self.last = self.keyed + 1, here
        else:
            self.plain += 1


def note_habits(calls: Iterable[Call]) -> tuple[Call, ...]:
    """The calls, in the order they began, with what their endpoints used to offer where this one lacks keying."""
    pairs = [(call, _first_offer(call)) for call in calls]
    kinds = {keyed for _, (_, media) in pairs for _, keyed in media}
    if len(kinds) < 2:  # all alike: nobody lost anything
        return tuple([call for call, _ in pairs])
    habits: dict[Endpoint, _Habit] = {}
    return tuple([_compare(call, *offer, habits) for call, offer in pairs])


def _first_offer(call: Call) -> tuple[SdpBody | None, list[tuple[MediaDescription, bool]]]:
    """The first offer of a call, and its media that are not refused, each with whether it is keyed."""
    for exchange in call.exchanges:
        offer = exchange.offer
        if offer is not None:
            break
    else:
        return None, []
    session = offer.session
    return offer, [(media, _is_keyed(session, media)) for media in session.media if media.port != _REFUSED_PORT]


def _compare(
    call: Call, offer: SdpBody | None, media: list[tuple[MediaDescription, bool]], habits: dict[Endpoint, _Habit]
) -> Call:
    if offer is None or not media:
        return call
    endpoint, here = _endpoint(call, offer), offer.message.ref
    lost: list[KeyingHabit] = []
    for each, is_keyed in media:
        habit = habits.get((*endpoint, each.type))
        if not is_keyed and habit is not None and habit.last is not None:
            lost.append(KeyingHabit(each.index, habit.keyed, habit.plain, here, habit.last))
    for each, is_keyed in media:
        habits.setdefault((*endpoint, each.type), _Habit()).count(here, is_keyed=is_keyed)
    return replace(call, lost_keying=tuple(lost)) if lost else call


def _endpoint(call: Call, offer: SdpBody) -> tuple[str, str | None]:
    aor = call.caller if offer.party is Party.CALLER else call.callee
    return bare_address(aor), offer.message.text.user_agent


def _is_keyed(session: SessionDescription, media: MediaDescription) -> bool:
    if "SAVP" in media.proto.upper():
        return True
    if not any(name in session.raw for name in _KEYING_OCTETS):  # its attributes need not be read yet
        return False
    return not _KEYING.isdisjoint(media.attribute_names) or not _KEYING.isdisjoint(session.attribute_names)
