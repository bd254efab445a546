# SPDX-License-Identifier: GPL-2.0-only
"""SIGN: does the signature of a MIKEY message verify, with which certificate and by which scheme (RFC 3830 §5.2, §6.5).

RFC 3830 leaves the hash to the certificate, so the one it was signed with is tried first, then SHA-1 and SHA-2.
"""

from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from analyzer.keying.key_ring import CertificateEntry
from analyzer.keying.mikey_certificates import Signer, SignerSet, certificate_defects, find_signers
from analyzer.keying.mikey_psk import Authentication, octets_under_mac
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import MikeyMessage, Sign
from dissectors.grammar.mikey.registries import SignatureType, name_of

MESSAGE_COVERAGE = "message"
NOT_THE_RINGS = "signed with the key of a certificate that it brings itself, not of the key ring's for its sender"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What a SIGN payload showed; `outcome` is failed only where the certificate is bound to the message's sender.

    `scheme` reads "RSA/PSS, SHA-256", `coverage` names what was signed, `signer` whose certificate verified it.
    """

    outcome: Authentication
    reason: str = ""
    scheme: str = ""
    coverage: str = ""
    signer: Signer | None = None
    defects: tuple[Defect, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether somebody other than the message vouches for the signer."""
        return self.outcome is Authentication.VERIFIED and self.signer is not None and self.signer.trusted


NOT_SIGNED = SignatureCheck(Authentication.ABSENT, "no signature")


def verify_signature(
    message_bytes: bytes,
    parsed: MikeyMessage,
    ring: Sequence[CertificateEntry],
    identities: Sequence[str],
    coverages: Sequence[tuple[str, bytes]] = (),
    rfc_coverages: int = 1,
) -> SignatureCheck:
    """Check the message's SIGN with its own certificate, then with those of the ring.

    `message_bytes` are the octets that `parsed` was parsed from, `identities` those of its sender. `coverages` are
    what may have been signed, by name, the first `rfc_coverages` of them as RFCs say; without them it is the message
    (RFC 3830 §5.2).
    """
    sign = parsed.find(Sign)
    if sign is None:
        return NOT_SIGNED
    if sign.signature_type not in (SignatureType.RSA_PKCS1, SignatureType.RSA_PSS):
        name = name_of(SignatureType, sign.signature_type)
        return SignatureCheck(Authentication.UNSUPPORTED, f"signature type {name}")
    found = find_signers(parsed, ring, identities)
    signed = coverages or ((MESSAGE_COVERAGE, octets_under_mac(message_bytes, sign, sign.signature)),)
    matched = _first_match(found, sign, signed)
    if matched is None:
        return _unverified(found, sign)
    signer, coverage, scheme = matched
    defects = found.defects + certificate_defects(signer, parsed, identities)
    if not signer.trusted and any(other.bound and other.in_ring and not other.in_message for other in found.signers):
        return SignatureCheck(Authentication.FAILED, NOT_THE_RINGS, defects=defects)
    defects += tuple(_oddities(found, signer, sign, scheme))
    if coverage not in dict(signed[:rfc_coverages]):
        defects += (Defect("signature-coverage", sign.offset, "RFC 3830 §5.2", f"covers {coverage}"),)
    return SignatureCheck(Authentication.VERIFIED, "", scheme, coverage, signer, defects)


def _first_match(found: SignerSet, sign: Sign, signed: Sequence[tuple[str, bytes]]) -> tuple[Signer, str, str] | None:
    """Signer, coverage and scheme that verify; one that somebody vouches for before those that nobody does."""
    for signer in sorted(found.signers, key=lambda each: not each.trusted):
        for coverage, octets in signed:
            scheme = _matching_scheme(signer.certificate, sign, octets)
            if scheme is not None:
                return signer, coverage, scheme
    return None


def _unverified(found: SignerSet, sign: Sign) -> SignatureCheck:
    bound = [signer for signer in found.signers if signer.bound]
    for signer in bound:
        key = signer.certificate.public_key()
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            reason = "the certificate's key is neither RSA nor of an elliptic curve with ECDSA"
            return SignatureCheck(Authentication.UNSUPPORTED, reason, defects=found.defects)
    if bound:
        keys = [signer.certificate.public_key() for signer in bound]
        reason = "altered message, or signed with another key than its certificate's"
        if any(isinstance(key, RSAPublicKey) and _is_signature_of(key, sign) for key in keys):
            reason = "altered message: the signature is of the certificate's key, over other octets"
        elif sign.signature_type == SignatureType.RSA_PKCS1 and all(isinstance(key, RSAPublicKey) for key in keys):
            reason = "altered signature, or signed with another key than its certificate's"
        return SignatureCheck(Authentication.FAILED, reason, defects=found.defects)
    reason = found.reason or "no certificate in the key ring fits"
    return SignatureCheck(Authentication.NO_KEY, reason, defects=found.defects)


def _is_signature_of(key: RSAPublicKey, sign: Sign) -> bool:
    """Whether the key turns the signature into PKCS #1 v1.5 padding with a digest, whatever it is a digest of."""
    try:
        key.recover_data_from_signature(sign.signature, padding.PKCS1v15(), None)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _oddities(found: SignerSet, signer: Signer, sign: Sign, scheme: str) -> Iterator[Defect]:
    if not scheme.startswith(name_of(SignatureType, sign.signature_type)):
        yield Defect("signature-type-differs", sign.offset, "RFC 3830 §6.5", f"it is {scheme}")
    first = found.signers[0]
    if signer is first or not first.in_message:
        return
    if signer.in_message:
        yield Defect("certificate-order", sign.offset, "RFC 3830 §6.7", "the signer's certificate is not the first")
    else:
        detail = "verified by the key ring's certificate, not by the one in the message"
        yield Defect("certificate-differs", sign.offset, "RFC 3830 §6.7", detail)


def _matching_scheme(certificate: x509.Certificate, sign: Sign, signed: bytes) -> str | None:
    """How the signature verifies with the certificate's key, None where it does not."""
    key = certificate.public_key()
    for algorithm in _hashes(certificate):
        if isinstance(key, RSAPublicKey):
            found = _matching_padding(key, sign, signed, algorithm)
            if found is not None:
                return f"{found}, {algorithm.name.upper().replace('SHA', 'SHA-')}"
        elif isinstance(key, EllipticCurvePublicKey) and _ecdsa_verifies(key, sign.signature, signed, algorithm):
            return f"ECDSA, {algorithm.name.upper().replace('SHA', 'SHA-')}"
    return None


def _hashes(certificate: x509.Certificate) -> list[hashes.HashAlgorithm]:
    candidates: list[hashes.HashAlgorithm] = [
        hashes.SHA1(),  # noqa: S303 - verifies what peers sign
        hashes.SHA256(),
        hashes.SHA384(),
        hashes.SHA512(),
    ]
    try:
        own = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        own = None
    if own is not None:
        candidates.insert(0, own)
    return list({algorithm.name: algorithm for algorithm in candidates}.values())


def _matching_padding(key: RSAPublicKey, sign: Sign, signed: bytes, algorithm: hashes.HashAlgorithm) -> str | None:
    paddings: dict[int, padding.AsymmetricPadding] = {
        SignatureType.RSA_PKCS1: padding.PKCS1v15(),
        SignatureType.RSA_PSS: padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO),
    }
    for kind in sorted(paddings, key=lambda kind: kind != sign.signature_type):
        try:
            key.verify(sign.signature, signed, paddings[kind], algorithm)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            continue
        return name_of(SignatureType, kind)
    return None


def _ecdsa_verifies(
    key: EllipticCurvePublicKey, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm
) -> bool:
    """Whether it verifies as DER (RFC 3279 §2.2.3) or as r ‖ s."""
    octets = (key.curve.key_size + 7) // 8
    if len(signature) == 2 * octets:
        r, s = (int.from_bytes(signature[start : start + octets], "big") for start in (0, octets))
        signature = encode_dss_signature(r, s)
    try:
        key.verify(signature, signed, ECDSA(algorithm))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
