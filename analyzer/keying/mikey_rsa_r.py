# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-RSA-R: the responder chooses the keys and seals them for the initiator (RFC 4738)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analyzer.keying.key_ring import CertificateEntry, KeyRing
from analyzer.keying.mikey_envelope import EnvelopeKey, EnvelopeSources, open_envelope
from analyzer.keying.mikey_pke import cached_key, check_kemac_identity, combine, envelope_steps, signer_step
from analyzer.keying.mikey_psk import Authentication, exchange_rand, octets_under_mac
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening, sender_names, stated_sender
from dissectors.grammar.defects import Defect
from dissectors.grammar.mikey import (
    GeneralExtension,
    Identity,
    MikeyMessage,
    Rand,
    SecurityPolicy,
    Sign,
    Timestamp,
)
from dissectors.grammar.mikey.registries import DataType, GeneralExtensionType

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
    response_bytes: bytes, parsed: MikeyMessage, initiator_message: MikeyMessage, ring: KeyRing, responder: str = ""
) -> RsaROpening:
    """Verify a responder's message and, with the initiator's private key, open the keys that it chose.

    SIGNr covers the message, both identities and T; whether SIGN's own head counts as message is read both ways
    (RFC 4738 §3.6, RFC 3830 §5.2).
    """
    if parsed.header.data_type != DataType.RSA_R_R_MSG:
        return RsaROpening(Authentication.UNSUPPORTED, "not an RSA-R response")
    asked = stated_sender(initiator_message)
    names = sender_names(parsed, responder, () if asked is None else (asked.data,))
    coverages = _coverages(response_bytes, parsed, initiator_message, asked)
    signature = verify_signature(response_bytes, parsed, ring.certificate, names, coverages, RFC_COVERAGES)
    rand, defects = _exchange_rand(initiator_message, parsed)
    csb_id = _new_csb_id(parsed)
    timestamp = initiator_message.find(Timestamp) or parsed.find(Timestamp)
    sources = EnvelopeSources(
        tuple(dict.fromkeys((parsed.header.csb_id if csb_id is None else csb_id, parsed.header.csb_id))),
        rand,
        parsed.header.prf_function,
        None if timestamp is None else timestamp.as_64_bits,
    )
    envelope = open_envelope(response_bytes, parsed, ring, sources)
    stranger, identity_defects = check_kemac_identity(parsed, envelope.content, names, CLAUSE)
    outcome, reason = combine(signature, envelope, stranger=stranger)
    keys = () if envelope.content is None else envelope.content.keys
    derived = derive_session_keys(_keyed_message(initiator_message, parsed, csb_id), keys, rand)
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


def _exchange_rand(first: MikeyMessage, second: MikeyMessage) -> tuple[bytes, tuple[Defect, ...]]:
    """RAND of the exchange: the initiator's, else the responder's; in a group the responder's (RFC 4738 §3.5, §3.6)."""
    own = second.find(Rand)
    if own is None:
        return exchange_rand(first, None)
    if _new_csb_id(second) is not None or first.find(Rand) is None:
        return own.data, ()
    detail = "both sides sent RAND: the initiator discards such a response silently"
    rand, defects = exchange_rand(first, None)
    return rand, (*defects, Defect("rand-in-both", own.offset, "RFC 4738 §3.7", detail))


def _new_csb_id(parsed: MikeyMessage) -> int | None:
    """The CSB ID that the responder sets for a group (RFC 4738 §3.6)."""
    for extension in parsed.find_all(GeneralExtension):
        if extension.extension_type == GeneralExtensionType.CSB_ID and len(extension.data) == 4:
            return int.from_bytes(extension.data, "big")
    return None


def _keyed_message(first: MikeyMessage, second: MikeyMessage, csb_id: int | None) -> MikeyMessage:
    """What the keys are derived for: the responder's map, its policies or else the initiator's, the CSB ID in force."""
    header = second.header if second.header.crypto_sessions else first.header
    header = replace(header, csb_id=second.header.csb_id if csb_id is None else csb_id)
    policies = second.find_all(SecurityPolicy) or first.find_all(SecurityPolicy)
    return MikeyMessage(replace(header, prf_function=second.header.prf_function), policies)


def _echo_defects(first: MikeyMessage, second: MikeyMessage) -> list[Defect]:
    defects = []
    if first.header.csb_id != second.header.csb_id:
        defects.append(Defect("csb-id-differs", 4, CLAUSE, "the responder must echo the CSB ID"))
    asked, own = first.find(Timestamp), second.find(Timestamp)
    if asked is not None and own is not None and asked.value != own.value:
        defects.append(Defect("timestamp-not-echoed", own.offset, CLAUSE, "T must be the initiator's"))
    return defects
