# SPDX-License-Identifier: GPL-2.0-only
"""What the rules on replay and freshness ask of the MIKEY messages of one media line or exchange."""

from collections.abc import Iterable

from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence, MikeyReuse, Shared
from analyzer.model.mikey_modes import is_initiators
from analyzer.rules.base import Result, not_applicable, unknown
from analyzer.rules.exchange_facts import MikeyFacts

NO_MIKEY = not_applicable("No MIKEY message was offered.")


def initiators_messages(facts: MikeyFacts) -> tuple[MikeyEvidence, ...]:
    """The readable messages with which exchanges begin."""
    return tuple(one for one in facts.mikey if one.message is not None and is_initiators(one.message.header.data_type))


def reuses_of(facts: MikeyFacts, shared: Shared) -> tuple[MikeyReuse, ...]:
    """The earlier messages that share that with one of this line."""
    return tuple(reuse for reuse in facts.freshness.reuses if reuse.shared is shared)


def unreadable(facts: MikeyFacts) -> Result | None:
    """The outcome where a message of the offer can't be read; None where all can."""
    shut = [one.ref for one in facts.mikey if one.message is None and one.side is Side.OFFERER]
    if shut:
        return unknown("readable-mikey", "A MIKEY message can't be read.", tuple(dict.fromkeys(shut)))
    return None


def compared(facts: MikeyFacts) -> str:
    """With what the messages were compared, for the text of an outcome."""
    count = facts.freshness.compared_with
    others = "offer" if count == 1 else "offers"
    return f"{count} other {others} with MIKEY in the capture set" if count else "no other MIKEY in the capture set"


def refs_of(messages: Iterable[MikeyEvidence]) -> tuple[FrameRef, ...]:
    """Where messages stand, each frame once."""
    return tuple(dict.fromkeys(one.ref for one in messages))


def cited(reuses: Iterable[MikeyReuse]) -> tuple[FrameRef, ...]:
    """The repeating frames and those that they repeat."""
    return tuple(dict.fromkeys(ref for reuse in reuses for ref in (reuse.ref, reuse.other)))
