# SPDX-License-Identifier: GPL-2.0-only
"""The one table of SRTP crypto suites (RFC 4568 §6.2, 5764 §4.1.2, 6188 §4, 7714 §14, 5669, 8269)."""

from enum import Enum

from dissectors.grammar.late_dataclass import dataclass


class SrtpError(ValueError):
    """What this package raises: a suite, a key or a packet that can't be worked with."""


class UnavailableSuiteError(SrtpError):
    """The suite is known by name and parameters, but its packets can't be opened here."""


class Cipher(Enum):
    """How a suite encrypts."""

    AES_CM = "AES-CM"
    AES_F8 = "AES-f8"
    AES_GCM = "AES-GCM"
    AES_CCM = "AES-CCM"
    NULL = "NULL"
    SEED_CTR = "SEED-CTR"
    SEED_CCM = "SEED-CCM"
    SEED_GCM = "SEED-GCM"
    ARIA_CTR = "ARIA-CTR"
    ARIA_GCM = "ARIA-GCM"
    DOUBLE_AES_GCM = "double AES-GCM"


class Authentication(Enum):
    """How a suite authenticates."""

    HMAC_SHA1 = "HMAC-SHA1"
    AEAD = "AEAD"


AVAILABLE_CIPHERS = frozenset((Cipher.AES_CM, Cipher.AES_F8, Cipher.AES_GCM, Cipher.AES_CCM, Cipher.NULL))
BOTAN_CIPHERS = frozenset((Cipher.SEED_CTR, Cipher.SEED_CCM, Cipher.SEED_GCM, Cipher.ARIA_CTR, Cipher.ARIA_GCM))
HMAC_SHA1_KEY_OCTETS = 20


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite; lengths in octets, `name` as SDES registers it (else as DTLS-SRTP does), `dtls_profile` its id there.

    `registered` is False for names that stacks use and no registry knows.
    """

    name: str
    cipher: Cipher
    key_octets: int
    salt_octets: int
    authentication: Authentication
    srtp_tag_octets: int
    srtcp_tag_octets: int
    dtls_profile: int | None = None
    aliases: tuple[str, ...] = ()
    registered: bool = True

    @property
    def aead(self) -> bool:
        """Whether encryption and authentication are one operation."""
        return self.authentication is Authentication.AEAD

    @property
    def inline_octets(self) -> int:
        """Octets of key and salt together, as `inline:` carries them (RFC 4568 §6.1)."""
        return self.key_octets + self.salt_octets

    @property
    def auth_key_octets(self) -> int:
        """Octets of the session authentication key (RFC 3711 §8.2)."""
        return 0 if self.aead else HMAC_SHA1_KEY_OCTETS

    @property
    def encrypts(self) -> bool:
        """Whether the cipher hides anything."""
        return self.cipher is not Cipher.NULL

    @property
    def available(self) -> bool:
        """Whether packets of this suite can be opened here."""
        if self.cipher not in BOTAN_CIPHERS:
            return self.cipher in AVAILABLE_CIPHERS
        from analyzer.srtp import botan  # noqa: PLC0415 - rarely negotiated

        return botan.is_available()

    @property
    def unavailable_reason(self) -> str:
        """Why packets of this suite stay shut, empty if they don't."""
        if self.available:
            return ""
        if self.cipher in BOTAN_CIPHERS:
            return f"{self.cipher.value} needs Botan's library, which is not installed (Debian: libbotan-2-19)"
        return f"{self.cipher.value} (RFC 8723) is recognised, not opened"


def _hmac(
    name: str,
    cipher: Cipher,
    key_octets: int,
    tag_octets: int,
    dtls_profile: int | None = None,
    *aliases: str,
    registered: bool = True,
) -> Suite:
    hmac = Authentication.HMAC_SHA1
    return Suite(name, cipher, key_octets, 14, hmac, tag_octets, 10, dtls_profile, aliases, registered)


def _aead(
    name: str,
    cipher: Cipher,
    key_octets: int,
    tag_octets: int,
    dtls_profile: int | None = None,
    *aliases: str,
    registered: bool = True,
) -> Suite:
    aead = Authentication.AEAD
    return Suite(name, cipher, key_octets, 12, aead, tag_octets, tag_octets, dtls_profile, aliases, registered)


def _double(bits: int, key_octets: int, dtls_profile: int) -> Suite:
    half = f"AEAD_AES_{bits}_GCM"
    aead = Authentication.AEAD
    return Suite(f"DOUBLE_{half}_{half}", Cipher.DOUBLE_AES_GCM, key_octets, 24, aead, 16, 16, dtls_profile)


# DTLS ids 3 and 4 were never assigned; Chrome and pion use them. pjsip and FreeSWITCH know GCM with a tag of 8 octets,
# and drafts of RFC 7714 had CCM (nonce, key derivation and layout as for GCM).
SUITES = (
    _hmac("AES_CM_128_HMAC_SHA1_80", Cipher.AES_CM, 16, 10, 0x0001, "SRTP_AES128_CM_HMAC_SHA1_80"),
    _hmac("AES_CM_128_HMAC_SHA1_32", Cipher.AES_CM, 16, 4, 0x0002, "SRTP_AES128_CM_HMAC_SHA1_32"),
    _hmac("F8_128_HMAC_SHA1_80", Cipher.AES_F8, 16, 10, None, "AES_F8_128_HMAC_SHA1_80"),
    _hmac("F8_128_HMAC_SHA1_32", Cipher.AES_F8, 16, 4, None, "AES_F8_128_HMAC_SHA1_32", registered=False),
    _hmac("AES_192_CM_HMAC_SHA1_80", Cipher.AES_CM, 24, 10, None, "AES_CM_192_HMAC_SHA1_80"),
    _hmac("AES_192_CM_HMAC_SHA1_32", Cipher.AES_CM, 24, 4, None, "AES_CM_192_HMAC_SHA1_32"),
    _hmac(
        "AES_256_CM_HMAC_SHA1_80", Cipher.AES_CM, 32, 10, 3, "AES_CM_256_HMAC_SHA1_80", "SRTP_AES256_CM_HMAC_SHA1_80"
    ),
    _hmac("AES_256_CM_HMAC_SHA1_32", Cipher.AES_CM, 32, 4, 4, "AES_CM_256_HMAC_SHA1_32", "SRTP_AES256_CM_HMAC_SHA1_32"),
    _aead("AEAD_AES_128_GCM", Cipher.AES_GCM, 16, 16, 0x0007, "SRTP_AEAD_AES_128_GCM"),
    _aead("AEAD_AES_256_GCM", Cipher.AES_GCM, 32, 16, 0x0008, "SRTP_AEAD_AES_256_GCM"),
    _aead("AEAD_AES_128_GCM_8", Cipher.AES_GCM, 16, 8, registered=False),
    _aead("AEAD_AES_256_GCM_8", Cipher.AES_GCM, 32, 8, registered=False),
    _aead("AEAD_AES_128_CCM", Cipher.AES_CCM, 16, 16, registered=False),
    _aead("AEAD_AES_256_CCM", Cipher.AES_CCM, 32, 16, registered=False),
    _hmac("NULL_HMAC_SHA1_80", Cipher.NULL, 16, 10, 0x0005, "SRTP_NULL_HMAC_SHA1_80", registered=False),
    _hmac("NULL_HMAC_SHA1_32", Cipher.NULL, 16, 4, 0x0006, "SRTP_NULL_HMAC_SHA1_32", registered=False),
    _hmac("SEED_CTR_128_HMAC_SHA1_80", Cipher.SEED_CTR, 16, 10),
    _aead("SEED_128_CCM_80", Cipher.SEED_CCM, 16, 10),
    _aead("SEED_128_GCM_96", Cipher.SEED_GCM, 16, 12),
    _hmac("SRTP_ARIA_128_CTR_HMAC_SHA1_80", Cipher.ARIA_CTR, 16, 10, 0x000B),
    _hmac("SRTP_ARIA_128_CTR_HMAC_SHA1_32", Cipher.ARIA_CTR, 16, 4, 0x000C),
    _hmac("SRTP_ARIA_256_CTR_HMAC_SHA1_80", Cipher.ARIA_CTR, 32, 10, 0x000D),
    _hmac("SRTP_ARIA_256_CTR_HMAC_SHA1_32", Cipher.ARIA_CTR, 32, 4, 0x000E),
    _aead("SRTP_AEAD_ARIA_128_GCM", Cipher.ARIA_GCM, 16, 16, 0x000F),
    _aead("SRTP_AEAD_ARIA_256_GCM", Cipher.ARIA_GCM, 32, 16, 0x0010),
    _double(128, 32, 0x0009),
    _double(256, 64, 0x000A),
)

_BY_NAME = {name.upper(): suite for suite in SUITES for name in (suite.name, *suite.aliases)}
_BY_DTLS_PROFILE = {suite.dtls_profile: suite for suite in SUITES if suite.dtls_profile is not None}


def suite_by_name(name: str) -> Suite | None:
    """The suite of that name or alias, in any case: stacks compare without it; None if no such suite is known."""
    return _BY_NAME.get(name.upper())


def suite_by_dtls_profile(profile: int) -> Suite | None:
    """The suite of a DTLS-SRTP protection profile id, or None (RFC 5764 §4.1.2)."""
    return _BY_DTLS_PROFILE.get(profile)
