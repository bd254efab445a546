# SPDX-License-Identifier: GPL-2.0-only
"""Protected records of DTLS 1.3 opened and authenticated (RFC 9147 §4): their numbers are encrypted as well."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from analyzer.tls.prf import DTLS_LABEL_PREFIX, expand_label
from analyzer.tls.protection import Opened, make_aead, mix_nonce, split_inner
from dissectors.grammar.dtls import DtlsCiphertext
from dissectors.grammar.tls_suites import CipherMode, CipherSuite

NONCE_OCTETS = 12
SAMPLE_OCTETS = 16  # of the ciphertext, from which the mask of the record number is made


class DtlsOpener:
    """The read state of one direction in one epoch, by its traffic secret."""

    def __init__(self, suite: CipherSuite, secret: bytes) -> None:
        key, iv, number_key = (
            expand_label(suite.prf, secret, label, b"", octets, DTLS_LABEL_PREFIX)
            for label, octets in ((b"key", suite.key_octets), (b"iv", NONCE_OCTETS), (b"sn", suite.key_octets))
        )
        self._cipher, self._iv = make_aead(suite, key), iv
        self._number_key, self._mode = number_key, suite.mode
        self._expected = 0

    def open(self, record: DtlsCiphertext) -> Opened | None:
        """The content of a record, or None where it does not authenticate."""
        if len(record.encrypted) < SAMPLE_OCTETS:
            return None
        stop = len(record.header) - record.length_octets
        start = stop - record.number_octets
        mask = self._mask(record.encrypted[:SAMPLE_OCTETS])
        number = bytes(one ^ other for one, other in zip(record.header[start:stop], mask, strict=False))
        header = record.header[:start] + number + record.header[stop:]
        sequence = self._nearest(int.from_bytes(number, "big"), 8 * record.number_octets)
        try:
            inner = self._cipher.decrypt(mix_nonce(self._iv, sequence), record.encrypted, header)
        except InvalidTag:
            return None
        self._expected = max(self._expected, sequence + 1)
        return split_inner(inner)

    def _mask(self, sample: bytes) -> bytes:
        """What the record number is combined with (RFC 9147 §4.2.3)."""
        if self._mode is CipherMode.CHACHA20_POLY1305:
            encryptor = Cipher(algorithms.ChaCha20(self._number_key, sample), None).encryptor()
            return encryptor.update(bytes(2))
        return Cipher(algorithms.AES(self._number_key), modes.ECB()).encryptor().update(sample)  # noqa: S305

    def _nearest(self, low: int, bits: int) -> int:
        """The number next to the one that is expected that ends so (RFC 9147 §4.2.2)."""
        size = 1 << bits
        candidate = self._expected - (self._expected % size) + low
        near = (each for each in (candidate - size, candidate, candidate + size) if each >= 0)
        return min(near, key=lambda each: abs(each - self._expected))
