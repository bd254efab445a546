# SPDX-License-Identifier: GPL-2.0-only
"""Which media of two descriptions of one session are one, where an element between may have changed their order.

RFC 3264 fixes the order of media between an offer and its answer, but not between two legs of a call.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.calls.keying_lines import Line, keying_lines
from dissectors.grammar.sdp import MediaDescription, SessionDescription

Pair = tuple[MediaDescription, MediaDescription]


class MediaPairs(NamedTuple):
    """Media that are one, and media of the first description that the second lacks.

    Of those that are `unclear` and `unclear_there`, in the second, nobody can tell which is which.
    """

    pairs: tuple[Pair, ...]
    removed: tuple[MediaDescription, ...] = ()
    unclear: tuple[MediaDescription, ...] = ()
    unclear_there: tuple[MediaDescription, ...] = ()


class _Medium(NamedTuple):
    media: MediaDescription
    lines: tuple[Line, ...]

    @property
    def kind(self) -> tuple[str, ...]:
        """What shows of its protection, without keys."""
        return self.media.proto, *(name for name, _ in self.lines)


def pair_media(one: SessionDescription, other: SessionDescription) -> MediaPairs:
    """The media of two descriptions: by their names (RFC 5888), else by type, key and order."""
    named = _pair_names(one, other)
    if named:
        return MediaPairs(named)
    mine, theirs = _by_type(one), _by_type(other)
    found = [_pair_type((one, mine[kind]), (other, theirs.get(kind, []))) for kind in mine]
    return MediaPairs(
        tuple(sorted((pair for each in found for pair in each.pairs), key=lambda pair: pair[0].index)),
        _in_order(media for each in found for media in each.removed),
        _in_order(media for each in found for media in each.unclear),
        _in_order(media for each in found for media in each.unclear_there),
    )


def _in_order(media: Iterable[MediaDescription]) -> tuple[MediaDescription, ...]:
    return tuple(sorted(media, key=lambda each: each.index))


def _pair_names(one: SessionDescription, other: SessionDescription) -> tuple[Pair, ...]:
    """By a=mid where both name the same media; an element that names them anew gives a name to another one."""
    mine, theirs = ({media.attribute("mid"): media for media in each.media} for each in (one, other))
    if None in mine or mine.keys() != theirs.keys() or len(mine) < max(len(one.media), len(other.media)):
        return ()
    pairs = tuple((media, theirs[name]) for name, media in mine.items())
    if any(media.type != same.type for media, same in pairs):
        return ()
    return () if _are_exchanged((one, other), pairs) else pairs


def _are_exchanged(sessions: tuple[SessionDescription, SessionDescription], pairs: Iterable[Pair]) -> bool:
    """Whether names stand for other media than on the other side: their protection or their keys changed places."""
    by_type: dict[str, list[tuple[_Medium, _Medium]]] = {}
    for media, same in pairs:
        ends = (_Medium(one, tuple(keying_lines(of, one))) for of, one in zip(sessions, (media, same), strict=True))
        by_type.setdefault(media.type, []).append((next(ends), next(ends)))
    return any(map(_have_changed_places, by_type.values()))


def _have_changed_places(pairs: list[tuple[_Medium, _Medium]]) -> bool:
    kinds = [(mine.kind, theirs.kind) for mine, theirs in pairs]
    if any(one != other for one, other in kinds):
        mine, theirs = zip(*kinds, strict=True)
        if Counter(mine) == Counter(theirs):
            return True
    all_mine, all_theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    keyed = ((mine, theirs) for mine in all_mine for theirs in all_theirs)
    return any(
        (mine, theirs) not in pairs and _have_one_key(mine, theirs, all_mine, all_theirs) for mine, theirs in keyed
    )


def _by_type(session: SessionDescription) -> dict[str, list[MediaDescription]]:
    found: dict[str, list[MediaDescription]] = {}
    for media in session.media:
        found.setdefault(media.type, []).append(media)
    return found


def _pair_type(
    one: tuple[SessionDescription, list[MediaDescription]], other: tuple[SessionDescription, list[MediaDescription]]
) -> MediaPairs:
    """Media of one type: by a key that only one of them has on each side, the others in their order."""
    if not other[1]:
        return MediaPairs((), tuple(one[1]))
    if len(one[1]) == len(other[1]) == 1:
        return MediaPairs(((one[1][0], other[1][0]),))
    mine, theirs = (
        [_Medium(media, tuple(keying_lines(session, media))) for media in all_of_it]
        for session, all_of_it in (one, other)
    )
    pairs = [(medium, same) for medium in mine for same in theirs if _have_one_key(medium, same, mine, theirs)]
    for medium, same in pairs:
        mine.remove(medium)
        theirs.remove(same)
    known = tuple((medium.media, same.media) for medium, same in pairs)
    first, second = (tuple(medium.media for medium in side) for side in (mine, theirs))
    if not _are_in_order(mine, theirs):
        return MediaPairs(known, (), first, second)
    return MediaPairs((*known, *zip(first, second, strict=False)), first[len(second) :])


def _have_one_key(one: _Medium, other: _Medium, mine: list[_Medium], theirs: list[_Medium]) -> bool:
    if not one.lines or one.lines != other.lines:
        return False
    return all([medium.lines for medium in side].count(one.lines) == 1 for side in (mine, theirs))


def _are_in_order(mine: list[_Medium], theirs: list[_Medium]) -> bool:
    """Whether the first are the first: as many without a trace of another order, or all alike, so that it is one."""
    one, other = ([medium.kind for medium in side] for side in (mine, theirs))
    if len(one) == len(other):
        return one == other or Counter(one) != Counter(other)
    return len(set(one)) < 2 and len(set(other)) < 2
