# SPDX-License-Identifier: GPL-2.0-only
"""What the HTML templates show, computed: rows, priority lists with their marks, proof bars, findings."""

from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model.brief import CallBrief, Damage, Failure
from analyzer.model.call import Call
from analyzer.model.keying import StreamAudit
from analyzer.model.negotiation import (
    COMPUTED_RULES,
    CapabilityKind,
    Choice,
    Exposure,
    ListSource,
    Method,
    Negotiation,
    Preference,
    Prospect,
    SelectionRule,
    Sight,
)
from analyzer.model.outcome import Finding, Outcome, OutcomeValue, Verdict
from analyzer.model.report import AuditedCall, AuditedMedia, FrameTree, Report
from analyzer.model.session_life import SessionLife, read_session_life
from dissectors.grammar.late_dataclass import dataclass
from reports.ladder import Ladder, draw_ladder
from reports.spelling import display_filter
from reports.tally import (
    call_verdict,
    needs_a_page,
    outcome_counts,
    sorted_findings,
    urgency,
)

MAX_CALL_ROWS = 20_000
MAX_CALL_PAGES = 200
MAX_QUIET_PAGES = 20
MAX_EVIDENCE = 40
MAX_STREAMS = 40
MAX_MEDIA = 40
MAX_OUTSIDE = 200
MAX_OUTCOMES = 400
MAX_TREES_PER_CALL = 12
MAX_FRAMES_SHOWN = 24
BAR_WIDTH = 600

_KINDS = ((CapabilityKind.KEY_AGREEMENT, "Key agreement"), (CapabilityKind.SUITE, "Crypto suite"))


class Segment(NamedTuple):
    """One stretch of a bar, in units of `BAR_WIDTH`."""

    kind: str
    x: int
    width: int


class Entry(NamedTuple):
    """One capability of a list with its marks; the preferences name it with one number, each in its own carrier."""

    preferences: tuple[Preference, ...]
    common: bool
    winner: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class KindView:
    """Both lists of one category; None where a list is not known."""

    title: str
    offer: tuple[Entry, ...]
    answer: tuple[Entry, ...] | None
    chosen: str | None
    expected: str | None
    rule: SelectionRule | None


class WinnerRow(NamedTuple):
    """The winners under one rule; `governs` says that the policy judges by it."""

    rule: SelectionRule
    winner: Choice
    governs: bool
    agrees: bool | None


class MethodRow(NamedTuple):
    """What one method makes of both kinds; None where nothing was offered."""

    method: Method
    key_agreement: Prospect | None
    suite: Prospect | None


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream and its proof bar."""

    audit: StreamAudit
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class MediaView:
    """A media line with everything its page shows."""

    audited: AuditedMedia
    kinds: tuple[KindView, ...]
    winners: tuple[WinnerRow, ...]
    methods: tuple[MethodRow, ...]
    exposures: tuple[Exposure, ...]
    sources: tuple[ListSource, ...]
    streams: tuple[StreamView, ...]
    streams_omitted: int

    @property
    def is_exposure_told(self) -> bool:
        """Whether each of the offer's carriers is known to show a change, or came where nobody could make one."""
        offered = [one for one in self.exposures if one.side.value == "offerer" and not one.hop_protected]
        return not any(Sight.UNKNOWN in (one.remove, one.reorder, one.insert) for one in offered)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One line of the table of calls."""

    number: int
    call: Call
    verdict: Verdict | None
    keyed: tuple[str, ...]
    proved: int
    streams: int
    worst: Failure | None
    unknown: int
    has_page: bool
    damage: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class CallPage:
    """Everything about one call."""

    row: CallRow
    ladder: Ladder | None
    media: tuple[MediaView, ...]
    media_omitted: int
    counts: dict[OutcomeValue, int]
    loud: tuple[Outcome, ...]
    quiet: tuple[Outcome, ...]
    outcomes_omitted: int
    filters: tuple[tuple[int, str], ...]
    trees: tuple[FrameTree, ...]
    life: SessionLife | None  # of a call whose end was not seen


class EvidenceRow(NamedTuple):
    """Where a finding shows: a call by number (None: outside calls) and frames."""

    number: int | None
    has_page: bool
    call_id: str | None
    capture: int
    frames: tuple[int, ...]
    filter: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding with its evidence, bounded."""

    finding: Finding
    evidence: tuple[EvidenceRow, ...]
    omitted: int
    calls: int


def divide_bar(parts: Iterable[tuple[str, int]]) -> tuple[Segment, ...]:
    """Stretches in proportion to their counts; what is there at all is at least visible."""
    present = [(kind, count) for kind, count in parts if count > 0]
    total = sum(count for _, count in present)
    segments: list[Segment] = []
    x = 0
    for place, (kind, count) in enumerate(present):
        rest = len(present) - place - 1
        width = min(max(4, round(BAR_WIDTH * count / total)), BAR_WIDTH - x - 4 * rest)
        width = BAR_WIDTH - x if rest == 0 else width
        segments.append(Segment(kind, x, width))
        x += width
    return tuple(segments)


def view_stream(stream: StreamAudit) -> StreamView:
    """A stream with its proof bar: what authenticated, failed, was clear, and what nobody could try."""
    known = stream.authenticated + stream.failed + stream.clear + stream.clear_early
    parts = (
        ("authenticated", stream.authenticated),
        ("failed", stream.failed),
        ("clear", stream.clear + stream.clear_early),
        ("untried", max(0, stream.packets - known)),
    )
    return StreamView(stream, divide_bar(parts))


def _kind_view(kind: CapabilityKind, title: str, negotiation: Negotiation) -> KindView:
    is_suite = kind is CapabilityKind.SUITE
    chosen = negotiation.chosen.suite if is_suite else negotiation.chosen.key_agreement
    expected = negotiation.expected.suite if is_suite else negotiation.expected.key_agreement
    rule = negotiation.expected.suite_rule if is_suite else negotiation.expected.rule
    offer = [entry for entry in negotiation.offer_preferences if entry.kind is kind]
    answer = [entry for entry in negotiation.answer_preferences or () if entry.kind is kind]
    common = {entry.name for entry in offer} & {entry.name for entry in answer}

    def entries(preferences: list[Preference]) -> tuple[Entry, ...]:
        ordered = sorted(preferences, key=lambda entry: (entry.priority is None, entry.priority or 0))
        merged: dict[tuple[str, int | None], list[Preference]] = {}
        for entry in ordered:
            merged.setdefault((entry.name, entry.priority), []).append(entry)
        return tuple(
            Entry(tuple(carried), name in common, name == expected, name == chosen)
            for (name, _), carried in merged.items()
        )

    return KindView(title, entries(offer), entries(answer) if answer else None, chosen, expected, rule)


def _winner_rows(negotiation: Negotiation) -> tuple[WinnerRow, ...]:
    winners = dict(negotiation.winners)
    governing = (negotiation.expected.rule, negotiation.expected.suite_rule)
    rows = []
    for rule in COMPUTED_RULES:
        winner = winners.get(rule, Choice(None, None))
        pairs = list(zip(winner, negotiation.chosen, strict=True))
        computable = [(won, chose) for won, chose in pairs if won is not None and chose is not None]
        agrees = all(won == chose for won, chose in computable) if computable else None
        rows.append(WinnerRow(rule, winner, rule in governing, agrees))
    return tuple(rows)


def _method_rows(negotiation: Negotiation) -> tuple[MethodRow, ...]:
    found = {(one.method, one.kind): one for one in negotiation.prospects}
    rows = [MethodRow(method, *(found.get((method, kind)) for kind in CapabilityKind)) for method in Method]
    return tuple(row for row in rows if row.key_agreement or row.suite)


def _media_view(audited: AuditedMedia) -> MediaView:
    negotiation = audited.negotiation
    kinds = (_kind_view(kind, title, negotiation) for kind, title in _KINDS)
    sources = negotiation.all_sources()
    return MediaView(
        audited,
        tuple(view for view in kinds if view.offer or view.answer or view.chosen),
        _winner_rows(negotiation),
        _method_rows(negotiation),
        negotiation.exposures,
        tuple(sorted(sources, key=lambda one: (one.side.value != "offerer", one.kind.value, one.rank))),
        tuple(view_stream(stream) for stream in audited.streams[:MAX_STREAMS]),
        max(0, len(audited.streams) - MAX_STREAMS),
    )


def _keyed(call: CallBrief) -> tuple[str, ...]:
    texts = (" · ".join(part for part in (line.method, line.suite) if part) or "no keying" for line in call.lines)
    return tuple(dict.fromkeys(texts))


def _call_row(number: int, call: CallBrief, has_page: bool) -> CallRow:
    verdict, counts = call_verdict(call), (call.proved, call.streams)
    return CallRow(number, call.call, verdict, _keyed(call), *counts, call.worst, call.unknown, has_page, call.damage)


def choose_pages(report: Report) -> frozenset[int]:
    """The numbers of the calls that get a page: the worst first, and a few of those with nothing to say."""
    numbered = sorted(enumerate(report.briefs), key=lambda item: (urgency(item[1]), item[0]))
    loud = [number for number, call in numbered if needs_a_page(call)][:MAX_CALL_PAGES]
    quiet = [number for number, call in numbered if not needs_a_page(call)][:MAX_QUIET_PAGES]
    return frozenset(loud + quiet)


def view_rows(report: Report) -> tuple[CallRow, ...]:
    """The table of calls in capture order, numbered from 1."""
    pages = choose_pages(report)
    return tuple(
        _call_row(number + 1, call, number in pages)
        for number, call in enumerate(report.briefs)
        if number < MAX_CALL_ROWS or number in pages
    )


def _filters(call: AuditedCall) -> tuple[tuple[int, str], ...]:
    frames: dict[int, list[int]] = {}
    for message in call.call.messages:
        frames.setdefault(message.ref.capture, []).append(message.ref.frame)
    return tuple((capture, display_filter(numbers)) for capture, numbers in sorted(frames.items()))


def view_page(row: CallRow, call: AuditedCall, trees: dict[tuple[int, int], FrameTree]) -> CallPage:
    """One call in full."""
    loud_values = (OutcomeValue.FAIL, OutcomeValue.UNKNOWN, OutcomeValue.ERROR)
    ordered = sorted(call.outcomes, key=lambda outcome: (-outcome.severity.rank, outcome.rule))
    loud = [outcome for value in loud_values for outcome in ordered if outcome.outcome is value]
    quiet = [outcome for outcome in ordered if outcome.outcome not in loud_values]
    frames = dict.fromkeys(tuple(message.ref) for message in call.call.messages)
    shown = tuple(trees[place] for place in frames if place in trees)[:MAX_TREES_PER_CALL]
    return CallPage(
        row=row,
        ladder=draw_ladder(call),
        media=tuple(_media_view(media) for media in call.media[:MAX_MEDIA]),
        media_omitted=max(0, len(call.media) - MAX_MEDIA),
        counts=outcome_counts(call.outcomes),
        loud=tuple(loud[:MAX_OUTCOMES]),
        quiet=tuple(quiet[:MAX_OUTCOMES]),
        outcomes_omitted=max(0, len(loud) - MAX_OUTCOMES) + max(0, len(quiet) - MAX_OUTCOMES),
        filters=_filters(call),
        trees=shown,
        life=read_session_life(call.call) if call.call.is_open else None,
    )


def view_findings(report: Report, rows: Iterable[CallRow]) -> tuple[FindingView, ...]:
    """Findings, worst first, with the calls they affect."""
    numbers: dict[str, CallRow] = {}
    for row in rows:
        numbers.setdefault(row.call.call_id, row)
    return tuple(_finding_view(finding, numbers) for finding in sorted_findings(report))


def _finding_view(finding: Finding, numbers: dict[str, CallRow]) -> FindingView:
    shown = []
    for evidence in finding.evidence[:MAX_EVIDENCE]:
        row = numbers.get(evidence.call_id) if evidence.call_id is not None else None
        number, has_page = (row.number, row.has_page) if row else (None, False)
        shown.append(
            EvidenceRow(
                number, has_page, evidence.call_id, evidence.capture, evidence.frames, display_filter(evidence.frames)
            )
        )
    calls = len({evidence.call_id for evidence in finding.evidence if evidence.call_id is not None})
    return FindingView(finding, tuple(shown), max(0, len(finding.evidence) - MAX_EVIDENCE), calls)
