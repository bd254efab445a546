# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-RSA-R: the responder chooses the keys and seals them for the initiator (RFC 4738)."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_ring import CertificateEntry, KeyRing
from analyzer.keying.mikey_bundles import Bundle
from analyzer.keying.mikey_envelope import EnvelopeKey, EnvelopeSources, open_envelope
from analyzer.keying.mikey_pke import cached_key, check_kemac_identity, combine, envelope_steps, signer_step
from analyzer.keying.mikey_psk import RAND_UNSEEN, Authentication, exchange_rand, lacks_rand, octets_under_mac
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening, group_csb_id, sender_names, stated_sender
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    Identity,
    MikeyMessage,
    Rand,
    SecurityPolicy,
    Sign,
    Timestamp,
)
from dissectors.grammar.mikey.registries import DataType

CLAUSE = "RFC 4738 §3.6"
RFC_COVERAGES = 2  # with and without the head of SIGN
SIGN_HEAD_OCTETS = 2  # S type and signature length


@dataclass(frozen=True, slots=True)
class RsaROpening(ModeOpening):
    """One message of RSA-R; `mac` and `envelope_key` are those of a responder's message."""

    signature: SignatureCheck = NOT_SIGNED
    mac: Authentication = Authentication.ABSENT
    envelope_key: EnvelopeKey | None = None


def verify_rsa_r_request(
    message_bytes: bytes, parsed: MikeyMessage, ring: Sequence[CertificateEntry], initiator: str = ""
) -> RsaROpening:
    """Check the signature of an initiator's message (RFC 4738 §3.4); `initiator` is the SIP party that sent it."""
    if parsed.header.data_type != DataType.RSA_R_I_MSG:
        return RsaROpening(Authentication.UNSUPPORTED, "not an RSA-R request")
    signature = verify_signature(message_bytes, parsed, ring, sender_names(parsed, initiator))
    return RsaROpening(
        signature.outcome,
        signature.reason,
        steps=(signer_step(signature),),
        defects=signature.defects,
        signature=signature,
    )


def open_rsa_r_response(
    response_bytes: bytes,
    parsed: MikeyMessage,
    initiator_message: MikeyMessage,
    ring: KeyRing,
    responder: str = "",
    earlier: Bundle | None = None,
) -> RsaROpening:
    """Verify a responder's message and, with the initiator's private key, open the keys that it chose.

    `earlier` is the bundle that the exchange updates: what neither message has is taken from it.
    SIGNr covers the message, both identities and T; whether SIGN's own head counts as message is read both ways
    (RFC 4738 §3.6, RFC 3830 §5.2).
    """
    if parsed.header.data_type != DataType.RSA_R_R_MSG:
        return RsaROpening(Authentication.UNSUPPORTED, "not an RSA-R response")
    asked = stated_sender(initiator_message)
    names = sender_names(parsed, responder, () if asked is None else (asked.data,))
    coverages = _coverages(response_bytes, parsed, initiator_message, asked)
    signature = verify_signature(response_bytes, parsed, ring.certificate, names, coverages, RFC_COVERAGES)
    rand, defects = _exchange_rand(initiator_message, parsed, None if earlier is None else earlier.rand)
    csb_id = group_csb_id(parsed)
    timestamp = initiator_message.find(Timestamp) or parsed.find(Timestamp)
    sources = EnvelopeSources(
        tuple(dict.fromkeys((parsed.header.csb_id if csb_id is None else csb_id, parsed.header.csb_id))),
        rand,
        parsed.header.prf_function,
        None if timestamp is None else timestamp.as_64_bits,
    )
    envelope = open_envelope(response_bytes, parsed, ring, sources)
    if lacks_rand(defects) and envelope.mac is Authentication.FAILED:
        envelope = replace(envelope, mac=Authentication.UNSUPPORTED, reason=RAND_UNSEEN)
    stranger, identity_defects = check_kemac_identity(parsed, envelope, names, CLAUSE)
    outcome, reason = combine(signature, envelope, stranger=stranger)
    keys = () if envelope.content is None else envelope.content.keys
    in_force = _keyed_message(initiator_message, parsed, csb_id, earlier)
    derived = derive_session_keys(in_force, keys or (() if earlier is None else earlier.key_data), rand)
    return RsaROpening(
        outcome,
        reason,
        keys,
        derived.keys,
        derived.alternates,
        tuple(envelope_steps(signature, envelope, parsed)),
        (
            *defects,
            *_echo_defects(initiator_message, parsed),
            *signature.defects,
            *envelope.defects,
            *identity_defects,
            *derived.defects,
        ),
        update_key=cached_key(parsed, envelope.envelope_key),
        set_up=in_force,
        set_up_rand=rand,
        signature=signature,
        mac=envelope.mac,
        envelope_key=envelope.envelope_key,
    )


def _coverages(
    response_bytes: bytes, parsed: MikeyMessage, first: MikeyMessage, asked: Identity | None
) -> tuple[tuple[str, bytes], ...]:
    """What SIGNr may cover, RFC 4738's words first."""
    sign = parsed.find(Sign)
    if sign is None:
        return ()
    with_head = octets_under_mac(response_bytes, sign, sign.signature)
    without_head = with_head[:-SIGN_HEAD_OCTETS]
    initiator_id = b"" if asked is None else asked.data
    own = stated_sender(parsed, (initiator_id,))
    second = [identity.data for identity in first.find_all(Identity) if identity is not asked]
    responder_id = own.data if own is not None else second[0] if second else b""
    timestamp = first.find(Timestamp) or parsed.find(Timestamp)
    appended = initiator_id + responder_id + (b"" if timestamp is None else timestamp.value)
    return (
        ("message without SIGN, identities, T", without_head + appended),
        ("message with SIGN's head, identities, T", with_head + appended),
        ("message without SIGN", without_head),
        ("message with SIGN's head", with_head),
    )


def _exchange_rand(
    first: MikeyMessage, second: MikeyMessage, earlier_rand: bytes | None
) -> tuple[bytes, tuple[Defect, ...]]:
    """RAND of the exchange: the initiator's, else the responder's; in a group the responder's (RFC 4738 §3.5, §3.6)."""
    own = second.find(Rand)
    if own is None:
        return exchange_rand(first, earlier_rand)
    if group_csb_id(second) is not None or first.find(Rand) is None:
        return own.data, ()
    detail = "both sides sent RAND: the initiator discards such a response silently"
    rand, defects = exchange_rand(first, None)
    return rand, (*defects, Defect("rand-in-both", own.offset, "RFC 4738 §3.7", detail))


def _keyed_message(
    first: MikeyMessage, second: MikeyMessage, csb_id: int | None, earlier: Bundle | None
) -> MikeyMessage:
    """What the keys are derived for: the responder's map, its policies or else the initiator's, the CSB ID in force."""
    messages = (second, first) if earlier is None else (second, first, earlier.message)
    header = next((one.header for one in messages if one.header.crypto_sessions), first.header)
    header = replace(header, csb_id=second.header.csb_id if csb_id is None else csb_id)
    policies = next((found for one in messages if (found := one.find_all(SecurityPolicy))), ())
    return MikeyMessage(replace(header, prf_function=second.header.prf_function), policies)


def _echo_defects(first: MikeyMessage, second: MikeyMessage) -> list[Defect]:
    defects = []
    if first.header.csb_id != second.header.csb_id:
        defects.append(Defect("csb-id-differs", 4, CLAUSE, "the responder must echo the CSB ID"))
    asked, own = first.find(Timestamp), second.find(Timestamp)
    if asked is not None and own is not None and asked.value != own.value:
        defects.append(Defect("timestamp-not-echoed", own.offset, CLAUSE, "T must be the initiator's"))
    return defects
