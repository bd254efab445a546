# SPDX-License-Identifier: GPL-2.0-only
"""DHHMAC messages of a call against the pre-shared keys at hand, and what one message says of the other (RFC 4650)."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import PskEntry
from analyzer.keying.mikey_dh import verify_dhhmac_message
from analyzer.keying.mikey_messages import OpenedMikey, identities_of, order_keys
from analyzer.keying.mikey_prf import PrfVariant
from analyzer.keying.mikey_psk import Authentication
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.mikey import MikeyMessage


def check_dhhmac(
    evidence: MikeyEvidence,
    first: MikeyMessage | None,
    ring: Sequence[PskEntry],
    parties: Sequence[str],
    rand: bytes | None,
    *,
    proved: bool = False,
) -> tuple[MikeyEvidence, PskEntry | None]:
    """A DHHMAC message with what its MAC shows, and the key that verified it; `proved`: it is the call's."""
    message, octets = evidence.message, evidence.octets
    if message is None or octets is None:
        return evidence, None
    names = (*identities_of(message), *(identities_of(first) if first is not None else ()), *parties)
    failure, reason = None, "no key in the ring fits"
    for entry, named in order_keys(ring, names):
        bound = named or proved
        check = verify_dhhmac_message(octets, message, entry.key, first, rand)
        defects = evidence.defects + check.defects
        if check.outcome is Authentication.VERIFIED:
            state = MacState(True, "MAC verifies")
            if check.prf_variant is PrfVariant.LIBMIKEY:
                state = MacState(None, "the MAC is libmikey's, in which a key of this length does not count")
            return replace(evidence, mac=state, bound_key=bound, defects=defects), entry
        if check.outcome is not Authentication.FAILED:
            reason = check.reason
        elif bound and failure is None:
            why = "altered message: its key verifies the other message" if proved else check.reason
            failure = replace(evidence, mac=MacState(False, why), bound_key=True, defects=defects)
    if failure is not None:
        return failure, None
    unkeyed = verify_dhhmac_message(octets, message, None, first, rand)
    if unkeyed.outcome is not Authentication.NO_KEY:
        reason = unkeyed.reason
    return replace(evidence, mac=MacState(None, reason), defects=evidence.defects + unkeyed.defects), None


def bind_dhhmac(initiator: OpenedMikey, entry: PskEntry, rand: bytes | None) -> OpenedMikey:
    """The initiator's message after `entry` verified its response: what it does not verify was altered."""
    marked, found = check_dhhmac(
        replace(initiator.evidence, mac=MacState(None, "")), None, (entry,), (), rand, proved=True
    )
    return replace(initiator, evidence=replace(marked, defects=initiator.evidence.defects), psk=found)
