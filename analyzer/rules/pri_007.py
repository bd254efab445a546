# SPDX-License-Identifier: GPL-2.0-only
"""PRI-007: what was chosen does not fit the message that keys it."""

from analyzer.model.call import Side
from analyzer.model.outcome import Confidence, Severity
from analyzer.negotiation.carriers.mikey_lines import select_messages
from analyzer.negotiation.compatibility import find_misfits, is_response
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from analyzer.rules.protection import is_pending


def _check_line(facts: LineFacts) -> Result:
    offered = select_messages(facts.mikey, Side.OFFERER)
    answered = select_messages(facts.mikey, Side.ANSWERER)
    has_configurations = facts.line.answer is not None and facts.line.answer.media.attribute("acfg") is not None
    if not (offered or answered or has_configurations):
        return not_applicable("Neither MIKEY nor capability negotiation was used.")
    misfits = find_misfits(facts.line, offered, answered, facts.negotiation.chosen.key_agreement)
    if misfits:
        return failed(" ".join(misfits), facts.refs)
    if is_pending(facts.line):
        return unknown("answer", "The answer to the offer was not seen.", facts.refs)
    if any(one.message is None for one in (*offered, *answered)):
        return unknown("readable-mikey", "A MIKEY message can't be read.", facts.refs)
    if facts.negotiation.chosen.key_agreement is None:
        return not_applicable("Nothing was chosen.")
    if answered and not (has_configurations or any(map(is_response, answered))):
        return not_applicable("Each side keys its own direction with a message of its own.")
    return passed("Key agreement and suite are of one offered message.", facts.refs)


RULE = Rule(
    id="PRI-007",
    title="Choice does not fit the MIKEY message that was sent",
    citation="policy (compare RFC 3830 §6.1, RFC 5939 §3.5.2)",
    level=Level.POLICY,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Answer the one message whose key agreement was chosen, with its CSB ID, a policy of its own and the"
    " hash of the list it carries.",
    meaning=Meaning(
        passes="The answer's data type, CSB ID, policy and configuration are those of one offered message.",
        fails="The answer mixes what belongs to different messages, lists or configurations of the offer.",
        unknown="The answer was not seen, or a message can't be read.",
        not_applicable="Neither MIKEY nor capability negotiation was used, nothing was chosen, or each side keys its"
        " own direction.",
    ),
    check_line=_check_line,
)
