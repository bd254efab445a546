# SPDX-License-Identifier: GPL-2.0-only
"""PRI-009: nothing is common to both lists, and the call goes on all the same."""

from analyzer.model.negotiation import Method
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.protection import is_pending


def _check_line(facts: LineFacts) -> Result:
    common = {one.kind: one.agreed for one in facts.negotiation.prospects if one.method is Method.AUTOMATIC}
    if not common:
        return not_applicable("Nothing was offered that needs a common capability.")
    went_on = facts.agreed_proto is not None or any(one.packets for one in facts.streams)
    empty = [kind.replace("_", " ") for kind, agreed in common.items() if agreed is False]
    if empty and went_on:
        return failed(f"The lists have no {' and no '.join(empty)} in common, and the call went on.", facts.refs)
    if empty and is_pending(facts.line):
        return unknown("answer", "Nothing is common, and what became of the offer was not seen.", facts.refs)
    if empty:
        return passed("Nothing is common, and the call ended, as it should.", facts.refs)
    if not went_on and not is_pending(facts.line):
        return passed("The call did not go on.", facts.refs)
    if None in common.values():
        return unknown("preference-lists", "Whether anything is common depends on a list nobody sent.", facts.refs)
    return passed("Something is common to both sides.", facts.refs)


RULE = Rule(
    id="PRI-009",
    title="Nothing is common, and the call went on",
    citation="policy (compare RFC 4567 §8, §4.1.2)",
    level=Level.POLICY,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.LISTS, Need.ANSWER),
    remediation="End the call with 488 where nothing is common; never fall back to clear media.",
    meaning=Meaning(
        passes="Something is common to both sides, or the call ended.",
        fails="The lists of both sides have nothing in common, and the offer was accepted or media flowed.",
        unknown="A list that would settle it, or the answer, was not seen.",
        not_applicable="Nothing was offered that needs a common capability.",
    ),
    check_line=_check_line,
)
