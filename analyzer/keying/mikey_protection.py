# SPDX-License-Identifier: GPL-2.0-only
"""How a MIKEY message is protected: its keys, its MAC, and the encryption of KEMAC (RFC 3830 §4.1.4, §4.2)."""

import hmac

from analyzer.keying.mikey_prf import KeyConstant, PrfVariant, derive_mikey_key, message_label
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.registries import EncryptionAlgorithm, MacAlgorithm
from dissectors.grammar.secret import Secret

MAC_HASHES: dict[int, tuple[str, int]] = {
    MacAlgorithm.HMAC_SHA_1_160: ("sha1", 20),
    MacAlgorithm.HMAC_SHA_256_256: ("sha256", 32),
}
# Octets of encr_key and of salt_key (RFC 3830 §4.2.3, RFC 6043 §6.2).
CIPHER_OCTETS: dict[int, tuple[int, int]] = {
    EncryptionAlgorithm.AES_CM_128: (16, 14),
    EncryptionAlgorithm.AES_KW_128: (16, 8),
    EncryptionAlgorithm.AES_CM_256: (32, 14),
}
WRAP_BLOCK_OCTETS = 8
WRAP_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class ProtectionKeySource:
    """What protects a message is derived from: a pre-shared or envelope key, CSB ID, RAND and PRF."""

    key: Secret
    csb_id: int
    rand: bytes
    prf_function: int
    variant: PrfVariant = PrfVariant.RFC_3830

    def derive(self, constant: KeyConstant, octets: int) -> Secret:
        """One protection key; raises `KeyMaterialError` for an unassigned PRF (RFC 3830 §4.1.4)."""
        label = message_label(constant, self.csb_id, self.rand)
        return derive_mikey_key(self.key, label, octets, self.prf_function, self.variant)


def mac_matches(source: ProtectionKeySource, mac_algorithm: int, covered: bytes, mac: bytes) -> bool:
    """Whether `mac` is the MAC of `covered`; the algorithm must be in `MAC_HASHES` (RFC 3830 §4.2.4)."""
    hash_name, octets = MAC_HASHES[mac_algorithm]
    key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, octets)
    return hmac.compare_digest(hmac.digest(key.reveal(), covered, hash_name), mac)


def derive_kemac_iv(salt_key: Secret, csb_id: int, timestamp_64: bytes) -> bytes:
    """The 16-octet IV of AES-CM: (salt_key ⊕ (0x0000 ‖ CSB ID ‖ T)) ‖ 0x0000 (RFC 3830 §4.2.3)."""
    mask = int.from_bytes(csb_id.to_bytes(4, "big") + timestamp_64, "big")
    return (int.from_bytes(salt_key.reveal(), "big") ^ mask).to_bytes(14, "big") + bytes(2)


def decrypt_kemac(source: ProtectionKeySource, algorithm: int, data: Secret, timestamp_64: bytes) -> Secret | None:
    """KEMAC's clear octets; None where AES key wrap refuses them. The algorithm must be in `CIPHER_OCTETS`."""
    key_octets, salt_octets = CIPHER_OCTETS[algorithm]
    encr_key = source.derive(KeyConstant.MESSAGE_ENCRYPTION_KEY, key_octets)
    salt_key = source.derive(KeyConstant.MESSAGE_SALT_KEY, salt_octets)
    if algorithm == EncryptionAlgorithm.AES_KW_128:
        return _unwrap(encr_key, salt_key, data.reveal())
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - where it decrypts

    iv = derive_kemac_iv(salt_key, source.csb_id, timestamp_64)
    decryptor = Cipher(algorithms.AES(encr_key.reveal()), modes.CTR(iv)).decryptor()
    return Secret(decryptor.update(data.reveal()) + decryptor.finalize())


def _unwrap(key: Secret, iv: Secret, wrapped: bytes) -> Secret | None:
    """AES key unwrap (RFC 3394 §2.2.2) with the salt in place of the default initial value (RFC 3830 §4.2.3)."""
    count = len(wrapped) // WRAP_BLOCK_OCTETS - 1
    if len(wrapped) % WRAP_BLOCK_OCTETS or count < 2:
        return None
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    decryptor = Cipher(algorithms.AES(key.reveal()), modes.ECB()).decryptor()  # noqa: S305 - key wrap is built on it
    register = wrapped[:WRAP_BLOCK_OCTETS]
    blocks = [wrapped[start : start + 8] for start in range(8, len(wrapped), WRAP_BLOCK_OCTETS)]
    for step in range(WRAP_ROUNDS * count, 0, -1):
        index = (step - 1) % count
        masked = (int.from_bytes(register, "big") ^ step).to_bytes(WRAP_BLOCK_OCTETS, "big")
        block = decryptor.update(masked + blocks[index])
        register, blocks[index] = block[:WRAP_BLOCK_OCTETS], block[WRAP_BLOCK_OCTETS:]
    return Secret(b"".join(blocks)) if hmac.compare_digest(register, iv.reveal()) else None
