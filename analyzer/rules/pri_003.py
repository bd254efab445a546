# SPDX-License-Identifier: GPL-2.0-only
"""PRI-003: the choice is not the winner of the selection rule in force."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule
from analyzer.rules.judging import judge
from analyzer.rules.line_facts import LineFacts


def _check_line(facts: LineFacts) -> Result:
    return judge(facts, facts.negotiation.winner)


RULE = Rule(
    id="PRI-003",
    title="Choice is not the winner of the selection rule",
    citation="policy (compare RFC 4568 §5.1.2, RFC 5939 §3.6.2)",
    level=Level.POLICY,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER, Need.LISTS),
    remediation="Align the selection of both ends with the rule in force, or let the policy name the rule they follow.",
    meaning=Meaning(
        passes="The choice wins under the selection rule that governs this negotiation.",
        fails="Another common choice wins under the selection rule that governs this negotiation.",
        unknown="The answer was not seen; or a list is not on the wire, and the lists that the evidence allows differ"
        " in their result.",
        not_applicable="Nothing was chosen.",
    ),
    check_line=_check_line,
)
