# SPDX-License-Identifier: GPL-2.0-only
"""DTLS 1.3 records as RFC 9147 has them sent, written out of its text with nothing of the analyzer."""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

AES_128_GCM, AES_256_GCM, CHACHA20 = 0x1301, 0x1302, 0x1303
CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE = 1, 2, 8, 11
HANDSHAKE = 22


def expand_label(digest: str, secret: bytes, label: bytes, octets: int) -> bytes:
    """HKDF-Expand-Label without context (RFC 8446 §7.1, RFC 9147 §5.9)."""
    info = octets.to_bytes(2, "big") + bytes((6 + len(label),)) + b"dtls13" + label + b"\0"
    out, block, count = b"", b"", 1
    while len(out) < octets:
        block = hmac.digest(secret, block + info + bytes((count,)), digest)
        out, count = out + block, count + 1
    return out[:octets]


class Sender:
    """One side in epoch 2; `short` leaves the length out and sends eight bits of the record number."""

    def __init__(self, suite: int, secret: bytes, number: int = 0, *, short: bool = False) -> None:
        digest, octets = ("sha384", 32) if suite == AES_256_GCM else ("sha256", 32 if suite == CHACHA20 else 16)
        self.key, self.number_key = (expand_label(digest, secret, label, octets) for label in (b"key", b"sn"))
        self.iv = expand_label(digest, secret, b"iv", 12)
        self.suite, self.number, self.short = suite, number, short

    def record(self, content: bytes, kind: int = HANDSHAKE, epoch: int = 2) -> bytes:
        """One protected record (RFC 9147 §4)."""
        octets = len(content) + 1 + 16
        number = self.number.to_bytes(8, "big")[-1 if self.short else -2 :]
        first = 0x20 | epoch & 3 | (0 if self.short else 0x0C)
        length = b"" if self.short else octets.to_bytes(2, "big")
        nonce = (int.from_bytes(self.iv, "big") ^ self.number).to_bytes(12, "big")
        cipher = ChaCha20Poly1305(self.key) if self.suite == CHACHA20 else AESGCM(self.key)
        sealed = cipher.encrypt(nonce, content + bytes((kind,)), bytes((first,)) + number + length)
        hidden = bytes(one ^ other for one, other in zip(number, self._mask(sealed[:16]), strict=False))
        self.number += 1
        return bytes((first,)) + hidden + length + sealed

    def _mask(self, sample: bytes) -> bytes:
        if self.suite == CHACHA20:
            return Cipher(algorithms.ChaCha20(self.number_key, sample), None).encryptor().update(bytes(16))
        return Cipher(algorithms.AES(self.number_key), modes.ECB()).encryptor().update(sample)


def fragments(kind: int, number: int, body: bytes, most: int = 1 << 14) -> list[bytes]:
    """A handshake message in fragments of at most so many octets (RFC 9147 §5.2)."""
    size = len(body).to_bytes(3, "big")
    starts = range(0, max(len(body), 1), most)
    pieces = [(at, body[at : at + most]) for at in starts]
    head = bytes((kind,)) + size + number.to_bytes(2, "big")
    return [head + at.to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece for at, piece in pieces]


def clear_record(message: bytes) -> bytes:
    return bytes((HANDSHAKE,)) + b"\xfe\xfd" + bytes(8) + len(message).to_bytes(2, "big") + message


def client_hello(random: bytes, suite: int) -> bytes:
    """Offers DTLS 1.3 and use_srtp (RFC 9147 §5.3)."""
    extensions = bytes.fromhex("002b000302fefc000e00050002000100")
    return b"\xfe\xfd" + random + b"\0\0\0\x02" + suite.to_bytes(2, "big") + b"\x01\0" + _sized(extensions, 2)


def server_hello(random: bytes, suite: int) -> bytes:
    return b"\xfe\xfd" + random + b"\0" + suite.to_bytes(2, "big") + b"\0" + _sized(bytes.fromhex("002b0002fefc"), 2)


def certificate(octets: bytes) -> bytes:
    """A Certificate message of one certificate (RFC 8446 §4.4.2)."""
    return b"\0" + _sized(_sized(octets, 3) + b"\0\0", 3)


def _sized(octets: bytes, width: int) -> bytes:
    return len(octets).to_bytes(width, "big") + octets
