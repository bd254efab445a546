# SPDX-License-Identifier: GPL-2.0-only
"""PRI-004: numbers of a priority list that tell no order."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.negotiation.echoes import raw_lists
from analyzer.negotiation.numbering import find_numbering_faults, has_written_numbers
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_MAX_TOLD = 3


def _check_line(facts: LineFacts) -> Result:
    faults = find_numbering_faults(facts.negotiation)
    if faults:
        more = f" And {len(faults) - _MAX_TOLD} more." if len(faults) > _MAX_TOLD else ""
        return failed(" ".join(faults[:_MAX_TOLD]) + more, facts.refs)
    unread = tuple(one.evidence.ref for one in raw_lists(facts.mikey) if one.parsed is None)
    if unread:
        return unknown("readable-list", "A General Extension of type 241 holds no list that can be read.", unread)
    if not has_written_numbers(facts.negotiation):
        return not_applicable("No list came with numbers.")
    return passed(
        "Every number of the lists stands for one capability, from 0 on where the list is explicit.", facts.refs
    )


RULE = Rule(
    id="PRI-004",
    title="Priorities are duplicate, negative, missing or not contiguous",
    citation="policy (compare RFC 3329 §2.2, RFC 5939 §3.5.1)",
    level=Level.POLICY,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.LISTS,),
    remediation="Number each list from 0 without gaps, one number for each capability, and number all that is offered:"
    " a gap steers a sum, and a shared number leaves the choice to the tie-break.",
    meaning=Meaning(
        passes="Each capability of a list with written numbers has one number of its own, without gaps.",
        fails="A number is negative, given twice, shared, skipped or missing.",
        unknown="A message carries an extension for priorities that can't be read.",
        not_applicable="No list came with written numbers.",
    ),
    check_line=_check_line,
)
