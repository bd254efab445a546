# SPDX-License-Identifier: GPL-2.0-only
"""Whether lists with written numbers are numbered so that their order can be told (compare RFC 3329 §2.2)."""

from collections.abc import Iterator, Sequence

from analyzer.model.call import Side
from analyzer.model.negotiation import CapabilityKind, Carrier, Negotiation, Preference

WRITTEN = frozenset({Carrier.PRIORITY_EXTENSION, Carrier.FREE_TEXT, Carrier.SDPCAPNEG})
FROM_ZERO = WRITTEN - {Carrier.SDPCAPNEG}  # its configurations begin with 1 and may leave gaps (RFC 5939 §3.5.1)
FAULTS = frozenset(
    {
        "priority-negative",
        "priority-repeated",
        "priority-entry-unknown",
        "priority-kind-unknown",
        "priority-value-length",
    }
)
NAMES = {CapabilityKind.KEY_AGREEMENT: "key agreements", CapabilityKind.SUITE: "suites"}
OWNERS = {Side.OFFERER: "offerer", Side.ANSWERER: "answerer"}


def has_written_numbers(negotiation: Negotiation) -> bool:
    """Whether any side's list came with numbers of its own."""
    lists = (*negotiation.offer_preferences, *(negotiation.answer_preferences or ()))
    return any(one.carrier in WRITTEN for one in lists)


def find_numbering_faults(negotiation: Negotiation) -> tuple[str, ...]:
    """Each fault as a sentence: negative, repeated, shared, missing or skipped numbers."""
    defects = (f"{one.detail or one.code}." for one in negotiation.defects if one.code in FAULTS)
    found = [*defects]
    for side, preferences in (
        (Side.OFFERER, negotiation.offer_preferences),
        (Side.ANSWERER, negotiation.answer_preferences or ()),
    ):
        for kind in CapabilityKind:
            found += _list_faults(side, kind, [one for one in preferences if one.kind is kind])
    return tuple(dict.fromkeys(found))


def _list_faults(side: Side, kind: CapabilityKind, preferences: Sequence[Preference]) -> Iterator[str]:
    written = {one.name: one.priority for one in preferences if one.carrier in FROM_ZERO}
    if not written:
        return
    what = f"the {OWNERS[side]}'s list of {NAMES[kind]}"
    by_number: dict[int, list[str]] = {}
    for name, number in written.items():
        if number is not None:
            by_number.setdefault(number, []).append(name)
    for number, names in sorted(by_number.items()):
        if len(names) > 1:
            yield f"In {what} {' and '.join(names)} share the number {number}."
    missing = dict.fromkeys(one.name for one in preferences if one.name not in written)
    if missing and side is Side.OFFERER:
        yield f"In {what} {', '.join(missing)} has no number, and was offered."
    numbers = sorted(by_number)
    if numbers and min(numbers) >= 0 and numbers != list(range(len(numbers))):
        yield f"In {what} the numbers do not run from 0 without a gap: {', '.join(map(str, numbers))}."
