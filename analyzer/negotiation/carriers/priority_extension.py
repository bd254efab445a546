# SPDX-License-Identifier: GPL-2.0-only
"""`priority-extension`: the explicit list in a MIKEY General Extension of type 241, under the message's MAC."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from analyzer.model.call import Side
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.negotiation.carriers.mikey_lines import authenticated, suite_of
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import GeneralExtension, MikeyMessage, SecurityPolicy
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    parse_priority_list,
)
from dissectors.grammar.sdes import canonical_suite

PRIORITY_EXTENSION_TYPE = 241
OWNERS = {Side.OFFERER: Owner.INITIATOR, Side.ANSWERER: Owner.RESPONDER}


class ExtensionList(NamedTuple):
    """One message's list as preferences, with what is odd about it.

    `unread` are the kinds of which entries may name any capability: a policy that the message has not, a kind unknown.
    """

    evidence: MikeyEvidence
    preferences: tuple[Preference, ...]
    defects: tuple[Defect, ...]
    unread: frozenset[CapabilityKind] = frozenset()


def read_extension(evidence: MikeyEvidence) -> ExtensionList | None:
    """The sender's own list in one message, None where it has none; entries that name nothing known are defects."""
    if evidence.message is None:
        return None
    for extension in evidence.message.find_all(GeneralExtension):
        if extension.extension_type != PRIORITY_EXTENSION_TYPE:
            continue
        try:
            found = parse_priority_list(extension.data)
        except GrammarError:
            continue
        if found.owner == OWNERS[evidence.side]:
            return _interpret(found, evidence, evidence.message)
    return None


def select_extension(messages: Iterable[MikeyEvidence]) -> tuple[ExtensionList | None, tuple[Defect, ...]]:
    """The list to believe among those of several messages: an authenticated one first; differing lists are a defect."""
    lists = [found for evidence in messages if (found := read_extension(evidence)) is not None]
    if not lists:
        return None, ()
    best = next((found for found in lists if found.evidence.mac.authentic), lists[0])
    defects = best.defects
    if any(_content(found) != _content(best) for found in lists):
        defects += (Defect("priority-lists-differ", 0, "", "the messages of one offer carry different lists"),)
    return best, defects


def _content(found: ExtensionList) -> Sequence[tuple[str, int | None]]:
    return [(preference.name, preference.priority) for preference in found.preferences]


def _interpret(found: PriorityList, evidence: MikeyEvidence, message: MikeyMessage) -> ExtensionList:
    state = authenticated(evidence)
    preferences = []
    unread: set[CapabilityKind] = set()
    defects = list(found.defects)
    for entry in found.entries:
        if entry.kind == EntryKind.PEER_LIST_DIGEST:
            continue
        name = _name(entry, message)
        if name is None:
            defects.append(Defect("priority-entry-unknown", 0, "", f"kind {entry.kind}"))
            unread |= _may_name(entry)
            continue
        kind = CapabilityKind.KEY_AGREEMENT if entry.kind == EntryKind.KEY_AGREEMENT else CapabilityKind.SUITE
        preferences.append(Preference(kind, name, entry.priority, Carrier.PRIORITY_EXTENSION, state, evidence.ref))
    return ExtensionList(evidence, tuple(preferences), tuple(defects), frozenset(unread))


def _may_name(entry: PriorityEntry) -> frozenset[CapabilityKind]:
    """What kinds of capability an entry may name that can't be read; a mode nobody registered is none of the known."""
    if entry.kind == EntryKind.KEY_AGREEMENT:
        return frozenset() if len(entry.value) == 1 else frozenset({CapabilityKind.KEY_AGREEMENT})
    known = entry.kind in (EntryKind.SUITE_BY_POLICY, EntryKind.SUITE_BY_NAME)
    return frozenset({CapabilityKind.SUITE}) if known else frozenset(CapabilityKind)


def _name(entry: PriorityEntry, message: MikeyMessage) -> str | None:
    if entry.kind == EntryKind.SUITE_BY_NAME:
        return canonical_suite(entry.value.decode("ascii", "replace"))
    if len(entry.value) != 1:
        return None
    if entry.kind == EntryKind.KEY_AGREEMENT:
        return MIKEY_MODES.get(entry.value[0])
    policies = message.find_all(SecurityPolicy)
    policy = next((policy for policy in policies if policy.policy_number == entry.value[0]), None)
    return None if policy is None else suite_of(policy)
