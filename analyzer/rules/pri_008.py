# SPDX-License-Identifier: GPL-2.0-only
"""PRI-008: a list that prefers the weaker to the stronger."""

from analyzer.model.negotiation import CapabilityKind, Negotiation
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

_GUARDS = ("a list may put a weaker capability first on purpose, for a slow processor or a narrow link",)


def _check_line(facts: LineFacts) -> Result:
    negotiation = facts.negotiation
    if negotiation.inversions:
        texts = [f"The {one.side} prefers {one.preferred} to {one.stronger}." for one in negotiation.inversions]
        return failed(" ".join(texts), facts.refs, _GUARDS)
    if negotiation.unranked:
        text = f"The policy has no strength for {', '.join(negotiation.unranked)}."
        return unknown("strength", text, facts.refs)
    if not _has_order(negotiation):
        return not_applicable("No list put several capabilities in an order.")
    return passed("No list prefers a weaker capability to a stronger one.", facts.refs)


def _has_order(negotiation: Negotiation) -> bool:
    for preferences in (negotiation.offer_preferences, negotiation.answer_preferences or ()):
        for kind in CapabilityKind:
            if len({one.name for one in preferences if one.kind is kind and one.priority is not None}) > 1:
                return True
    return False


RULE = Rule(
    id="PRI-008",
    title="Weaker capability is preferred to a stronger one",
    citation="RFC 4568 §5.1.1",
    level=Level.SHOULD,
    severity=Severity.LOW,
    confidence=Confidence.C3,
    needs=(Need.LISTS,),
    remediation="Put the strongest capability first, unless there is a reason that the policy knows.",
    meaning=Meaning(
        passes="No list prefers a weaker capability, by the policy's strengths, to a stronger one.",
        fails="A list prefers a weaker capability to a stronger one.",
        unknown="The policy has no strength for a capability in an order.",
        not_applicable="No list put several capabilities in an order.",
    ),
    check_line=_check_line,
)
