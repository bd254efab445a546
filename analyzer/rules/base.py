# SPDX-License-Identifier: GPL-2.0-only
"""What a rule is: its text, and pure checks of the things it speaks of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

from analyzer.model.call import Call
from analyzer.model.evidence import AnySignalling, FrameRef
from analyzer.model.keying import StreamAudit
from analyzer.model.outcome import Confidence, OutcomeValue, Severity
from analyzer.model.report import AuditedMedia
from analyzer.model.words import Word
from analyzer.rules.exchange_facts import ExchangeFacts
from analyzer.rules.line_facts import LineFacts, Subject
from dissectors.grammar.late_dataclass import dataclass


class Level(Word):
    """The requirement level of the cited clause (RFC 2119), or the auditor's own demand."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    REQUIRED = "REQUIRED"
    SHALL = "SHALL"
    SHOULD = "SHOULD"
    POLICY = "policy"


_RANK = {OutcomeValue.FAIL: 0, OutcomeValue.UNKNOWN: 1, OutcomeValue.PASS: 2}


class Need(Word):
    """A kind of evidence a rule can't do without."""

    SIGNALLING = "signalling"
    OFFER = "offer"
    ANSWER = "answer"
    LISTS = "preference lists"
    MEDIA = "media"
    KEYS = "keys"


class Result(NamedTuple):
    """What a check found; `confidence` is None where the rule's own holds."""

    value: OutcomeValue
    explanation: str
    refs: tuple[FrameRef, ...] = ()
    missing: str = ""
    guards: tuple[str, ...] = ()
    confidence: Confidence | None = None


class Meaning(NamedTuple):
    """What each outcome of a rule means, in plain words."""

    passes: str
    fails: str
    unknown: str
    not_applicable: str


class Parameter(NamedTuple):
    """A whole number that a rule asks its policy for, `default` where that says nothing; never below `least`."""

    name: str  # with its unit
    default: int
    least: int
    meaning: str


class Absent(NamedTuple):
    """What a rule says of a media line on which its subject does not occur: the check would find the same."""

    subject: Subject
    result: Result


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; each check it has is a pure function of the evidence and of the rule's `parameters`, its keywords.

    No check sees the policy: the runner asks `tuned` for the rule with the values in force.

    `check_call` speaks once of a whole call, `check_line` of each media line and exchange, `check_bare_call` of a
    call whose media lines were not seen, `check_stream` of a stream of no call (None: nothing to say), `check_message`
    of a message outside calls, `check_messages` of all those with one Call-ID, by frame, where there is anything to
    say, and `check_exchange` of a MIKEY exchange outside them. `absent` spares `check_line` the lines that it has
    nothing to say of.
    """

    id: str
    title: str
    citation: str
    level: Level
    severity: Severity
    confidence: Confidence
    needs: tuple[Need, ...]
    remediation: str
    meaning: Meaning
    check_call: Callable[[Call, tuple[AuditedMedia, ...]], Result] | None = None
    check_line: Callable[[LineFacts], Result] | None = None
    check_bare_call: Callable[[Call], Result] | None = None
    check_stream: Callable[[StreamAudit], Result | None] | None = None
    check_message: Callable[[AnySignalling], Result] | None = None
    check_exchange: Callable[[ExchangeFacts], Result] | None = None
    absent: Absent | None = None
    check_messages: Callable[[Sequence[AnySignalling]], Mapping[FrameRef, Result]] | None = None
    parameters: tuple[Parameter, ...] = ()

    def tuned(self, values: Iterable[tuple[str, int]]) -> "Rule":
        """The rule whose checks have these values for its parameters."""
        given = dict(values)
        if not given:
            return self
        checks: dict[str, Any] = {name: getattr(self, name) for name in _CHECKS}
        tuned: dict[str, Any] = {name: partial(check, **given) for name, check in checks.items() if check is not None}
        return replace(self, **tuned)


_CHECKS = tuple(field.name for field in fields(Rule) if field.name.startswith("check_"))


def passed(explanation: str, refs: tuple[FrameRef, ...] = (), confidence: Confidence | None = None) -> Result:
    """The evidence shows that the rule is kept."""
    return Result(OutcomeValue.PASS, explanation, refs, confidence=confidence)


def failed(
    explanation: str,
    refs: tuple[FrameRef, ...],
    guards: tuple[str, ...] = (),
    confidence: Confidence | None = None,
) -> Result:
    """The frames in `refs` show that the rule is broken; `guards` are the benign explanations left."""
    return Result(OutcomeValue.FAIL, explanation, refs, guards=guards, confidence=confidence)


def unknown(missing: str, explanation: str, refs: tuple[FrameRef, ...] = ()) -> Result:
    """The evidence tells neither way; `missing` is the short code of what would tell."""
    return Result(OutcomeValue.UNKNOWN, explanation, refs, missing)


def worst_of(results: Iterable[Result], otherwise: Result) -> Result:
    """The first failure, else the first unknown, else the first pass; `otherwise` where there is none of them."""
    return min(results, key=lambda one: _RANK.get(one.value, len(_RANK)), default=otherwise)


def not_applicable(explanation: str) -> Result:
    """What the rule speaks of does not occur."""
    return Result(OutcomeValue.NOT_APPLICABLE, explanation)
