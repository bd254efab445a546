# SPDX-License-Identifier: GPL-2.0-only
"""MKY-011: an update of a crypto session bundle carries what an update must not."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import unreadable

_NOTHING = not_applicable("No MIKEY message updates an earlier one of this call.")


def _check(facts: MikeyFacts) -> Result:
    updates = facts.freshness.updates
    refs = tuple(dict.fromkeys(ref for update in updates for ref in (update.ref, update.initial)))
    faults = dict.fromkeys(fault for update in updates for fault in update.faults)
    if faults:
        return failed(f"The update breaks the rules for one: {'; '.join(faults)}.", refs)
    gap = unreadable(facts)
    if gap is not None:
        return gap
    return passed("The update keeps the CSB ID, and has a new timestamp and no RAND.", refs) if updates else _NOTHING


RULE = Rule(
    id="MKY-011",
    title="MIKEY update with a RAND or an old timestamp",
    citation="RFC 3830 §4.5",
    level=Level.MUST_NOT,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Send updates with the first exchange's CSB ID, a new timestamp and no RAND, or begin a new bundle.",
    meaning=Meaning(
        passes="Each message that updates the bundle of this call has a new timestamp and no RAND.",
        fails="A later message of the call with the same CSB ID carries a RAND or the old timestamp.",
        unknown="A MIKEY message of the offer can't be read.",
        not_applicable="No MIKEY message updates an earlier one of this call.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
