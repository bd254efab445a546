# SPDX-License-Identifier: GPL-2.0-only
"""What the updates of a crypto session bundle take over from the exchange that set it up (RFC 3830 §4.5).

An update repeats the CSB ID and sends no RAND: RAND, and whatever else it leaves out (keys, policies, the map), are
those of the exchange that it updates. A cached envelope key is the pre-shared key of updates (RFC 3830 §3.2).
"""

from dataclasses import dataclass, replace

from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.mikey import KeyData, MikeyMessage, Rand, SecurityPolicy


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
