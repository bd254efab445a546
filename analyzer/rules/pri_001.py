# SPDX-License-Identifier: GPL-2.0-only
"""PRI-001: the choice stands not in both lists."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule
from analyzer.rules.judging import judge
from analyzer.rules.line_facts import LineFacts


def _check_line(facts: LineFacts) -> Result:
    return judge(facts, facts.negotiation.mutual)


RULE = Rule(
    id="PRI-001",
    title="Choice is not common to both sides",
    citation="policy (compare RFC 3264 §6.1, RFC 4568 §5.1.2)",
    level=Level.POLICY,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER, Need.LISTS),
    remediation="Refuse an answer that names what was not offered, and repair the responder's selection.",
    meaning=Meaning(
        passes="Key agreement and suite that were chosen stand in the lists of both sides.",
        fails="The choice was not offered, or is not in the list that the responder itself sent.",
        unknown="The offer, the answer or a list that would settle it was not seen.",
        not_applicable="Nothing was chosen.",
    ),
    check_line=_check_line,
)
