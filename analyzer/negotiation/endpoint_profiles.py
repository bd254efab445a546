# SPDX-License-Identifier: GPL-2.0-only
"""Profiles of endpoints out of the offers of all calls: the baseline of rules for stripped offers and for drift."""

from collections.abc import Iterable, Iterator
from dataclasses import field

from analyzer.model.brief import CallBrief
from analyzer.model.call import Party
from analyzer.model.endpoint import EndpointProfile, Listed, OfferedSecurity, OfferPeriod
from analyzer.model.evidence import AnySignalling, SignallingMessage
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.model.report import AuditedMedia
from analyzer.negotiation.inventory import host_of
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sip_address import bare_address
from dissectors.grammar.sip_extensions import asserted_aors

MAX_PERIODS = 64  # of one endpoint that are kept
MAX_HOSTS = 8
MAX_ASSERTED = 8
_IN_MEDIA = frozenset({Carrier.DTLS_USE_SRTP, Carrier.ZRTP_HELLO})
Endpoint = tuple[str, str | None]
_Offer = tuple[AnySignalling, str, OfferedSecurity]  # with the address-of-record that sent it


@dataclass(slots=True)
class _Period:
    """Equal offers in a row, so far."""

    offered: OfferedSecurity
    first: AnySignalling
    last: AnySignalling
    offers: int = 0
    hosts: dict[str, None] = field(default_factory=dict)

    def add(self, message: AnySignalling) -> None:
        self.offers += 1
        self.last = message
        if len(self.hosts) < MAX_HOSTS:
            self.hosts[host_of(message.source)] = None

    def freeze(self) -> OfferPeriod:
        first, last = self.first, self.last
        times = (first.timestamp_ns, first.ref, last.timestamp_ns, last.ref)
        return OfferPeriod(self.offered, self.offers, *times, tuple(self.hosts))


@dataclass(slots=True)
class _Collector:
    """The periods of one endpoint while they are being gathered."""

    periods: list[_Period] = field(default_factory=list)
    current: dict[str, _Period] = field(default_factory=dict)  # media type -> its last period
    omitted: int = 0
    asserted: dict[str, None] = field(default_factory=dict)

    def note_asserted(self, aor: str, message: AnySignalling) -> None:
        if isinstance(message, SignallingMessage) and "p-asserted-identity" in message.sip.header_names:
            for other in asserted_aors(message.sip):
                if other != aor and len(self.asserted) < MAX_ASSERTED:
                    self.asserted[other] = None

    def add(self, offered: OfferedSecurity, message: AnySignalling) -> None:
        period = self.current.get(offered.media_type)
        if period is None or period.offered != offered:
            if len(self.periods) >= MAX_PERIODS:
                self.omitted += 1
                return
            period = self.current[offered.media_type] = _Period(offered, message, message)
            self.periods.append(period)
        period.add(message)


def build_profiles(calls: Iterable[CallBrief]) -> tuple[EndpointProfile, ...]:
    """The profile of each address-of-record and User-Agent that offered media, in order of their first offer."""
    offers = sorted(_iter_offers(calls), key=_sent_ns)
    collectors: dict[Endpoint, _Collector] = {}
    for message, aor, offered in offers:
        endpoint = bare_address(aor), message.text.user_agent
        collector = collectors.get(endpoint)
        if collector is None:
            collector = collectors[endpoint] = _Collector()
        collector.add(offered, message)
        collector.note_asserted(endpoint[0], message)
    return tuple(
        EndpointProfile(
            aor,
            user_agent,
            tuple(period.freeze() for period in collector.periods),
            collector.omitted,
            tuple(collector.asserted),
        )
        for (aor, user_agent), collector in collectors.items()
    )


def _iter_offers(calls: Iterable[CallBrief]) -> Iterator[_Offer]:
    for brief in calls:
        call = brief.call
        for line, said in zip(call.media, brief.lines, strict=True):
            if line.offer is not None and said.offered is not None:
                body = line.offer.body
                yield body.message, call.caller if body.party is Party.CALLER else call.callee, said.offered


def _sent_ns(offer: _Offer) -> int:
    return offer[0].timestamp_ns


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
    """Without what a handshake in the media says: one that was not captured is no change of the offer."""
    return tuple([(one.name, one.priority) for one in preferences if one.kind is kind and one.carrier not in _IN_MEDIA])
