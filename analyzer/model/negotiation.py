# SPDX-License-Identifier: GPL-2.0-only
"""Who offered what in which order, what a rule would choose, what was chosen."""

from collections.abc import Callable
from typing import NamedTuple

from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.words import Word
from dissectors.grammar.defects import Defect


class CapabilityKind(Word):
    """The two categories that are negotiated independently."""

    KEY_AGREEMENT = "key_agreement"
    SUITE = "suite"


class Carrier(Word):
    """How a list reached the wire (or the auditor)."""

    KEY_MGMT_ORDER = "key-mgmt-order"
    MIKEY_BODY = "mikey-body"  # application/mikey beside the session description
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


class SelectionRule(Word):
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


class Method(Word):
    """How two endpoints may come to one choice: the paper's Table 3, and its proposal."""

    STATIC = "static"  # each side has one capability configured: its favourite
    AUTOMATIC = "automatic"  # any common capability, nobody's wish counts
    PRIORITY = "priority"  # the selection rule over both lists


class Prospect(NamedTuple):
    """What one method makes of the two lists of one kind.

    `agreed` is None where that depends on a list nobody saw; `candidates` are what it may come to.
    """

    method: Method
    kind: CapabilityKind
    agreed: bool | None
    candidates: tuple[str, ...]


class Sight(Word):
    """Whether the parties notice that somebody between them altered a list."""

    UNSEEN = "unseen"
    NOTICED = "noticed"  # by a party that checks what its protocol lets it check
    UNKNOWN = "unknown"  # a MAC or signature covers the list, and no key at hand verifies it


class Exposure(NamedTuple):
    """What a man in the middle could do to one side's list of one kind, in one carrier.

    `hop_protected` says that the hop is encrypted, so that only the SIP elements at its ends are in the middle.
    """

    side: Side
    kind: CapabilityKind
    carrier: Carrier
    remove: Sight
    reorder: Sight
    insert: Sight
    hop_protected: bool
    explanation: str
    citation: str

    @property
    def remove_all(self) -> Sight:
        """What taking out every list, or changing the profile to plain RTP, would be: no carrier shows it.

        Only endpoints that refuse calls without security are safe from that (RFC 4567 §8, RFC 5124 §5).
        """
        return Sight.UNSEEN


class ListOrigin(Word):
    """Where a list of an endpoint was learnt, best evidence first."""

    WIRE = "wire"  # in this offer or answer
    REFUSAL = "refusal"  # in a MIKEY error message with which it refused an offer of this call
    INVENTORY = "inventory"
    OWN_OFFER = "own-offer"  # in an offer of its own, in another exchange
    OPTIONS = "options"  # in its answer to OPTIONS (RFC 3264 §9)
    OTHER_REFUSAL = "other-refusal"  # in a MIKEY error message of another call
    OTHER_ANSWER = "other-answer"  # what it accepted in another exchange: support, and no order


class ListSource(NamedTuple):
    """One piece of evidence for one side's list: its rank (1 is best), its age, and whether it was used to judge.

    `age_ns` counts from that evidence to this exchange, negative where it is later; None for an inventory. `how` says
    of a MIKEY error message how what it lists is known.
    """

    side: Side
    kind: CapabilityKind
    origin: ListOrigin
    names: tuple[tuple[str, int | None], ...]
    age_ns: int | None
    ref: FrameRef | None
    call_id: str | None
    used: bool
    how: str = ""

    @property
    def rank(self) -> int:
        """The place of its origin, 1 for the best."""
        return tuple(ListOrigin).index(self.origin) + 1


class Inversion(NamedTuple):
    """A list that prefers a weaker capability to a stronger one, by the policy's strengths."""

    side: Side
    kind: CapabilityKind
    preferred: str
    stronger: str


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


class Negotiation(NamedTuple):
    """The negotiation of one media line in one exchange.

    `mutual` answers PRI-001, `undominated` PRI-002, `winner` PRI-003. `reasons` are those for the verdict that the
    lists alone give. `answer_preferences` is None where the responder's list is not known. `weakest` is what a man in
    the middle could bring about unseen (None where he can change nothing). `inversions` are by the
    policy's strengths, which do not rank what `unranked` names. `sources` are the lists that were asked for to judge;
    `ask_elsewhere` looks up those that could not have changed the judgement, for whoever shows them.
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
    prospects: tuple[Prospect, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    weakest: Choice | None = None
    sources: tuple[ListSource, ...] = ()
    inversions: tuple[Inversion, ...] = ()
    unranked: tuple[str, ...] = ()
    ask_elsewhere: Callable[[], tuple[ListSource, ...]] | None = None

    def all_sources(self) -> tuple[ListSource, ...]:
        """Every list that is known of either side, the unused ones looked up."""
        return self.sources if self.ask_elsewhere is None else self.sources + self.ask_elsewhere()
