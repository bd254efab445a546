# SPDX-License-Identifier: GPL-2.0-only
"""Audited calls in brief, and what they count up to."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from analyzer.model.brief import CallBrief, Failure, LineBrief, Tally, note_stream
from analyzer.model.call import Side
from analyzer.model.evidence import Wire
from analyzer.model.negotiation import Carrier, Negotiation, Sight
from analyzer.model.outcome import Outcome, OutcomeValue, Severity
from analyzer.model.report import AuditedCall, AuditedMedia, AuditedMessage, AuditedMikey, AuditedStream
from analyzer.negotiation.endpoint_profiles import offered_security
from analyzer.rules.damage import find_damage

_QUIET = frozenset((OutcomeValue.PASS, OutcomeValue.NOT_APPLICABLE))
_UNJUDGED = frozenset((OutcomeValue.UNKNOWN, OutcomeValue.ERROR))
_RULE_AND_VALUE = attrgetter("rule", "outcome")


def brief_call(audited: AuditedCall) -> CallBrief:
    """What overviews show of a call."""
    streams = [stream for media in audited.media for stream in media.streams]
    loud = [outcome for outcome in audited.outcomes if outcome.outcome not in _QUIET]
    return CallBrief(
        call=audited.call,
        lines=tuple(map(_brief_line, audited.media)),
        proved=sum(stream.wire is Wire.PROVED for stream in streams),
        streams=len(streams),
        unknown=sum(outcome.outcome is OutcomeValue.UNKNOWN for outcome in loud),
        is_quiet=not loud,
        failures=brief_failures(loud),
        noted=tuple(noted for noted in map(note_stream, streams) if noted is not None),
        damage=find_damage(audited),
    )


def _brief_line(media: AuditedMedia) -> LineBrief:
    negotiation = media.negotiation
    carriers = open_carriers(negotiation) if negotiation.weakest is not None else ()
    return LineBrief(
        media.verdict,
        media.reasons,
        media.keying.method,
        negotiation.chosen.suite or _suites_of_streams(media),
        negotiation.weakest if carriers else None,
        carriers,
        offered_security(media),
    )


def _suites_of_streams(media: AuditedMedia) -> str | None:
    """What the streams are under, each direction by itself."""
    return ", ".join(dict.fromkeys(stream.suite for stream in media.streams if stream.suite is not None)) or None


def open_carriers(negotiation: Negotiation) -> tuple[Carrier, ...]:
    """The carriers of the offer in which somebody between the hops could alter a list unseen."""
    return tuple(
        dict.fromkeys(
            one.carrier
            for one in negotiation.exposures
            if one.side is Side.OFFERER
            and not one.hop_protected
            and Sight.UNSEEN in (one.remove, one.reorder, one.insert)
        )
    )


def brief_failures(outcomes: Iterable[Outcome]) -> tuple[Failure, ...]:
    """The failed rules among them."""
    return tuple(
        Failure(outcome.rule, outcome.severity, outcome.refs)
        for outcome in outcomes
        if outcome.outcome is OutcomeValue.FAIL
    )


class TallyCounter:
    """Counts what a report's calls, streams and messages amount to; counters of shares add up to that of the whole."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, OutcomeValue]] = Counter()
        self.unjudged: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[Severity] = Counter()
        self.master_keys: Counter[str] = Counter()

    def add_call(self, audited: AuditedCall) -> None:
        """Count a call."""
        self.add_outcomes(audited.outcomes)
        for media in audited.media:
            for key in media.keying.keys:
                self.master_keys[key.source] += 1

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes of a call, a stream or a message."""
        self.outcomes.update(map(_RULE_AND_VALUE, outcomes))
        for outcome in outcomes:
            value = outcome.outcome
            if value in _UNJUDGED:
                self.unjudged[outcome.rule, outcome.missing or outcome.explanation] += 1
            elif value is OutcomeValue.FAIL:
                self.failures[outcome.severity] += 1

    def counts(self) -> tuple[dict[Any, int], ...]:
        """Plain counts, to be added to another counter."""
        return dict(self.outcomes), dict(self.unjudged), dict(self.failures), dict(self.master_keys)

    def add_counts(self, counts: tuple[Mapping[Any, int], ...]) -> None:
        """Add what another counter counted."""
        mine: tuple[Counter[Any], ...] = (self.outcomes, self.unjudged, self.failures, self.master_keys)
        for counter, more in zip(mine, counts, strict=True):
            counter.update(more)

    def tally(self) -> Tally:
        """The counts so far."""
        return Tally(*self.counts())


def outcomes_outside(
    streams: Iterable[AuditedStream], messages: Iterable[AuditedMessage], mikey: Iterable[AuditedMikey]
) -> Iterator[tuple[Outcome, ...]]:
    """The outcomes of each stream, each message and each MIKEY exchange of no call."""
    yield from (stream.outcomes for stream in streams)
    yield from (message.outcomes for message in messages)
    yield from (exchange.outcomes for exchange in mikey)


def count_up(
    calls: Iterable[AuditedCall],
    streams: Iterable[AuditedStream] = (),
    messages: Iterable[AuditedMessage] = (),
    mikey: Iterable[AuditedMikey] = (),
) -> Tally:
    """The tally of what was audited."""
    counter = TallyCounter()
    for call in calls:
        counter.add_call(call)
    for outcomes in outcomes_outside(streams, messages, mikey):
        counter.add_outcomes(outcomes)
    return counter.tally()
