# SPDX-License-Identifier: GPL-2.0-only
"""KMG-003: the list inside the MIKEY message differs from the lines that arrived."""

from analyzer.model.negotiation import ListStatement
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.protection import is_pending

_NO_LIST = not_applicable("The offer carries no list to compare; KMG-002 speaks of that.")
_NO_MIKEY = not_applicable("No MIKEY message was offered.")
_GUARDS = (
    "an element that removes attributes it does not know has the same effect as an attacker",
    "lines of one protocol that change places leave the list as it was, so their order proves nothing",
)


def _deciding(statements: tuple[ListStatement, ...]) -> list[ListStatement]:
    """Of each level the SDP IDs lists; the priority lists only where the level has none of them."""
    with_ids = {one.level for one in statements if one.source is None}
    return [one for one in statements if one.source is None or one.level not in with_ids]


def _differs(facts: LineFacts, differing: list[ListStatement]) -> Result:
    one = differing[0]
    refs = tuple(dict.fromkeys(statement.ref for statement in differing)) + facts.refs[1:]
    what = f"At {one.level} level the list names {len(one.claimed)} line(s), and {len(one.seen)} without copies arrived"
    if facts.agreed_proto is not None:
        proof = Confidence.C4 if one.verified else None
        return failed(f"{what} or in another order; the call was accepted all the same.", refs, _GUARDS, proof)
    if is_pending(facts.line):
        return unknown("answer", f"{what} or in another order; what became of the offer was not seen.", refs)
    return passed(f"{what} or in another order; the offer was refused, as it should be.", refs)


def _check_line(facts: LineFacts) -> Result:
    statements = _deciding(facts.negotiation.statements)
    if not statements:
        offered = facts.offered_mikey
        if any(one.message is None for one in offered):
            return unknown("readable-mikey", "A MIKEY message can't be read.", tuple(one.ref for one in offered))
        return _NO_LIST if offered else _NO_MIKEY
    differing = [one for one in statements if not one.agrees]
    if differing:
        return _differs(facts, differing)
    proof = Confidence.C4 if all(one.verified for one in statements) else None
    return passed("The lines that arrived are those the sender listed.", tuple(one.ref for one in statements), proof)


RULE = Rule(
    id="KMG-003",
    title="Protocol list differs from the lines seen",
    citation="RFC 4567 §7, §4.1.4",
    level=Level.SHALL,
    severity=Severity.CRITICAL,
    confidence=Confidence.C3,
    needs=(Need.OFFER, Need.ANSWER),
    remediation="Find the element that removes or reorders key management lines, and make the responder compare"
    " the list and refuse the offer when it differs.",
    meaning=Meaning(
        passes="The list agrees with the lines, level by level, or it differs and the offer was refused.",
        fails="The list inside a MIKEY message names other lines than arrived, and the call was accepted.",
        unknown="The list differs and the answer was not seen, or a message can't be read.",
        not_applicable="No MIKEY message with such a list was offered.",
    ),
    check_line=_check_line,
    absent=Absent(Subject.MIKEY, _NO_MIKEY),
)
