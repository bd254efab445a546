# SPDX-License-Identifier: GPL-2.0-only
"""The auditor's key file: pre-shared keys, private keys, certificates, exponents, SRTP keys and key logs, in TOML.

Identity-based keys of MIKEY-SAKKE stand in two tables (points as 04 ‖ x ‖ y):

    [[sakke]]  rsk = "04…"  z = "04…"  id = "sip:bob@example.org"  # a user's secret key, his KMS's public key
    [[eccsi]]  kpak = "04…"  id = "kms.example.org"                # a KMS's public authentication key

Both take `kms`, `key_period` and `key_offset` (seconds), from which 3GPP makes a user's identifier where a message
states a URI alone. Ids are optional, as everywhere.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import KeyMaterialError
from analyzer.keying.eccsi import P_256
from analyzer.keying.key_files import (
    PEM_MARK,
    read_certificates,
    read_file,
    read_head,
    read_key_log,
    read_private_key,
)
from analyzer.keying.key_table import Destination, KeyTable, closest, shown
from analyzer.keying.sakke import read_receiver_key
from analyzer.srtp.suites import SUITES, Suite, suite_by_name
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.key_log import KeyLogSecret, parse_key_log_line
from dissectors.grammar.sdes import CryptoAttribute, KeyParameter, parse_crypto
from dissectors.grammar.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MAX_KEY_FILE_OCTETS = 1 << 20
MAX_SSRC = 0xFFFFFFFF
MAX_EXTENSION_ID = 255
MAX_KEY_DERIVATION_RATE = 1 << 24
MAX_KEY_PERIOD = 0xFFFFFFFF
MAX_TAG_OCTETS = 24
MAX_RCC_MODE, MAX_RCC_RATE = 3, 0xFFFF
ZRTP_SECRET_OCTETS = (32, 48)
DESCRIPTION = "sample"  # a sample's sidecar says there what its capture is; the rest of it is a key file
HEAD_OCTETS = 1 << 16
_CRYPTO = re.compile(rb"(?:a=)?crypto:|[0-9]{1,9}[ \t]+[A-Za-z0-9_]+[ \t]+inline:")
_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*(?P<name>[A-Za-z0-9_\"'-]+)[ \t]*\]\]?[ \t]*(?:#.*)?")
_FIELD = re.compile(r"[ \t]*[\"']?(?P<name>[A-Za-z0-9_-]+)[\"']?[ \t]*=")


@dataclass(frozen=True, slots=True)
class PskEntry:
    """A pre-shared key; `id`, where given, matches a MIKEY identity or a SIP address-of-record."""

    key: Secret
    id: str | None
    line: int


@dataclass(frozen=True, slots=True)
class PrivateKeyEntry:
    """A private key: of a MIKEY-PKE responder or an RSA-R initiator."""

    path: Path
    key: "PrivateKeyTypes" = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class CertificateEntry:
    """Certificates that signatures are verified with, leaf first."""

    path: Path
    certificates: "tuple[x509.Certificate, ...]"
    line: int


@dataclass(frozen=True, slots=True)
class DhEntry:
    """A known private exponent."""

    private: Secret
    line: int


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """How a KMS makes 3GPP user identifiers: its URI, and the period and offset of its keys in seconds."""

    kms: str
    seconds: int
    offset: int


@dataclass(frozen=True, slots=True)
class SakkeEntry:
    """A user's receiver secret key and the public key of the KMS that made it (RFC 6508 §2.1)."""

    receiver_key: Secret
    kms_public_key: Secret
    id: str | None
    period: KeyPeriod | None
    line: int


@dataclass(frozen=True, slots=True)
class EccsiEntry:
    """A KMS's public authentication key; `id` is the KMS's URI (RFC 6507 §4.2)."""

    kpak: bytes
    id: str | None
    period: KeyPeriod | None
    line: int


@dataclass(frozen=True, slots=True)
class SrtpMasterKey:
    """A master key and salt as long as the suite wants them; `mki` is empty where packets carry none."""

    key: Secret
    salt: Secret
    mki: bytes = b""


@dataclass(frozen=True, slots=True)
class SrtpEntry:
    """SRTP keys given by hand; `ssrc` and `destination` bind them, `key_derivation_rate` counts packets (0: never).

    `tag_octets` is another length than the suite's, `rcc_mode` (1 to 3) and `rcc_rate` those of RFC 4771.
    """

    suite: Suite
    keys: tuple[SrtpMasterKey, ...]
    ssrc: int | None
    destination: Destination | None
    key_derivation_rate: int
    encrypted_extensions: tuple[int, ...]
    crypto: CryptoAttribute | None
    line: int
    tag_octets: int | None = None
    rcc_mode: int = 0
    rcc_rate: int = 1


@dataclass(frozen=True, slots=True)
class DtlsEntry:
    """The secrets of an NSS key log."""

    path: Path
    secrets: tuple[KeyLogSecret, ...]
    line: int


@dataclass(frozen=True, slots=True)
class ZrtpEntry:
    """The shared secret s0 of a ZRTP exchange (RFC 6189 §4.4.1.4); of the first, where others are Multistream."""

    s0: Secret
    line: int


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Everything one key file gives, each kind in the file's order."""

    psk: tuple[PskEntry, ...] = ()
    private_key: tuple[PrivateKeyEntry, ...] = ()
    certificate: tuple[CertificateEntry, ...] = ()
    dh: tuple[DhEntry, ...] = ()
    srtp: tuple[SrtpEntry, ...] = ()
    dtls: tuple[DtlsEntry, ...] = ()
    sakke: tuple[SakkeEntry, ...] = ()
    eccsi: tuple[EccsiEntry, ...] = ()
    zrtp: tuple[ZrtpEntry, ...] = ()

    def with_key_log(self, place: str, secrets: tuple[KeyLogSecret, ...]) -> "KeyRing":
        """The same and the lines of a key log that stands elsewhere, as in a capture's decryption secrets."""
        return replace(self, dtls=(*self.dtls, DtlsEntry(Path(place), secrets, 0)))

    def tls_secrets(self) -> TlsSecrets:
        """What opens TLS signalling: all key logs, and the private keys for an RSA key exchange."""
        lines = (secret for entry in self.dtls for secret in entry.secrets)
        return TlsSecrets(lines, (entry.key for entry in self.private_key))


EMPTY_KEY_RING = KeyRing()


def read_key_ring(path: str | Path) -> KeyRing:
    """Read a key file; raises `KeyMaterialError`, which names file, line, table and field but never a key.

    The table `sample` of a sample's sidecar is passed over. Instead of TOML the file may hold what auditors have at
    hand: pasted `a=crypto` lines, an NSS key log, or a private key in PEM.
    """
    path = Path(path)
    plain = _read_plain(path)
    if plain is not None:
        return plain
    document, text = _read_document(path)
    places = _find_places(text)
    entries: dict[str, list[object]] = {name: [] for name in _READERS}
    for name, tables in document.items():
        if name == DESCRIPTION:
            continue
        if name not in _READERS:
            line = places.first(name)
            place = f"{path}:{line}" if line else str(path)
            message = f"{place}: unknown table {shown(name)}; {closest(name, _READERS)}"
            raise KeyMaterialError(message)
        fields, read = _READERS[name]
        for table in _tables(path, name, tables, places):
            table.refuse_unknown(fields)
            entries[name].append(read(table))
    return KeyRing(**{name: tuple(values) for name, values in entries.items()})  # type: ignore[arg-type]


def _read_plain(path: Path) -> KeyRing | None:
    """The keys of a file that is no TOML, told by its first line that says anything."""
    lines = enumerate(read_head(path, HEAD_OCTETS).split(b"\n"), start=1)
    first = next((line.strip() for _, line in lines if line.strip() and not line.lstrip().startswith(b"#")), b"")
    if first.startswith(PEM_MARK):
        return KeyRing(private_key=(PrivateKeyEntry(path, read_private_key(path), 1),))
    if _CRYPTO.match(first):
        return KeyRing(srtp=tuple(_read_crypto_lines(path)))
    try:
        parse_key_log_line(first)
    except Malformed:
        return None
    return KeyRing(dtls=(DtlsEntry(path, read_key_log(path), 1),)) if first else None


def _read_crypto_lines(path: Path) -> Iterator[SrtpEntry]:
    text = read_file(path, MAX_KEY_FILE_OCTETS).decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _read_srtp(KeyTable(path, "srtp", {"crypto": line.strip()}, number, {}))


def _read_document(path: Path) -> tuple[dict[str, object], str]:
    octets = read_file(path, MAX_KEY_FILE_OCTETS)
    try:
        text = octets.decode()
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at octet {error.start}"
        raise KeyMaterialError(message) from error
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        found = re.search(r"at line (\d+), column \d+", str(error))
        place = f"{path}:{found[1]}" if found else str(path)
        message = f"{place}: not TOML ({found[0] if found else 'at its end'}); are all values in quotes?"
        raise KeyMaterialError(message) from None  # tomllib's own words may quote the file
    except RecursionError:
        message = f"{path}: nested too deeply"
        raise KeyMaterialError(message) from None


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each table starts, by name in order, and where its fields stand; lines counted from 1."""

    tables: dict[str, list[tuple[int, dict[str, int]]]]

    def first(self, name: str) -> int:
        """The line of the first table of that name, 0 if it was not found."""
        return self.tables[name][0][0] if name in self.tables else 0

    def of(self, name: str, index: int) -> tuple[int, dict[str, int]]:
        """Line and field lines of the table; no lines where it is written in another form."""
        found = self.tables.get(name, [])
        return found[index] if index < len(found) else (0, {})


def _find_places(text: str) -> _Places:
    tables: dict[str, list[tuple[int, dict[str, int]]]] = {}
    fields: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line.rstrip("\r")):
            fields = {}
            tables.setdefault(header["name"].strip("\"'"), []).append((number, fields))
        elif found := _FIELD.match(line):
            fields.setdefault(found["name"], number)
    return _Places(tables)


def _tables(path: Path, name: str, tables: object, places: _Places) -> list[KeyTable]:
    found = tables if isinstance(tables, list) else [tables]
    read = []
    for index, values in enumerate(found):
        line, lines = places.of(name, index)
        if not isinstance(values, dict):
            place = f"{path}:{line}" if line else str(path)
            message = f"{place}: {name} must be a table: write [[{name}]]"
            raise KeyMaterialError(message)
        read.append(KeyTable(path, name, values, line, lines))
    return read


def _read_psk(table: KeyTable) -> PskEntry:
    return PskEntry(table.secret("key"), table.optional_text("id"), table.line)


def _read_private_key(table: KeyTable) -> PrivateKeyEntry:
    path = table.file("file")
    try:
        return PrivateKeyEntry(path, read_private_key(path), table.line)
    except KeyMaterialError as error:
        raise table.error("file", str(error)) from error


def _read_certificate(table: KeyTable) -> CertificateEntry:
    path = table.file("file")
    try:
        return CertificateEntry(path, read_certificates(path), table.line)
    except KeyMaterialError as error:
        raise table.error("file", str(error)) from error


def _read_dh(table: KeyTable) -> DhEntry:
    return DhEntry(table.secret("private"), table.line)


def _read_zrtp(table: KeyTable) -> ZrtpEntry:
    s0 = table.secret("s0")
    if len(s0) not in ZRTP_SECRET_OCTETS:
        raise table.error("s0", f"is as long as the negotiated hash, 32 or 48 octets; the entry has {len(s0)}")
    return ZrtpEntry(s0, table.line)


def _read_sakke(table: KeyTable) -> SakkeEntry:
    for name in ("rsk", "z"):
        if read_receiver_key(table.secret(name)) is None:
            raise table.error(name, "is no point of SAKKE's curve: 04, x and y of 128 octets each")
    id_ = table.optional_text("id")
    return SakkeEntry(table.secret("rsk"), table.secret("z"), id_, _read_period(table), table.line)


def _read_eccsi(table: KeyTable) -> EccsiEntry:
    kpak = table.secret("kpak").reveal()
    if P_256.read_point(kpak) is None:
        raise table.error("kpak", "is no point of P-256: 04, x and y of 32 octets each")
    return EccsiEntry(kpak, table.optional_text("id"), _read_period(table), table.line)


def _read_period(table: KeyTable) -> KeyPeriod | None:
    if not table.has("key_period"):
        return None
    seconds = table.integer("key_period", MAX_KEY_PERIOD)
    if not seconds:
        raise table.error("key_period", "must be at least one second")
    offset = table.integer("key_offset", MAX_KEY_PERIOD) if table.has("key_offset") else 0
    return KeyPeriod(table.text("kms"), seconds, offset)


def _read_dtls(table: KeyTable) -> DtlsEntry:
    path = table.file("keylog")
    try:
        return DtlsEntry(path, read_key_log(path), table.line)
    except KeyMaterialError as error:
        raise table.error("keylog", str(error)) from error


def _read_srtp(table: KeyTable) -> SrtpEntry:
    crypto = _read_crypto(table) if table.has("crypto") else None
    if crypto is None:
        suite = _suite(table, "suite", table.text("suite"))
        mki = table.secret("mki", may_be_empty=True).reveal() if table.has("mki") else b""
        keys: tuple[SrtpMasterKey, ...] = (_master_key(table, suite, mki),)
    else:
        suite = _suite(table, "crypto", crypto.suite)
        keys = tuple(_inline_key(table, suite, key) for key in crypto.keys)
    return SrtpEntry(
        suite=suite,
        keys=keys,
        ssrc=table.integer("ssrc", MAX_SSRC) if table.has("ssrc") else None,
        destination=table.destination("destination") if table.has("destination") else None,
        key_derivation_rate=_key_derivation_rate(table, crypto),
        encrypted_extensions=table.integers("encrypted_extensions", MAX_EXTENSION_ID),
        crypto=crypto,
        line=table.line,
        tag_octets=_tag_octets(table, suite),
        rcc_mode=table.integer("rcc", MAX_RCC_MODE) if table.has("rcc") else 0,
        rcc_rate=_rcc_rate(table),
    )


def _tag_octets(table: KeyTable, suite: Suite) -> int | None:
    if not table.has("tag_octets"):
        return None
    if suite.aead:
        raise table.error("tag_octets", f"the tag of {suite.name} has one length")
    return table.integer("tag_octets", MAX_TAG_OCTETS)


def _rcc_rate(table: KeyTable) -> int:
    if not table.has("rcc_rate"):
        return 1
    rate = table.integer("rcc_rate", MAX_RCC_RATE)
    if not rate or not table.has("rcc"):
        raise table.error("rcc_rate", "must be at least 1, and stand beside rcc")
    return rate


def _read_crypto(table: KeyTable) -> CryptoAttribute:
    for other in ("suite", "key", "salt", "mki"):
        if table.has(other):
            raise table.error(other, "stands in the crypto line already: give one or the other")
    try:
        crypto = parse_crypto(table.text("crypto").strip())
    except GrammarError as error:
        raise table.error("crypto", "is not an a=crypto line (RFC 4568)") from error
    if not crypto.keys:
        raise table.error("crypto", "has no inline: key")
    return crypto


def _suite(table: KeyTable, place: str, name: str) -> Suite:
    suite = suite_by_name(name)
    if suite is None:
        known = (suite.name for suite in SUITES)
        raise table.error(place, f"unknown suite {_shown_suite(name)}; {closest(name, known)}")
    return suite


def _shown_suite(name: str) -> str:
    """A suite's name as an error may show it."""
    return name if re.fullmatch(r"[A-Z0-9_]{1,48}", name) and "_" in name else "name"


def _master_key(table: KeyTable, suite: Suite, mki: bytes) -> SrtpMasterKey:
    key = table.secret("key")
    if not table.has("salt"):
        return _split(table, "key", suite, key, mki)
    salt = table.secret("salt")
    for name, secret, wanted in (("key", key, suite.key_octets), ("salt", salt, suite.salt_octets)):
        if len(secret) != wanted:
            raise table.error(name, f"{suite.name} wants {wanted} octets of {name}, the entry has {len(secret)}")
    return SrtpMasterKey(key, salt, mki)


def _inline_key(table: KeyTable, suite: Suite, key: KeyParameter) -> SrtpMasterKey:
    if key.key_salt is None:
        raise table.error("crypto", "its inline: key is not base64")
    if key.mki is None or not key.mki_octets:
        return _split(table, "crypto", suite, key.key_salt, b"")
    if key.mki >> 8 * key.mki_octets:
        raise table.error("crypto", f"its MKI does not fit {key.mki_octets} octets")
    return _split(table, "crypto", suite, key.key_salt, key.mki.to_bytes(key.mki_octets, "big"))


def _split(table: KeyTable, place: str, suite: Suite, joined: Secret, mki: bytes) -> SrtpMasterKey:
    if len(joined) != suite.inline_octets:
        wanted = f"{suite.name} wants {suite.inline_octets} octets of key and salt"
        raise table.error(place, f"{wanted}, the entry has {len(joined)}")
    octets = joined.reveal()
    return SrtpMasterKey(Secret(octets[: suite.key_octets]), Secret(octets[suite.key_octets :]), mki)


def _key_derivation_rate(table: KeyTable, crypto: CryptoAttribute | None) -> int:
    """In packets, 0 or a power of two up to 2^24 (RFC 3711 §4.3.1); the pasted line's KDR=n stands for 2^n."""
    if table.has("kdr"):
        rate = table.integer("kdr", MAX_KEY_DERIVATION_RATE)
        if rate & (rate - 1):
            raise table.error("kdr", "must be 0 or a power of two: a number of packets, not SDES's exponent")
        return rate
    exponent = None if crypto is None else crypto.kdr
    return 1 << exponent if exponent else 0


_READERS: dict[str, tuple[frozenset[str], Callable[[KeyTable], object]]] = {
    "psk": (frozenset({"key", "id"}), _read_psk),
    "private_key": (frozenset({"file"}), _read_private_key),
    "certificate": (frozenset({"file"}), _read_certificate),
    "dh": (frozenset({"private"}), _read_dh),
    "srtp": (
        frozenset({"suite", "key", "salt", "ssrc", "destination", "mki", "crypto", "encrypted_extensions", "kdr"})
        | {"tag_octets", "rcc", "rcc_rate"},
        _read_srtp,
    ),
    "dtls": (frozenset({"keylog"}), _read_dtls),
    "zrtp": (frozenset({"s0"}), _read_zrtp),
    "sakke": (frozenset({"rsk", "z", "id", "kms", "key_period", "key_offset"}), _read_sakke),
    "eccsi": (frozenset({"kpak", "id", "kms", "key_period", "key_offset"}), _read_eccsi),
}
