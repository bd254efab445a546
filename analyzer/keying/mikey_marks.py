# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY message of a call with what its opening showed: verified or not, by which key, and the keys that follow."""

from dataclasses import replace

from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_psk import Authentication
from analyzer.keying.mikey_signatures import SignatureCheck
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.mikey_ticket import (
    ticket_defects,
)
from analyzer.model.keying import MacState, MikeyEvidence

SIGNER_UNKNOWN = "signature verifies, but the signer is not known: nothing vouches for the certificate in the message"


def marked_by_mac(evidence: MikeyEvidence, opening: ModeOpening, how: str, *, bound: bool = False) -> OpenedMikey:
    """The message with what V showed of it."""
    message = evidence.message
    states = {Authentication.VERIFIED: MacState(True, how), Authentication.FAILED: MacState(False, opening.reason)}
    defects = () if message is None else tuple(ticket_defects(message))
    marked = replace(
        evidence,
        mac=states.get(opening.outcome, MacState(None, opening.reason)),
        bound_key=bound or opening.outcome in states,
        defects=(*evidence.defects, *opening.defects, *defects),
    )
    return OpenedMikey(marked, opening.crypto_session_keys, opening.alternate_session_keys, opening=opening)


def marked_by_signature(evidence: MikeyEvidence, opening: ModeOpening, signature: SignatureCheck) -> OpenedMikey:
    """The message with what its signature showed of it."""
    marked = replace(
        evidence,
        mac=_mac_state(opening, signature),
        bound_key=_bound(opening, signature),
        defects=evidence.defects + opening.defects,
    )
    return OpenedMikey(marked, opening.crypto_session_keys, opening.alternate_session_keys, opening=opening)


def _mac_state(opening: ModeOpening, signature: SignatureCheck) -> MacState:
    if opening.outcome is Authentication.FAILED:
        return MacState(False, opening.reason)
    if opening.outcome is not Authentication.VERIFIED:
        return MacState(None, opening.reason)
    if signature.signer is not None and not signature.trusted:
        return MacState(True, SIGNER_UNKNOWN, vouched=False)
    return MacState(True, "signature verifies")


def _bound(opening: ModeOpening, signature: SignatureCheck) -> bool:
    return opening.outcome is Authentication.FAILED or (signature.signer is not None and signature.signer.bound)


def keyed_by(initiator: OpenedMikey, opening: ModeOpening) -> OpenedMikey:
    """The initiator's message with the keys that its response gave."""
    evidence = replace(initiator.evidence, defects=initiator.evidence.defects + opening.defects)
    return replace(
        initiator,
        evidence=evidence,
        keys=opening.crypto_session_keys,
        alternates=opening.alternate_session_keys,
        opening=opening,
    )
