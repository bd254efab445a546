# SPDX-License-Identifier: GPL-2.0-only
"""Apply the rules a policy selects to a call, or to a stream, a message or a MIKEY exchange outside calls."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, ParamSpec, TypeVar

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling, FrameRef
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, Outcome, OutcomeValue, Severity
from analyzer.model.policy import Policy
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Result, Rule, not_applicable
from analyzer.rules.exchange_facts import ExchangeFacts
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.registry import rule_by_id

_P = ParamSpec("_P")
_R = TypeVar("_R")
_NO_LINES = not_applicable("The call has no media line.")
_WAITING = Outcome("", OutcomeValue.ERROR, Severity.INFO, Confidence.C1, (), "Nobody asked.", "rule-error")


class _LinePlan(NamedTuple):
    """The outcomes of a media line by the places of their rules: those known beforehand, and the rules to be asked."""

    known: tuple[Outcome, ...]
    asked: tuple[tuple[int, Rule, Severity, Callable[[LineFacts], Result]], ...]


def evaluate_call(call: Call, media: tuple[AuditedMedia, ...], policy: Policy) -> tuple[Outcome, ...]:
    """Every selected rule on a call: once, or once for each media line and exchange, in the order of the policy."""
    lines = [_evaluate_line(audited, policy) for audited in media]
    if len(lines) == 1:
        outcomes = lines[0]
        for place, rule, severity in _rules_of_calls(policy):
            outcomes[place] = _outcome(rule, severity, _judge_call(rule, call, media))
        return tuple(outcomes)
    outcomes = []
    for place, (rule, severity) in enumerate(_selected(policy)):
        if lines and _is_of_lines(rule):
            outcomes += [line[place] for line in lines]
        else:
            outcomes.append(_outcome(rule, severity, _judge_call(rule, call, media)))
    return tuple(outcomes)


def _is_of_lines(rule: Rule) -> bool:
    """Whether a rule speaks of each media line by itself."""
    return rule.check_call is None and rule.check_line is not None


@lru_cache(maxsize=16)
def _rules_of_calls(policy: Policy) -> tuple[tuple[int, Rule, Severity], ...]:
    """The rules that speak of a call as a whole, with their places."""
    selected = enumerate(_selected(policy))
    return tuple((place, rule, severity) for place, (rule, severity) in selected if not _is_of_lines(rule))


def _judge_call(rule: Rule, call: Call, media: tuple[AuditedMedia, ...]) -> Result:
    """What a rule says of the call as a whole."""
    if rule.check_call is not None:
        return _guarded(rule.check_call, call, media)
    return _NO_LINES if rule.check_bare_call is None else _guarded(rule.check_bare_call, call)


def _evaluate_line(audited: AuditedMedia, policy: Policy) -> list[Outcome]:
    """The outcomes of one media line, each at the place of its rule; the places of other rules wait for theirs."""
    facts, index, exchange = LineFacts(audited), audited.line.index, audited.line.exchange.number
    plan = _line_plan(policy, facts.subjects, index, exchange)
    outcomes = list(plan.known)
    for place, rule, severity, check in plan.asked:
        outcomes[place] = _outcome(rule, severity, _guarded(check, facts), index, exchange)
    return outcomes


@lru_cache(maxsize=4096)
def _line_plan(policy: Policy, subjects: frozenset[Subject], index: int, exchange: int) -> _LinePlan:
    """What is the same for all lines of that place on which these subjects occur."""
    known, asked = [_WAITING] * len(policy.rules), []
    for place, (rule, severity) in enumerate(_selected(policy)):
        if rule.absent is not None and rule.absent.subject not in subjects:
            known[place] = _outcome(rule, severity, rule.absent.result, index, exchange)
        elif rule.check_call is None and rule.check_line is not None:
            asked.append((place, rule, severity, rule.check_line))
    return _LinePlan(tuple(known), tuple(asked))


@lru_cache(maxsize=16)
def _selected(policy: Policy) -> tuple[tuple[Rule, Severity], ...]:
    """The rules that a policy selects, with its values for their parameters, and how severe it takes each to be."""
    return tuple((rule_by_id(setting.id).tuned(setting.parameters), setting.severity) for setting in policy.rules)


def evaluate_stream(audit: StreamAudit, policy: Policy) -> tuple[Outcome, ...]:
    """The selected rules that speak of a stream without signalling."""
    outcomes: list[Outcome] = []
    for rule, severity in _selected(policy):
        if rule.check_stream is not None:
            result = _guarded(rule.check_stream, audit)
            if result is not None:
                outcomes.append(_outcome(rule, severity, result))
    return tuple(outcomes)


def evaluate_messages(messages: Sequence[AnySignalling], policy: Policy) -> tuple[tuple[Outcome, ...], ...]:
    """What the selected rules say of each of the messages outside calls, in time order."""
    groups: dict[str | None, list[AnySignalling]] = {}
    for message in messages:
        groups.setdefault(message.call_id, []).append(message)
    outcomes: list[list[Outcome]] = [[] for _ in messages]
    for rule, severity in _selected(policy):
        said: dict[FrameRef, Result] = {}
        if rule.check_messages is not None:
            for group in groups.values():
                found = _guarded(rule.check_messages, group)
                said.update({group[0].ref: found} if isinstance(found, Result) else found)
        for message, own in zip(messages, outcomes, strict=True):
            result = said.get(message.ref)
            if rule.check_message is not None:
                result = _guarded(rule.check_message, message)
            if result is not None:
                own.append(_outcome(rule, severity, result))
    return tuple(map(tuple, outcomes))


def evaluate_exchange(facts: ExchangeFacts, policy: Policy) -> tuple[Outcome, ...]:
    """The selected rules that speak of a MIKEY exchange outside calls."""
    outcomes: list[Outcome] = []
    for rule, severity in _selected(policy):
        if rule.check_exchange is not None:
            outcomes.append(_outcome(rule, severity, _guarded(rule.check_exchange, facts)))
    return tuple(outcomes)


def _guarded(check: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R | Result:
    """The result of a check; one that crashes has found nothing, and says so instead of ending the audit."""
    try:
        return check(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the one fence: a defect in one rule must not hide what the others found
        name = type(error).__name__  # its text could quote captured or secret octets
        explanation = f"The rule itself failed ({name}); nothing was found out."
        return Result(OutcomeValue.ERROR, explanation, missing="rule-error")


def _outcome(
    rule: Rule, severity: Severity, result: Result, media_index: int | None = None, exchange: int | None = None
) -> Outcome:
    value, explanation, refs, missing, guards, confidence = result
    confidence = confidence or rule.confidence
    return Outcome(rule.id, value, severity, confidence, refs, explanation, missing, media_index, exchange, guards)
