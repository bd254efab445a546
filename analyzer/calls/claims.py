# SPDX-License-Identifier: GPL-2.0-only
"""Who holds a transport address at which time: the claims that calls make on it, and the timeline they give."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model.call import Side

LONG_AGO = -(2**63)
FOREVER = 2**63 - 1
LINGER_NS = 32_000_000_000  # 64·T1 (RFC 3261 §17.1.2.2): the longest a call's last transaction may take


class Claim(NamedTuple):
    """From `begin` to `end` packets sent to an address belong to media lines of one exchange.

    `order` names call and exchange and settles equal begins; `lines` are positions among the call's lines; `owner`
    is the side that announced the address, None where both did.
    """

    begin: int
    end: int
    order: tuple[tuple[int, int, int, str], int]
    lines: tuple[int, ...]
    owner: Side | None


class Span(NamedTuple):
    """A claim that holds from `begin` to `end`; `by_source` says that it was found by the sender's address."""

    begin: int
    end: int
    claim: Claim
    by_source: bool = False


class Timeline:
    """Spans that do not overlap: at any time the claim that began last holds, while it lasts."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._spans: list[Span] = []
        self._open: list[Claim] = []
        now = LONG_AGO
        last_first = sorted(claims, key=lambda claim: claim.order, reverse=True)
        for claim in sorted(last_first, key=lambda claim: claim.begin):
            self._advance(now, claim.begin)
            self._open.append(claim)
            now = claim.begin
        self._advance(now, FOREVER)
        self._begins = [span.begin for span in self._spans]

    def _advance(self, now: int, until: int) -> None:
        while self._open and now < until:
            claim = self._open[-1]
            if claim.end <= now:
                self._open.pop()
                continue
            stop = min(claim.end, until)
            self._spans.append(Span(now, stop, claim))
            now = stop

    def between(self, begin: int, end: int) -> list[Span]:
        """The spans within `begin` (inclusive) to `end` (exclusive), cut to it."""
        found = []
        position = max(bisect_right(self._begins, begin) - 1, 0)
        while position < len(self._spans) and self._spans[position].begin < end:
            span = self._spans[position]
            if span.end > begin:
                found.append(span._replace(begin=max(span.begin, begin), end=min(span.end, end)))
            position += 1
        return found


class AddressBook:
    """Claims by address, and by the pair of addresses that the two sides of one line announced."""

    def __init__(self) -> None:
        self._claims: dict[str | tuple[str, str], list[Claim]] = {}
        self._timelines: dict[str | tuple[str, str], Timeline] = {}

    def add(self, key: str | tuple[str, str], claim: Claim) -> None:
        """Claim an address, or an address where packets from a peer's are expected."""
        self._claims.setdefault(key, []).append(claim)

    def knows(self, address: str) -> bool:
        """Whether anybody ever claims it."""
        return address in self._claims

    def resolve(self, source: str, destination: str, begin: int, end: int) -> list[Span]:
        """Who holds packets from `source` to `destination` from `begin` (inclusive) to `end` (exclusive).

        First the calls that announced both, then the destination, and where nobody holds that, the source.
        """
        spans: list[Span] = []
        for key, by_source in (((destination, source), False), (destination, False), (source, True)):
            timeline = self._timeline(key)
            if timeline is not None:
                spans = _fill(spans, timeline, (begin, end), by_source)
        return spans

    def _timeline(self, key: str | tuple[str, str]) -> Timeline | None:
        if key not in self._timelines and key in self._claims:
            self._timelines[key] = Timeline(self._claims[key])
        return self._timelines.get(key)


def _fill(spans: list[Span], timeline: Timeline, within: tuple[int, int], by_source: bool) -> list[Span]:
    """The spans with their gaps filled from a timeline."""
    filled: list[Span] = []
    now, end = within
    for begin, stop, span in [*((span.begin, span.end, span) for span in spans), (end, end, None)]:
        if now < begin:
            filled += [found._replace(by_source=by_source) for found in timeline.between(now, begin)]
        if span is not None:
            filled.append(span)
        now = stop
    return filled
