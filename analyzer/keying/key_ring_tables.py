# SPDX-License-Identifier: GPL-2.0-only
"""The tables of a key file, one reader each; each refuses what can't be such a key, with the line and never the key.

Identity-based keys stand in three tables. Points of the first two are 04 ‖ x ‖ y; the third holds DER (RFC 5091 §8):

    [[sakke]]  rsk = "04…"  z = "04…"  id = "sip:bob@example.org"  # a user's secret key, his KMS's public key
    [[eccsi]]  kpak = "04…"  id = "kms.example.org"                # a KMS's public authentication key
    [[ibe]]    parameters = "30…"  private_key = "30…"  id = "sip:bob@example.org"  # MIKEY-IBAKE

The first two take `kms`, `key_period` and `key_offset` (seconds), from which 3GPP makes a user's identifier where a
message states a URI alone. Ids are optional, as everywhere.
"""

import re
from collections.abc import Callable

from analyzer.errors import KeyMaterialError
from analyzer.keying.boneh_franklin import read_ibe_parameters, read_ibe_private_key
from analyzer.keying.key_files import read_certificates, read_key_log, read_private_key
from analyzer.keying.key_ring import (
    CertificateEntry,
    DhEntry,
    DtlsEntry,
    EccsiEntry,
    IbeEntry,
    KeyPeriod,
    PrivateKeyEntry,
    PskEntry,
    SakkeEntry,
    SrtpEntry,
    SrtpMasterKey,
    ZrtpEntry,
)
from analyzer.keying.key_table import KeyTable, closest
from analyzer.keying.nist_curves import P_256
from analyzer.keying.sakke import read_receiver_key
from analyzer.srtp.suites import SUITES, Suite, suite_by_name
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sdes import CryptoAttribute, KeyParameter, parse_crypto
from dissectors.grammar.secret import Secret

MAX_SSRC = 0xFFFFFFFF
MAX_EXTENSION_ID = 255
MAX_KEY_DERIVATION_RATE = 1 << 24
MAX_KEY_PERIOD = 0xFFFFFFFF
MAX_TAG_OCTETS = 24
MAX_RCC_MODE, MAX_RCC_RATE = 3, 0xFFFF
ZRTP_SECRET_OCTETS = (32, 48)


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


def _read_ibe(table: KeyTable) -> IbeEntry:
    octets = table.secret("parameters").reveal()
    parameters = read_ibe_parameters(octets)
    if parameters is None:
        raise table.error("parameters", "is no BFPublicParameters of RFC 5091 §8 with a curve of type 1")
    private_key = table.secret("private_key") if table.has("private_key") else None
    if private_key is not None and read_ibe_private_key(private_key, parameters) is None:
        raise table.error("private_key", "is no BFPrivateKeyBlock of RFC 5091 §8 with a point of that curve")
    return IbeEntry(octets, private_key, table.optional_text("id"), table.line)


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


def read_srtp(table: KeyTable) -> SrtpEntry:
    """An `[[srtp]]` table."""
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
    return 0 if crypto is None else crypto.key_derivation_rate


READERS: dict[str, tuple[frozenset[str], Callable[[KeyTable], object]]] = {
    "psk": (frozenset({"key", "id"}), _read_psk),
    "private_key": (frozenset({"file"}), _read_private_key),
    "certificate": (frozenset({"file"}), _read_certificate),
    "dh": (frozenset({"private"}), _read_dh),
    "srtp": (
        frozenset({"suite", "key", "salt", "ssrc", "destination", "mki", "crypto", "encrypted_extensions", "kdr"})
        | {"tag_octets", "rcc", "rcc_rate"},
        read_srtp,
    ),
    "dtls": (frozenset({"keylog"}), _read_dtls),
    "zrtp": (frozenset({"s0"}), _read_zrtp),
    "sakke": (frozenset({"rsk", "z", "id", "kms", "key_period", "key_offset"}), _read_sakke),
    "ibe": (frozenset({"parameters", "private_key", "id"}), _read_ibe),
    "eccsi": (frozenset({"kpak", "id", "kms", "key_period", "key_offset"}), _read_eccsi),
}
