# SPDX-License-Identifier: GPL-2.0-only
"""`sdpcapneg`: potential configurations of RFC 5939, whose number is their priority (§3.5.1: lower is preferred)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.negotiation.carriers.attributes import KeyingAttributes
from analyzer.negotiation.carriers.mikey_lines import mode_of
from analyzer.negotiation.carriers.sdes import SDES
from dissectors.grammar.capability_negotiation import (
    AttributeCapability,
    PotentialConfiguration,
    parse_acap,
    parse_pcfg,
)
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdes import canonical_suite, parse_crypto

METHODS = {"crypto": SDES, "fingerprint": "DTLS-SRTP", "zrtp-hash": "ZRTP"}
_Place = tuple[int, int]  # the number of a configuration, and which alternative of all it is, from 1
UNREAD = MacState(None, "a capability, not tried")


class Capability(NamedTuple):
    """One `acap` line with what it would add: a key agreement, and the suite or MIKEY message of its own."""

    attribute: AttributeCapability
    key_agreement: str | None
    suite: str | None
    evidence: MikeyEvidence | None


class Configurations(NamedTuple):
    """What the configurations of an offer prefer; empty where there is no readable `pcfg`."""

    key_agreements: tuple[Preference, ...]
    suites: tuple[Preference, ...]
    messages: tuple[MikeyEvidence, ...]


NO_CONFIGURATIONS = Configurations((), (), ())


def read_configurations(
    attributes: KeyingAttributes, own: Sequence[str], own_suites: Sequence[str], messages: Sequence[MikeyEvidence]
) -> Configurations:
    """The preferences of an offer's `pcfg` lines; the actual configuration (`own`) comes after them all (§3.6.1)."""
    configurations = list(_parse_configurations(attributes.own("pcfg")))
    if not configurations:
        return NO_CONFIGURATIONS
    capabilities = {found.attribute.number: found for found in read_capabilities(attributes, messages)}
    agreements: dict[str, _Place] = {}
    suites: dict[str, _Place] = {}
    ordered: list[str] = []
    crowded = False
    place = 0
    for configuration in sorted(configurations, key=lambda configuration: configuration.number):
        for alternative in configuration.attribute_alternatives or ((),):
            added = [capabilities[number] for number in alternative if number in capabilities]
            names = [found.key_agreement for found in added] if alternative else list(own)
            # Lines of one attribute are added in their order (RFC 5939 §3.6.2), those of different ones have none.
            are_lines = bool(added) and all(found.evidence is not None for found in added)
            inline = [found.suite for found in added if found.suite is not None]
            crowded |= len(inline) > 1
            ordered += inline
            place += 1
            for position, name in enumerate(filter(None, names)):
                place += are_lines and position > 0
                agreements.setdefault(name, (configuration.number, place))
            for suite in inline:
                suites.setdefault(suite, (configuration.number, place))
    last = max(configuration.number for configuration in configurations) + 1
    for name in own:
        agreements.setdefault(name, (last, place + 1))
    ref = attributes.ref
    only_one = len(agreements) > 1 == len(set(agreements.values()))  # attributes of it have no order
    listed = tuple(
        _preference(CapabilityKind.KEY_AGREEMENT, name, None if only_one else number, Carrier.SDPCAPNEG, ref)
        for name, number in _priorities(agreements)
    )
    found_messages = tuple(found.evidence for found in capabilities.values() if found.evidence is not None)
    if crowded:
        inside = enumerate(dict.fromkeys((*ordered, *own_suites)))
        by_line = (_preference(CapabilityKind.SUITE, name, n, Carrier.SDES_ORDER, ref) for n, name in inside)
        return Configurations(listed, tuple(by_line), found_messages)
    for position, suite in enumerate(own_suites):
        suites.setdefault(suite, (last + position, place + 1 + position))
    by_number = (_preference(CapabilityKind.SUITE, name, n, Carrier.SDPCAPNEG, ref) for name, n in _priorities(suites))
    return Configurations(listed, tuple(by_number), found_messages)


def _priorities(places: Mapping[str, _Place]) -> Iterable[tuple[str, int]]:
    """The numbers of the configurations; the places of all alternatives where one configuration orders several.

    Alternatives of one configuration are in order of preference (RFC 5939 §3.5.1), which its number can't tell.
    """
    told = {number for number, _ in places.values()}
    shared = len(set(places.values())) > len(told)
    return [(name, place if shared else number) for name, (number, place) in places.items()]


def has_unread_configurations(attributes: KeyingAttributes) -> bool:
    """Whether an offer has a `pcfg` or `acap` that can't be read whole, and so may offer more than is seen."""
    configurations = tuple(_parse_configurations(attributes.own("pcfg")))
    if not configurations and not attributes.own("pcfg"):
        return False
    whole = len(configurations) == len(attributes.own("pcfg")) and not any(one.defects for one in configurations)
    named = {number for one in configurations for numbers in one.attribute_alternatives for number in numbers}
    known = {one.attribute.number for one in read_capabilities(attributes, ())}
    return not whole or not named <= known


def read_capabilities(attributes: KeyingAttributes, messages: Sequence[MikeyEvidence]) -> tuple[Capability, ...]:
    """The `acap` lines of both levels that carry keying; MIKEY messages already examined are taken as they are."""
    found = []
    for level in ("session", "media"):
        known = {evidence.line_number: evidence for evidence in messages if evidence.level == level}
        for attribute in attributes.level(level):
            if attribute.name != "acap":
                continue
            try:
                acap = parse_acap(attribute.value or "")
                evidence = known.get(attribute.line_number) or _message(acap, level, attribute.line_number, attributes)
                found.append(Capability(acap, *_read_method(acap, evidence), evidence))
            except GrammarError:
                continue
    return tuple(found)


def _parse_configurations(values: Iterable[str]) -> Iterable[PotentialConfiguration]:
    for value in values:
        try:
            yield parse_pcfg(value)
        except GrammarError:
            continue


def _read_method(acap: AttributeCapability, evidence: MikeyEvidence | None) -> tuple[str | None, str | None]:
    if evidence is not None:
        return mode_of(evidence), None
    if acap.name == "crypto":
        return SDES, canonical_suite(parse_crypto(acap.value or "").suite)
    return METHODS.get(acap.name), None


def _message(
    acap: AttributeCapability, level: str, line_number: int, attributes: KeyingAttributes
) -> MikeyEvidence | None:
    if acap.name != "key-mgmt":
        return None
    line = parse_key_mgmt(acap.value or "")
    try:
        message = None if line.data is None else parse_mikey(line.data)
    except GrammarError:
        message = None
    return MikeyEvidence(
        attributes.ref, level, line_number, Side.OFFERER, line.protocol, line.data, message, UNREAD, bound_key=False
    )


def _preference(kind: CapabilityKind, name: str, priority: int | None, carrier: Carrier, ref: FrameRef) -> Preference:
    return Preference(kind, name, priority, carrier, False, ref)
