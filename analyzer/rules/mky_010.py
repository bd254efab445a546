# SPDX-License-Identifier: GPL-2.0-only
"""MKY-010: a CSB ID comes twice between two parties, or a response does not repeat the initiator's CSB ID and T."""

from analyzer.model.call import Side
from analyzer.model.keying import MikeyEvidence, Shared
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.outcome import Confidence, OutcomeValue, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.mikey_reuse import cited, compared, initiators_messages, refs_of, reuses_of, unreadable
from analyzer.rules.protection import is_pending
from dissectors.grammar.mikey import Timestamp
from dissectors.grammar.mikey.registries import DataType

_NOTHING = not_applicable("No initiator's MIKEY message was offered.")
_GUARDS = ("an element between the parties may have answered from another exchange",)
# Their responders send a timestamp of their own (RFC 6043 §4.2.1.5).
OWN_TIMESTAMP = frozenset({"MIKEY-TICKET"})


def _differs(response: MikeyEvidence, offered: list[MikeyEvidence]) -> str:
    """What the response does not repeat of the message of its mode that it may answer; "" where all is well."""
    if response.message is None or response.message.header.data_type == DataType.ERROR:
        return ""
    method = MIKEY_MODES.get(response.message.header.data_type)
    messages = [one.message for one in offered if one.message is not None]
    same_mode = [one for one in messages if MIKEY_MODES.get(one.header.data_type) == method]
    if not same_mode:
        return ""
    answered = [one for one in same_mode if one.header.csb_id == response.message.header.csb_id]
    if not answered:
        return "The response has another CSB ID than the message that it answers."
    own, sent = response.message.find(Timestamp), answered[0].find(Timestamp)
    if method not in OWN_TIMESTAMP and own is not None and sent is not None and own.value != sent.value:
        return "The response has a timestamp of its own, not the initiator's."
    return ""


def _check_line(facts: LineFacts) -> Result:
    found = _check(facts)
    if found.value is OutcomeValue.PASS and is_pending(facts.line):
        return unknown("answer", "The CSB ID is new; whether a response repeats it was not seen.", found.refs)
    return found


def _check(facts: MikeyFacts) -> Result:
    offered = list(initiators_messages(facts))
    responses = [one for one in facts.mikey if one.side is Side.ANSWERER]
    for response in responses:
        text = _differs(response, offered)
        if text:
            return failed(text, refs_of((*offered, response)), _GUARDS)
    reuses = reuses_of(facts, Shared.CSB_ID)
    if reuses:
        return failed("The two parties used this CSB ID for another bundle before.", cited(reuses))
    gap = unreadable(facts)
    if gap is not None:
        return gap
    return passed(f"The CSB ID is new: {compared(facts)}.", refs_of(offered)) if offered else _NOTHING


RULE = Rule(
    id="MKY-010",
    title="CSB ID used twice, or it or the timestamp not repeated",
    citation="RFC 3830 §6.1",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Choose a new CSB ID for each bundle; make the responder repeat CSB ID and timestamp as they came.",
    meaning=Meaning(
        passes="No other call of the two parties in the capture set has this CSB ID, and a response that was seen"
        " repeats it and the initiator's timestamp.",
        fails="Another call of the two parties has this CSB ID, or a response differs in CSB ID or timestamp.",
        unknown="A MIKEY message of the offer can't be read, or neither answer nor refusal was seen.",
        not_applicable="No initiator's MIKEY message was offered.",
    ),
    check_line=_check_line,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
