# SPDX-License-Identifier: GPL-2.0-only
"""MKY-009: the initiator's clock is far from the time of the capture."""

from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import (
    Absent,
    Level,
    Meaning,
    Need,
    Parameter,
    Result,
    Rule,
    failed,
    not_applicable,
    passed,
    unknown,
)
from analyzer.rules.exchange_facts import MikeyFacts
from analyzer.rules.line_facts import Subject
from analyzer.rules.mikey_reuse import initiators_messages, refs_of, unreadable
from dissectors.grammar.mikey import MikeyMessage, Timestamp
from dissectors.grammar.mikey.registries import TimestampType

# The clause leaves it to local policy; the default is its own example of a SIP client that receives 10 calls a minute.
MAX_SKEW = Parameter("max_skew_seconds", 20 * 60, 1, "how far T may be from the time of the capture")
NTP_ERA_SECONDS = 1 << 32
NTP_TO_UNIX_SECONDS = 2_208_988_800
NANOSECONDS = 1_000_000_000
MAX_ZONE_SECONDS = 14 * 3600
CLOCK_TYPES = frozenset({TimestampType.NTP_UTC, TimestampType.NTP, TimestampType.NTP_UTC_32})
_NOTHING = not_applicable("No initiator's message with a clock's timestamp was offered.")
_GUARDS = ("the clock of the capturing machine may be the wrong one",)


def skew_seconds(timestamp: Timestamp, time_ns: int) -> int:
    """T minus the time of the capture, in seconds; of all NTP eras the nearest (RFC 5905 §6)."""
    captured = time_ns // NANOSECONDS + NTP_TO_UNIX_SECONDS
    skew = (int.from_bytes(timestamp.value[:4], "big") - captured + NTP_ERA_SECONDS // 2) % NTP_ERA_SECONDS
    return skew - NTP_ERA_SECONDS // 2


def _clock(message: MikeyMessage | None) -> Timestamp | None:
    timestamp = None if message is None else message.find(Timestamp)
    return timestamp if timestamp is not None and timestamp.timestamp_type in CLOCK_TYPES else None


def _check(facts: MikeyFacts, *, max_skew_seconds: int = MAX_SKEW.default) -> Result:
    gap = unreadable(facts)
    clocks = [(one, clock) for one in initiators_messages(facts) if (clock := _clock(one.message)) is not None]
    if not clocks:
        return gap or _NOTHING
    refs = refs_of(one for one, _ in clocks)
    if not all(one.sent_ns for one, _ in clocks):
        return unknown("capture-time", "The capture does not say when the message was sent.", refs)
    skews = [(skew_seconds(clock, one.sent_ns), clock) for one, clock in clocks]
    skew, clock = max(skews, key=lambda pair: abs(pair[0]))
    if abs(skew) > max_skew_seconds:
        if clock.timestamp_type == TimestampType.NTP and abs(skew) <= MAX_ZONE_SECONDS + max_skew_seconds:
            text = f"The initiator's clock is {_shown(skew)} the capture's, and its type is not said to be UTC."
            return unknown("time-zone", text, refs)
        return failed(f"The initiator's clock is {_shown(skew)} the capture's.", refs, _GUARDS)
    return gap or passed(f"The initiator's clock is {_shown(skew)} the capture's.", refs)


def _shown(skew: int) -> str:
    """How far, in a unit that a person can grasp."""
    size = abs(skew)
    for octets, unit in ((2 * 86_400, 86_400), (2 * 3600, 3600), (120, 60)):
        if size >= octets:
            name = {86_400: "days", 3600: "hours", 60: "minutes"}[unit]
            return f"{size // unit} {name} {'ahead of' if skew > 0 else 'behind'}"
    return f"{size} s {'ahead of' if skew > 0 else 'behind'}" if size else "that of"


RULE = Rule(
    id="MKY-009",
    title="MIKEY timestamp far from the capture's time",
    citation="RFC 3830 §5.4",
    level=Level.MUST,
    severity=Severity.LOW,
    confidence=Confidence.C2,
    needs=(Need.SIGNALLING,),
    remediation="Synchronise the clocks of both parties, by a secure protocol; the replay cache depends on them.",
    meaning=Meaning(
        passes="T is within `max_skew_seconds` of the time at which the message was captured.",
        fails="T is more than `max_skew_seconds` from the time at which the message was captured.",
        unknown="T is of type NTP, which is not said to be UTC, and may be the time of another zone; the capture gives"
        " no time, or a message can't be read.",
        not_applicable="No initiator's message with a clock's timestamp was offered; a COUNTER tells no time.",
    ),
    check_line=_check,
    check_exchange=_check,
    absent=Absent(Subject.MIKEY, _NOTHING),
    parameters=(MAX_SKEW,),
)
