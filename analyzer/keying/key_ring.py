# SPDX-License-Identifier: GPL-2.0-only
"""The auditor's keys: pre-shared and private keys, certificates, exponents, keys of identities or SRTP."""

from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.keying.key_table import Destination
from analyzer.srtp.suites import Suite
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdes import CryptoAttribute
from dissectors.grammar.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


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
class IbeEntry:
    """A KMS's public parameters and, where it is known, a user's private key under them (RFC 5091 §5, RFC 6267)."""

    parameters: bytes
    private_key: Secret | None
    id: str | None
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
    ibe: tuple[IbeEntry, ...] = ()
    zrtp: tuple[ZrtpEntry, ...] = ()

    def with_key_log(self, place: str, secrets: tuple[KeyLogSecret, ...]) -> "KeyRing":
        """The same and the lines of a key log that stands elsewhere, as in a capture's decryption secrets."""
        return replace(self, dtls=(*self.dtls, DtlsEntry(Path(place), secrets, 0)))

    def tls_secrets(self) -> TlsSecrets:
        """What opens TLS signalling: all key logs, and the private keys for an RSA key exchange."""
        lines = (secret for entry in self.dtls for secret in entry.secrets)
        return TlsSecrets(lines, (entry.key for entry in self.private_key))


EMPTY_KEY_RING = KeyRing()
