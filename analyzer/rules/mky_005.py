# SPDX-License-Identifier: GPL-2.0-only
"""MKY-005: an initiator uses one timestamp for two messages."""

from analyzer.model.keying import MikeyEvidence, Shared
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import cited, compared, initiators_messages, refs_of, reuses_of, unreadable
from dissectors.grammar.mikey import Timestamp

_NOTHING = not_applicable("No initiator's message with a timestamp was offered.")
_GUARDS = ("the two messages may come from devices that share one identity",)


def _is_judged(evidence: MikeyEvidence) -> bool:
    return evidence.message is not None and evidence.message.find(Timestamp) is not None


def _check(facts: MikeyFacts) -> Result:
    reuses = reuses_of(facts, Shared.TIMESTAMP)
    if reuses:
        return failed("The initiator sent another message with the same timestamp before.", cited(reuses), _GUARDS)
    gap = unreadable(facts)
    if gap is not None:
        return gap
    judged = [one for one in initiators_messages(facts) if _is_judged(one)]
    return passed(f"The initiator's timestamps are new: {compared(facts)}.", refs_of(judged)) if judged else _NOTHING


RULE = Rule(
    id="MKY-005",
    title="MIKEY timestamp used twice",
    citation="RFC 3830 §5.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Make the initiator take a new timestamp for each message; one used twice repeats KEMAC's IV.",
    meaning=Meaning(
        passes="No earlier message of this initiator in the capture set has this timestamp.",
        fails="Two messages of one initiator have equal timestamps and differ in other octets.",
        unknown="A MIKEY message of the offer can't be read.",
        not_applicable="No MIKEY message with a timestamp was offered.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
