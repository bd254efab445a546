# SPDX-License-Identifier: GPL-2.0-only
"""What a rule says of a call, and what a verdict is."""

from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from analyzer.model.words import Word
from dissectors.grammar.late_dataclass import dataclass


class Verdict(Word):
    """The verdict of a media line and exchange, strongest first."""

    UNPROTECTED = "unprotected"
    MISMATCH = "mismatch"
    DOWNGRADE = "downgrade"
    INCONCLUSIVE = "inconclusive"
    NO_MEDIA = "no-media"
    CONFORM = "conform"


class OutcomeValue(Word):
    """What a rule found; missing evidence is never a pass."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"


class Severity(Word):
    """How bad a failure is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info up to 4 for critical."""
        return _SEVERITY_RANKS[self]


_SEVERITY_RANKS = {severity: rank for rank, severity in enumerate(reversed(Severity))}


class Confidence(Word):
    """How a finding is known: C1 statistical, C2 two observations joined, C3 exact octets, C4 cryptographic proof."""

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"


class Outcome(NamedTuple):
    """One rule applied to one call, stream or message outside calls.

    `media_index` and `exchange` name the media line it speaks of, where it speaks of one. `refs` are the frames that
    prove it; a failure has at least one. `guards` are the benign explanations that were checked or are left.
    """

    rule: str
    outcome: OutcomeValue
    severity: Severity
    confidence: Confidence
    refs: tuple[FrameRef, ...]
    explanation: str
    missing: str = ""
    media_index: int | None = None
    exchange: int | None = None
    guards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingEvidence:
    """The frames of one capture that show a finding in one call (None: outside calls)."""

    call_id: str | None
    capture: int
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A failed rule over the whole capture set."""

    rule: str
    title: str
    severity: Severity
    citation: str
    remediation: str
    evidence: tuple[FindingEvidence, ...]
