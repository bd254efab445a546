# SPDX-License-Identifier: GPL-2.0-only
"""What each endpoint offered over all calls, in which order, and when that changed."""

from typing import NamedTuple

from analyzer.model.evidence import FrameRef

Listed = tuple[tuple[str, int | None], ...]  # names with their priorities, in the order of the offer


class OfferedSecurity(NamedTuple):
    """What one offer says of one media line: type, profile, key agreements and suites; equal offers are equal."""

    media_type: str
    proto: str
    key_agreements: Listed
    suites: Listed


class OfferPeriod(NamedTuple):
    """Equal offers in a row: how many (`offers`), the first and the last, and the hosts they came from."""

    offered: OfferedSecurity
    offers: int
    first_ns: int
    first: FrameRef
    last_ns: int
    last: FrameRef
    hosts: tuple[str, ...]


class EndpointProfile(NamedTuple):
    """One endpoint: its address-of-record and User-Agent, and its periods in time order.

    The periods of one media type follow each other: each after the first is a change. `omitted` counts periods beyond
    the limit. `asserted` are other addresses by which a network named the sender of its offers (RFC 3325 §9.1).
    """

    aor: str
    user_agent: str | None
    periods: tuple[OfferPeriod, ...]
    omitted: int = 0
    asserted: tuple[str, ...] = ()

    def changes(self) -> tuple[tuple[OfferPeriod, OfferPeriod], ...]:
        """Each period that another one of its media type follows, with that one."""
        found = []
        last: dict[str, OfferPeriod] = {}
        for period in self.periods:
            before = last.get(period.offered.media_type)
            if before is not None:
                found.append((before, period))
            last[period.offered.media_type] = period
        return tuple(found)
