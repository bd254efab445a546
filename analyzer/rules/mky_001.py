# SPDX-License-Identifier: GPL-2.0-only
"""MKY-001: MIKEY transports its keys without encryption in readable signalling."""

from analyzer.model.keying import MikeyEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import refs_of
from analyzer.rules.sig_002 import FROM_AGENT, PROTECTED_TRANSPORTS
from dissectors.grammar.mikey import Kemac
from dissectors.grammar.mikey.registries import EncryptionAlgorithm

_NO_TRANSPORT = not_applicable("No MIKEY message transports keys.")


def _transported(evidence: MikeyEvidence) -> tuple[Kemac, ...]:
    if evidence.message is None:
        return ()
    return tuple(one for one in evidence.message.find_all(Kemac) if len(one.data))


def _is_open(evidence: MikeyEvidence) -> bool:
    """Whether the message transports keys that nothing in it encrypts, outside TLS."""
    if evidence.transport in PROTECTED_TRANSPORTS:
        return False
    return any(one.encryption_algorithm == EncryptionAlgorithm.NULL for one in _transported(evidence))


def _check(facts: MikeyFacts) -> Result:
    messages = facts.mikey
    if not messages:
        return _NO_TRANSPORT
    found = [one for one in messages if _is_open(one)]
    clear = refs_of(one for one in found if one.transport != FROM_AGENT)
    if clear:
        return failed("MIKEY carries its keys unencrypted in readable signalling.", clear)
    if found:
        why = "A capture agent sent messages that carry keys unencrypted; whether TLS protected them it does not say."
        return unknown("transport-unknown", why, refs_of(found))
    shut = [one for one in messages if one.message is None or not (one.message.is_read_whole or _transported(one))]
    if shut:
        return unknown("readable-mikey", "A MIKEY message can't be read to its end.", refs_of(shut))
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
        unknown="A MIKEY message can't be read to its end, or a capture agent does not say whether TLS protected it.",
        not_applicable="No MIKEY message transports keys.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NO_TRANSPORT),
)
