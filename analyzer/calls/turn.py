# SPDX-License-Identifier: GPL-2.0-only
"""Whose the flows are that a TURN server relays: its clients announce addresses of the server (RFC 8656 §2)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.calls.dialog import CallDraft
from analyzer.calls.media_lines import announced_addresses, spell_host
from analyzer.model.call import MediaSide
from analyzer.model.evidence import DatagramFlow
from dissectors.grammar.turn_allocation import parse_relayed_address

MAX_RESPONSES = 64  # datagrams of one flow among which the allocation is looked for


class Allocations(NamedTuple):
    """The servers, and by the address that one lends the client that it lends it to."""

    servers: frozenset[str]
    clients: dict[str, set[str]]


def read_allocations(stun: Iterable[DatagramFlow]) -> Allocations:
    """What Allocate success responses say."""
    servers: set[str] = set()
    clients: dict[str, set[str]] = {}
    for flow in stun:
        for index in range(min(len(flow), MAX_RESPONSES)):
            relayed = parse_relayed_address(flow.payload(index))
            if relayed is not None:
                host, port = relayed
                servers.add(flow.source)
                clients.setdefault(f"{spell_host(host)}:{port}", set()).add(flow.destination)
    return Allocations(frozenset(servers), clients)


def learn_clients(drafts: Sequence[CallDraft], allocations: Allocations) -> Sequence[CallDraft]:
    """The drafts where the client of an allocation is an endpoint of whoever announced what was lent to it."""
    if not allocations.clients:
        return drafts
    return [_with_clients(draft, allocations.clients) for draft in drafts]


def _with_clients(draft: CallDraft, clients: dict[str, set[str]]) -> CallDraft:
    if draft.addresses.isdisjoint(clients):
        return draft
    lines = tuple(
        line._replace(offer=_with_own(line.offer, clients), answer=_with_own(line.answer, clients))
        for line in draft.lines
    )
    return draft._replace(lines=lines, addresses=draft.addresses | announced_addresses(lines))


def _with_own(side: MediaSide | None, clients: dict[str, set[str]]) -> MediaSide | None:
    if side is None:
        return None
    announced = (side.address, side.rtcp_address, *side.also)
    own = sorted({client for address in announced if address for client in clients.get(address, ())})
    return side._replace(also=tuple(dict.fromkeys((*side.also, *own)))) if own else side
