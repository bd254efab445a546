# SPDX-License-Identifier: GPL-2.0-only
"""What became of an offer between two legs, or tries, of one call: profile, keying lines, keys, roles."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from analyzer.model.call import Call, SdpBody
from analyzer.model.evidence import FrameRef
from analyzer.model.legs import LegChange, LegDifference
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.base64_text import parse_base64
from dissectors.grammar.sdp import MediaDescription, SessionDescription

_KEYING = ("crypto", "key-mgmt", "fingerprint")
_LISTS = ("crypto ", "key-mgmt ")  # whose order is a preference (RFC 4568 §5.1.1); that of fingerprints says nothing
_POTENTIAL = "acap "
_FINGERPRINT = "fingerprint "
Line = tuple[str, str]  # what a keying line offers, and the key or message with which it does


def compare_offers(first: Call, second: Call) -> tuple[LegDifference, ...]:
    """The differences between the first offers of two legs, from the earlier leg to the later one."""
    one, other = first_offer(first), first_offer(second)
    return () if one is None or other is None else compare_bodies(one, other)


def compare_bodies(one: SdpBody, other: SdpBody) -> tuple[LegDifference, ...]:
    """The differences between two session descriptions, from the first to the second; the first is `here`."""
    found: list[LegDifference] = []
    places = one.message.ref, other.message.ref
    for mine, theirs in zip(one.session.media, other.session.media, strict=False):
        lines = keying_lines(one.session, mine), keying_lines(other.session, theirs)
        found += _compare_profile(mine, theirs, places)
        found += _compare_lines(mine.index, *lines, places)
        found += _compare_setup((one.session, mine), (other.session, theirs), places)
    for media in one.session.media[len(other.session.media) :]:
        detail = f"m={media.type} {media.proto}"
        found.append(LegDifference(LegChange.LINES_REMOVED, media.index, detail, *places))
    return tuple(found)


def turned(differences: Iterable[LegDifference]) -> tuple[LegDifference, ...]:
    """The same differences as they stand on the other leg."""
    return tuple(each._replace(here=each.there, there=each.here) for each in differences)


def first_offer(call: Call) -> SdpBody | None:
    """The call's first offer, None where none was seen."""
    return next((exchange.offer for exchange in call.exchanges if exchange.offer is not None), None)


def offers_keying(body: SdpBody) -> bool:
    """Whether a session description names a key agreement for any medium."""
    return any(keying_lines(body.session, media) for media in body.session.media)


def keying_lines(session: SessionDescription, media: MediaDescription) -> list[Line]:
    """The keying lines that hold for a medium, in order, those of potential configurations behind `acap`.

    Secrets stay in the second half, which is only compared.
    """
    found = _level_lines(media)
    own = {name.partition(" ")[0] for name, _ in found}
    return [*(line for line in _level_lines(session) if line[0].partition(" ")[0] not in own), *found]


def _level_lines(level: SessionDescription | MediaDescription) -> list[Line]:
    lines = []
    for attribute in level.attributes:
        if attribute.name in _KEYING:
            lines.append(_line(attribute.name, attribute.value or ""))
        elif attribute.name == "acap":
            name, _, value = (attribute.value or "").partition(" ")[2].strip().partition(":")
            if name in _KEYING:
                what, key = _line(name, value)
                lines.append((_POTENTIAL + what, key))
    return lines


def _line(name: str, value: str) -> Line:
    words = value.split()
    if name == "crypto":
        return f"crypto {words[1] if len(words) > 1 else ''}", " ".join(words[2:])
    if name == "fingerprint":  # names and hexadecimal in either case (RFC 8122 §5)
        return _FINGERPRINT + "".join(words[:1]).lower(), "".join(words[1:]).upper()
    return f"{name} {words[0] if words else ''}{_mode(words)}", " ".join(words[1:])


def _mode(words: Sequence[str]) -> str:
    """The key agreement of a key-mgmt line for MIKEY, which is the message's data type (RFC 3830 §6.1)."""
    if len(words) < 2 or words[0] != "mikey":
        return ""
    octets = parse_base64(words[1][:4]).octets or b""
    mode = MIKEY_MODES.get(octets[1]) if len(octets) > 1 else None
    return f" ({mode})" if mode else ""


def _compare_profile(
    mine: MediaDescription, theirs: MediaDescription, places: tuple[FrameRef, FrameRef]
) -> Iterator[LegDifference]:
    if mine.proto != theirs.proto:
        yield LegDifference(LegChange.PROFILE_CHANGED, mine.index, f"{mine.proto} → {theirs.proto}", *places)


def _compare_setup(
    mine: tuple[SessionDescription, MediaDescription],
    theirs: tuple[SessionDescription, MediaDescription],
    places: tuple[FrameRef, FrameRef],
) -> Iterator[LegDifference]:
    here, there = (media.attribute("setup") or session.attribute("setup") for session, media in (mine, theirs))
    if here is not None and there is not None and here != there:
        yield LegDifference(LegChange.SETUP_CHANGED, mine[1].index, f"a=setup:{here} → {there}", *places)


def _compare_lines(
    index: int, mine: Sequence[Line], theirs: Sequence[Line], places: tuple[FrameRef, FrameRef]
) -> Iterator[LegDifference]:
    here, there = Counter(_listed(mine, theirs)), Counter(_listed(theirs, mine))
    for change, missing in ((LegChange.LINES_REMOVED, here - there), (LegChange.LINES_ADDED, there - here)):
        if missing:
            yield LegDifference(change, index, ", ".join(missing.elements()), *places)
    for kind in _LISTS:
        one, other = ([name for name, _ in lines if name.startswith(kind)] for lines in (mine, theirs))
        common = [name for name in one if name in other], [name for name in other if name in one]
        if common[0] != common[1] and Counter(common[0]) == Counter(common[1]):
            yield LegDifference(LegChange.LINES_REORDERED, index, ", ".join(common[1]), *places)
    yield from _compare_keys(index, mine, theirs, places)


def _listed(lines: Sequence[Line], others: Sequence[Line]) -> list[str]:
    """What the lines offer; fingerprints, of whatever hash functions, offer one thing."""
    both = all(any(name.startswith(_FINGERPRINT) for name, _ in each) for each in (lines, others))
    return [name for name, _ in lines if not (both and name.startswith(_FINGERPRINT))]


def _compare_keys(
    index: int, mine: Sequence[Line], theirs: Sequence[Line], places: tuple[FrameRef, FrameRef]
) -> Iterator[LegDifference]:
    known, names = set(mine), {name for name, _ in mine}
    is_certified = any(name.startswith(_FINGERPRINT) for name in names)
    new = [name for name, key in theirs if (name, key) not in known]
    keys = [name for name in new if name in names and _FINGERPRINT not in name]
    prints = [name for name in new if (is_certified and name.startswith(_FINGERPRINT)) or _is_print_of(name, names)]
    for change, found in ((LegChange.KEYS_REPLACED, keys), (LegChange.FINGERPRINT_REPLACED, prints)):
        if found:
            yield LegDifference(change, index, ", ".join(dict.fromkeys(found)), *places)


def _is_print_of(name: str, names: set[str]) -> bool:
    """Whether a potential configuration had a fingerprint of that hash function before."""
    return name.startswith(_POTENTIAL + _FINGERPRINT) and name in names
