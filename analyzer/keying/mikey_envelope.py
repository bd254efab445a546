# SPDX-License-Identifier: GPL-2.0-only
"""The envelope of the RSA modes: PKE opened with a private key, then KEMAC with the envelope key (RFC 3830 §3.2, §6.3).

In these modes the MAC of KEMAC covers the KEMAC payload alone, as though it were the last one (RFC 3830 §5.2, §6.2),
and its clear octets are an ID and then key data.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_prf import HASHES
from analyzer.keying.mikey_protection import CIPHER_OCTETS, ProtectionKeySource, decrypt_kemac, mac_matches
from analyzer.keying.mikey_psk import HARMLESS, Authentication, why_unchecked
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import (
    CertificateHash,
    Identity,
    Kemac,
    KeyData,
    MikeyMessage,
    Pke,
    parse_key_data_payloads,
)
from dissectors.grammar.mikey.registries import (
    EncryptionAlgorithm,
    HashFunction,
    KeyDataType,
    PayloadType,
    PrfFunction,
    name_of,
)
from dissectors.grammar.secret import Secret

MIN_ENVELOPE_KEY_OCTETS = 16  # RFC 3830 §4.2.3's ciphers take no less
MAX_ENVELOPE_KEY_OCTETS = 2048  # more than the longest RSA key in use carries
MIN_PADDING_OCTETS = 8
HASH_NAMES: dict[int, str] = {
    HashFunction.SHA_1: "sha1",
    HashFunction.MD5: "md5",
    HashFunction.SHA_256: "sha256",
}


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """An envelope key as one private key opens it; `scheme` reads "RSA/OAEP, SHA-1" or "RSA/PKCS#1/1.5"."""

    key: Secret
    scheme: str
    bound: bool  # the message names the key's certificate by CHASH


@dataclass(frozen=True, slots=True)
class IdentifiedKeys:
    """What a KEMAC of these modes holds: whose keys they are (None where it does not say), and the keys."""

    identity: Identity | None
    keys: tuple[KeyData, ...]


@dataclass(frozen=True, slots=True)
class EnvelopeOpening:
    """KEMAC as an envelope key opens it; `content` is None where it stayed shut, and `reason` says why."""

    mac: Authentication
    reason: str = ""
    envelope_key: EnvelopeKey | None = None
    content: IdentifiedKeys | None = None
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvelopeSources:
    """What the protection keys are derived from besides the envelope key; `csb_ids` in the order of trial."""

    csb_ids: tuple[int, ...]
    rand: bytes
    prf_function: int
    timestamp_64: bytes | None

    def with_key(self, key: Secret) -> Iterator[ProtectionKeySource]:
        """The sources to try with an envelope key."""
        for csb_id in self.csb_ids:
            yield ProtectionKeySource(key, csb_id, self.rand, self.prf_function)


def open_envelope(
    message_bytes: bytes, parsed: MikeyMessage, ring: KeyRing, sources: EnvelopeSources
) -> EnvelopeOpening:
    """Open PKE with the ring's private keys and KEMAC with what they give; the first that fits wins."""
    kemac, pke = parsed.find(Kemac), parsed.find(Pke)
    if kemac is None:
        return EnvelopeOpening(Authentication.ABSENT, "no KEMAC")
    if kemac.encryption_algorithm == EncryptionAlgorithm.NULL:
        content = read_identified_keys(kemac.data)
        if pke is None:
            return EnvelopeOpening(Authentication.ABSENT, "no envelope", content=content)
    else:
        content = None
    if pke is None:
        return EnvelopeOpening(Authentication.ABSENT, "no envelope: nothing says which key it is encrypted with")
    best: EnvelopeOpening | None = None
    for candidate in iter_envelope_keys(parsed, pke, ring):
        opening = _open_with(message_bytes, parsed, kemac, candidate, sources)
        if opening.mac is Authentication.VERIFIED:
            return opening
        if best is None and _fits(opening):
            best = opening
    if best is not None:
        return best
    return EnvelopeOpening(Authentication.NO_KEY, _why_shut(parsed, ring), content=content)


def iter_envelope_keys(parsed: MikeyMessage, pke: Pke, ring: KeyRing) -> Iterator[EnvelopeKey]:
    """The envelope keys that the ring's RSA keys give, those of the certificate that CHASH names first."""
    named = _certificates_named(parsed, ring)
    wanted = [_public_key(certificate) for certificate in named]
    keys = [entry.key for entry in ring.private_key if isinstance(entry.key, RSAPrivateKey)]
    marked = [(key, key.public_key() in wanted) for key in keys]
    for key, bound in sorted(marked, key=lambda pair: not pair[1]):
        for secret, scheme in _decrypt(key, pke.data):
            yield EnvelopeKey(secret, scheme, bound)


def _certificates_named(parsed: MikeyMessage, ring: KeyRing) -> list[x509.Certificate]:
    payload = parsed.find(CertificateHash)
    if payload is None or payload.hash_function not in HASH_NAMES:
        return []
    name = HASH_NAMES[payload.hash_function]
    certificates = [certificate for entry in ring.certificate for certificate in entry.certificates]
    return [
        certificate
        for certificate in certificates
        if hashlib.new(name, certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest() == payload.hash
    ]


def _public_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _decrypt(key: RSAPrivateKey, data: bytes) -> Iterator[tuple[Secret, str]]:
    """Every reading of the envelope that its padding allows: OAEP first, because it can't be mistaken."""
    if len(data) != (key.key_size + 7) // 8:
        return
    for algorithm in (hashes.SHA1(), hashes.SHA256()):  # noqa: S303 - opens what peers sent
        scheme = padding.OAEP(padding.MGF1(algorithm), algorithm, None)
        try:
            secret = key.decrypt(data, scheme)
        except (ValueError, UnsupportedAlgorithm):
            continue
        if secret:
            yield Secret(secret), f"RSA/OAEP, {algorithm.name.upper().replace('SHA', 'SHA-')}"
    unpadded = _unpad(_raw_decrypt(key, data))
    if unpadded is not None:
        yield Secret(unpadded), "RSA/PKCS#1/1.5"


def _raw_decrypt(key: RSAPrivateKey, data: bytes) -> bytes:
    """RSADP: OpenSSL's own unpadding answers a wrong key with random octets, so the padding is read here."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    value = int.from_bytes(data, "big")
    if value >= modulus:
        return b""
    p, q = numbers.p, numbers.q
    first, second = pow(value, numbers.dmp1, p), pow(value, numbers.dmq1, q)
    clear = second + q * ((first - second) * numbers.iqmp % p)
    return clear.to_bytes(len(data), "big")


def _unpad(encoded: bytes) -> bytes | None:
    """RSAES-PKCS1-v1_5 (RFC 8017 §7.2.2 step 3)."""
    end = encoded.find(b"\0", 2)
    if not encoded.startswith(b"\0\2") or end < 2 + MIN_PADDING_OCTETS:
        return None
    key = encoded[end + 1 :]
    return key if MIN_ENVELOPE_KEY_OCTETS <= len(key) <= MAX_ENVELOPE_KEY_OCTETS else None


def kemac_coverage(kemac: Kemac, message_bytes: bytes) -> bytes:
    """The KEMAC payload as the last one, without its MAC (RFC 3830 §5.2, §6.2)."""
    end = kemac.offset + kemac.length - len(kemac.mac)
    return b"\0" + message_bytes[kemac.offset + 1 : end]


def _open_with(
    message_bytes: bytes, parsed: MikeyMessage, kemac: Kemac, envelope_key: EnvelopeKey, sources: EnvelopeSources
) -> EnvelopeOpening:
    """KEMAC with one envelope key: the source whose MAC verifies, else the first that gives key data."""
    if sources.prf_function not in HASHES:
        name = name_of(PrfFunction, sources.prf_function)
        return EnvelopeOpening(Authentication.UNSUPPORTED, f"PRF function {name}", envelope_key)
    openings = [
        _open_from(message_bytes, parsed, kemac, envelope_key, source, sources.timestamp_64)
        for source in sources.with_key(envelope_key.key)
    ]
    best = min(openings, key=lambda opening: (opening.mac is not Authentication.VERIFIED, opening.content is None))
    if best is openings[0] or (best.content is None and best.mac is not Authentication.VERIFIED):
        return openings[0]
    detail = "the header's CSB ID protects KEMAC, not the new one"
    return replace(best, defects=(Defect("kemac-csb-id", kemac.offset, "RFC 4738 §3.6", detail),))


def _open_from(
    message_bytes: bytes,
    parsed: MikeyMessage,
    kemac: Kemac,
    envelope_key: EnvelopeKey,
    source: ProtectionKeySource,
    timestamp_64: bytes | None,
) -> EnvelopeOpening:
    content, shut = _read_content(kemac, source, timestamp_64)
    unchecked = why_unchecked(kemac.mac_algorithm, parsed, envelope_key.key)
    if unchecked is not None:
        mac, reason = unchecked[0], "; ".join(part for part in (unchecked[1], shut) if part)
    elif mac_matches(source, kemac.mac_algorithm, kemac_coverage(kemac, message_bytes), kemac.mac):
        mac, reason = Authentication.VERIFIED, shut
    elif content is not None:
        mac, reason = Authentication.FAILED, "altered KEMAC: the envelope key opens well-formed key data"
    else:
        mac, reason = Authentication.FAILED, "altered KEMAC or wrong envelope key"
    return EnvelopeOpening(mac, reason, envelope_key, content)


def _read_content(
    kemac: Kemac, source: ProtectionKeySource, timestamp_64: bytes | None
) -> tuple[IdentifiedKeys | None, str]:
    if kemac.encryption_algorithm == EncryptionAlgorithm.NULL or not kemac.data:
        content = read_identified_keys(kemac.data)
        return content, "" if content is not None else "key data is malformed"
    if kemac.encryption_algorithm not in CIPHER_OCTETS:
        return None, f"encryption algorithm {name_of(EncryptionAlgorithm, kemac.encryption_algorithm)}"
    if timestamp_64 is None and kemac.encryption_algorithm != EncryptionAlgorithm.AES_KW_128:
        return None, "no timestamp, which the decryption needs"
    clear = decrypt_kemac(source, kemac.encryption_algorithm, kemac.data, timestamp_64 or bytes(8))
    content = None if clear is None else read_identified_keys(clear)
    return content, "" if content is not None else "no key data with this envelope key"


def read_identified_keys(clear: Secret) -> IdentifiedKeys | None:
    """ID and key data in the clear octets of a KEMAC; without an ID, key data alone; None where it is neither."""
    if not clear:
        return IdentifiedKeys(None, ())
    known = {int(kind) for kind in KeyDataType}
    for first_payload in (PayloadType.ID, PayloadType.KEY_DATA):
        content = parse_key_data_payloads(clear.reveal(), first_payload)
        identity = content.payloads[0] if content.payloads else None
        others = content.payloads[1:] if isinstance(identity, Identity) else content.payloads
        if (
            content.keys
            and len(content.keys) == len(others)
            and all(defect.code in HARMLESS for defect in content.defects)
            and all(key.key_type in known for key in content.keys)
        ):
            return IdentifiedKeys(identity if isinstance(identity, Identity) else None, content.keys)
    return None


def _fits(opening: EnvelopeOpening) -> bool:
    """Whether the envelope key is the right one although no MAC says so."""
    if opening.content is not None:
        return True
    return opening.envelope_key is not None and opening.envelope_key.bound


def _why_shut(parsed: MikeyMessage, ring: KeyRing) -> str:
    if not any(isinstance(entry.key, RSAPrivateKey) for entry in ring.private_key):
        return "no RSA private key in the key ring opens the envelope: none is there"
    named = _certificates_named(parsed, ring)
    if named:
        return "CHASH names a certificate of the key ring whose private key is not there or does not open the envelope"
    return "no private key in the key ring opens the envelope"
