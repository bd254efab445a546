# SPDX-License-Identifier: GPL-2.0-only
"""SDE-006: the answer names a crypto line that was not offered."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, passed
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sdes import NOT_CHOSEN, find_gap
from dissectors.grammar.sdes import canonical_suite

_GUARDS = ("an element between the parties may have rewritten the offer: compare both of its legs",)


def _check_line(facts: LineFacts) -> Result:
    gap = find_gap(facts)
    if gap is not None:
        return gap
    offered = {(one.tag, canonical_suite(one.suite)) for one in facts.keying.offered_crypto}
    refs = facts.refs
    for one in facts.keying.accepted_crypto:
        if (one.tag, canonical_suite(one.suite)) not in offered:
            return failed(f"The answer takes tag {one.tag} with a suite that was not offered under it.", refs, _GUARDS)
    return passed("Tag and suite of the answer were offered.", refs)


RULE = Rule(
    id="SDE-006",
    title="Answered crypto line was not offered",
    citation="RFC 4568 §5.1.2, §5.1.3",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Make the answerer repeat tag and suite of the line it accepts, and end calls answered otherwise.",
    meaning=Meaning(
        passes="Tag and suite of the answer stand together in the offer.",
        fails="The answer names a tag or a suite that the offer does not have, or joins them otherwise.",
        unknown="SDES was offered or answered, and the other side of the exchange was not seen.",
        not_applicable="SDES was not chosen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, NOT_CHOSEN),
)
