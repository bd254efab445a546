# SPDX-License-Identifier: GPL-2.0-only
"""General Extensions that speak of the negotiation: explicit priority lists (type 241) and SDP IDs (RFC 4567 §7).

A priority list is version 1, owner, rule, count, and per entry kind, priority, length, value: one octet each but the
value. Every mode's message of one offer carries the same list, so that the authenticated one vouches for all.
"""

import hashlib
from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.mikey.octets import build_counted, build_uint
from dissectors.grammar.mikey.payloads import GeneralExtension
from dissectors.grammar.mikey.registries import GeneralExtensionType

VERSION = 1
DIGEST_OCTETS = 32


class Owner(IntEnum):
    """Whose list it is."""

    INITIATOR = 0
    RESPONDER = 1


class Rule(IntEnum):
    """The selection rule the owner expects."""

    UNSPECIFIED = 0
    MIN_SUM = 1
    RESPONDER_FIRST = 2
    MINIMAX = 3


class EntryKind(IntEnum):
    """What an entry's value names."""

    KEY_AGREEMENT = 0  # the data type of the initiator's message
    SUITE_BY_POLICY = 1  # an SP policy number of this message
    SUITE_BY_NAME = 2  # the SDES name
    PEER_LIST_DIGEST = 3  # SHA-256 of the list received


VALUE_OCTETS = {EntryKind.KEY_AGREEMENT: 1, EntryKind.SUITE_BY_POLICY: 1, EntryKind.PEER_LIST_DIGEST: DIGEST_OCTETS}


class PriorityEntry(NamedTuple):
    """One capability and its priority, 0 being the best."""

    kind: int
    priority: int
    value: bytes


class PriorityList(NamedTuple):
    """One side's list in wire order."""

    version: int
    owner: int
    rule: int
    entries: tuple[PriorityEntry, ...]
    defects: tuple[Defect, ...] = ()


def parse_priority_list(data: bytes) -> PriorityList:
    """The list in a General Extension's data; raises `GrammarError` where the octets are none."""
    cursor = Cursor(data)
    version, owner, rule, count = (cursor.u8(what) for what in ("version", "owner", "rule", "count"))
    if version != VERSION or owner not in (Owner.INITIATOR, Owner.RESPONDER):
        message = f"not a priority list: version {version}, owner {owner}"
        raise Malformed(message)
    entries = []
    defects = [] if rule <= max(Rule) else [Defect("priority-rule-unknown", 2, detail=f"unknown {rule}")]
    seen: set[tuple[int, bytes]] = set()
    for _ in range(count):
        start = cursor.offset
        entry = PriorityEntry(cursor.u8("kind"), cursor.u8("priority"), cursor.take(cursor.u8("length"), "value"))
        defects.extend(_entry_defects(entry, start, seen))
        entries.append(entry)
    if cursor.left:
        message = f"not a priority list: {cursor.left} octets after the last entry"
        raise Malformed(message, offset=cursor.offset)
    return PriorityList(version, owner, rule, tuple(entries), tuple(defects))


def _entry_defects(entry: PriorityEntry, offset: int, seen: set[tuple[int, bytes]]) -> list[Defect]:
    defects = []
    if entry.kind > max(EntryKind):
        defects.append(Defect("priority-kind-unknown", offset, detail=f"unknown {entry.kind}"))
    elif VALUE_OCTETS.get(EntryKind(entry.kind), len(entry.value)) != len(entry.value):
        defects.append(Defect("priority-value-length", offset, detail=f"{len(entry.value)} octets"))
    if (entry.kind, entry.value) in seen:
        defects.append(Defect("priority-repeated", offset, detail="two entries for one capability"))
    seen.add((entry.kind, entry.value))
    return defects


def build_priority_list(priorities: PriorityList) -> bytes:
    """The extension's data; raises `Malformed` where a field does not fit."""
    numbers = (priorities.version, priorities.owner, priorities.rule, len(priorities.entries))
    head = b"".join(build_uint(number, 1, "version, owner, rule or count") for number in numbers)
    entries = (
        build_uint(entry.kind, 1, "kind")
        + build_uint(entry.priority, 1, "priority")
        + build_counted(entry.value, 1, "value")
        for entry in priorities.entries
    )
    return head + b"".join(entries)


def list_digest(data: bytes) -> bytes:
    """SHA-256 of a list, from its version octet to its last entry: what the peer echoes as entry kind 3."""
    return hashlib.sha256(data).digest()


def sdp_id_list(extension: GeneralExtension) -> tuple[str, ...]:
    """The key management protocols the sender listed, in SDP order (RFC 4567 §7); `Malformed` for other types."""
    if extension.extension_type != GeneralExtensionType.SDP_IDS:
        message = f"General Extension type {extension.extension_type} holds no SDP IDs"
        raise Malformed(message, offset=extension.offset, clause="RFC 4567 §7")
    return tuple(extension.data.decode("ascii", "backslashreplace").split(";"))
