# SPDX-License-Identifier: GPL-2.0-only
"""What is known of an endpoint's list from elsewhere: the auditor's inventory, and the endpoint's own other offers."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from analyzer.model.call import Call, MediaLine, MediaSide, Party, SdpBody, Side
from analyzer.model.keying import Keying, MacState, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.negotiation.carriers.attributes import KEYING
from analyzer.negotiation.inventory import Identity, Inventory
from analyzer.negotiation.offering import read_offer
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import Attribute
from dissectors.grammar.sip_address import bare_address

MAX_OFFERS = 256  # of one endpoint that are remembered; later ones push out earlier ones
OBSERVED = MacState(None, "seen in another offer")

Observations = Mapping[tuple[str, str], tuple[MediaLine, ...]]


class Knowledge(NamedTuple):
    """Lists from elsewhere; `observed` gives the observations when they are first needed."""

    inventory: Inventory = Inventory()
    observed: Callable[[], Observations] = dict

    def preferences(
        self, party: Identity, line: MediaLine, kind: CapabilityKind, method: str | None
    ) -> tuple[Preference, ...]:
        """A party's list of one kind: the inventory's, else that of its own offer nearest in time, else ().

        Suites are asked for with the key agreement they belong to.
        """
        listed = self.inventory.preferences(party, kind)
        if listed or party.aor is None:
            return listed
        offers = self.observed().get((bare_address(party.aor), line.type), ())
        start = line.exchange.start_ns
        for offer in sorted(offers, key=lambda one: abs(one.exchange.start_ns - start)):
            found = _observe(offer, kind, method)
            if found:
                return found
        return ()


def build_observations(calls: Iterable[Call]) -> Observations:
    """The media lines that each address-of-record offered with keying, by (address-of-record, media type)."""
    offers: dict[tuple[str, str], list[MediaLine]] = {}
    for call in calls:
        for line in call.media:
            if line.offer is None or not _is_keyed(line.offer):
                continue
            aor = call.caller if line.offer.body.party is Party.CALLER else call.callee
            lines = offers.setdefault((bare_address(aor), line.type), [])
            lines.append(line)
            del lines[:-MAX_OFFERS]
    return {key: tuple(lines) for key, lines in offers.items()}


def identify(call: Call, body: SdpBody | None, party: Party) -> Identity:
    """What a call shows of the party that sent `body`; its User-Agent or Server header tells the agent."""
    aor = call.caller if party is Party.CALLER else call.callee
    if body is None:
        return Identity(aor or None, None, None)
    return Identity(aor or None, body.message.source, body.message.sip.user_agent)


def _is_keyed(side: MediaSide) -> bool:
    attributes = (*side.media.attributes, *side.body.session.attributes)
    return not KEYING.isdisjoint([attribute.name for attribute in attributes])


def _observe(line: MediaLine, kind: CapabilityKind, method: str | None) -> tuple[Preference, ...]:
    """The list of one kind in an offer, as `observed`; its numbers stay."""
    if line.offer is None:
        return ()
    offering = read_offer(line.offer, line, _read_keying(line.offer), None, None)
    key_agreement = kind is CapabilityKind.KEY_AGREEMENT
    found = offering.key_agreements if key_agreement else offering.suites_of(method)
    return tuple(one._replace(carrier=Carrier.OBSERVED) for one in found)


def _read_keying(side: MediaSide) -> Keying:
    """The keying attributes of an offer, read without any key."""
    crypto = []
    for value in side.media.attribute_values("crypto"):
        try:
            crypto.append(parse_crypto(value))
        except GrammarError:
            continue
    messages = _messages(side, side.media.attributes, "media")
    messages = messages or _messages(side, side.body.session.attributes, "session")
    return Keying(None, None, "", offered_crypto=tuple(crypto), mikey=messages)


def _messages(side: MediaSide, attributes: Iterable[Attribute], level: str) -> tuple[MikeyEvidence, ...]:
    found = []
    for attribute in attributes:
        if attribute.name != "key-mgmt":
            continue
        try:
            line = parse_key_mgmt(attribute.value or "")
            message = None if line.data is None else parse_mikey(line.data)
        except GrammarError:
            continue
        ref = side.body.message.ref
        found.append(
            MikeyEvidence(
                ref,
                level,
                attribute.line_number,
                Side.OFFERER,
                line.protocol,
                line.data,
                message,
                OBSERVED,
                bound_key=False,
            )
        )
    return tuple(found)
