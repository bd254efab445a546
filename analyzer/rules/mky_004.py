# SPDX-License-Identifier: GPL-2.0-only
"""MKY-004: a MIKEY message is replayed, and the responder takes it."""

from collections.abc import Callable

from analyzer.model.call import Resolution
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import Shared
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.exchange_facts import ExchangeFacts, MikeyFacts
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.mikey_reuse import cited, compared, initiators_messages, refs_of, reuses_of, unreadable

_NOTHING = not_applicable("No initiator's MIKEY message was offered.")
_GUARDS = ("an element between the parties may have repeated the call: compare both of its legs",)


def _check(facts: MikeyFacts, judge_replay: Callable[[tuple[FrameRef, ...]], Result]) -> Result:
    repeated = reuses_of(facts, Shared.MESSAGE)
    replayed = [one for one in repeated if one.settled]
    if replayed:
        return judge_replay(cited(replayed))
    if repeated:
        text = "The message was in another exchange that was not over: both may be legs of one call, or one sent again."
        return unknown("leg-unpaired", text, cited(repeated))
    gap = unreadable(facts)
    if gap is not None:
        return gap
    messages = initiators_messages(facts)
    return passed(f"The message was not sent before: {compared(facts)}.", refs_of(messages)) if messages else _NOTHING


def _check_line(facts: LineFacts) -> Result:
    return _check(facts, lambda refs: _judge_in_call(facts, refs))


def _check_exchange(facts: ExchangeFacts) -> Result:
    return _check(facts, lambda refs: _judge_outside(facts, refs))


def _judge_outside(facts: ExchangeFacts, refs: tuple[FrameRef, ...]) -> Result:
    if facts.taken is None:
        return unknown("answer", "The message is that of an earlier exchange; whether it was taken was not seen.", refs)
    if not facts.taken:
        return passed("The message is that of an earlier exchange, and was refused.", refs)
    return failed("The message is that of an earlier exchange, and was answered.", refs, _GUARDS)


def _judge_in_call(facts: LineFacts, refs: tuple[FrameRef, ...]) -> Result:
    if facts.line.exchange.resolution is Resolution.UNANSWERED:
        return unknown("answer", "The message is that of an earlier call; whether it was taken was not seen.", refs)
    if facts.agreed_proto is None:
        return passed("The message is that of an earlier call, and the offer was refused.", refs)
    if not (facts.keying.method or "").startswith("MIKEY-"):
        return passed("The message is that of an earlier call, and the answer took other keying.", refs)
    return failed("The message is that of an earlier call, and the offer was accepted.", refs, _GUARDS)


RULE = Rule(
    id="MKY-004",
    title="MIKEY message replayed",
    citation="RFC 3830 §5.4",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING, Need.ANSWER),
    remediation="Give the responder a replay cache, as long as the clock skew that it allows.",
    meaning=Meaning(
        passes="The message is in no earlier call of the capture set, or the repeated offer was not taken.",
        fails="The octets are those of a message in an earlier call that was over, and the offer was accepted.",
        unknown="The repeated offer's answer was not seen, the earlier call was not over (so that both may be legs of"
        " one call), or a message can't be read.",
        not_applicable="No initiator's MIKEY message was offered.",
    ),
    check_line=_check_line,
    check_exchange=_check_exchange,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
