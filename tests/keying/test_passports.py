# SPDX-License-Identifier: GPL-2.0-only
"""Identities that vouch for fingerprints: read from offers, verified with certificates, unknown without one."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from analyzer.api import audit
from analyzer.keying.key_ring import CertificateEntry, KeyRing
from analyzer.keying.passport_signatures import verifies
from analyzer.model.keying import PassportEvidence
from dissectors.grammar.passport import parse_identity
from pcaps.flow_script import FlowScript, fingerprint, write_capture
from pcaps.identity import NOW_S, SCALAR, sign

KEY = ec.derive_private_key(SCALAR, ec.SECP256R1())


def certificate(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "identity service")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=9))
    return built.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())


def passports(folder: Path, *headers: str, certificates: tuple[x509.Certificate, ...] = ()) -> list[PassportEvidence]:
    """What is read of an offer with these headers."""
    lines = "A>B INVITE A.dtls" + "".join(f" | {header}" for header in headers) + "\nB>A 486\nA>B ACK refused"
    path = folder / "offer.pcapng"
    path.write_bytes(write_capture(FlowScript("passports").run(lines)))
    ring = KeyRing(certificate=tuple(CertificateEntry(Path("x.pem"), (one,), 1) for one in certificates))
    (media,) = audit([path], ring=ring).calls[0].media
    return list(media.keying.passports)


def test_a_certificate_of_the_ring_verifies_it(tmp_path: Path) -> None:
    others = certificate(ed25519.Ed25519PrivateKey.generate()), certificate(ec.generate_private_key(ec.SECP384R1()))
    header = sign(fingerprint("A", "1"), NOW_S)
    (found,) = passports(tmp_path, header, certificates=(*others, certificate(KEY)))
    assert (found.verified, found.how) == (True, "the signature verifies with x.pem")
    assert found.media_keys == found.fingerprints == {("sha-256", fingerprint("A", "1"))}
    assert (found.extension, found.issued_s, found.is_readable) == ("msec", NOW_S, True)


@pytest.mark.parametrize("header", ["identity", "IDENTITY", "y", "Y"])
def test_the_header_is_found_by_each_of_its_names(header: str, tmp_path: Path) -> None:
    assert passports(tmp_path, sign("00", NOW_S).replace("Identity", header, 1))


def test_what_no_certificate_verifies_stays_unknown(tmp_path: Path) -> None:
    header = sign(fingerprint("A", "1"), NOW_S)
    altered = header.replace("Identity: eyJ", "Identity: eyK")
    cases = {
        "no certificate in the ring": (header, ()),
        "no certificate in the ring fits": (header, (certificate(ec.generate_private_key(ec.SECP256R1())),)),
        "the token is not whole": ("Identity: ..c2lnbmF0dXJl;info=<https://x>;alg=ES256;ppt=msec", (certificate(KEY),)),
    }
    for how, (text, certificates) in cases.items():
        (found,) = passports(tmp_path, text, certificates=certificates)
        assert (found.verified, found.how) == (None, how)
    (found,) = passports(tmp_path, altered, certificates=(certificate(KEY),))
    assert found.verified is None


def test_several_identities_are_read_in_order(tmp_path: Path) -> None:
    found = passports(tmp_path, sign("00", 5), sign("01", 6))
    assert [one.issued_s for one in found] == [5, 6]


def test_any_flipped_bit_of_what_is_signed_or_of_the_signature_fails() -> None:
    token = sign("00", 5).removeprefix("Identity: ").partition(";")[0]
    signed = token.rpartition(".")[0]
    parsed = parse_identity(token)
    assert signed.encode() == parsed.signed
    assert parsed.signature is not None
    own = certificate(KEY)
    assert verifies(own, parsed.signed, parsed.signature)
    for at in range(len(parsed.signature)):
        flipped = bytearray(parsed.signature)
        flipped[at] ^= 1
        assert not verifies(own, parsed.signed, bytes(flipped))
    assert not verifies(own, parsed.signed + b"x", parsed.signature)
    assert not verifies(own, parsed.signed, bytes(64))
