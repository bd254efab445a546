# SPDX-License-Identifier: GPL-2.0-only
"""What the updates of a crypto session bundle take over from the exchange that set it up (RFC 3830 §4.5).

An update repeats the CSB ID and sends no RAND: RAND, and whatever else it leaves out (keys, policies, the map), are
those of the exchange that it updates. A cached envelope key is the pre-shared key of updates (RFC 3830 §3.2).
"""

from dataclasses import replace

from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.keying import MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Kemac, KeyData, MikeyMessage, Rand, SecurityPolicy
from dissectors.grammar.mikey.registries import DataType

RAND_PROTECTED = frozenset({DataType.PRE_SHARED, DataType.PUBLIC_KEY, DataType.DHHMAC_INIT})


@dataclass(frozen=True, slots=True)
class Bundle:
    """The exchange that set a bundle up, as far as it is open; `update_key` is a cached envelope key."""

    message: MikeyMessage
    rand: bytes
    key_data: tuple[KeyData, ...] = ()
    update_key: PskEntry | None = None


def take_over(opened: OpenedMikey, earlier: Bundle | None) -> OpenedMikey:
    """An update with the keys that follow from what it says and what the bundle had before (RFC 3830 §4.5)."""
    message, opening = opened.evidence.message, opened.opening
    if message is None or earlier is None or opening is None:
        return opened
    if message.find(SecurityPolicy) is None:
        inherited = earlier.message.find_all(SecurityPolicy)
        opened = replace(opened, evidence=replace(opened.evidence, inherited=inherited))
    if MIKEY_MODES.get(message.header.data_type) == "MIKEY-IBAKE":
        return opened  # its keys follow from the points and are derived already
    header = message.header
    if not header.crypto_sessions:
        header = replace(header, crypto_sessions=earlier.message.header.crypto_sessions)
    policies = message.find_all(SecurityPolicy) or earlier.message.find_all(SecurityPolicy)
    keys = opening.key_data or earlier.key_data
    if opened.evidence.mac.verified is False:
        return opened
    derived = derive_session_keys(MikeyMessage(header, policies), keys, earlier.rand)
    return replace(opened, keys=derived.keys, alternates=derived.alternates)


def remember(opened: OpenedMikey, earlier: Bundle | None) -> Bundle | None:
    """What later updates of this message's bundle take over; a message that failed changes nothing."""
    message, opening = opened.evidence.message, opened.opening
    if message is None or opened.evidence.mac.verified is False:
        return earlier
    rand = None if opened.earlier_rand is not None else message.find(Rand)
    if rand is None and earlier is None:
        return None
    key_data = () if opening is None else opening.key_data
    cached = opening.update_key if isinstance(opening, ModeOpening) else None
    if rand is None and earlier is not None:
        return replace(earlier, key_data=key_data or earlier.key_data)
    entry = None if cached is None else PskEntry(cached, None, 0)
    return Bundle(message, b"" if rand is None else rand.data, key_data, entry)


def set_up_by_responder(opened: OpenedMikey) -> Bundle | None:
    """The bundle that the response to a message set up, under the CSB ID in force from then on (RFC 4738 §3.6)."""
    opening = opened.opening
    if not isinstance(opening, ModeOpening) or opening.set_up is None:
        return None
    if opening.outcome is Authentication.FAILED or opened.evidence.mac.verified is False:
        return None
    entry = None if opening.update_key is None else PskEntry(opening.update_key, None, 0)
    return Bundle(opening.set_up, opening.set_up_rand, opening.key_data, entry)


def is_proved(opened: OpenedMikey) -> bool:
    """Whether the response that gave the message its keys verifies."""
    return isinstance(opened.opening, ModeOpening) and opened.opening.outcome is Authentication.VERIFIED


def brings_rand(evidence: MikeyEvidence) -> bool:
    """Whether a message begins an exchange with its RAND; IBAKE's third goes on with one (RFC 6267 §4.2.2.5)."""
    message = evidence.message
    return message is not None and message.find(Rand) is not None and message.header.data_type != DataType.I_MESSAGE_2


def begins_anew(opened: OpenedMikey) -> bool:
    """Whether the message begins an exchange with its RAND, which some updates bring without effect."""
    return brings_rand(opened.evidence) and opened.earlier_rand is None


def is_protected_by_rand(evidence: MikeyEvidence) -> bool:
    """Whether RAND goes into the keys of the message's own MAC or encryption (RFC 3830 §4.1.4)."""
    return evidence.message is not None and evidence.message.header.data_type in RAND_PROTECTED


def is_open(opened: OpenedMikey) -> bool:
    """Whether the message verifies, and what it transports was opened."""
    message = opened.evidence.message
    if message is None or not opened.evidence.mac.verified:
        return False
    kemac = message.find(Kemac)
    return kemac is None or not kemac.data or has_keys(opened)


def has_keys(opened: OpenedMikey) -> bool:
    """Whether keys that the message transports were opened."""
    return opened.opening is not None and bool(opened.opening.key_data)
