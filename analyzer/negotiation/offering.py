# SPDX-License-Identifier: GPL-2.0-only
"""What the offer of one media line carries: key agreements, and the suites of each of them."""

from collections.abc import Mapping, Sequence

from analyzer.model.call import MediaLine, MediaSide, Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import Keying, MikeyEvidence
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.negotiation.carriers import sdes
from analyzer.negotiation.carriers.attributes import DTLS_SRTP, KeyingAttributes, read_attributes
from analyzer.negotiation.carriers.capability import (
    NO_CONFIGURATIONS,
    Configurations,
    has_unread_configurations,
    read_configurations,
)
from analyzer.negotiation.carriers.dtls import Handshakes
from analyzer.negotiation.carriers.free_text import read_free_text
from analyzer.negotiation.carriers.mikey_lines import mode_of, mode_preferences, select_messages, suite_preferences
from analyzer.negotiation.carriers.priority_extension import select_extension
from analyzer.negotiation.carriers.profiles import read_alternatives
from analyzer.negotiation.carriers.sdes import SDES
from analyzer.negotiation.carriers.zrtp import ZRTP, ZrtpExchange
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass

KEY_AGREEMENT, SUITE = CapabilityKind.KEY_AGREEMENT, CapabilityKind.SUITE


@dataclass(frozen=True, slots=True)
class Offering:
    """One side's lists as they came: `suites` by key agreement; `any_mikey` are suites listed for every MIKEY mode."""

    attributes: KeyingAttributes
    messages: tuple[MikeyEvidence, ...]
    key_agreements: tuple[Preference, ...]
    suites: Mapping[str, tuple[Preference, ...]]
    any_mikey: tuple[Preference, ...]
    defects: tuple[Defect, ...]

    def may_have(self, method: str | None) -> bool:
        """Whether what can't be read of the offer may be that key agreement, which nothing else in it is."""
        if method is None or method in {one.name for one in self.key_agreements}:
            return False
        unread = any(evidence.message is None and evidence.protocol == "mikey" for evidence in self.messages)
        return (unread and is_mikey(method)) or has_unread_configurations(self.attributes)

    def suites_of(self, method: str | None, chosen: str | None = None) -> tuple[Preference, ...]:
        """The suites offered with that key agreement.

        Of a list for every MIKEY mode those that a policy of this mode's messages offers, and the choice: the others
        can't be taken with it.
        """
        if method is None:
            return ()
        own = self.suites.get(method, ())
        listed = self.any_mikey if is_mikey(method) else ()
        offered = {one.name for one in own}
        return tuple(one for one in listed if not own or one.name in offered or one.name == chosen) + own

    @property
    def preferences(self) -> tuple[Preference, ...]:
        """Everything the offer lists, each entry once."""
        suites = (one for preferences in self.suites.values() for one in preferences)
        return tuple(dict.fromkeys((*self.key_agreements, *self.any_mikey, *suites)))


def is_mikey(method: str) -> bool:
    """Whether a key agreement is one of MIKEY's."""
    return method.startswith("MIKEY")


def read_offer(
    offer: MediaSide, line: MediaLine, keying: Keying, handshakes: Handshakes | None, zrtp: ZrtpExchange | None
) -> Offering:
    """The lists of the offer of one media line."""
    attributes = read_attributes(offer)
    media_lines = len(offer.body.session.media)
    messages = select_messages(keying.mikey, Side.OFFERER)
    own_messages, acap_messages = _split(messages, attributes)
    own_crypto = keying.offered_crypto[: len(attributes.own("crypto"))]
    crypto = sdes.suite_preferences(own_crypto, attributes.ref)
    own = _own_methods(attributes, own_messages, bool(crypto), zrtp)
    suites: dict[str, tuple[Preference, ...]] = {}
    configurations = _configurations(attributes, own, crypto, messages)
    if configurations.suites or crypto:
        suites[SDES] = configurations.suites or crypto
    for evidence in (*own_messages, *(acap_messages or configurations.messages)):
        mode = mode_of(evidence)
        suites[mode] = suites.get(mode, ()) + suite_preferences(evidence, line.index, media_lines)
    if handshakes is not None and handshakes.client is not Side.ANSWERER and handshakes.offered:
        suites[DTLS_SRTP] = handshakes.offered
    if zrtp is not None and zrtp.offer:
        suites[ZRTP] = tuple(one for one in zrtp.offer if one.kind is SUITE)
    extension, defects = select_extension(messages) if messages else (None, ())
    spoken = extension.preferences if extension is not None else ()
    spoken += read_free_text(attributes.inherited("key-mgmt"), attributes.ref) if messages else ()
    listed = configurations.key_agreements or read_alternatives(line, [one.name for one in own]) or own
    return Offering(
        attributes,
        (*own_messages, *(acap_messages or configurations.messages)),
        (*(one for one in spoken if one.kind is KEY_AGREEMENT), *listed),
        suites,
        tuple(one for one in spoken if one.kind is SUITE),
        defects,
    )


def _split(
    messages: Sequence[MikeyEvidence], attributes: KeyingAttributes
) -> tuple[tuple[MikeyEvidence, ...], tuple[MikeyEvidence, ...]]:
    """The messages of key-mgmt lines, and those that stand as capabilities."""
    if not messages:
        return (), ()
    acap = {
        (level, one.line_number)
        for level in ("media", "session")
        for one in attributes.level(level)
        if one.name == "acap"
    }
    own = tuple(one for one in messages if (one.level, one.line_number) not in acap)
    return own, tuple(one for one in messages if (one.level, one.line_number) in acap)


def _configurations(
    attributes: KeyingAttributes,
    own: Sequence[Preference],
    crypto: Sequence[Preference],
    messages: Sequence[MikeyEvidence],
) -> Configurations:
    if not any(attribute.name == "pcfg" for attribute in attributes.media):
        return NO_CONFIGURATIONS
    names = list(dict.fromkeys(one.name for one in own))
    return read_configurations(attributes, names, [one.name for one in crypto], messages)


def _own_methods(
    attributes: KeyingAttributes, messages: Sequence[MikeyEvidence], has_crypto: bool, zrtp: ZrtpExchange | None
) -> tuple[Preference, ...]:
    """The key agreements of the actual configuration; between different attributes there is no order."""
    ref = attributes.ref
    found = list(mode_preferences(messages))
    if has_crypto:
        found.append(_method(SDES, Carrier.SDES_ORDER, ref))
    if attributes.inherited("fingerprint"):
        found.append(_method(attributes.fingerprint_method, Carrier.FINGERPRINT, ref))
    if attributes.either("zrtp-hash"):
        found.append(_method(ZRTP, Carrier.ZRTP_HASH, ref))
    elif zrtp is not None:
        found += [one for one in zrtp.offer if one.kind is KEY_AGREEMENT]
    if len({one.name for one in found}) > 1 and len({one.name for one in mode_preferences(messages)}) < 2:
        return tuple(one._replace(priority=None) for one in found)
    return tuple(found) if len(found) > 1 else tuple(one._replace(priority=0) for one in found)


def _method(name: str, carrier: Carrier, ref: FrameRef) -> Preference:
    return Preference(KEY_AGREEMENT, name, None, carrier, False, ref)
