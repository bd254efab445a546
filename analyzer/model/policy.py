# SPDX-License-Identifier: GPL-2.0-only
"""A resolved policy: which rules, how severe, which thresholds, which selection rule."""

from analyzer.model.negotiation import SelectionRule
from analyzer.model.outcome import Severity
from dissectors.grammar.late_dataclass import dataclass

RETRY_SECONDS = 60  # where no policy says otherwise


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """How a policy uses one rule; `parameters` are the values in force of those that the rule has."""

    id: str
    severity: Severity
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy after its parents and overlays were merged; `sha256` is over its canonical JSON.

    `suite_strength` and `key_agreement_strength` list names with a number (higher is stronger): the last tie-break.
    `tolerated_failures` is the share of packets that may fail without changing a verdict; an offer that comes within
    `retry_seconds` of a refusal answers it.
    """

    id: str
    version: int
    title: str
    sha256: str
    selection_rule: SelectionRule
    rules: tuple[RuleSetting, ...]
    suite_strength: tuple[tuple[str, int], ...] = ()
    key_agreement_strength: tuple[tuple[str, int], ...] = ()
    tolerated_failures: float = 0.01
    retry_seconds: int = RETRY_SECONDS

    def __hash__(self) -> int:
        return hash(self.sha256)

    def setting(self, rule: str) -> RuleSetting | None:
        """The setting of a selected rule, None when the policy does not select it."""
        return next((setting for setting in self.rules if setting.id == rule), None)
