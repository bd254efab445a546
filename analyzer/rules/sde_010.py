# SPDX-License-Identifier: GPL-2.0-only
"""SDE-010: crypto lines were accepted under which SRTP or SRTCP is not encrypted."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, passed
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sdes import NOT_CHOSEN, find_gap
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.sdes import CryptoAttribute

_GUARDS = ("an element between the parties may have put the parameter in: compare both of its legs",)


def _switched_off(line: CryptoAttribute) -> tuple[str, ...]:
    """The words by which a line asks for packets that are not encrypted."""
    suite = suite_by_name(line.suite)
    null = (suite.name,) if suite is not None and not suite.encrypts else ()
    flags = (("UNENCRYPTED_SRTP", line.unencrypted_srtp), ("UNENCRYPTED_SRTCP", line.unencrypted_srtcp))
    return (*null, *(name for name, is_set in flags if is_set))


def _check_line(facts: LineFacts) -> Result:
    found = dict.fromkeys(word for line in facts.keying.accepted_crypto for word in _switched_off(line))
    if found:
        return failed(f"The accepted crypto line says {', '.join(found)}.", facts.refs, _GUARDS)
    gap = find_gap(facts)
    if gap is not None and not facts.keying.accepted_crypto:
        return gap
    return passed("Nothing in the accepted crypto line switches encryption off.", facts.refs)


RULE = Rule(
    id="SDE-010",
    title="SDES without encryption accepted",
    citation="RFC 4568 §6.3.2, §8.3",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Make both sides refuse UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP and suites with a NULL cipher; protect the"
    " signalling, in which anybody else on the way can put the parameter in.",
    meaning=Meaning(
        passes="The accepted crypto line encrypts SRTP and SRTCP.",
        fails="The accepted crypto line has UNENCRYPTED_SRTP or UNENCRYPTED_SRTCP, or a suite with a NULL cipher.",
        unknown="SDES was offered; no answer was seen.",
        not_applicable="SDES was not chosen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, NOT_CHOSEN),
)
