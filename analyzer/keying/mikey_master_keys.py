# SPDX-License-Identifier: GPL-2.0-only
"""SRTP master keys out of opened MIKEY messages, each for its direction of a media line (RFC 4567 §7.1)."""

from collections.abc import Sequence

from analyzer.keying.mikey_messages import (
    OpenedMikey,
)
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_session_keys import CryptoSessionKeys
from analyzer.keying.mikey_suites import suite_of
from analyzer.model.call import MediaLine, Side
from analyzer.model.keying import MasterKey
from dissectors.grammar.mikey.registries import SrtpAuthentication

RCC_MODES: dict[int, int] = {SrtpAuthentication.RCCM1: 1, SrtpAuthentication.RCCM2: 2, SrtpAuthentication.RCCM3: 3}


def master_keys_of_mikey(chosen: OpenedMikey, own: set[int]) -> tuple[MasterKey, ...]:
    """Master keys of every crypto session that an opened message gives, those of the CS IDs `own` first."""
    keys = [_master_key(key, own, "") for key in chosen.keys]
    keys += [_master_key(key, own, _alternate_label(key)) for key in chosen.alternates]
    usable = [key for key in keys if key is not None]
    return tuple(sorted(usable, key=lambda key: key.sender is None))


def session_keys_of(chosen: OpenedMikey, line: MediaLine) -> tuple[MasterKey, ...]:
    """Master keys of every crypto session, those of this media line first (two per line, RFC 4567 §7.1)."""
    own = {2 * line.index + 1, 2 * line.index + 2} if chosen.evidence.level != "media" else {1, 2}
    return master_keys_of_mikey(chosen, own)


def reverse_keys(back: Sequence[OpenedMikey], line: MediaLine, chosen: OpenedMikey | None) -> tuple[MasterKey, ...]:
    """What the answerer sends is under its own keys; where the offer was not seen they may be for both directions."""
    keys = tuple(key for message in back for key in session_keys_of(message, line))
    if chosen is None:
        return tuple(key._replace(sender=None, bound=False) for key in keys)
    return tuple(key._replace(sender=Side.ANSWERER) for key in keys)


def _alternate_label(key: CryptoSessionKeys) -> str:
    return "libmikey derivation" if key.prf_variant is PrfVariant.LIBMIKEY else key.label


def _master_key(key: CryptoSessionKeys, own: set[int], label: str) -> MasterKey | None:
    policy = key.policy
    suite = suite_of(policy, (len(key.master_key), len(key.master_salt)))
    if suite is None:
        return None
    master = MasterKey(
        suite=suite.name,
        key=key.master_key,
        salt=key.master_salt,
        source="mikey",
        bound=True,
        sender=(Side.OFFERER if key.cs_id % 2 else Side.ANSWERER) if key.cs_id in own else None,
        ssrc=key.ssrc or None,
        mki=key.mki,
        roc=key.roc or None,
        index_range=key.index_range,
        label=label,
    )
    if policy is None:
        return master
    return master._replace(
        srtp_encrypted=policy.srtp_encrypted,
        srtcp_encrypted=policy.srtcp_encrypted,
        authenticated=policy.srtp_authenticated,
        kdr=policy.key_derivation_rate,
        tag_octets=None if policy.suite else policy.tag_octets,
        rcc_mode=RCC_MODES.get(policy.authentication, 0),
        rcc_rate=policy.roc_transmission_rate,
    )
