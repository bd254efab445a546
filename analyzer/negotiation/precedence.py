# SPDX-License-Identifier: GPL-2.0-only
"""Which list counts where several carriers of one side speak, and which rule its carrier lives under."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.model.negotiation import CapabilityKind, Carrier, Preference, SelectionRule
from analyzer.negotiation.selection import Priorities, read_priorities
from dissectors.grammar.defects import Defect

PAPER = frozenset({Carrier.PRIORITY_EXTENSION, Carrier.FREE_TEXT, Carrier.MIKEY_ERROR})
BINDING_ORDER = frozenset({Carrier.SDES_ORDER, Carrier.SDPCAPNEG})
ELSEWHERE = frozenset({Carrier.INVENTORY, Carrier.OBSERVED})
POSITIONAL = 2
WITHOUT_ORDER = 4
RANKS = {
    Carrier.PRIORITY_EXTENSION: 0,
    Carrier.SDPCAPNEG: 1,
    Carrier.FREE_TEXT: 3,
    Carrier.INVENTORY: 5,
    Carrier.OBSERVED: 6,
}
# Carriers that name one key agreement each by an attribute of its own: between them there is no order.
ATTRIBUTES = frozenset(
    {
        Carrier.KEY_MGMT_ORDER,
        Carrier.MIKEY_BODY,
        Carrier.SDES_ORDER,
        Carrier.FINGERPRINT,
        Carrier.ZRTP_HASH,
        Carrier.ZRTP_HELLO,
    }
)
# … and configurations, where all that is offered stands in one.
WITHIN_ONE = ATTRIBUTES | {Carrier.SDPCAPNEG}


class Effective(NamedTuple):
    """The list that counts for one side and kind: names with numbers, carriers, names outside its order."""

    priorities: Priorities
    carriers: frozenset[Carrier]
    unordered: frozenset[str]
    defects: tuple[Defect, ...]
    speaks: bool = False  # whether the paper's mechanism does, be it in a weaker carrier

    def companions(self, chosen: str | None) -> frozenset[str]:
        """What shares the choice's potential configuration: its number is of the whole, and within there is no order.

        One number is one configuration, or one of its alternatives (`read_configurations`).
        """
        number = None if chosen is None else self.priorities.get(chosen)
        if number is None or Carrier.SDPCAPNEG not in self.carriers:
            return frozenset()
        return frozenset(name for name, other in self.priorities.items() if other == number and name != chosen)


def select_list(preferences: Sequence[Preference]) -> Effective | None:
    """The list of the strongest carrier; None where there is no list.

    What only weaker carriers on the wire name is in the list without a number: it was offered all the same.
    """
    if not preferences:
        return None
    groups: dict[int, list[Preference]] = {}
    for preference in preferences:
        groups.setdefault(RANKS.get(preference.carrier, POSITIONAL), []).append(preference)
    if POSITIONAL in groups and not _has_order(groups[POSITIONAL]):
        groups[WITHOUT_ORDER] = groups.pop(POSITIONAL)
    rank = min(groups)
    best = groups[rank]
    priorities, defects = read_priorities(
        _first_positions(best) if rank in (POSITIONAL, WITHOUT_ORDER) else ((one.name, one.priority) for one in best)
    )
    carriers = {one.carrier for one in best}
    for preference in preferences:
        if preference.name not in priorities and preference.carrier not in ELSEWHERE:
            priorities[preference.name] = None
    speaks = any(one.carrier in PAPER for one in preferences)
    return Effective(priorities, frozenset(carriers), _unordered(preferences, priorities), defects, speaks)


def _has_order(preferences: Sequence[Preference]) -> bool:
    return len({one.name for one in preferences}) > 1 and any(one.priority is not None for one in preferences)


def _first_positions(preferences: Iterable[Preference]) -> Iterable[tuple[str, int | None]]:
    """A capability that stands twice in an order has its first place."""
    seen: dict[str, int | None] = {}
    for one in preferences:
        if one.name not in seen:
            seen[one.name] = one.priority
    return seen.items()


def _unordered(preferences: Sequence[Preference], priorities: Priorities) -> frozenset[str]:
    by_attribute = {
        one.name
        for one in preferences
        if one.carrier in WITHIN_ONE and one.kind is CapabilityKind.KEY_AGREEMENT and one.priority is None
    }
    return frozenset(name for name in by_attribute if priorities[name] is None)


def read_rule(
    selection_rule: SelectionRule, chosen: str | None, offer: Effective, answer: Effective | None
) -> SelectionRule:
    """The rule that judges one category: the policy's, or the one its carriers live under.

    Where the choice stands outside the order, or there is no order at all, any common capability conforms.
    """
    ordered = [name for name in offer.priorities if name not in offer.unordered]
    carriers = offer.carriers if answer is None else offer.carriers | answer.carriers
    if len(offer.priorities) > 1 and (chosen in offer.unordered or not ordered):
        return SelectionRule.ANY_COMMON
    if selection_rule is not SelectionRule.BY_CARRIER:
        return selection_rule
    if not carriers.isdisjoint(PAPER):
        return SelectionRule.MIN_SUM
    if len(offer.priorities) == 1:
        return SelectionRule.SINGLE
    if Carrier.KEY_MGMT_ORDER in carriers and len(ordered) > 1:
        return SelectionRule.MIN_SUM
    if not carriers.isdisjoint(BINDING_ORDER):
        return SelectionRule.INITIATOR_FIRST
    return SelectionRule.MIN_SUM if offer.speaks else SelectionRule.ANY_COMMON
