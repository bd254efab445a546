# SPDX-License-Identifier: GPL-2.0-only
"""What an answer echoes of the list it received: SHA-256 in entry kind 3 of the type-241 list."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence
from analyzer.negotiation.carriers.priority_extension import PRIORITY_EXTENSION_TYPE
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import GeneralExtension
from dissectors.grammar.mikey.priority_extension import EntryKind, PriorityList, list_digest, parse_priority_list


class RawList(NamedTuple):
    """A type-241 list as its octets, and what was read of them (None: no list can be read)."""

    evidence: MikeyEvidence
    octets: bytes
    parsed: PriorityList | None


class Echo(NamedTuple):
    """The digest in an answer against the lists of the offer; `matches` are the messages that carry such a list."""

    ref: FrameRef
    verified: bool | None
    matches: tuple[MikeyEvidence, ...]


def raw_lists(messages: Iterable[MikeyEvidence]) -> tuple[RawList, ...]:
    """Every type-241 extension in these messages, readable or not."""
    return tuple(
        RawList(evidence, extension.data, _parse(extension.data))
        for evidence in messages
        if evidence.message is not None
        for extension in evidence.message.find_all(GeneralExtension)
        if extension.extension_type == PRIORITY_EXTENSION_TYPE
    )


def read_echoes(offered: Sequence[MikeyEvidence], answered: Sequence[MikeyEvidence]) -> tuple[Echo, ...]:
    """One echo for each digest that the answer's lists hold."""
    by_digest: dict[bytes, list[MikeyEvidence]] = {}
    for one in raw_lists(offered):
        by_digest.setdefault(list_digest(one.octets), []).append(one.evidence)
    return tuple(
        Echo(one.evidence.ref, one.evidence.mac.authentic, tuple(by_digest.get(entry.value, ())))
        for one in raw_lists(answered)
        if one.parsed is not None
        for entry in one.parsed.entries
        if entry.kind == EntryKind.PEER_LIST_DIGEST
    )


def _parse(octets: bytes) -> PriorityList | None:
    try:
        return parse_priority_list(octets)
    except GrammarError:
        return None
