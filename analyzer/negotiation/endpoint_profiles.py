# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of endpoints out of the offers of all calls: the baseline of rules for stripped offers and for drift."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.model.call import Call, MediaLine, MediaSide, Party
from analyzer.model.endpoint import EndpointProfile, Listed, OfferedSecurity, OfferPeriod
from analyzer.model.negotiation import CapabilityKind, Preference
from analyzer.model.report import AuditedMedia
from analyzer.negotiation.inventory import host_of
from dissectors.grammar.sip_address import bare_address

MAX_PERIODS = 64  # of one endpoint that are kept
MAX_HOSTS = 8
Endpoint = tuple[str, str | None]


@dataclass(slots=True)
class _Collector:
    """The periods of one endpoint while they are being gathered."""

    periods: list[OfferPeriod] = field(default_factory=list)
    current: dict[str, int] = field(default_factory=dict)  # media type -> its last period
    omitted: int = 0

    def add(self, offered: OfferedSecurity, offer: MediaSide, host: str) -> None:
        message = offer.body.message
        place = self.current.get(offered.media_type)
        last = None if place is None else self.periods[place]
        if place is not None and last is not None and last.offered == offered:
            known = host in last.hosts or len(last.hosts) >= MAX_HOSTS
            hosts = last.hosts if known else (*last.hosts, host)
            self.periods[place] = last._replace(
                offers=last.offers + 1, last_ns=message.timestamp_ns, last=message.ref, hosts=hosts
            )
        elif len(self.periods) >= MAX_PERIODS:
            self.omitted += 1
        else:
            self.current[offered.media_type] = len(self.periods)
            time_ns, ref = message.timestamp_ns, message.ref
            self.periods.append(OfferPeriod(offered, 1, time_ns, ref, time_ns, ref, (host,)))


def build_profiles(calls: Iterable[tuple[Call, Iterable[AuditedMedia]]]) -> tuple[EndpointProfile, ...]:
    """The profile of each address-of-record and User-Agent that offered media, in order of their first offer.

    Offers seen on a further hop, where somebody rewrote them, are not the endpoint's own and do not count.
    """
    offers: list[tuple[int, int, Call, AuditedMedia, MediaSide]] = []
    for call, lines in calls:
        for audited in lines:
            line = audited.line
            if line.offer is not None and not line.offer.is_refused and line.exchange.between is None:
                offers.append((line.offer.body.message.timestamp_ns, len(offers), call, audited, line.offer))
    offers.sort(key=lambda each: each[:2])
    collectors: dict[Endpoint, _Collector] = {}
    for _, _, call, audited, offer in offers:
        aor = call.caller if offer.body.party is Party.CALLER else call.callee
        message = offer.body.message
        endpoint = bare_address(aor), message.text.user_agent
        collector = collectors.setdefault(endpoint, _Collector())
        collector.add(_offered(audited, audited.line, offer), offer, host_of(message.source))
    return tuple(
        EndpointProfile(aor, user_agent, tuple(collector.periods), collector.omitted)
        for (aor, user_agent), collector in collectors.items()
    )


def _offered(audited: AuditedMedia, line: MediaLine, offer: MediaSide) -> OfferedSecurity:
    preferences = audited.negotiation.offer_preferences
    return OfferedSecurity(
        line.type,
        offer.media.proto,
        _listed(preferences, CapabilityKind.KEY_AGREEMENT),
        _listed(preferences, CapabilityKind.SUITE),
    )


def _listed(preferences: tuple[Preference, ...], kind: CapabilityKind) -> Listed:
    return tuple([(one.name, one.priority) for one in preferences if one.kind is kind])
