# SPDX-License-Identifier: GPL-2.0-only
"""What overviews show of an audited call, small enough to be kept of every call of a large capture set."""

from collections.abc import Mapping
from typing import NamedTuple

from analyzer.model.call import Call
from analyzer.model.endpoint import OfferedSecurity
from analyzer.model.evidence import Protection
from analyzer.model.keying import StreamAudit
from analyzer.model.negotiation import Carrier, Choice
from analyzer.model.outcome import OutcomeValue, Severity, Verdict
from dissectors.grammar.late_dataclass import dataclass


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


class NotedStream(NamedTuple):
    """A stream of which there is something to say: how many packets were not tried, how many failed, and what it is."""

    ssrc: int
    not_tried: int
    failed: int
    said: str

    @property
    def is_shut(self) -> bool:
        """Whether packets stay shut."""
        return bool(self.not_tried or self.failed)


def note_stream(audit: StreamAudit) -> NotedStream | None:
    """Why packets stay shut, and what is odd about those that open; None where nothing is, or nothing was tried."""
    said = "; ".join(part for part in (audit.reason, *(defect.detail for defect in audit.defects)) if part)
    noted = NotedStream(audit.bound.stream.ssrc, audit.not_tried, audit.failed, said)
    tried = audit.bound_key or (noted.is_shut and audit.protection is not Protection.RTP)
    return noted if said and tried else None


class Damage(NamedTuple):
    """What could not be read in a frame: in which part of it, there from which octet on; `code` is a defect's."""

    capture: int
    frame: int
    what: str
    code: str
    offset: int
    clause: str
    detail: str


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
    noted: tuple[NotedStream, ...]
    damage: tuple[Damage, ...]

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
