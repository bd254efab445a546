# SPDX-License-Identifier: GPL-2.0-only
"""The key file: every table read, and every mistake named with its place and without the key."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import KeyMaterialError
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from dissectors.grammar.secret import Secret

INLINE = base64.b64encode(bytes(range(30))).decode()
KEY, SALT = bytes(range(16)).hex(), bytes(range(16, 30)).hex()
SRTP = f'[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_80"\nkey = "{KEY}"\nsalt = "{SALT}"'


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
    (tmp_path / "bob.pem").write_bytes(pem)
    (tmp_path / "locked.pem").write_bytes(locked)
    (tmp_path / "alice.pem").write_bytes(certificate.public_bytes(Encoding.PEM) * 2)
    (tmp_path / "alice.der").write_bytes(certificate.public_bytes(Encoding.DER))
    (tmp_path / "keys.log").write_text("# comment\n\nCLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48 + "\n")
    (tmp_path / "broken.log").write_text("# comment\nCLIENT_RANDOM deadbeef\n")
    return tmp_path / "keys.toml"


def read(path: Path, text: str) -> KeyRing:
    path.write_text(text)
    return read_key_ring(path)


def refusal(path: Path, text: str) -> str:
    with pytest.raises(KeyMaterialError) as caught:
        read(path, text)
    return str(caught.value).replace(str(path.parent) + "/", "")


def test_every_table_is_read(key_file: Path) -> None:
    ring = read(
        key_file,
        f"""
[[psk]]
key = "text:secret"
id = "alice@example.com"

[[psk]]
key = "736563726574"
[[private_key]]
file = "bob.pem"
[[certificate]]
file = "alice.pem"
[[certificate]]
file = "alice.der"
[[dh]]
private = "base64:AQI="
[[srtp]]
suite = "AES_CM_128_HMAC_SHA1_80"
key = "{KEY}"
salt = "{SALT}"
ssrc = 0x1234
destination = "10.0.0.2:4000"
mki = ""
[[dtls]]
keylog = "keys.log"
""",
    )
    assert [(entry.key, entry.id, entry.line) for entry in ring.psk] == [
        (Secret(b"secret"), "alice@example.com", 2),
        (Secret(b"secret"), None, 6),
    ]
    assert isinstance(ring.private_key[0].key, ec.EllipticCurvePrivateKey)
    assert [len(entry.certificates) for entry in ring.certificate] == [2, 1]
    assert ring.dh[0].private == Secret(b"\x01\x02")
    srtp = ring.srtp[0]
    assert (srtp.suite.name, srtp.ssrc, str(srtp.destination)) == ("AES_CM_128_HMAC_SHA1_80", 0x1234, "10.0.0.2:4000")
    assert (srtp.keys[0].key.reveal().hex(), srtp.keys[0].salt.reveal().hex(), srtp.keys[0].mki) == (KEY, SALT, b"")
    assert ring.dtls[0].secrets[0].label == "CLIENT_RANDOM"
    assert ring.dtls[0].secrets[0].secret == Secret(b"\xcd" * 48)


def test_a_pasted_crypto_line_gives_suite_keys_mki_and_session_parameters(key_file: Path) -> None:
    line = (
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|5:2;inline:{INLINE}|2^20|6:2 KDR=3 UNENCRYPTED_SRTCP"
    )
    ring = read(
        key_file,
        f'[[srtp]]\ncrypto = "{line}"\nencrypted_extensions = [1, 2]\ndestination = "[2001:DB8:0::1]:4000"\n',
    )
    entry = ring.srtp[0]
    assert [key.mki for key in entry.keys] == [b"\0\5", b"\0\6"]
    assert entry.keys[0].key.reveal().hex() == KEY
    assert (entry.key_derivation_rate, entry.encrypted_extensions) == (8, (1, 2))
    assert str(entry.destination) == "[2001:db8::1]:4000"
    assert entry.crypto is not None
    assert entry.crypto.unencrypted_srtcp


def test_key_and_salt_may_be_joined_and_the_papers_suite_name_is_understood(key_file: Path) -> None:
    ring = read(key_file, f'[[srtp]]\nsuite = "AES_F8_128_HMAC_SHA1_80"\nkey = "base64:{INLINE}"\nkdr = 0\n')
    assert (ring.srtp[0].suite.name, len(ring.srtp[0].keys[0].salt)) == ("F8_128_HMAC_SHA1_80", 14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[psq]]\nkey = "text:x"', "keys.toml:1: unknown table 'psq'; did you mean 'psk'?"),
        ('\n[[psk]]\nkye = "text:x"', "keys.toml:3: [[psk]]: unknown field 'kye'; did you mean 'key'?"),
        ("[[psk]]\nkey = 5", "keys.toml:2: [[psk]] key: must be a string"),
        ("[[psk]]", "keys.toml:1: [[psk]]: 'key' is missing"),
        ('[[psk]]\nkey = "text:"', "keys.toml:2: [[psk]] key: is empty"),
        ('[[psk]]\nkey = "abc"', "keys.toml:2: [[psk]] key: has an odd number of hex digits"),
        ('[[psk]]\nkey = "topsecret"', "keys.toml:2: [[psk]] key: is neither hex nor base64:… nor text:…"),
        ('[[psk]]\nkey = "base64:topsecret!"', "keys.toml:2: [[psk]] key: what follows base64: is not base64"),
        ("psk = 5", "keys.toml: psk must be a table: write [[psk]]"),
        ("[[psk]]\nkey = topsecret", "keys.toml:2: not TOML (at line 2, column 7); are all values in quotes?"),
        (
            f'[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_80"\nkey = "{KEY * 2}"\nsalt = "{SALT}"',
            "keys.toml:3: [[srtp]] key: AES_CM_128_HMAC_SHA1_80 wants 16 octets of key, the entry has 32",
        ),
        (
            f'[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_80"\nkey = "{KEY * 2}{SALT}"',
            "keys.toml:3: [[srtp]] key: AES_CM_128_HMAC_SHA1_80 wants 30 octets of key and salt, the entry has 46",
        ),
        (
            f'[[srtp]]\ncrypto = "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{INLINE}"',
            "keys.toml:2: [[srtp]] crypto: AES_256_CM_HMAC_SHA1_80 wants 46 octets of key and salt, the entry has 30",
        ),
        ('[[srtp]]\ncrypto = "topsecret"', "keys.toml:2: [[srtp]] crypto: is not an a=crypto line (RFC 4568)"),
        (
            '[[srtp]]\ncrypto = "1 AES_CM_128_HMAC_SHA1_80"',
            "keys.toml:2: [[srtp]] crypto: has no inline: key",
        ),
        (
            f'[[srtp]]\ncrypto = "1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|500:1"',
            "keys.toml:2: [[srtp]] crypto: its MKI does not fit 1 octets",
        ),
        (
            f'[[srtp]]\ncrypto = "1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"\nkey = "00"',
            "keys.toml:3: [[srtp]] key: stands in the crypto line already: give one or the other",
        ),
        (
            '[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_8"\nkey = "00"',
            (
                "keys.toml:2: [[srtp]] suite: unknown suite AES_CM_128_HMAC_SHA1_8; "
                "did you mean 'AES_CM_128_HMAC_SHA1_80'?"
            ),
        ),
        (
            f"{SRTP}\nssrc = 4294967296",
            "keys.toml:5: [[srtp]] ssrc: must be an integer from 0 to 4294967295",
        ),
        (
            f'{SRTP}\ndestination = "::1:4000"',
            "keys.toml:5: [[srtp]] destination: must be address:port, an IPv6 address in brackets",
        ),
        (
            f'{SRTP}\ndestination = "10.0.0.300:4000"',
            "keys.toml:5: [[srtp]] destination: is not an IP address and port",
        ),
        (
            f"{SRTP}\nkdr = 5",
            "keys.toml:5: [[srtp]] kdr: must be 0 or a power of two: a number of packets, not SDES's exponent",
        ),
        (
            f'{SRTP}\nencrypted_extensions = ["a"]',
            "keys.toml:5: [[srtp]] encrypted_extensions: must hold integers from 0 to 255",
        ),
        (
            '[[private_key]]\nfile = "nobody.pem"',
            "keys.toml:2: [[private_key]] file: nobody.pem: can't be read: No such file or directory",
        ),
        (
            '[[private_key]]\nfile = "keys.log"',
            "keys.toml:2: [[private_key]] file: keys.log: not a private key in PEM or DER",
        ),
        (
            '[[private_key]]\nfile = "locked.pem"',
            "keys.toml:2: [[private_key]] file: locked.pem: the private key is encrypted with a passphrase",
        ),
        (
            '[[certificate]]\nfile = "bob.pem"',
            "keys.toml:2: [[certificate]] file: bob.pem: not an X.509 certificate in PEM or DER",
        ),
        (
            '[[dtls]]\nkeylog = "broken.log"',
            "keys.toml:2: [[dtls]] keylog: broken.log:2: not a line of an NSS key log",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_without_the_key(key_file: Path, text: str, message: str) -> None:
    refused = refusal(key_file, text)
    assert refused == message
    assert "topsecret" not in refused
    assert KEY not in refused


def test_files_that_are_no_text_are_refused(key_file: Path, tmp_path: Path) -> None:
    key_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KeyMaterialError, match="not UTF-8 at octet 0"):
        read_key_ring(key_file)
    with pytest.raises(KeyMaterialError, match="can't be read"):
        read_key_ring(tmp_path / "missing.toml")
    assert "not TOML" in refusal(key_file, "[[srtp]]\nssrc = " + "9" * 5000)


def test_a_secret_in_a_names_place_is_not_repeated(key_file: Path) -> None:
    assert "00ff" not in refusal(key_file, f"{'00ff' * 16} = 1")


def test_nothing_shown_of_a_ring_holds_a_key(key_file: Path) -> None:
    ring = read(
        key_file, f'[[psk]]\nkey = "text:secret"\n[[srtp]]\ncrypto = "1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"'
    )
    shown = repr(ring)
    assert "secret" not in shown
    assert INLINE not in shown


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(KeyMaterialError):
        read_key_ring(path)


def test_pasted_crypto_lines_are_a_key_file(key_file: Path) -> None:
    lines = (
        "# caller",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|5:2 KDR=3",
        "",
        f"2 AES_CM_128_HMAC_SHA1_32 inline:{INLINE}",
    )
    ring = read(key_file, "\n".join(lines))
    assert [(entry.suite.name, entry.line, entry.key_derivation_rate) for entry in ring.srtp] == [
        ("AES_CM_128_HMAC_SHA1_80", 2, 8),
        ("AES_CM_128_HMAC_SHA1_32", 4, 0),
    ]
    assert ring.srtp[0].keys[0].mki == b"\0\5"
    assert read(key_file, "\ufeff" + "\r\n".join(lines) + "\r\n").srtp[1].keys == ring.srtp[1].keys
    with pytest.raises(KeyMaterialError, match=r":2: .*wants 46 octets of key and salt, the entry has 30"):
        read(key_file, f"\ncrypto:1 AES_256_CM_HMAC_SHA1_80 inline:{INLINE}\n")
    with pytest.raises(KeyMaterialError, match=r":2: .*not an a=crypto line") as caught:
        read(key_file, f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}\nsecret-text\n")
    assert "secret-text" not in str(caught.value)


def test_a_key_log_and_a_private_key_are_key_files(key_file: Path) -> None:
    folder = key_file.parent
    (entry,) = read_key_ring(folder / "keys.log").dtls
    assert entry.secrets[0].label == "CLIENT_RANDOM"
    (key,) = read_key_ring(folder / "bob.pem").private_key
    assert isinstance(key.key, ec.EllipticCurvePrivateKey)


def test_a_pasted_session_description_is_a_key_file(key_file: Path) -> None:
    key = base64.b64encode(bytes(range(30))).decode()
    lines = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", "m=audio 4000 RTP/SAVP 0", "a=sendrecv")
    key_file.write_text("\r\n".join((*lines, f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}", "")))
    (entry,) = read_key_ring(key_file).srtp
    assert entry.suite.name == "AES_CM_128_HMAC_SHA1_80"
    key_file.write_text("\r\n".join((*lines, "")))
    with pytest.raises(KeyMaterialError, match="without a=crypto lines"):
        read_key_ring(key_file)
