# SPDX-License-Identifier: GPL-2.0-only
"""The one document that all renderers read."""

from collections.abc import Sequence
from dataclasses import field

from analyzer.model.brief import CallBrief, Damage, Tally
from analyzer.model.call import Call, MediaLine
from analyzer.model.capture_comment import CaptureComment, CaptureName
from analyzer.model.cross_check import CrossCheck
from analyzer.model.endpoint import EndpointProfile
from analyzer.model.evidence import AnySignalling, LooseMikey, TlsFlow
from analyzer.model.keying import (
    NO_RTCP,
    NOT_COMPARED,
    Keying,
    MikeyEvidence,
    MikeyFreshness,
    RtcpCount,
    StreamAudit,
)
from analyzer.model.negotiation import Negotiation
from analyzer.model.outcome import Finding, Outcome, Verdict
from analyzer.model.policy import Policy
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """One input file; `path` as the user gave it, times in nanoseconds, counts as Wireshark would show them."""

    path: str
    sha256: str
    format: str
    packets: int
    bytes: int
    first_time_ns: int | None
    last_time_ns: int | None
    defects: tuple[Defect, ...]
    interface_drops: int | None = None
    signalling_messages: int = 0
    media_packets: int = 0
    unread: tuple[tuple[str, int], ...] = ()  # traffic of other kinds that was passed over, and how many packets
    readable: bool = True
    clock_offset_ns: int | None = None  # ahead of the first capture that shows messages of this one; None: none does
    comments: tuple[CaptureComment, ...] = ()
    names: tuple[CaptureName, ...] = ()
    continues: int | None = None  # the capture where this one goes on: both are files of one set


@dataclass(frozen=True, slots=True)
class AuditedMedia:
    """One media line and exchange with everything that was found about it; `reasons` strongest first.

    `lone_rtcp` counts the RTCP of a side that sends no RTP, as the client of an RTSP session does.
    """

    line: MediaLine
    negotiation: Negotiation
    keying: Keying
    streams: tuple[StreamAudit, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    freshness: MikeyFreshness = NOT_COMPARED
    lone_rtcp: RtcpCount = NO_RTCP


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """A call, its media lines in order of exchange and index, and what the rules say."""

    call: Call
    media: tuple[AuditedMedia, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class AuditedStream:
    """A stream that belongs to no call; `keying` is what a handshake on its own path gave."""

    audit: StreamAudit
    outcomes: tuple[Outcome, ...]
    keying: Keying = field(default_factory=lambda: Keying(None, None, ""))


@dataclass(frozen=True, slots=True)
class AuditedMessage:
    """A message outside calls (REGISTER, OPTIONS, …) with the outcomes of the signalling rules."""

    message: AnySignalling
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class AuditedMikey:
    """A MIKEY message outside calls, and what the key ring proved of it; `method` names its mode.

    The outcomes of an exchange stand with its first message.
    """

    message: LooseMikey
    method: str | None
    evidence: MikeyEvidence
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a report says of a rule."""

    id: str
    title: str
    citation: str
    level: str
    remediation: str


@dataclass(frozen=True, slots=True)
class FrameTree:
    """The dissection tree of one cited frame, as text with secrets masked."""

    capture: int
    frame: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """One audit: captures in, calls and findings out; `notes` are limits and counts of what could not be read.

    `briefs` and `tally` are what overviews need of all calls; `calls` has each of them in full, in the same order.
    """

    tool_name: str
    tool_version: str
    policy: Policy
    captures: tuple[CaptureFacts, ...]
    briefs: tuple[CallBrief, ...]
    tally: Tally
    calls: Sequence[AuditedCall]
    streams: tuple[AuditedStream, ...]
    messages: tuple[AuditedMessage, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleText, ...]
    tls_flows: tuple[TlsFlow, ...] = ()
    trees: tuple[FrameTree, ...] = ()
    notes: tuple[str, ...] = ()
    endpoints: tuple[EndpointProfile, ...] = ()
    mikey: tuple[AuditedMikey, ...] = ()
    cross_check: CrossCheck | None = None  # None: nobody asked for a second opinion
    damage: tuple[Damage, ...] = ()  # outside calls; that of calls stands in their briefs
    renditions: Sequence[bytes] = ()  # of each call, if a renderer was given for calls
    drops: int | None = None  # packets the system dropped before they were captured; None: nobody counted
