# SPDX-License-Identifier: GPL-2.0-only
"""Apply the rules a policy selects to a call, a stream of no call, or a message outside calls."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Outcome, OutcomeValue, Severity
from analyzer.model.policy import Policy
from analyzer.model.report import AuditedMedia
from analyzer.rules.base import Result, Rule, not_applicable
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.registry import rule_by_id

_P = ParamSpec("_P")
_R = TypeVar("_R")
_NO_LINES = not_applicable("The call has no media line.")


def evaluate_call(call: Call, media: tuple[AuditedMedia, ...], policy: Policy) -> tuple[Outcome, ...]:
    """Every selected rule on a call: once, or once for each media line and exchange, in the order of the policy."""
    outcomes: list[Outcome] = []
    lines = [(LineFacts(audited), audited.line.index, audited.line.exchange.number) for audited in media]
    for rule, severity in _selected(policy):
        if rule.check_call is not None:
            outcomes.append(_outcome(rule, severity, _guarded(rule.check_call, call, media)))
        elif rule.check_line is not None and lines:
            for facts, index, exchange in lines:
                outcomes.append(_outcome(rule, severity, _guarded(rule.check_line, facts), index, exchange))
        else:
            bare = _NO_LINES if rule.check_bare_call is None else _guarded(rule.check_bare_call, call)
            outcomes.append(_outcome(rule, severity, bare))
    return tuple(outcomes)


@lru_cache(maxsize=16)
def _selected(policy: Policy) -> tuple[tuple[Rule, Severity], ...]:
    """The rules that a policy selects, and how severe it takes each to be."""
    return tuple((rule_by_id(setting.id), setting.severity) for setting in policy.rules)


def evaluate_stream(audit: StreamAudit, policy: Policy) -> tuple[Outcome, ...]:
    """The selected rules that speak of a stream without signalling."""
    outcomes: list[Outcome] = []
    for rule, severity in _selected(policy):
        if rule.check_stream is not None:
            result = _guarded(rule.check_stream, audit)
            if result is not None:
                outcomes.append(_outcome(rule, severity, result))
    return tuple(outcomes)


def evaluate_message(message: AnySignalling, policy: Policy) -> tuple[Outcome, ...]:
    """The selected rules that speak of a message outside calls."""
    outcomes: list[Outcome] = []
    for rule, severity in _selected(policy):
        if rule.check_message is not None:
            outcomes.append(_outcome(rule, severity, _guarded(rule.check_message, message)))
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
