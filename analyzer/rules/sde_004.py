# SPDX-License-Identifier: GPL-2.0-only
"""SDE-004: two crypto lines of one session description have the same master key."""

from analyzer.keying.sdes_keys import read_crypto_lines
from analyzer.model.call import MediaSide
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, worst_of
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.sde_005 import MASTER_KEY_OCTETS
from analyzer.rules.sdes import NOT_CHOSEN, find_gap
from dissectors.grammar.sdes import CryptoAttribute, canonical_suite

_NO_SDES = not_applicable("No crypto line with a readable key was seen.")
_Placed = tuple[int, int | None, str, bytes]  # media line, tag and suite of a master key, which is never shown


def _keys_of(side: MediaSide, own: tuple[CryptoAttribute, ...]) -> set[_Placed]:
    """Master keys of the whole description by media line, tag and suite: a line said twice over counts once.

    `own` are the crypto lines of the side's media line.
    """
    found = set()
    for number, media in enumerate(side.body.session.media):
        for line in own if media is side.media else read_crypto_lines(side._replace(media=media)):
            suite = canonical_suite(line.suite)
            for key in line.keys:
                if key.key_salt is not None and len(key.key_salt) >= MASTER_KEY_OCTETS:
                    found.add((number, line.tag, suite, key.key_salt.reveal()[:MASTER_KEY_OCTETS]))
    return found


def _judge(side: MediaSide, own: tuple[CryptoAttribute, ...]) -> Result | None:
    keys = _keys_of(side, own)
    if not keys:
        return None
    refs = (side.body.message.ref,)
    if len({key for *_, key in keys}) == len(keys):
        return passed("Every crypto line of a session description has a master key of its own.", refs)
    return failed(f"The crypto lines {_name_pair(keys)} have one master key.", refs)


def _name_pair(keys: set[_Placed]) -> str:
    """The first two lines that have a master key in common."""
    seen: dict[bytes, tuple[int, int | None]] = {}
    for media, tag, _, key in sorted(keys, key=lambda each: (each[0], each[1] or 0, each[2])):
        if key in seen:
            other, other_tag = seen[key]
            where = f"of media line {media}" if media == other else f"of the media lines {other} and {media}"
            return f"with the tags {other_tag} and {tag} {where}"
        seen[key] = media, tag
    return ""


def _check_line(facts: LineFacts) -> Result:
    if Subject.SDES not in facts.subjects:
        return _NO_SDES
    keying = facts.keying
    sides = ((facts.line.offer, keying.offered_crypto), (facts.line.answer, keying.accepted_crypto))
    judged = [_judge(side, own) for side, own in sides if side is not None]
    results = [result for result in judged if result is not None]
    gap = find_gap(facts) if results else None
    return worst_of(results if gap in (None, NOT_CHOSEN) else [*results, gap], _NO_SDES)


RULE = Rule(
    id="SDE-004",
    title="One master key in several crypto lines",
    citation="RFC 4568 §6.1",
    level=Level.MUST,
    severity=Severity.HIGH,
    confidence=Confidence.C3,
    needs=(Need.SIGNALLING,),
    remediation="Make the sender generate a fresh key for each line: under one key, streams with equal SSRCs share"
    " their keystream.",
    meaning=Meaning(
        passes="No two crypto lines of the offer, nor of the answer, have a master key in common.",
        fails="Two crypto lines of one session description, of one media line or of several, have the same master key.",
        unknown="What was seen has no such lines, and the other side of the exchange was not seen.",
        not_applicable="No crypto line with a readable key was seen.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.SDES, _NO_SDES),
)
