# SPDX-License-Identifier: GPL-2.0-only
"""SDE-005: the answer uses a master key of the offer."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sdes import NOT_CHOSEN, find_gap
from dissectors.grammar.sdes import CryptoAttribute

MASTER_KEY_OCTETS = 16  # the shortest master key of any suite: as many equal octets are no chance
_NO_KEYS = not_applicable("Offer and answer do not both carry a readable SDES key.")
_GUARDS = ("an element between the parties may have copied the line: compare both of its legs",)


def _master_keys(lines: tuple[CryptoAttribute, ...]) -> set[bytes]:
    keys = [key.key_salt for line in lines for key in line.keys if key.key_salt is not None]
    return {key.reveal()[:MASTER_KEY_OCTETS] for key in keys}


def _check_line(facts: LineFacts) -> Result:
    gap = find_gap(facts)
    if gap is not None:
        return gap
    offered, accepted = _master_keys(facts.keying.offered_crypto), _master_keys(facts.keying.accepted_crypto)
    if not offered or not accepted:
        return _NO_KEYS
    refs = facts.refs
    if offered & accepted:
        return failed("The answer uses a master key of the offer: both directions share one keystream.", refs, _GUARDS)
    return passed("Each side sent its own master key.", refs)


RULE = Rule(
    id="SDE-005",
    title="Answer reuses the offer's key",
    citation="RFC 4568 §7.1.2",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Make the answerer generate its own key; two directions under one key can cancel each other out.",
    meaning=Meaning(
        passes="The keys of the answer differ from every key of the offer.",
        fails="A master key of the answer stands in the offer too.",
        unknown="SDES was offered or answered, and the other side of the exchange was not seen.",
        not_applicable="SDES was not chosen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, NOT_CHOSEN),
)
