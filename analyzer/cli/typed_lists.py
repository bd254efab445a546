# SPDX-License-Identifier: GPL-2.0-only
"""Priority lists as people type them, or as an inventory has them: what `negotiate` compares."""

import re
from collections.abc import Iterable

from analyzer.errors import UsageError
from analyzer.model.negotiation import CapabilityKind
from analyzer.negotiation.inventory import KEY_AGREEMENTS, Endpoint, Identity, Inventory
from analyzer.negotiation.selection import read_priorities
from dissectors.grammar.sdes import IANA_SUITES, canonical_suite

ENTRY = re.compile(r"\s*([A-Za-z0-9_-]{1,64})\s*(?:[=:]\s*(-?[0-9]{1,9}))?\s*")

Lists = dict[CapabilityKind, dict[str, int]]


def read_list(text: str) -> Lists:
    """A list as it is typed: NAME=NUMBER or NAME, separated by commas; raises UsageError for what is none."""
    entries: dict[CapabilityKind, list[tuple[str, int | None]]] = {kind: [] for kind in CapabilityKind}
    for part in filter(str.strip, text.split(",")):
        found = ENTRY.fullmatch(part)
        if found is None:
            raise UsageError(f"{part.strip()[:64]!r} is not NAME=NUMBER")
        agreement = KEY_AGREEMENTS.get(found[1].upper())
        kind = CapabilityKind.SUITE if agreement is None else CapabilityKind.KEY_AGREEMENT
        name = canonical_suite(found[1]) if agreement is None else agreement
        entries[kind].append((name, len(entries[kind]) if found[2] is None else int(found[2])))
    lists = {kind: _priorities(entries[kind]) for kind in CapabilityKind}
    if not any(lists.values()):
        raise UsageError("a list names at least one capability")
    return lists


def list_of(endpoint: Endpoint) -> Lists:
    """An endpoint's lists."""
    return {
        kind: _priorities((one.name, one.priority) for one in endpoint.preferences if one.kind is kind)
        for kind in CapabilityKind
    }


def find_lists(inventory: Inventory, name: str) -> Lists:
    """The lists of a named endpoint; raises UsageError with the names there are."""
    party = Identity(name, name, name.removeprefix("ua:"))
    lists = {
        kind: _priorities((one.name, one.priority) for one in inventory.preferences(party, kind))
        for kind in CapabilityKind
    }
    if not any(lists.values()):
        known = ", ".join(one.id[:64] for one in inventory.endpoints[:8]) or "none"
        raise UsageError(f"the inventory has no endpoint {name[:64]!r}; it has {known}")
    return lists


def unregistered(lists: Iterable[Lists]) -> tuple[str, ...]:
    """Suites that no registry has, each once."""
    return tuple(dict.fromkeys(name for one in lists for name in one[CapabilityKind.SUITE] if name not in IANA_SUITES))


def _priorities(entries: Iterable[tuple[str, int | None]]) -> dict[str, int]:
    priorities, defects = read_priorities(entries)
    if defects:
        what = "; ".join(defect.detail for defect in defects)
        raise UsageError(f"a capability has one priority, a number from 0 (0 is best): {what}")
    return {name: number for name, number in priorities.items() if number is not None}
