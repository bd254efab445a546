# SPDX-License-Identifier: GPL-2.0-only
"""What became of an offer between two legs, or tries, of one call: profile, keying lines, keys, roles."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer.calls.keying_lines import FINGERPRINT, POTENTIAL, Line, keying_lines
from analyzer.calls.media_pairs import pair_media
from analyzer.model.call import Call, SdpBody
from analyzer.model.evidence import FrameRef
from analyzer.model.legs import LegChange, LegDifference
from dissectors.grammar.sdp import MediaDescription, SessionDescription

_LISTS = ("crypto ", "key-mgmt ")  # whose order is a preference (RFC 4568 §5.1.1); that of fingerprints says nothing


def compare_offers(first: Call, second: Call) -> tuple[LegDifference, ...]:
    """The differences between the first offers of two legs, from the earlier leg to the later one."""
    one, other = first_offer(first), first_offer(second)
    return () if one is None or other is None else compare_bodies(one, other)


def compare_bodies(one: SdpBody, other: SdpBody) -> tuple[LegDifference, ...]:
    """The differences between two session descriptions, from the first to the second; the first is `here`."""
    found: list[LegDifference] = []
    refs = one.message.ref, other.message.ref
    pairing = pair_media(one.session, other.session)
    for mine, theirs in pairing.pairs:
        places = _Places(mine.index, theirs.index, *refs)
        found += _compare_profile(mine, theirs, places)
        found += _compare_lines(keying_lines(one.session, mine), keying_lines(other.session, theirs), places)
        found += _compare_setup((one.session, mine), (other.session, theirs), places)
    found += (_Places(each.index, None, *refs).lose(LegChange.LINES_REMOVED, each) for each in pairing.removed)
    found += (_Places(each.index, None, *refs).lose(LegChange.MEDIA_UNPAIRED, each) for each in pairing.unclear)
    found += (_Places(None, each.index, *refs).lose(LegChange.MEDIA_UNPAIRED, each) for each in pairing.unclear_there)
    return tuple(found)


class _Places(NamedTuple):
    """Which media of which two descriptions are compared."""

    index_here: int | None
    index_there: int | None
    here: FrameRef
    there: FrameRef

    def say(self, change: LegChange, detail: str) -> LegDifference:
        """A difference of them."""
        return LegDifference(change, detail, *self)

    def lose(self, change: LegChange, media: MediaDescription) -> LegDifference:
        """A difference of a medium that stands for itself."""
        return self.say(change, f"m={media.type} {media.proto}")


def turned(differences: Iterable[LegDifference]) -> tuple[LegDifference, ...]:
    """The same differences as they stand on the other leg."""
    return tuple(
        LegDifference(each.change, each.detail, each.index_there, each.index_here, each.there, each.here)
        for each in differences
    )


def first_offer(call: Call) -> SdpBody | None:
    """The call's first offer, None where none was seen."""
    return next((exchange.offer for exchange in call.exchanges if exchange.offer is not None), None)


def offers_keying(body: SdpBody) -> bool:
    """Whether a session description names a key agreement for any medium."""
    return any(keying_lines(body.session, media) for media in body.session.media)


def _compare_profile(mine: MediaDescription, theirs: MediaDescription, places: _Places) -> Iterator[LegDifference]:
    if mine.proto != theirs.proto:
        yield places.say(LegChange.PROFILE_CHANGED, f"{mine.proto} → {theirs.proto}")


def _compare_setup(
    mine: tuple[SessionDescription, MediaDescription],
    theirs: tuple[SessionDescription, MediaDescription],
    places: _Places,
) -> Iterator[LegDifference]:
    here, there = (media.attribute("setup") or session.attribute("setup") for session, media in (mine, theirs))
    if here is not None and there is not None and here != there:
        yield places.say(LegChange.SETUP_CHANGED, f"a=setup:{here} → {there}")


def _compare_lines(mine: Sequence[Line], theirs: Sequence[Line], places: _Places) -> Iterator[LegDifference]:
    here, there = Counter(_listed(mine, theirs)), Counter(_listed(theirs, mine))
    for change, missing in ((LegChange.LINES_REMOVED, here - there), (LegChange.LINES_ADDED, there - here)):
        if missing:
            yield places.say(change, ", ".join(missing.elements()))
    for kind in _LISTS:
        one, other = ([name for name, _ in lines if name.startswith(kind)] for lines in (mine, theirs))
        common = [name for name in one if name in other], [name for name in other if name in one]
        if common[0] != common[1] and Counter(common[0]) == Counter(common[1]):
            yield places.say(LegChange.LINES_REORDERED, ", ".join(common[1]))
    yield from _compare_keys(mine, theirs, places)


def _listed(lines: Sequence[Line], others: Sequence[Line]) -> list[str]:
    """What the lines offer; fingerprints, of whatever hash functions, offer one thing."""
    both = all(any(name.startswith(FINGERPRINT) for name, _ in each) for each in (lines, others))
    return [name for name, _ in lines if not (both and name.startswith(FINGERPRINT))]


def _compare_keys(mine: Sequence[Line], theirs: Sequence[Line], places: _Places) -> Iterator[LegDifference]:
    known, names = set(mine), {name for name, _ in mine}
    is_certified = any(name.startswith(FINGERPRINT) for name in names)
    new = [name for name, key in theirs if (name, key) not in known]
    keys = [name for name in new if name in names and FINGERPRINT not in name]
    prints = [name for name in new if (is_certified and name.startswith(FINGERPRINT)) or _is_print_of(name, names)]
    for change, found in ((LegChange.KEYS_REPLACED, keys), (LegChange.FINGERPRINT_REPLACED, prints)):
        if found:
            yield places.say(change, ", ".join(dict.fromkeys(found)))


def _is_print_of(name: str, names: set[str]) -> bool:
    """Whether a potential configuration had a fingerprint of that hash function before."""
    return name.startswith(POTENTIAL + FINGERPRINT) and name in names
