# SPDX-License-Identifier: GPL-2.0-only
"""IDN-002: an identity was issued long before, or after, it was seen."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Level, Meaning, Need, Parameter, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.line_facts import LineFacts

# The clause recommends 60 s; an identity that is used again later than this is refused as stale, too.
MAX_AGE = Parameter("max_age_seconds", 60, 1, "how long before or after its message an identity may be issued")
NANOSECONDS = 1_000_000_000
_GUARDS = ("the clock of the capturing machine may be the wrong one",)


def _check_line(facts: LineFacts, *, max_age_seconds: int = MAX_AGE.default) -> Result:
    passports = facts.keying.passports
    if not passports:
        if facts.line.offer is None:
            return unknown("offer", "The offer was not seen.", facts.refs)
        return not_applicable("No identity came with offer or answer.")
    refs = tuple(dict.fromkeys(one.ref for one in passports))
    ages = [(one.ref, one.seen_ns // NANOSECONDS - one.issued_s) for one in passports if one.issued_s is not None]
    stale = [(ref, age) for ref, age in ages if abs(age) > max_age_seconds]
    if stale:
        age = stale[0][1]
        when = f"{age} s before" if age > 0 else f"{-age} s after"
        return failed(f"The identity was issued {when} it was sent.", tuple(ref for ref, _ in stale), _GUARDS)
    if len(ages) < len(passports):
        return unknown("iat", "When an identity was issued is not in the message.", refs)
    return passed("Each identity was issued when it was sent.", refs)


RULE = Rule(
    id="IDN-002",
    title="Identity is stale",
    citation="RFC 8224 §6.2",
    level=Level.SHOULD,
    severity=Severity.MEDIUM,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING,),
    remediation="Find out who sends an old token again; set the clocks of signer and verifier by one source.",
    meaning=Meaning(
        passes="Each token was issued within `max_age_seconds` of its message.",
        fails="A token was issued more than `max_age_seconds` before or after its message was captured.",
        unknown="A token's time of issue is not in the message, or the offer was not seen.",
        not_applicable="No Identity came with offer or answer.",
    ),
    check_line=_check_line,
    parameters=(MAX_AGE,),
)
