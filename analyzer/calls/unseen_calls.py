# SPDX-License-Identifier: GPL-2.0-only
"""Calls whose end was not seen, beside later calls of which not everything was: their media can't be told apart."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.model.call import Call


def note_unseen_calls(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls, those without an end with whether a later one of the same elements lacks its offer."""
    unseen: dict[frozenset[str], int] = {}  # when the last call without its offer was seen first, by elements
    for call in calls:
        if not call.exchanges or call.exchanges[0].offer is None:
            elements = _elements(call)
            unseen[elements] = max(unseen.get(elements, call.start_ns), call.start_ns)
    if not unseen:
        return tuple(calls)
    return tuple(
        replace(call, has_unseen_after=True)
        if call.is_open and unseen.get(_elements(call), call.start_ns) > call.start_ns
        else call
        for call in calls
    )


def _elements(call: Call) -> frozenset[str]:
    """The hosts between which the call's first message went."""
    first = call.messages[0]
    return frozenset(endpoint.rpartition(":")[0] for endpoint in (first.source, first.destination))
