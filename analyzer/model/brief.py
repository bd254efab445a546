# SPDX-License-Identifier: GPL-2.0-only
"""What overviews show of an audited call, small enough to be kept of every call of a large capture set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.model.call import Call
from analyzer.model.endpoint import OfferedSecurity
from analyzer.model.evidence import Protection
from analyzer.model.keying import StreamAudit
from analyzer.model.negotiation import Carrier, Choice
from analyzer.model.outcome import OutcomeValue, Severity, Verdict


class LineBrief(NamedTuple):
    """One media line and exchange: its verdict, how it was keyed, what its offer said.

    `weakest` is what somebody in the middle could bring about unseen by altering the lists in `open_carriers`; None
    where there is no such carrier. `offered` is None where the line has no offer of the endpoint's own.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    method: str | None
    suite: str | None
    weakest: Choice | None
    open_carriers: tuple[Carrier, ...]
    offered: OfferedSecurity | None


class Failure(NamedTuple):
    """A failed rule, and the frames that prove it: pairs of capture and frame."""

    rule: str
    severity: Severity
    places: tuple[tuple[int, int], ...]


class ShutStream(NamedTuple):
    """A stream of which packets stay shut: how many were not tried, how many failed, and why."""

    ssrc: int
    not_tried: int
    failed: int
    reason: str


def shut_stream(audit: StreamAudit) -> ShutStream | None:
    """What a stream keeps shut, None for one that is open or was never protected."""
    if not audit.reason or audit.protection is Protection.RTP or not (audit.not_tried or audit.failed):
        return None
    return ShutStream(audit.bound.stream.ssrc, audit.not_tried, audit.failed, audit.reason)


class CallBrief(NamedTuple):
    """One call: its media lines, how many streams it has and how many are proved, what failed, what stays unknown.

    `is_quiet` says that every rule passed or did not apply.
    """

    call: Call
    lines: tuple[LineBrief, ...]
    proved: int
    streams: int
    unknown: int
    is_quiet: bool
    failures: tuple[Failure, ...]
    shut: tuple[ShutStream, ...]

    @property
    def worst(self) -> Failure | None:
        """The failed rule of the highest severity; None where nothing failed."""
        if len(self.failures) < 2:
            return self.failures[0] if self.failures else None
        return max(self.failures, key=lambda failure: failure.severity.rank)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over a whole report, of calls, streams and messages outside calls together.

    `outcomes` by rule and value; `unjudged` by rule and what was missing; `failures` by severity; `master_keys` of
    calls by their source.
    """

    outcomes: Mapping[tuple[str, OutcomeValue], int]
    unjudged: Mapping[tuple[str, str], int]
    failures: Mapping[Severity, int]
    master_keys: Mapping[str, int]
