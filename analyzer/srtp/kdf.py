# SPDX-License-Identifier: GPL-2.0-only
"""Session keys from a master key (RFC 3711 §4.3; RFC 6188 §3 for longer keys; RFC 7714 §11 for 96-bit salts)."""

from enum import Enum

from analyzer.srtp.ciphers import counter_keystream
from analyzer.srtp.suites import Cipher, SrtpError, Suite, UnavailableSuiteError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.secret import Secret

PRF_SALT_OCTETS = 14
MAX_KDR = 1 << 24


class Usage(Enum):
    """Which packets the session keys are for; the value is the label of its first key (RFC 3711 §4.3)."""

    SRTP = 0
    SRTCP = 3


HEADER_ENCRYPTION_LABEL, HEADER_SALT_LABEL = 6, 7  # RFC 6904 §3


class KeyDerivation(Enum):
    """Which derivation: the RFCs', or that of a widely deployed stack which differs from them."""

    RFC = "rfc"
    SP_800_135 = "sp-800-135"  # NIST's vectors take SRTCP's 32-bit index literally, so its labels stand 16 bits lower
    LIBSRTP_AES_192 = "libsrtp-aes-192"  # for 192-bit keys: AES-256 over key ‖ salt ‖ zeros, seen in 2.5 and 2.7


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The three session keys of one usage; `authentication` is empty for AEAD suites."""

    encryption: Secret
    authentication: Secret
    salt: Secret


def derive_key(
    master_key: bytes,
    master_salt: bytes,
    label: int,
    octets: int,
    *,
    epoch: int = 0,
    cipher: Cipher = Cipher.AES_CM,
    index_bits: int = 48,
) -> bytes:
    """`octets` octets of the PRF: counter mode with the block cipher of a suite's `cipher` (RFC 3711 §4.3.3).

    Its key is as long as the master key (RFC 6188 §3; SEED: RFC 5669 §4, ARIA: RFC 8269 §3).

    A shorter salt is left-justified, as RFC 9335 A.2 settles; the label stands 48 bits up (`index_bits`) for SRTCP as
    well, as nearly every implementation has it. `epoch` is index DIV key derivation rate.
    """
    salt = int.from_bytes(master_salt.ljust(PRF_SALT_OCTETS, b"\0"), "big")
    return counter_keystream(cipher, master_key, (salt ^ (label << index_bits | epoch)) << 16, octets)


def derive_session_keys(
    master_key: Secret,
    master_salt: Secret,
    suite: Suite,
    usage: Usage = Usage.SRTP,
    *,
    kdr: int = 0,
    index: int = 0,
    derivation: KeyDerivation = KeyDerivation.RFC,
) -> SessionKeys:
    """The session keys for the packet of that index; raises `UnavailableSuiteError`, and `SrtpError` for wrong lengths.

    `kdr` is the key derivation rate in packets, 0 for one derivation only (RFC 3711 §4.3.1).
    """
    key, salt = _prf_input(master_key, master_salt, suite, derivation)
    epoch = index // kdr if kdr else 0
    sizes = (suite.key_octets, suite.auth_key_octets, suite.salt_octets)
    index_bits = 32 if derivation is KeyDerivation.SP_800_135 and usage is Usage.SRTCP else 48
    derived = [
        derive_key(key, salt, usage.value + number, size, epoch=epoch, cipher=suite.cipher, index_bits=index_bits)
        for number, size in enumerate(sizes)
    ]
    return SessionKeys(*map(Secret, derived))


def derive_header_keys(
    master_key: Secret,
    master_salt: Secret,
    suite: Suite,
    *,
    kdr: int = 0,
    index: int = 0,
    derivation: KeyDerivation = KeyDerivation.RFC,
) -> SessionKeys:
    """Key and salt for header extensions (RFC 6904 §3); they work in counter mode under AEAD too (RFC 7714 §8.3)."""
    key, salt = _prf_input(master_key, master_salt, suite, derivation)
    epoch = index // kdr if kdr else 0
    header_key = derive_key(key, salt, HEADER_ENCRYPTION_LABEL, suite.key_octets, epoch=epoch, cipher=suite.cipher)
    header_salt = derive_key(key, salt, HEADER_SALT_LABEL, suite.salt_octets, epoch=epoch, cipher=suite.cipher)
    return SessionKeys(Secret(header_key), Secret(b""), Secret(header_salt.ljust(PRF_SALT_OCTETS, b"\0")))


def _prf_input(master_key: Secret, master_salt: Secret, suite: Suite, derivation: KeyDerivation) -> tuple[bytes, bytes]:
    """Key and salt of the PRF, once the suite can take them."""
    if not suite.available:
        msg = f"{suite.name}: {suite.unavailable_reason}"
        raise UnavailableSuiteError(msg)
    if len(master_key) != suite.key_octets or len(master_salt) != suite.salt_octets:
        wanted = f"{suite.key_octets} and {suite.salt_octets}"
        msg = f"{suite.name} takes key and salt of {wanted} octets, not {len(master_key)}, {len(master_salt)}"
        raise SrtpError(msg)
    key, salt = master_key.reveal(), master_salt.reveal()
    if derivation is KeyDerivation.LIBSRTP_AES_192 and suite.key_octets == 24:
        padded = (key + salt).ljust(46, b"\0")
        key, salt = padded[:32], padded[32:]
    return key, salt
