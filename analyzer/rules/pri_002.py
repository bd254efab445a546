# SPDX-License-Identifier: GPL-2.0-only
"""PRI-002: another common choice is better for one side and no worse for the other."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule
from analyzer.rules.judging import judge
from analyzer.rules.line_facts import LineFacts


def _check_line(facts: LineFacts) -> Result:
    return judge(facts, facts.negotiation.undominated)


RULE = Rule(
    id="PRI-002",
    title="Choice is dominated",
    citation="policy (compare RFC 4568 §5.1.1, RFC 5764 §4.1)",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER, Need.LISTS),
    remediation="Repair the selection: what both sides rank at least as high, and one higher, has to win.",
    meaning=Meaning(
        passes="No other common choice is at least as good for both sides and better for one.",
        fails="Another common choice is at least as good for both sides and better for one.",
        unknown="The answer was not seen; or a list is not on the wire, and the lists that the evidence allows differ"
        " in their result.",
        not_applicable="Nothing was chosen.",
    ),
    check_line=_check_line,
)
