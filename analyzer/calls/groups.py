# SPDX-License-Identifier: GPL-2.0-only
"""Multicast groups: whoever listens at one may send to it as well, so its address does not tell who sent a packet."""

from collections.abc import Iterable
from enum import Enum

from analyzer.calls.media_lines import DraftLine
from analyzer.model.call import Side

_GROUPS = frozenset(f"{first}." for first in range(224, 240))


class Speaker(Enum):
    """Who sent a packet to an address: the side that announced it, the other side, or none of both."""

    OWNER = "owner"
    PEER = "peer"
    THIRD = "third"


def is_group(endpoint: str) -> bool:
    """Whether the host of `address:port` is a multicast group (224.0.0.0/4, ff00::/8)."""
    return endpoint[:4] in _GROUPS or endpoint.startswith("[ff")


def speaker_in_group(lines: Iterable[DraftLine], owner: Side | None, source: str) -> Speaker:
    """Who sent a packet from `source` to a group that `owner` asked for on these lines, by where they signal from.

    A host that neither side signals from may be a media server, or a receiver that another session brought there.
    """
    hosts: dict[Side, set[str]] = {Side.OFFERER: set(), Side.ANSWERER: set()}
    for line in lines:
        for side, described in ((Side.OFFERER, line.offer), (Side.ANSWERER, line.answer)):
            if described is not None:
                hosts[side].add(_host(described.body.message.source))
    sides = [side for side, known in hosts.items() if _host(source) in known]
    if owner is None or len(sides) == 2:
        return Speaker.PEER
    if not sides:
        return Speaker.THIRD
    return Speaker.OWNER if sides[0] is owner else Speaker.PEER


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")
