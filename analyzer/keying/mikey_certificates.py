# SPDX-License-Identifier: GPL-2.0-only
"""Whose certificate a MIKEY signature is checked with: the message's own or the key ring's, and who vouches for it.

RFC 3830 §4.3, §6.7. A certificate that only the message itself brings shows that one party made the message, not which.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from analyzer.keying.key_ring import CertificateEntry
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import Certificate, MikeyMessage, Timestamp
from dissectors.grammar.mikey.registries import CertType, TimestampType
from dissectors.grammar.sip_address import bare_address

MAX_MESSAGE_CERTIFICATES = 8
CLAUSE = "RFC 3830 §6.7"
NTP_EPOCH_OFFSET = 2_208_988_800
SIGNING_TYPES = frozenset({CertType.X509V3, CertType.X509V3_SIGN})
READABLE_TYPES = SIGNING_TYPES | {CertType.X509V3_ENCR}
UNREADABLE_EXTENSION = (
    ValueError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that may have signed; `trusted` where the ring has it, or its issuer, for this identity.

    `bound` says that a signature it does not verify is a failure: it came in the message, or names a party.
    """

    certificate: x509.Certificate = field(repr=False)
    in_message: bool
    in_ring: bool
    trusted: bool
    bound: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignerSet:
    """Who may have signed one message, the message's own first; `reason` says why there may be nobody."""

    signers: tuple[Signer, ...] = ()
    reason: str = ""
    defects: tuple[Defect, ...] = ()


def certificate_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The addresses and domains that a certificate gives its holder (RFC 5922 §7.1); a mere "Alice" is none."""
    names: list[str] = []
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for kind in (x509.UniformResourceIdentifier, x509.RFC822Name, x509.DNSName):
            names.extend(alternative.get_values_for_type(kind))
    except UNREADABLE_EXTENSION:
        pass
    try:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return tuple(names)
    return (*names, *(str(name.value) for name in common if "@" in str(name.value)))


def names_one_of(names: Iterable[str], parties: Iterable[str]) -> bool:
    """Whether one of the names is the address-of-record of one of the parties."""
    wanted = {bare_address(party) for party in parties}
    return any(bare_address(name) in wanted for name in names)


def names_domain_of(names: Iterable[str], parties: Iterable[str]) -> bool:
    """Whether one of the names is the domain of one of the parties, which may speak for its users (RFC 5922 §7.2)."""
    return names_one_of(names, [bare_address(party).rpartition("@")[2] for party in parties])


def find_signers(message: MikeyMessage, ring: Sequence[CertificateEntry], identities: Sequence[str]) -> SignerSet:
    """The certificates to check the signature of `message` with.

    `identities` are those of the message's sender: its ID payload, or the SIP party where it states none.
    """
    carried, defects = _read_chain(message)
    ringed = tuple(certificate for entry in ring for certificate in entry.certificates)
    leaves = dict.fromkeys(entry.certificates[0] for entry in ring if entry.certificates)
    signers = [_signer(certificate, carried, ringed, identities, in_message=True) for certificate in carried]
    others = [leaf for leaf in leaves if leaf not in carried]
    signers += [_signer(leaf, (), ringed, identities, in_message=False) for leaf in others]
    signers.sort(key=lambda signer: (not signer.in_message, not signer.bound))
    return SignerSet(tuple(signers), "" if signers else _why_none(message), defects)


def certificate_defects(signer: Signer, message: MikeyMessage, identities: Sequence[str]) -> tuple[Defect, ...]:
    """What is to be said of a certificate whose key verified the message's signature."""
    payload = message.find(Certificate)
    offset = 0 if payload is None else payload.offset
    found = []
    if not signer.trusted:
        detail = "only the message itself brings it: anyone can make such a pair of message and certificate"
        if signer.in_ring or not signer.in_message:
            detail = "it names nobody in this call"
        found.append(Defect("certificate-not-trusted", offset, "RFC 3830 §4.3", detail))
    if identities and signer.names and not _stand_for(signer.names, identities):
        detail = "the certificate was issued for another identity than the message states"
        found.append(Defect("certificate-identity-differs", offset, "RFC 3830 §4.3", detail))
    if not _valid_then(signer.certificate, message):
        found.append(Defect("certificate-not-valid-then", offset, "RFC 3830 §4.3", "by the message's own timestamp"))
    return tuple(found)


def sent_at(message: MikeyMessage) -> datetime | None:
    """When the message says it was sent, None where it counts instead (RFC 3830 §6.6)."""
    timestamp = message.find(Timestamp)
    if timestamp is None or timestamp.timestamp_type not in (TimestampType.NTP_UTC, TimestampType.NTP):
        return None
    seconds = int.from_bytes(timestamp.value[:4], "big") - NTP_EPOCH_OFFSET
    return datetime.fromtimestamp(seconds, UTC)


def _valid_then(certificate: x509.Certificate, message: MikeyMessage) -> bool:
    sent = sent_at(message)
    try:
        return sent is None or certificate.not_valid_before_utc <= sent <= certificate.not_valid_after_utc
    except ValueError:
        return False


def _stand_for(names: Sequence[str], identities: Sequence[str]) -> bool:
    return names_one_of(names, identities) or names_domain_of(names, identities)


def _read_chain(message: MikeyMessage) -> tuple[tuple[x509.Certificate, ...], tuple[Defect, ...]]:
    certificates, defects = [], []
    payloads = message.find_all(Certificate)
    if len(payloads) > MAX_MESSAGE_CERTIFICATES:
        detail = f"more than {MAX_MESSAGE_CERTIFICATES} certificates"
        defects.append(Defect("certificate-limit", payloads[MAX_MESSAGE_CERTIFICATES].offset, CLAUSE, detail))
    for payload in payloads[:MAX_MESSAGE_CERTIFICATES]:
        if payload.cert_type not in READABLE_TYPES:
            continue
        try:
            certificate = x509.load_der_x509_certificate(payload.data)
            certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            defects.append(Defect("certificate-unreadable", payload.offset, CLAUSE, "not an X.509 certificate in DER"))
            continue
        if payload.cert_type in SIGNING_TYPES:
            certificates.append(certificate)
    return tuple(certificates), tuple(defects)


def _why_none(message: MikeyMessage) -> str:
    payloads = message.find_all(Certificate)
    if any(payload.cert_type == CertType.X509V3_URL for payload in payloads):
        return "the certificate is behind a URL and not in the key ring"
    return "no certificate in the message or the key ring"


def _signer(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    ring: Sequence[x509.Certificate],
    identities: Sequence[str],
    *,
    in_message: bool,
) -> Signer:
    names = certificate_names(certificate)
    in_ring = certificate in ring
    fits = not identities or not names or _stand_for(names, identities)
    trusted = fits and (in_ring or _issued_by_ring(certificate, chain, ring))
    return Signer(certificate, in_message, in_ring, trusted, in_message or names_one_of(names, identities), names)


def _issued_by_ring(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], ring: Sequence[x509.Certificate]
) -> bool:
    """Whether a chain of issuers leads from the certificate to one in the ring."""
    for _ in range(MAX_MESSAGE_CERTIFICATES):
        if any(_issued(certificate, issuer) for issuer in ring):
            return True
        issuer = next((other for other in chain if other != certificate and _issued(certificate, other)), None)
        if issuer is None:
            return False
        certificate = issuer
    return False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE_EXTENSION, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return constraints.ca
