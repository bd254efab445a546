# SPDX-License-Identifier: GPL-2.0-only
"""MKY-006: two messages encrypt different keys with one keystream."""

from analyzer.model.keying import MikeyEvidence, Shared
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import cited, compared, initiators_messages, refs_of, reuses_of, unreadable
from dissectors.grammar.mikey import Kemac
from dissectors.grammar.mikey.registries import EncryptionAlgorithm

_REUSED = "CSB ID, RAND and T are those of an earlier message: one keystream encrypts the key data of both."
_NOTHING = not_applicable("No MIKEY message transports keys under AES-CM.")
_GUARDS = ("the parties may have changed their pre-shared key between the two messages",)


def _is_judged(evidence: MikeyEvidence) -> bool:
    return (
        evidence.message is not None
        and (kemac := evidence.message.find(Kemac)) is not None
        and bool(kemac.data)
        and kemac.encryption_algorithm in (EncryptionAlgorithm.AES_CM_128, EncryptionAlgorithm.AES_CM_256)
    )


def _check(facts: MikeyFacts) -> Result:
    reuses = reuses_of(facts, Shared.KEYSTREAM)
    if reuses:
        return failed(
            _REUSED,
            cited(reuses),
            _GUARDS,
        )
    gap = unreadable(facts)
    if gap is not None:
        return gap
    judged = [one for one in initiators_messages(facts) if _is_judged(one)]
    return passed(f"No keystream was used before: {compared(facts)}.", refs_of(judged)) if judged else _NOTHING


RULE = Rule(
    id="MKY-006",
    title="MIKEY keystream used twice",
    citation="RFC 3830 §4.2.3",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Repair the initiator's random generator and clock, and replace the keys of both messages.",
    meaning=Meaning(
        passes="CSB ID, RAND or T of each message differs from those of all earlier ones between its two parties.",
        fails="CSB ID, RAND, T and both parties are those of an earlier message whose encrypted key data is another.",
        unknown="A MIKEY message of the offer can't be read.",
        not_applicable="No MIKEY message transports keys under AES-CM.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
)
