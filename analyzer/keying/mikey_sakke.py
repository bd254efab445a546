# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-SAKKE: who signed with ECCSI, and the shared secret value for the user whose key is there (RFC 6509 §2).

Both stand on identities: a signature verifies for an identifier under a KMS's key, and the encapsulated secret fits an
identifier or it does not, so that a wrong receiver key is told from a right one without any MAC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field

from analyzer.keying.eccsi import SIGNATURE_OCTETS, verify_eccsi
from analyzer.keying.key_ring import EccsiEntry, KeyRing, SakkeEntry
from analyzer.keying.mikey_identifiers import (
    INITIATOR_ROLES,
    MONTHLY,
    RESPONDER_ROLES,
    UID_OCTETS,
    iter_identifiers,
    stated_identities,
)
from analyzer.keying.mikey_pke import signer_step
from analyzer.keying.mikey_psk import Authentication, exchange_rand, octets_under_mac
from analyzer.keying.mikey_session_keys import derive_session_keys
from analyzer.keying.mikey_signatures import NOT_SIGNED, SignatureCheck, verify_signature
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.keying.sakke import (
    ENCAPSULATED_OCTETS,
    PARAMETER_SET_1,
    extract_ssv,
    read_receiver_key,
    ssv_fits,
)
from analyzer.model.mikey_facts import KnownBy, MikeyFact
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import KeyData, MikeyMessage, Sakke, Sign
from dissectors.grammar.mikey.registries import DataType, IdRole, KeyDataType, SignatureType
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_address import bare_address

MAX_RECEIVER_KEYS = 32  # a pairing takes a fifth of a second
KMS_ROLES = (IdRole.INITIATORS_KMS, IdRole.KMS)


@dataclass(frozen=True, slots=True)
class SakkeOpening(ModeOpening):
    """A SAKKE message; `ssv` is None where it stayed shut, `signer` and `receiver` the identifiers that were proved."""

    signature: SignatureCheck = NOT_SIGNED
    signer: bytes = b""
    receiver: bytes = b""
    ssv: Secret | None = field(default=None)


def open_sakke_message(
    message_bytes: bytes, parsed: MikeyMessage, ring: KeyRing, initiator: str = "", responder: str = ""
) -> SakkeOpening:
    """Verify the signature and decapsulate the shared secret value, which is the TGK (RFC 6509 §2.1).

    `initiator` and `responder` are the SIP parties, for where the message states no identities.
    """
    if parsed.header.data_type != DataType.SAKKE_MSG:
        return SakkeOpening(Authentication.UNSUPPORTED, "not a SAKKE message")
    signature, signer = verify_sakke_signature(message_bytes, parsed, ring, initiator)
    ssv, receiver, shut = decapsulate(parsed, ring.sakke, responder)
    rand, rand_defects = exchange_rand(parsed, None)
    keys = () if ssv is None else (KeyData(int(KeyDataType.TGK), ssv),)
    derived = derive_session_keys(parsed, keys, rand)
    reason = "; ".join(part for part in (signature.reason, shut) if part)
    return SakkeOpening(
        signature.outcome,
        reason,
        keys,
        derived.keys,
        derived.alternates,
        tuple(_steps(signature, ssv)),
        (*rand_defects, *signature.defects, *derived.defects),
        signature=signature,
        signer=signer,
        receiver=receiver,
        ssv=ssv,
    )


def verify_sakke_signature(
    message_bytes: bytes, parsed: MikeyMessage, ring: KeyRing, initiator: str
) -> tuple[SignatureCheck, bytes]:
    """What the signature shows, and the identifier that it is of where it is ECCSI (RFC 6509 §2.2.1)."""
    sign = parsed.find(Sign)
    if sign is None:
        return NOT_SIGNED, b""
    if sign.signature_type != SignatureType.ECCSI:
        stated = tuple(identity.text for identity in stated_identities(parsed, (IdRole.INITIATOR,)))
        names = stated or ((initiator,) if initiator else ())
        return verify_signature(message_bytes, parsed, ring.certificate, names), b""
    if len(sign.signature) != SIGNATURE_OCTETS:
        detail = f"{len(sign.signature)} octets, an ECCSI signature has {SIGNATURE_OCTETS}"
        defect = Defect("signature-length", sign.offset, "RFC 6507 §3.3", detail)
        return SignatureCheck(Authentication.UNSUPPORTED, "the signature is no ECCSI signature", defects=(defect,)), b""
    return _verify_eccsi(octets_under_mac(message_bytes, sign, sign.signature), sign, parsed, ring.eccsi, initiator)


def _verify_eccsi(
    covered: bytes, sign: Sign, parsed: MikeyMessage, ring: Sequence[EccsiEntry], initiator: str
) -> tuple[SignatureCheck, bytes]:
    scheme = _scheme(parsed)
    bound = False
    for entry in ring:
        identifiers = list(iter_identifiers(parsed, INITIATOR_ROLES, scheme, initiator, entry.period))
        for identifier in identifiers:
            if verify_eccsi(covered, sign.signature, identifier, entry.kpak):
                check = SignatureCheck(Authentication.VERIFIED, "", "ECCSI, SHA-256", "message")
                return check, identifier
        bound = bound or (_is_kms(entry, parsed) and bool(identifiers) and _states_signer(parsed, scheme))
    if bound:
        reason = "altered message, wrong KMS key, or not signed by the identity that it states"
        return SignatureCheck(Authentication.FAILED, reason), b""
    reason = "no KMS public authentication key"
    if ring:
        reason += " in the key ring verifies it: altered, or of another KMS, period or signer"
    return SignatureCheck(Authentication.NO_KEY, reason), b""


def _states_signer(parsed: MikeyMessage, scheme: int) -> bool:
    """Whether the message itself tells the signer's identifier, so that nothing is guessed.

    It does by its octets, or by a URI to which T adds the month (RFC 6509 §3.2).
    """
    stated = stated_identities(parsed, INITIATOR_ROLES)
    whole = any(len(identity.data) == UID_OCTETS or b"\0" in identity.data for identity in stated)
    return whole or (bool(stated) and scheme == MONTHLY)


def _is_kms(entry: EccsiEntry, parsed: MikeyMessage) -> bool:
    if entry.id is None:
        return False
    stated = stated_identities(parsed, KMS_ROLES)
    return any(bare_address(identity.text.rstrip("\0")) == bare_address(entry.id) for identity in stated)


def _scheme(parsed: MikeyMessage) -> int:
    sakke = parsed.find(Sakke)
    return 0 if sakke is None else sakke.id_scheme


def decapsulate(parsed: MikeyMessage, ring: Sequence[SakkeEntry], responder: str) -> tuple[Secret | None, bytes, str]:
    """The shared secret value, the identifier that it fits, and why it stayed shut (RFC 6508 §6.2.2)."""
    sakke = parsed.find(Sakke)
    if sakke is None:
        return None, b"", "no SAKKE payload"
    if sakke.parameters != PARAMETER_SET_1:
        return None, b"", f"SAKKE parameter set {sakke.parameters}"
    if len(sakke.data) != ENCAPSULATED_OCTETS:
        return None, b"", f"encapsulated data of {len(sakke.data)} octets, {ENCAPSULATED_OCTETS} are wanted"
    if not ring:
        return None, b"", "no receiver secret key"
    for entry in sorted(ring, key=lambda entry: not _is_receiver(entry, parsed))[:MAX_RECEIVER_KEYS]:
        receiver_key, kms_key = read_receiver_key(entry.receiver_key), read_receiver_key(entry.kms_public_key)
        if receiver_key is None or kms_key is None:
            continue
        ssv = extract_ssv(sakke.data, receiver_key)
        if ssv is None:
            return None, b"", "the encapsulated data holds no point of the curve"
        party = entry.id or responder
        for identifier in iter_identifiers(parsed, RESPONDER_ROLES, sakke.id_scheme, party, entry.period):
            if ssv_fits(sakke.data, ssv, identifier, kms_key):
                return ssv, identifier, ""
    return None, b"", "no receiver secret key in the key ring fits, or the encapsulated data was altered"


def _is_receiver(entry: SakkeEntry, parsed: MikeyMessage) -> bool:
    if entry.id is None:
        return False
    stated = stated_identities(parsed, RESPONDER_ROLES)
    return any(
        identity.data.hex() == entry.id.lower() or bare_address(identity.text) == bare_address(entry.id)
        for identity in stated
    )


def _steps(signature: SignatureCheck, ssv: Secret | None) -> Iterator[MikeyFact]:
    if signature.scheme.startswith("ECCSI"):
        yield MikeyFact("sender", KnownBy.SIGNATURE, "ECCSI under the key ring's KMS")
    else:
        yield signer_step(signature)
    if ssv is not None:
        proof = KnownBy.SIGNATURE if signature.outcome is Authentication.VERIFIED else KnownBy.CONSISTENT
        yield MikeyFact("TGK", proof, "the shared secret value fits the receiver's identifier")
