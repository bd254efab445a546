# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages made for the tests: signed, sealed and authenticated with the cryptography library alone."""

import datetime as dt
import hmac
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from analyzer.keying.key_ring import CertificateEntry, DhEntry, KeyRing, PrivateKeyEntry
from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.mikey_protection import ProtectionKeySource
from dissectors.grammar.mikey import (
    Certificate,
    Header,
    Identity,
    Kemac,
    KeyData,
    KeyDataPayloads,
    Payload,
    Pke,
    Rand,
    Sign,
    SrtpIdEntry,
    Timestamp,
    Validity,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.secret import Secret

ALICE, BOB, MALLORY = "sip:alice@example.com", "sip:bob@example.com", "sip:mallory@example.com"
CSB_ID, RAND, TGK = 0x12345678, bytes(range(16, 32)), bytes(range(32, 48))
T_ALICE = bytes.fromhex("ecf4d04000000000")  # 2026
ENVELOPE_KEY = bytes(range(80, 96))
SESSIONS = (SrtpIdEntry(1, 0, 0xDECAFBAD, 0), SrtpIdEntry(2, 0, 0, 0))
START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """One RSA key for each name and run."""
    assert name
    return rsa.generate_private_key(65537, 2048)


def certify(
    key: SigningKey,
    identity: str,
    *,
    issuer: SigningKey | None = None,
    ca: bool = False,
    issuer_name: str = "",
    digest: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """A certificate that gives `key` to `identity`."""
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (identity, issuer_name or identity)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + dt.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    return builder.sign(issuer or key, digest or hashes.SHA256())


def ring(
    *,
    private: Sequence[rsa.RSAPrivateKey] = (),
    certificates: Sequence[x509.Certificate] = (),
    exponents: Sequence[int] = (),
) -> KeyRing:
    """A key ring of these keys."""
    nowhere = Path("nowhere")
    return KeyRing(
        private_key=tuple(PrivateKeyEntry(nowhere, key, 1) for key in private),
        certificate=tuple(CertificateEntry(nowhere, (certificate,), 1) for certificate in certificates),
        dh=tuple(DhEntry(Secret(x.to_bytes(32, "big")), 1) for x in exponents),
    )


def cert_payload(certificate: x509.Certificate, cert_type: int = 0) -> Certificate:
    """CERT."""
    return Certificate(cert_type, certificate.public_bytes(Encoding.DER))


def identity(uri: str) -> Identity:
    """ID."""
    return Identity(1, uri.encode())


def opening_payloads(*middle: Payload, rand: bool = True) -> list[Payload]:
    """T, RAND and what follows them."""
    return [Timestamp(0, T_ALICE), *([Rand(RAND)] if rand else []), *middle]


def build(
    data_type: int, payloads: Sequence[Payload], *, v: bool = True, sessions: Sequence[SrtpIdEntry] = SESSIONS
) -> bytes:
    """The message's octets."""
    header = Header(1, data_type, 0, v, 0, CSB_ID, len(sessions), 0, tuple(sessions))
    return build_mikey(link_payloads(header, payloads))


def sign_octets(key: SigningKey, octets: bytes, scheme: int, digest: hashes.HashAlgorithm) -> bytes:
    """A signature by RSA PKCS#1 v1.5 (0), RSA PSS (1) or ECDSA."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(octets, ec.ECDSA(digest))
    pads = (padding.PKCS1v15(), padding.PSS(padding.MGF1(digest), digest.digest_size))
    return key.sign(octets, pads[scheme], digest)


def sign(
    data_type: int,
    payloads: Sequence[Payload],
    key: SigningKey,
    *,
    scheme: int = 0,
    digest: hashes.HashAlgorithm | None = None,
    appended: bytes = b"",
    with_head: bool = True,
    **header: bool,
) -> bytes:
    """A message with SIGN over all before the signature; RSA-R appends identities and may leave SIGN's head out."""
    digest = digest or hashes.SHA1()
    octets = len(sign_octets(key, b"", scheme, digest)) if isinstance(key, rsa.RSAPrivateKey) else 0
    while True:
        message = build(data_type, [*payloads, Sign(scheme, bytes(octets))], **header)
        covered = message[: len(message) - octets]
        signature = sign_octets(key, (covered if with_head else covered[:-2]) + appended, scheme, digest)
        if len(signature) == octets:
            return covered + signature
        octets = len(signature)


def seal(
    clear: bytes,
    *,
    key: bytes = ENVELOPE_KEY,
    encryption: int = 1,
    mac: int = 1,
    csb_id: int = CSB_ID,
    rand: bytes = RAND,
) -> Kemac:
    """KEMAC of the envelope modes: encrypted, its MAC over the payload alone."""
    source = ProtectionKeySource(Secret(key), csb_id, rand, 0)
    key_octets, salt_octets = {0: (16, 14), 1: (16, 14), 2: (16, 8), 3: (32, 14)}[encryption]
    encr_key = source.derive(KeyConstant.MESSAGE_ENCRYPTION_KEY, key_octets).reveal()
    salt = source.derive(KeyConstant.MESSAGE_SALT_KEY, salt_octets).reveal()
    data = clear
    if encryption in (1, 3):
        mask = int.from_bytes(csb_id.to_bytes(4, "big") + T_ALICE, "big")
        iv = (int.from_bytes(salt, "big") ^ mask).to_bytes(14, "big") + bytes(2)
        data = Cipher(algorithms.AES(encr_key), modes.CTR(iv)).encryptor().update(clear)
    elif encryption == 2:
        data = wrap(encr_key, salt, clear + bytes(-len(clear) % 8))
    kemac = Kemac(encryption, Secret(data), mac, b"")
    if mac:
        auth_key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 20).reveal()
        kemac = replace(kemac, mac=hmac.digest(auth_key, kemac.build(), "sha1"))
    return kemac


def wrap(key: bytes, iv: bytes, clear: bytes) -> bytes:
    """AES key wrap (RFC 3394 §2.2.1) under another initial value; checked against the library's with its own."""
    default = bytes.fromhex("A6A6A6A6A6A6A6A6")
    assert _wrap(key, default, clear) == keywrap.aes_key_wrap(key, clear)
    return _wrap(key, iv, clear)


def _wrap(key: bytes, iv: bytes, clear: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    register, blocks = iv, [clear[start : start + 8] for start in range(0, len(clear), 8)]
    for step in range(6 * len(blocks)):
        place = step % len(blocks)
        block = encryptor.update(register + blocks[place])
        register = (int.from_bytes(block[:8], "big") ^ (step + 1)).to_bytes(8, "big")
        blocks[place] = block[8:]
    return register + b"".join(blocks)


def identified_keys(uri: str | None, *keys: KeyData) -> bytes:
    """ID and key data as they stand in a KEMAC of the envelope modes."""
    payloads: list[Payload] = [] if uri is None else [identity(uri)]
    payloads += keys or [KeyData(0, Secret(TGK))]
    following = [payload.payload_type for payload in payloads[1:]] + [0]
    linked = tuple(replace(payload, next_payload=kind) for payload, kind in zip(payloads, following, strict=True))
    return build_key_data_payloads(KeyDataPayloads(linked))


def envelope(key: rsa.RSAPrivateKey, *, oaep: hashes.HashAlgorithm | None = None, cache_type: int = 0) -> Pke:
    """PKE to the holder of `key`."""
    pad: padding.AsymmetricPadding = padding.PKCS1v15()
    if oaep is not None:
        pad = padding.OAEP(padding.MGF1(oaep), oaep, None)
    return Pke(cache_type, key.public_key().encrypt(ENVELOPE_KEY, pad))


def spi(value: bytes) -> Validity:
    """KV by SPI."""
    return Validity(1, spi=value)


def interval(first: int, last: int) -> Validity:
    """KV by an interval of packet indices."""
    return Validity(2, valid_from=first.to_bytes(6, "big"), valid_to=last.to_bytes(6, "big"))
