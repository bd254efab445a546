# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY with public-key encryption: who signed, which keys the envelope holds, did the responder open it.

RFC 3830 §3.2 (the exchange), §4.1.4 (the envelope key in place of a pre-shared key), §5.2 (what is covered), §6.3,
§6.5, §6.8. The MAC of KEMAC proves nothing about its sender here: anyone can make an envelope, so the signature counts.
"""

from collections.abc import Iterator
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_certificates import names_one_of
from analyzer.keying.mikey_envelope import (
    EnvelopeKey,
    EnvelopeOpening,
    EnvelopeSources,
    open_envelope,
)
from analyzer.keying.mikey_psk import (
    RAND_UNSEEN,
    Authentication,
    ResponseVerification,
    exchange_rand,
    lacks_rand,
    verify_psk_response,
)
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening, keys_in_words, same_identity, sender_names, stated_sender
from analyzer.model.mikey_facts import KEY_DATA, KnownBy, MikeyFact
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import CertificateHash, Kemac, MikeyMessage, Pke, Timestamp
from dissectors.grammar.mikey.registries import CacheType, DataType
from dissectors.grammar.secret import Secret

IDENTITY_DIFFERS = "kemac-identity-differs"


@dataclass(frozen=True, slots=True)
class PkeOpening(ModeOpening):
    """An initiator's public-key message; `signature` and `mac` are its two proofs."""

    signature: SignatureCheck = NOT_SIGNED
    mac: Authentication = Authentication.ABSENT
    envelope_key: EnvelopeKey | None = None


def open_pke_message(
    message_bytes: bytes, parsed: MikeyMessage, ring: KeyRing, initiator: str = "", earlier_rand: bytes | None = None
) -> PkeOpening:
    """Verify and open an initiator's public-key message and derive the keys of its crypto sessions.

    `message_bytes` are the octets that `parsed` was parsed from; `initiator` is the SIP party that sent it, for where
    the message states no identity; `earlier_rand` is the RAND of the exchange that it updates (RFC 3830 §4.5).
    """
    if parsed.header.data_type != DataType.PUBLIC_KEY:
        return PkeOpening(Authentication.UNSUPPORTED, "not a public-key message")
    names = sender_names(parsed, initiator)
    signature = verify_signature(message_bytes, parsed, ring.certificate, names)
    rand, rand_defects = exchange_rand(parsed, earlier_rand)
    timestamp = parsed.find(Timestamp)
    sources = EnvelopeSources(
        (parsed.header.csb_id,),
        rand,
        parsed.header.prf_function,
        None if timestamp is None else timestamp.as_64_bits,
    )
    envelope = open_envelope(message_bytes, parsed, ring, sources)
    if lacks_rand(rand_defects) and envelope.mac is Authentication.FAILED:
        envelope = replace(envelope, mac=Authentication.UNSUPPORTED, reason=RAND_UNSEEN)
    stranger, identity_defects = check_kemac_identity(parsed, envelope, names, "RFC 3830 §3.2")
    outcome, reason = combine(signature, envelope, stranger=stranger)
    keys = () if envelope.content is None else envelope.content.keys
    derived = derive_session_keys(parsed, keys, rand)
    return PkeOpening(
        outcome,
        reason,
        keys,
        derived.keys,
        derived.alternates,
        tuple(envelope_steps(signature, envelope, parsed)),
        (*rand_defects, *signature.defects, *envelope.defects, *identity_defects, *derived.defects),
        update_key=cached_key(parsed, envelope.envelope_key),
        signature=signature,
        mac=envelope.mac,
        envelope_key=envelope.envelope_key,
    )


def cached_key(parsed: MikeyMessage, envelope_key: EnvelopeKey | None) -> Secret | None:
    """The envelope key, where PKE's C asks to keep it for updates (RFC 3830 §6.3)."""
    pke = parsed.find(Pke)
    if envelope_key is None or pke is None or pke.cache == CacheType.NO_CACHE:
        return None
    return envelope_key.key


def verify_pke_response(
    response_bytes: bytes,
    parsed: MikeyMessage,
    initiator_message: MikeyMessage,
    opening: PkeOpening,
    earlier_rand: bytes | None = None,
) -> ResponseVerification:
    """Whether V of the responder's message verifies with the envelope key, which shows that it was opened there."""
    if opening.envelope_key is None:
        return ResponseVerification(Authentication.NO_KEY, "the envelope stayed shut, so V can't be checked")
    return verify_psk_response(response_bytes, parsed, initiator_message, opening.envelope_key.key, earlier_rand)


def check_kemac_identity(
    message: MikeyMessage, envelope: EnvelopeOpening, names: tuple[str, ...], clause: str
) -> tuple[bool, tuple[Defect, ...]]:
    """Whether the keys are somebody else's than the message's sender, and what is odd about whose they are.

    An envelope can be cut out of another's message and signed anew; the ID inside is what gives that away. Only an ID
    payload contradicts it for sure; against a certificate's or a SIP party's name it is but a defect. What was altered
    inside says nothing.
    """
    kemac, content = message.find(Kemac), envelope.content
    if content is None or kemac is None or not content.keys or envelope.mac is Authentication.FAILED:
        return False, ()
    inside, stated = content.identity, stated_sender(message)
    if inside is None:
        return False, (Defect("kemac-identity-missing", kemac.offset, clause, "keys without the ID of their sender"),)
    if stated is not None and not same_identity(inside, stated):
        detail = "the ID inside KEMAC is not the sender's: an envelope of somebody else"
        return True, (Defect(IDENTITY_DIFFERS, kemac.offset, clause, detail),)
    if stated is None and names and not names_one_of((inside.text,), names):
        detail = "the ID inside KEMAC is not that of the SIP party"
        return False, (Defect(IDENTITY_DIFFERS, kemac.offset, clause, detail),)
    return False, ()


def combine(signature: SignatureCheck, envelope: EnvelopeOpening, *, stranger: bool) -> tuple[Authentication, str]:
    """The verdict on a signed message with an envelope, and why it is no better."""
    if signature.outcome is Authentication.FAILED:
        return Authentication.FAILED, signature.reason
    if stranger:
        return Authentication.FAILED, "the keys inside are somebody else's than the sender's"
    if envelope.mac is Authentication.FAILED:
        return Authentication.FAILED, envelope.reason
    reasons = [reason for reason in (signature.reason, envelope.reason) if reason]
    if signature.outcome is not Authentication.VERIFIED and envelope.mac is Authentication.VERIFIED:
        reasons.append("the MAC verifies, but anyone can make an envelope")
    return signature.outcome, "; ".join(reasons)


def envelope_steps(signature: SignatureCheck, envelope: EnvelopeOpening, message: MikeyMessage) -> Iterator[MikeyFact]:
    """How each thing in a signed message with an envelope is known."""
    yield signer_step(signature)
    if message.find(CertificateHash) is not None:
        named = envelope.envelope_key is not None and envelope.envelope_key.bound
        how = "CHASH is that of the key ring's certificate" if named else ""
        yield MikeyFact("receiver's certificate", KnownBy.CONSISTENT if named else KnownBy.CLAIMED, how)
    proof = KnownBy.MAC if envelope.mac is Authentication.VERIFIED else KnownBy.CONSISTENT
    if envelope.envelope_key is not None:
        yield MikeyFact("envelope key", proof, envelope.envelope_key.scheme)
    if envelope.content is not None and envelope.content.keys:
        signed = signature.trusted and envelope.mac is Authentication.VERIFIED
        known = KnownBy.SIGNATURE if signed else proof
        yield MikeyFact(KEY_DATA, known, keys_in_words(envelope.content.keys))
    elif message.find(Kemac) is not None and envelope.reason:
        yield MikeyFact(KEY_DATA, KnownBy.CLAIMED, f"not opened: {envelope.reason}")


def signer_step(signature: SignatureCheck) -> MikeyFact:
    """How the sender of a signed message is known."""
    if signature.outcome is not Authentication.VERIFIED:
        return MikeyFact("sender", KnownBy.CLAIMED, signature.reason)
    if not signature.trusted:
        return MikeyFact(
            "sender",
            KnownBy.CONSISTENT,
            f"{signature.scheme}, with the certificate in the message, for which nothing in the key ring vouches",
        )
    return MikeyFact("sender", KnownBy.SIGNATURE, signature.scheme)
