# SPDX-License-Identifier: GPL-2.0-only
"""The three questions about a choice, both categories together, in words; and the reasons they give a verdict."""

from collections.abc import Iterable, Sequence

from analyzer.model.negotiation import COMPUTED_RULES, Judgement
from analyzer.model.reasons import Reason
from analyzer.negotiation.category import Category, Gaps

NOTHING_CHOSEN = Judgement(False, None, "No key agreement was chosen.")
OFFER_LIST = "offer-preferences"
ANSWER_LIST = "answer-preferences"
CHOICE = "chosen-suite"


def judge_all(categories: Sequence[Category], *, line_offered: bool) -> tuple[Judgement, Judgement, Judgement]:
    """PRI-001, PRI-002 and PRI-003 for the choice; the first category is the key agreement's.

    `line_offered` is False where the accepted crypto line is none of those offered.
    """
    if categories[0].chosen is None:
        return NOTHING_CHOSEN, NOTHING_CHOSEN, NOTHING_CHOSEN
    return _mutual(categories, line_offered), _undominated(categories), _winner(categories)


def read_reasons(categories: Sequence[Category], *, line_offered: bool) -> set[Reason]:
    """What the lists alone give as reasons for a verdict."""
    if categories[0].chosen is None:
        return set()
    reasons = set() if line_offered else {Reason.CHOICE_NOT_OFFERED}
    for category in categories:
        reasons.update(_category_reasons(category))
    return reasons


def _category_reasons(category: Category) -> Iterable[Reason]:
    agreement = category.agreement
    if agreement is None:
        yield Reason.CHOICE_UNKNOWN if category.chosen is None else Reason.OFFER_UNREADABLE
        return
    if not agreement.mutual:
        yield Reason.CHOICE_NOT_OFFERED if not category.choice_offered else Reason.CHOICE_NOT_IN_RESPONDER_LIST
    if agreement.undominated is False:
        yield Reason.DOMINATED
    if agreement.winner is False:
        yield Reason.NOT_WINNER
    undecided = agreement.mutual and None in (agreement.undominated, agreement.winner)
    if undecided and category.rule in COMPUTED_RULES:
        if category.gaps.responder_list:
            yield Reason.RESPONDER_LIST_UNKNOWN
        if category.gaps.offered or category.gaps.answered:
            yield Reason.PRIORITY_UNKNOWN
    if agreement.mutual and not category.binding and agreement.undominated is not False:
        yield Reason.ORDER_NOT_BINDING


def _names(categories: Sequence[Category]) -> str:
    return " and ".join(category.chosen for category in categories if category.chosen is not None)


def _unreadable(categories: Sequence[Category]) -> Judgement | None:
    if all(category.agreement is not None for category in categories):
        return None
    if any(category.chosen is None for category in categories):
        return Judgement(True, None, "The suite that was chosen can't be told from what was seen.", CHOICE)
    return Judgement(True, None, "The list that was offered was not seen or can't be read.", OFFER_LIST)


def _mutual(categories: Sequence[Category], line_offered: bool) -> Judgement:
    for category in categories:
        if category.agreement is not None and not category.agreement.mutual:
            where = "in the list that the responder sent" if category.choice_offered else "in the offer"
            return Judgement(True, False, f"{category.chosen} is not {where}.")
    if not line_offered:
        return Judgement(
            True, False, "The accepted crypto line has not the tag, suite and parameters of an offered one."
        )
    return _unreadable(categories) or Judgement(True, True, f"{_names(categories)} stand in both lists.")


def _undominated(categories: Sequence[Category]) -> Judgement:
    common = [one for one in categories if one.agreement is None or one.agreement.mutual]
    if len(common) < len(categories):
        return Judgement(False, None, "The choice is not common to both sides, so nothing is compared with it.")
    for category in common:
        if category.agreement is not None and category.agreement.undominated is False:
            rivals = ", ".join(category.agreement.rivals) or "another capability"
            text = f"{rivals}: at least as good for both sides as {category.chosen}, and better for one."
            return Judgement(True, False, text)
    unreadable = _unreadable(common)
    if unreadable is not None:
        return unreadable
    for category in common:
        if category.agreement is not None and category.agreement.undominated is None:
            return _depends(f"Whether another capability is better than {category.chosen}", category.gaps)
    text = f"No common capability is as good for both sides as {_names(common)} and better for one."
    return Judgement(True, True, text)


def _winner(categories: Sequence[Category]) -> Judgement:
    for category in categories:
        if category.agreement is not None and category.agreement.winner is False:
            if category.skipped is not None:
                return Judgement(True, False, f"{category.skipped.explanation} and asks for nothing else.")
            if category.rule is None:
                return Judgement(True, False, f"{category.chosen} was chosen, and nothing was offered.")
            instead = f"gives {category.expected}" if category.expected else "does not give it"
            return Judgement(True, False, f"{category.chosen} was chosen, and the rule {category.rule} {instead}.")
    unreadable = _unreadable(categories)
    if unreadable is not None:
        return unreadable
    for category in categories:
        if category.agreement is not None and category.agreement.winner is None:
            if category.skipped is not None:
                text = f"{category.skipped.explanation}: whether the responder has its parameters is not known."
                return Judgement(True, None, text, ANSWER_LIST)
            return _depends(f"Whether the rule {category.rule} gives {category.chosen}", category.gaps)
    rules = " and ".join(dict.fromkeys(str(category.rule) for category in categories))
    return Judgement(True, True, f"{_names(categories)}: what the rule {rules} gives or allows.")


def _depends(question: str, gaps: Gaps) -> Judgement:
    """An open question, and what it depends on."""
    parts = ["the responder's list"] if gaps.responder_list else []
    for names, where in ((gaps.offered, "offered"), (gaps.answered, "in the responder's list")):
        if names:
            parts.append(f"the priority of {', '.join(names)}, which is {where} without one")
    text = f"{question} depends on {' and on '.join(parts) or 'what was not told'}."
    return Judgement(True, None, text, ANSWER_LIST if gaps.responder_list or gaps.answered else OFFER_LIST)
