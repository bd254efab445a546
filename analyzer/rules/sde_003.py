# SPDX-License-Identifier: GPL-2.0-only
"""SDE-003: an accepted crypto line whose key and salt have another length than its suite wants."""

from collections.abc import Iterator

from analyzer.keying.sdes_keys import accepted_lines
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import (
    Absent,
    Level,
    Meaning,
    Need,
    Result,
    Rule,
    failed,
    not_applicable,
    passed,
    unknown,
    worst_of,
)
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sdes import NOT_CHOSEN, find_gap
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.sdes import CryptoAttribute

_NO_KEY = not_applicable("The accepted lines carry no inline key.")


def _check_line(facts: LineFacts) -> Result:
    keying = facts.keying
    taken = (line for answer in keying.accepted_crypto for line in accepted_lines(keying.offered_crypto, answer))
    results = [result for line in (*keying.accepted_crypto, *taken) for result in _judge(line, facts)]
    gap = find_gap(facts)
    if not results:
        return gap or _NO_KEY
    return worst_of(results if gap is None else [*results, gap], _NO_KEY)


def _judge(line: CryptoAttribute, facts: LineFacts) -> Iterator[Result]:
    suite = suite_by_name(line.suite)
    for key in line.keys:
        if key.method.lower() != "inline":
            continue
        if suite is None:
            yield unknown("suite", "How long a key of the accepted suite has to be is not known.", facts.refs)
        elif key.key_salt is None or len(key.key_salt) != suite.inline_octets:
            have = "none that can be read" if key.key_salt is None else len(key.key_salt)
            text = f"{suite.name} wants {suite.inline_octets} octets of key and salt; the accepted line has {have}."
            yield failed(text, facts.refs)
        else:
            yield passed("Key and salt of the accepted lines are as long as their suite wants.", facts.refs)


RULE = Rule(
    id="SDE-003",
    title="Key and salt do not have the suite's length",
    citation="RFC 4568 §6.1, RFC 6188 §7, RFC 7714 §12",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Make the sender generate as many octets as the suite it names wants; a receiver has to treat such a"
    " line as invalid, and one that does not may take other octets for the key than the sender.",
    meaning=Meaning(
        passes="Key and salt of the accepted lines, offered and answered, are as long as their suite wants.",
        fails="An accepted line, or the offered one that it takes up, has a key and salt of another length, or none"
        " that can be read.",
        unknown="The accepted suite is not known, or the other side of the exchange was not seen.",
        not_applicable="SDES was not chosen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, NOT_CHOSEN),
)
