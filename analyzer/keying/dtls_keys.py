# SPDX-License-Identifier: GPL-2.0-only
"""Master keys of DTLS-SRTP: the secrets of a key log, or of the server's RSA key, with their handshakes (RFC 5764)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.dtls_exporter import derive_master_secret, export_srtp_material
from analyzer.keying.dtls_handshakes import DtlsHandshake, read_dtls_handshakes
from analyzer.model.call import Side
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import MasterKey
from analyzer.srtp.suites import Suite, suite_by_dtls_profile
from analyzer.tls.secrets import MASTER_SECRET, TlsSecrets
from dissectors.grammar.dtls import DTLS_1_0, DTLS_1_2, DTLS_1_3
from dissectors.grammar.secret import Secret
from dissectors.grammar.tls_suites import cipher_suites

FROM_HANDSHAKE = "keys come from the DTLS handshake"
EXPORTER_SECRET = "EXPORTER_SECRET"  # noqa: S105 - a label
BY_KEY_LOG, BY_RSA_KEY = "the key log", "the server's RSA key"
VERSIONS = {DTLS_1_0: "1.0", DTLS_1_2: "1.2", DTLS_1_3: "1.3"}


class DtlsKeys(NamedTuple):
    """What handshakes give: how, the master keys, and whether keys of some handshake are not at hand."""

    how: str
    keys: tuple[MasterKey, ...] = ()
    missing: bool = False


class _Opened(NamedTuple):
    handshake: DtlsHandshake
    keys: tuple[MasterKey, ...]
    by: str


class DtlsSecrets:
    """What the secrets of a ring give for DTLS."""

    def __init__(self, secrets: TlsSecrets) -> None:
        self._secrets = secrets

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def open(self, flows: Sequence[DatagramFlow], side_at: Callable[[str], Side | None]) -> DtlsKeys:
        """How the handshakes in `flows` keyed the media between their endpoints; `side_at` names who is where."""
        if not flows:
            return DtlsKeys(f"{FROM_HANDSHAKE}, which is not in the capture")
        if not self:
            return DtlsKeys(FROM_HANDSHAKE)
        handshakes = read_dtls_handshakes(flows)
        if not handshakes:
            return DtlsKeys(f"{FROM_HANDSHAKE}, whose hello messages are not all in the capture")
        opened = [self._open(each, side_at) for each in handshakes]
        keys = tuple(key for each in opened for key in each.keys)
        return DtlsKeys(_how(opened), keys, any(not each.keys for each in opened))

    def _open(self, handshake: DtlsHandshake, side_at: Callable[[str], Side | None]) -> _Opened:
        secret, by = self._find_secret(handshake)
        if secret is None or handshake.facts.version not in VERSIONS:
            return _Opened(handshake, (), by)
        return _Opened(handshake, tuple(_master_keys(handshake, secret, side_at)), by)

    def _find_secret(self, handshake: DtlsHandshake) -> tuple[Secret | None, str]:
        """The master secret, told or made of the premaster secret, and by what; the exporter secret in DTLS 1.3."""
        facts = handshake.facts
        label = EXPORTER_SECRET if facts.version == DTLS_1_3 else MASTER_SECRET
        told = self._secrets.find(label, facts.client_random)
        if told is not None:
            return Secret(told), BY_KEY_LOG
        suite = cipher_suites().get(facts.cipher_suite)
        if suite is None or suite.key_exchange != "RSA":
            return None, BY_KEY_LOG
        premasters = self._secrets.find_premasters(facts.client_random, handshake.encrypted_premaster)
        if not premasters:
            return None, BY_KEY_LOG
        return Secret(derive_master_secret(facts, premasters[0], handshake.session_hash_input)), BY_RSA_KEY


def _master_keys(
    handshake: DtlsHandshake, secret: Secret, side_at: Callable[[str], Side | None]
) -> Iterator[MasterKey]:
    for suite in filter(None, map(suite_by_dtls_profile, handshake.profiles)):
        material = export_srtp_material(handshake.facts, secret, 2 * suite.inline_octets)
        paths = ((handshake.client, handshake.server), (handshake.server, handshake.client))
        for (key, salt), (sender, receiver) in zip(_split(material, suite), paths, strict=True):
            yield MasterKey(
                suite=suite.name,
                key=Secret(key),
                salt=Secret(salt),
                source="dtls",
                bound=len(handshake.profiles) == 1,
                sender=side_at(sender),
                destination=receiver,
                mki=handshake.mki,
                sent_from=sender,
            )


def _split(material: bytes, suite: Suite) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Key and salt of the client, then of the server: both keys stand before both salts (RFC 5764 §4.2)."""
    key, salt = suite.key_octets, suite.salt_octets
    salts = material[2 * key :]
    return (material[:key], salts[:salt]), (material[key : 2 * key], salts[salt:])


def _how(opened: Sequence[_Opened]) -> str:
    known = [each.handshake for each in opened if each.keys]
    if not known:
        return f"{FROM_HANDSHAKE}, which the key log does not open"
    versions = " and ".join(sorted({VERSIONS[handshake.facts.version] for handshake in known}))
    by = " and ".join(sorted({each.by for each in opened if each.keys}))
    some = "" if len(known) == len(opened) else f", {len(known)} of {len(opened)} handshakes"
    return f"keys exported from the DTLS {versions} handshake with {by}{some}"
