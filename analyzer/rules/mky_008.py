# SPDX-License-Identifier: GPL-2.0-only
"""MKY-008: a Diffie-Hellman value serves two bundles."""

from analyzer.model.keying import MikeyEvidence, Shared
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import cited, compared, refs_of, reuses_of, unreadable
from dissectors.grammar.mikey import Dh

_REUSED = "A Diffie-Hellman value served an earlier bundle: whoever learns its exponent opens both calls."
_NOTHING = not_applicable("No Diffie-Hellman value was exchanged.")
_GUARDS = ("an element between the parties may have answered in the name of both",)


def _is_judged(evidence: MikeyEvidence) -> bool:
    return evidence.message is not None and evidence.message.find(Dh) is not None


def _check(facts: MikeyFacts) -> Result:
    reuses = reuses_of(facts, Shared.DH_VALUE)
    if reuses:
        return failed(
            _REUSED,
            cited(reuses),
            _GUARDS,
        )
    gap = unreadable(facts)
    if gap is not None:
        return gap
    judged = [one for one in facts.mikey if _is_judged(one)]
    return passed(f"The Diffie-Hellman values are new: {compared(facts)}.", refs_of(judged)) if judged else _NOTHING


RULE = Rule(
    id="MKY-008",
    title="Diffie-Hellman value used twice",
    citation="RFC 3830 §3.3",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Make both sides choose a new random exponent for every exchange.",
    meaning=Meaning(
        passes="No earlier bundle in the capture set has these public values.",
        fails="The public value of a side is that of an earlier bundle.",
        unknown="A MIKEY message of the offer can't be read.",
        not_applicable="No Diffie-Hellman value was exchanged.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
