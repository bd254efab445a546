# SPDX-License-Identifier: GPL-2.0-only
"""PRO-004: a secure profile was accepted with nothing to key it."""

from analyzer.model.call import Side
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules import protection
from analyzer.rules.base import Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts
from dissectors.grammar.mikey import Header
from dissectors.grammar.mikey.registries import DataType

_NOT_AGREED = not_applicable("RTP/SAVP was not agreed.")
_ONE_WAY = not_applicable("The offer's MIKEY message asks for no response.")
_IN_BAND = not_applicable("The media is keyed in band by ZRTP.")
_MAY_BE_ONE_WAY = frozenset((DataType.PRE_SHARED, DataType.PUBLIC_KEY, DataType.SAKKE_MSG))
_GUARDS = ("the key may follow in a later UPDATE or re-INVITE",)


def _is_one_way(header: Header) -> bool:
    return header.data_type in _MAY_BE_ONE_WAY and not header.v


def _judge_bare(facts: LineFacts) -> Result:
    """An accepted secure line without keying: a MIKEY message with V=0 needs no answer (RFC 3830 §3.1, §3.2)."""
    line = facts.line
    refs = facts.refs
    if line.zrtp:
        return _IN_BAND
    if line.offer is None:
        return unknown("signalling-unseen", "The offer was not seen; it may need no keying in the answer.", refs)
    offered = [one.message for one in facts.keying.mikey if one.side is Side.OFFERER]
    if any(message is not None and _is_one_way(message.header) for message in offered):
        return _ONE_WAY
    if None in offered:
        return unknown("key-mgmt", "The offer's key management can't be read; it may need no answer.", refs)
    return failed("The answer accepts RTP/SAVP but has neither crypto, key-mgmt nor fingerprint.", refs, _GUARDS)


def _check_line(facts: LineFacts) -> Result:
    if facts.is_agreed_secure:
        if protection.accepted_keying(facts.line):
            return passed("The answer keys what it accepts.", facts.refs)
        return _judge_bare(facts)
    if facts.expects_srtp is None:
        return unknown("answer", "RTP/SAVP was offered; no answer was seen.", facts.refs)
    return _NOT_AGREED


RULE = Rule(
    id="PRO-004",
    title="Secure profile accepted without keying",
    citation="RFC 4568 §5.3, §7.4",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Refuse a secure media line whose keying is not understood, and end calls answered that way.",
    meaning=Meaning(
        passes="The answer to the secure line carries keying.",
        fails="The answer accepts RTP/SAVP or RTP/SAVPF without crypto, key-mgmt or fingerprint.",
        unknown="The answer was not seen, or the offer's key management can't be read.",
        not_applicable="No secure profile was agreed, or the offer's MIKEY message asks for no response.",
    ),
    check_line=_check_line,
)
