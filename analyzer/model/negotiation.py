# SPDX-License-Identifier: GPL-2.0-only
"""Who offered what in which order, what a rule would choose, what was chosen."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from dissectors.grammar.defects import Defect


class CapabilityKind(StrEnum):
    """The two categories that are negotiated independently."""

    KEY_AGREEMENT = "key_agreement"
    SUITE = "suite"


class Carrier(StrEnum):
    """How a list reached the wire (or the auditor)."""

    KEY_MGMT_ORDER = "key-mgmt-order"
    SP_ORDER = "sp-order"
    SP = "sp"  # one policy for one crypto session: no order in it
    PRIORITY_EXTENSION = "priority-extension"
    MIKEY_ERROR = "mikey-error"
    SDPCAPNEG = "sdpcapneg"
    SDES_ORDER = "sdes-order"
    PROFILE_ORDER = "profile-order"
    FINGERPRINT = "fingerprint"
    ZRTP_HASH = "zrtp-hash"
    ZRTP_HELLO = "zrtp-hello"
    DTLS_USE_SRTP = "dtls-use-srtp"
    FREE_TEXT = "free-text"
    INVENTORY = "inventory"
    OBSERVED = "observed"


class SelectionRule(StrEnum):
    """How two lists give one choice; the first four are the computable ones."""

    MIN_SUM = "min-sum"
    RESPONDER_FIRST = "responder-first"
    INITIATOR_FIRST = "initiator-first"
    MIN_MAX = "min-max"
    ANY_COMMON = "any-common"
    SINGLE = "single"
    BY_CARRIER = "by-carrier"


COMPUTED_RULES = (
    SelectionRule.MIN_SUM,
    SelectionRule.RESPONDER_FIRST,
    SelectionRule.INITIATOR_FIRST,
    SelectionRule.MIN_MAX,
)


class Preference(NamedTuple):
    """A capability with its priority (0 is best, None where its carrier knows no order)."""

    kind: CapabilityKind
    name: str
    priority: int | None
    carrier: Carrier
    authenticated: bool | None
    ref: FrameRef | None


class Choice(NamedTuple):
    """One capability of each kind, None where nothing is common, known or needed."""

    key_agreement: str | None
    suite: str | None


class Expected(NamedTuple):
    """The winner under the rule that governs each category; `tie` names those tied before the tie-break."""

    rule: SelectionRule | None
    suite_rule: SelectionRule | None
    key_agreement: str | None
    suite: str | None
    tie: tuple[str, ...]


class Judgement(NamedTuple):
    """One question about the choice: True, False, None for unknown; `applies` is False where there is no choice."""

    applies: bool
    holds: bool | None
    explanation: str
    missing: str = ""


class ListStatement(NamedTuple):
    """What an authenticated list says of the offer's lines: `claimed` and `seen` lines, and where they stand."""

    claimed: tuple[str, ...]
    seen: tuple[str, ...]
    level: str  # "session" or "media"
    verified: bool | None  # MAC or signature of the message that holds the statement
    source: Carrier | None  # None: the RFC 4567 SDP-ID list; else the type-241 list
    ref: FrameRef

    @property
    def agrees(self) -> bool:
        """Whether order and count are as claimed."""
        return self.claimed == self.seen


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The negotiation of one media line in one exchange.

    `mutual` answers PRI-001, `undominated` PRI-002, `winner` PRI-003. `reasons` are those for the verdict that the
    lists alone give. `answer_preferences` is None where the responder's list is not known.
    """

    offer_preferences: tuple[Preference, ...]
    answer_preferences: tuple[Preference, ...] | None
    chosen: Choice
    expected: Expected
    winners: tuple[tuple[SelectionRule, Choice], ...]
    mutual: Judgement
    undominated: Judgement
    winner: Judgement
    statements: tuple[ListStatement, ...]
    reasons: tuple[str, ...]
    defects: tuple[Defect, ...] = ()
