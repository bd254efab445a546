# SPDX-License-Identifier: GPL-2.0-only
"""Where ICE lets media flow: the candidates of a media line, and endpoints that connectivity checks showed."""

from collections.abc import Iterable, Sequence

from analyzer.calls.dialog import CallDraft
from analyzer.model.call import MediaSide
from analyzer.model.evidence import DatagramFlow
from dissectors.grammar.ice import parse_check_username

MAX_CHECKS = 64  # datagrams of one flow in which its user name is looked for
_Place = tuple[int, int, bool]  # position of the draft, position of the line, whether it is the offerer's side


def learn_endpoints(drafts: Sequence[CallDraft], checks: Iterable[DatagramFlow]) -> Sequence[CallDraft]:
    """The drafts with the endpoints added between which ICE checked for their lines (RFC 8445 §7.3.1.3)."""
    names = [(flow, name) for flow in checks if (name := _user_name(flow)) is not None]
    if not names:
        return drafts
    places = _places_by_ufrag(drafts)
    learned: dict[_Place, set[str]] = {}
    for flow, (to, sender) in names:
        ours, theirs = places.get(to, ()), places.get(sender, ())
        known = {place[:2] for place in ours} & {place[:2] for place in theirs}
        for endpoint, found in ((flow.destination, ours), (flow.source, theirs)):
            for place in found:
                if place[:2] in known or not (ours and theirs):
                    learned.setdefault(place, set()).add(endpoint)
    return _with_endpoints(drafts, learned) if learned else drafts


def _user_name(flow: DatagramFlow) -> tuple[str, str] | None:
    found = (parse_check_username(flow.payload(index)) for index in range(min(len(flow), MAX_CHECKS)))
    return next((name for name in found if name is not None), None)


def _places_by_ufrag(drafts: Sequence[CallDraft]) -> dict[str, list[_Place]]:
    places: dict[str, list[_Place]] = {}
    for number, draft in enumerate(drafts):
        for position, line in enumerate(draft.lines):
            for side, is_offer in ((line.offer, True), (line.answer, False)):
                ufrag = _ufrag(side)
                if ufrag:
                    places.setdefault(ufrag, []).append((number, position, is_offer))
    return places


def _ufrag(side: MediaSide | None) -> str | None:
    if side is None or b"ice-ufrag" not in side.body.session.raw:
        return None
    return side.media.attribute("ice-ufrag") or side.body.session.attribute("ice-ufrag")


def _with_endpoints(drafts: Sequence[CallDraft], learned: dict[_Place, set[str]]) -> list[CallDraft]:
    changed = list(drafts)
    for (number, position, is_offer), endpoints in learned.items():
        draft = changed[number]
        line = draft.lines[position]
        side = line.offer if is_offer else line.answer
        if side is None:
            continue
        side = side._replace(also=tuple(dict.fromkeys((*side.also, *sorted(endpoints)))))
        line = line._replace(offer=side) if is_offer else line._replace(answer=side)
        lines = (*draft.lines[:position], line, *draft.lines[position + 1 :])
        changed[number] = draft._replace(lines=lines, addresses=draft.addresses | endpoints)
    return changed
