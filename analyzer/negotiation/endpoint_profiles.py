# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of endpoints out of the offers of all calls: the baseline of rules for stripped offers and for drift."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.model.brief import CallBrief
from analyzer.model.call import Call, MediaSide, Party
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


def build_profiles(calls: Iterable[CallBrief]) -> tuple[EndpointProfile, ...]:
    """The profile of each address-of-record and User-Agent that offered media, in order of their first offer."""
    offers: list[tuple[int, int, Call, OfferedSecurity, MediaSide]] = []
    for brief in calls:
        for line, said in zip(brief.call.media, brief.lines, strict=True):
            if line.offer is not None and said.offered is not None:
                time_ns = line.offer.body.message.timestamp_ns
                offers.append((time_ns, len(offers), brief.call, said.offered, line.offer))
    offers.sort(key=lambda each: each[:2])
    collectors: dict[Endpoint, _Collector] = {}
    for _, _, call, offered, offer in offers:
        aor = call.caller if offer.body.party is Party.CALLER else call.callee
        message = offer.body.message
        endpoint = bare_address(aor), message.text.user_agent
        collector = collectors.setdefault(endpoint, _Collector())
        collector.add(offered, offer, host_of(message.source))
    return tuple(
        EndpointProfile(aor, user_agent, tuple(collector.periods), collector.omitted)
        for (aor, user_agent), collector in collectors.items()
    )


def offered_security(audited: AuditedMedia) -> OfferedSecurity | None:
    """What the offer of a line says of its endpoint.

    None without one, and for one seen on a further hop, where somebody rewrote it: that is not the endpoint's own.
    """
    line, preferences = audited.line, audited.negotiation.offer_preferences
    if line.offer is None or line.offer.is_refused or line.exchange.between is not None:
        return None
    return OfferedSecurity(
        line.type,
        line.offer.media.proto,
        _listed(preferences, CapabilityKind.KEY_AGREEMENT),
        _listed(preferences, CapabilityKind.SUITE),
    )


def _listed(preferences: tuple[Preference, ...], kind: CapabilityKind) -> Listed:
    return tuple([(one.name, one.priority) for one in preferences if one.kind is kind])
