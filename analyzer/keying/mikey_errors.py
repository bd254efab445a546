# SPDX-License-Identifier: GPL-2.0-only
"""Whether a MIKEY error message is the peer's: V under the key of the message that it answers, or a signature.

HDR, T, {ERR}, {SP}, [V|SIGNr] (RFC 3830 §5.1.2). V is keyed by the pre-shared or envelope key of the offer; whether the
identities and T follow the message under it, as in a verification message, is read both ways. In MIKEY-TICKET the
authentication key is that of the message in which the error occurred, and nothing follows (RFC 6043 §5.4): where that
is an update without ticket, the key of the transfer that it updates (§5.2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_kms import RequestOpening, request_source
from analyzer.keying.mikey_messages import OpenedMikey, identities_of, order_keys
from analyzer.keying.mikey_pke import PkeOpening
from analyzer.keying.mikey_prf import HASHES, PrfVariant
from analyzer.keying.mikey_protection import MAC_HASHES, mac_matches
from analyzer.keying.mikey_psk import Authentication, octets_under_mac, verify_psk_response
from analyzer.keying.mikey_signatures import verify_signature
from analyzer.keying.mikey_steps import sender_names
from analyzer.keying.mikey_ticket import INITIAL, TransferOpening
from analyzer.keying.mikey_ticket_updates import UpdateOpening
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.mikey import Identity, MikeyMessage, Sign, Timestamp, Verification
from dissectors.grammar.secret import Secret

VERIFIED = MacState(True, "V of the error message verifies")
FAILED = MacState(False, "altered message: the key of the offer does not verify V of the error")
NO_KEY = MacState(None, "no key in the ring fits")
NOTHING = MacState(None, "no MAC")
LIBMIKEY = MacState(None, "V is libmikey's, in which a key of this length does not count")
SIGNED = "signature of the error message verifies"
SIGNER_UNKNOWN = f"{SIGNED}, but the signer is not known: nothing vouches for the certificate"


def verify_error(
    error: MikeyEvidence, offered: Sequence[OpenedMikey], ring: KeyRing, parties: tuple[str, str]
) -> MikeyEvidence:
    """The error message with what V or its signature shows; `offered` are the messages that it may answer.

    `parties` are the SIP addresses-of-record of initiator and responder.
    """
    message, octets = error.message, error.octets
    if message is None or octets is None:
        return error
    answered = [each for each in offered if _csb_id(each) == message.header.csb_id]
    if message.find(Sign) is not None:
        return _check_signature(error, octets, message, answered, ring, parties)
    if message.find(Verification) is None:
        return replace(error, mac=NOTHING)
    if not answered:
        return replace(error, mac=MacState(None, "it answers no message of the offer"))
    state, bound = _check_v(octets, message, answered, ring, parties)
    return replace(error, mac=state, bound_key=bound)


def _csb_id(opened: OpenedMikey) -> int | None:
    return None if opened.evidence.message is None else opened.evidence.message.header.csb_id


def _check_v(
    octets: bytes, message: MikeyMessage, answered: Sequence[OpenedMikey], ring: KeyRing, parties: tuple[str, str]
) -> tuple[MacState, bool]:
    """What V shows, and whether a bound key said so; several offers of one bundle may be what it answers."""
    failed = False
    shut = NO_KEY
    for opened in answered:
        first = opened.evidence.message
        if first is None:
            continue
        if isinstance(opened.opening, UpdateOpening):
            if _verifies_as_update(octets, message, opened.opening):
                return VERIFIED, True
            failed = failed or opened.opening.outcome is Authentication.VERIFIED
            shut = MacState(None, f"V of the error message can't be checked: {opened.opening.reason}")
            continue
        if isinstance(opened.opening, TransferOpening | RequestOpening):
            if _verifies_as_ticket(octets, message, first, opened.opening):
                return VERIFIED, True
            failed = failed or opened.opening.outcome is Authentication.VERIFIED
            continue
        for key, bound in _keys(opened, first, ring, parties):
            result = verify_psk_response(octets, message, first, key, opened.earlier_rand)
            if result.outcome is Authentication.VERIFIED:
                return (LIBMIKEY if result.prf_variant is PrfVariant.LIBMIKEY else VERIFIED), bound
            if result.outcome is not Authentication.FAILED:
                return MacState(None, result.reason), False
            failed = failed or bound
    return (FAILED, True) if failed else (shut, False)


def _keys(
    opened: OpenedMikey, first: MikeyMessage, ring: KeyRing, parties: tuple[str, str]
) -> Iterator[tuple[Secret, bool]]:
    """What may protect an answer to the offered message; a key that verified it is the call's own."""
    opening = opened.opening
    if isinstance(opening, PkeOpening):
        if opening.envelope_key is not None:
            yield opening.envelope_key.key, True
    elif opened.psk is not None:
        yield opened.psk.key, True
    else:
        yield from ((entry.key, bound) for entry, bound in order_keys(ring.psk, (*identities_of(first), *parties)))


def _verifies_as_ticket(
    octets: bytes, message: MikeyMessage, first: MikeyMessage, opening: TransferOpening | RequestOpening
) -> bool:
    """V of an error in MIKEY-TICKET (RFC 6043 §5.4)."""
    verification = message.find(Verification)
    if isinstance(opening, RequestOpening):
        keys = opening.keys
    else:
        keys = () if opening.ticket_keys is None else (opening.ticket_keys.mpk_initiator,)
    if verification is None or verification.mac_algorithm not in MAC_HASHES or first.header.prf_function not in HASHES:
        return False
    covered = octets_under_mac(octets, verification, verification.mac)
    sources = (request_source(key, first, first, INITIAL) for key in keys)
    return any(mac_matches(source, verification.mac_algorithm, covered, verification.mac) for source in sources)


def _verifies_as_update(octets: bytes, message: MikeyMessage, opening: UpdateOpening) -> bool:
    """V of an error to an update, which is under the key of the transfer before it (RFC 6043 §5.2, §5.4)."""
    verification = message.find(Verification)
    if verification is None or opening.source is None or verification.mac_algorithm not in MAC_HASHES:
        return False
    covered = octets_under_mac(octets, verification, verification.mac)
    return mac_matches(opening.source, verification.mac_algorithm, covered, verification.mac)


def _check_signature(
    error: MikeyEvidence,
    octets: bytes,
    message: MikeyMessage,
    answered: Sequence[OpenedMikey],
    ring: KeyRing,
    parties: tuple[str, str],
) -> MikeyEvidence:
    sign = message.find(Sign)
    covered = b"" if sign is None else octets_under_mac(octets, sign, sign.signature)
    firsts = [opened.evidence.message for opened in answered if opened.evidence.message is not None]
    coverages = [("message", covered), *(("message, identities, T", covered + _appended(first)) for first in firsts)]
    names = sender_names(message, parties[1])
    check = verify_signature(octets, message, ring.certificate, names, coverages, len(coverages))
    states = {
        Authentication.VERIFIED: MacState(True, SIGNED if check.trusted else SIGNER_UNKNOWN, vouched=check.trusted),
        Authentication.FAILED: MacState(False, check.reason),
    }
    state = states.get(check.outcome, MacState(None, check.reason))
    bound = check.outcome is Authentication.FAILED or (check.signer is not None and check.signer.bound)
    return replace(error, mac=state, bound_key=bound, defects=error.defects + check.defects)


def _appended(first: MikeyMessage) -> bytes:
    timestamp = first.find(Timestamp)
    identities = b"".join(identity.data for identity in first.find_all(Identity)[:2])
    return identities + (b"" if timestamp is None else timestamp.value)
