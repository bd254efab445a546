# SPDX-License-Identifier: GPL-2.0-only
"""SDE-011: crypto lines were accepted under which SRTP is not authenticated."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, passed
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sdes import NOT_CHOSEN, find_gap

_GUARDS = ("an element between the parties may have put the parameter in: compare both of its legs",)


def _check_line(facts: LineFacts) -> Result:
    accepted = facts.keying.accepted_crypto
    if any(line.unauthenticated_srtp for line in accepted):
        return failed("The accepted crypto line says UNAUTHENTICATED_SRTP.", facts.refs, _GUARDS)
    gap = find_gap(facts)
    if gap is not None and not accepted:
        return gap
    return passed("Nothing in the accepted crypto line switches authentication off.", facts.refs)


RULE = Rule(
    id="SDE-011",
    title="SDES without authentication accepted",
    citation="RFC 4568 §6.3.3, §6.4.1",
    level=Level.SHOULD,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Make both sides refuse UNAUTHENTICATED_SRTP: whoever is on the way can alter such packets, and add"
    " some of any SSRC.",
    meaning=Meaning(
        passes="The accepted crypto line authenticates SRTP.",
        fails="The accepted crypto line has UNAUTHENTICATED_SRTP, which is NOT RECOMMENDED.",
        unknown="SDES was offered; no answer was seen.",
        not_applicable="SDES was not chosen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, NOT_CHOSEN),
)
