# SPDX-License-Identifier: GPL-2.0-only
"""How the negotiation's judgement of a choice becomes the result of a rule."""

from analyzer.model.evidence import FrameRef
from analyzer.model.negotiation import Judgement
from analyzer.rules.base import Result, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.protection import is_pending, stream_refs

GUARDS = ("an element between the parties may have rewritten offer or answer: compare both of its legs",)


def judge(facts: LineFacts, judgement: Judgement) -> Result:
    """Fail where the judgement does not hold, unknown where it can't be made."""
    if _is_choice_unseen(facts):
        return unknown("answer", "The answer that would tell the choice was not seen.", facts.refs)
    if not judgement.applies:
        return not_applicable(judgement.explanation)
    if judgement.holds is None:
        return unknown(judgement.missing or "preference-lists", judgement.explanation, _refs(facts))
    if judgement.holds:
        return passed(judgement.explanation, _refs(facts))
    return failed(judgement.explanation, _refs(facts), GUARDS)


def _is_choice_unseen(facts: LineFacts) -> bool:
    """Whether key agreements were offered, and the capture shows neither which was taken nor that none was."""
    found = facts.negotiation
    return found.chosen.key_agreement is None and bool(found.offer_preferences) and is_pending(facts.line)


def _refs(facts: LineFacts) -> tuple[FrameRef, ...]:
    """Offer and answer; the media where the choice was seen in band alone."""
    return facts.refs or stream_refs(facts.streams)
