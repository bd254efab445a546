# SPDX-License-Identifier: GPL-2.0-only
"""MKY-007: one RAND in two crypto session bundles."""

from analyzer.model.keying import MikeyEvidence, Shared
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import cited, compared, initiators_messages, refs_of, reuses_of, unreadable
from dissectors.grammar.mikey import Rand

_NOTHING = not_applicable("No MIKEY message with a RAND was offered.")
_GUARDS = ("an element between the parties may have set up both bundles on purpose",)


def _is_judged(evidence: MikeyEvidence) -> bool:
    return evidence.message is not None and evidence.message.find(Rand) is not None


def _check(facts: MikeyFacts) -> Result:
    reuses = reuses_of(facts, Shared.RAND)
    if reuses:
        return failed("The RAND of this bundle is that of an earlier one.", cited(reuses), _GUARDS)
    gap = unreadable(facts)
    if gap is not None:
        return gap
    judged = [one for one in initiators_messages(facts) if _is_judged(one)]
    return passed(f"The RAND is new: {compared(facts)}.", refs_of(judged)) if judged else _NOTHING


RULE = Rule(
    id="MKY-007",
    title="MIKEY RAND used in two bundles",
    citation="RFC 3830 §6.11",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Repair the initiator's random generator. A RAND of less than 16 octets is another defect.",
    meaning=Meaning(
        passes="No earlier bundle in the capture set has this RAND.",
        fails="A crypto session bundle has the RAND of another one.",
        unknown="A MIKEY message of the offer can't be read.",
        not_applicable="No MIKEY message with a RAND was offered.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
