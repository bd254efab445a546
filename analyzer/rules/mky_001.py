# SPDX-License-Identifier: GPL-2.0-only
"""MKY-001: MIKEY transports its keys without encryption in readable signalling."""

from analyzer.model.call import Side
from analyzer.model.keying import MikeyEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sig_002 import PROTECTED_TRANSPORTS
from dissectors.grammar.mikey import Kemac
from dissectors.grammar.mikey.registries import EncryptionAlgorithm

_NO_TRANSPORT = not_applicable("No MIKEY message transports keys.")


def _transported(evidence: MikeyEvidence) -> tuple[Kemac, ...]:
    if evidence.message is None:
        return ()
    return tuple(one for one in evidence.message.find_all(Kemac) if len(one.data))


def _in_clear(facts: LineFacts, evidence: MikeyEvidence) -> bool:
    side = facts.line.offer if evidence.side is Side.OFFERER else facts.line.answer
    if side is not None and side.body.message.transport in PROTECTED_TRANSPORTS:
        return False
    return any(one.encryption_algorithm == EncryptionAlgorithm.NULL for one in _transported(evidence))


def _check_line(facts: LineFacts) -> Result:
    messages = facts.mikey
    if not messages:
        return _NO_TRANSPORT
    clear = tuple(dict.fromkeys(one.ref for one in messages if _in_clear(facts, one)))
    if clear:
        return failed("MIKEY carries its keys unencrypted in readable signalling.", clear)
    if any(one.message is None for one in messages):
        return unknown("readable-mikey", "A MIKEY message can't be read.", tuple(one.ref for one in messages))
    carriers = tuple(dict.fromkeys(one.ref for one in messages if _transported(one)))
    return passed("Keys are transported encrypted.", carriers) if carriers else _NO_TRANSPORT


RULE = Rule(
    id="MKY-001",
    title="MIKEY key transport without encryption",
    citation="RFC 3830 §4.2.3",
    level=Level.MUST_NOT,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Configure AES-CM-128 as the key encryption of MIKEY, and treat the keys of captured calls as known.",
    meaning=Meaning(
        passes="Every MIKEY message that transports keys encrypts them, or came in protected signalling.",
        fails="A KEMAC payload with key data has the NULL encryption algorithm, in readable signalling.",
        unknown="A MIKEY message can't be read.",
        not_applicable="No MIKEY message transports keys.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.MIKEY, _NO_TRANSPORT),
)
