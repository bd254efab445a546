# SPDX-License-Identifier: GPL-2.0-only
"""What a handshake agreed, and the record keys that follow from it (RFC 5246 §6.3, §8.1; RFC 7627; RFC 8446 §7.3)."""

import hashlib
from dataclasses import field

from analyzer.tls.prf import TLS_LABEL_PREFIX, expand_label, p_hash, prf_10
from analyzer.tls.protection import DirectionKeys, RecordOpener, key_lengths, opener_12, opener_13
from analyzer.tls.secrets import CLIENT, MASTER_SECRET, SERVER, TlsSecrets
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.tls import (
    ENCRYPT_THEN_MAC,
    EXTENDED_MASTER_SECRET,
    HELLO_RETRY_REQUEST,
    SESSION_TICKET,
    SSL_3_0,
    TLS_1_2,
    TLS_1_3,
    HandshakeType,
    TlsHandshake,
    TlsHello,
    parse_client_key_exchange_rsa,
    parse_hello,
    parse_new_session_ticket,
)
from dissectors.grammar.tls_suites import CipherSuite, cipher_suites

MAX_TRANSCRIPT_OCTETS = 256 * 1024
MASTER_OCTETS = 48
STAGES_13 = (
    ("CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"),
)
_IN_TRANSCRIPT = frozenset((1, 2, 11, 12, 13, 14, 15, 16, 22, 23))  # what may stand before a ClientKeyExchange, and it


@dataclass(slots=True)
class TlsHandshakeState:
    """One handshake, filled message by message in the order of the wire; secrets are looked up when they are needed."""

    client_hello: TlsHello | None = None
    server_hello: TlsHello | None = None
    is_retry_requested: bool = False  # a HelloRetryRequest came, which only TLS 1.3 has
    _transcript: bytearray = field(default_factory=bytearray)
    _encrypted_premaster: bytes = b""
    _session_hash_input: bytes = b""
    _ticket: bytes = b""
    _master: bytes | None = None

    @property
    def version(self) -> int:
        """The version agreed, 0 before it is known."""
        return 0 if self.server_hello is None else self.server_hello.version

    @property
    def suite_number(self) -> int:
        """The cipher suite agreed."""
        return 0 if self.server_hello is None else self.server_hello.cipher_suites[0]

    @property
    def suite(self) -> CipherSuite | None:
        """The cipher suite agreed, if it is one that can be opened."""
        return cipher_suites().get(self.suite_number) if self.version > SSL_3_0 else None

    def feed(self, message: TlsHandshake) -> None:
        """Take a message that says something about keys; what can't be read is passed over."""
        if message.message_type in _IN_TRANSCRIPT and len(self._transcript) + len(message.raw) <= MAX_TRANSCRIPT_OCTETS:
            self._transcript += message.raw
        try:
            self._read(message)
        except GrammarError:
            return

    def _read(self, message: TlsHandshake) -> None:
        if message.message_type == HandshakeType.client_hello:
            self.client_hello = parse_hello(message)
        elif message.message_type == HandshakeType.server_hello:
            hello = parse_hello(message)
            if hello.random == HELLO_RETRY_REQUEST:
                self.is_retry_requested = True
            else:
                self.server_hello = hello
        elif message.message_type == HandshakeType.client_key_exchange:
            self._session_hash_input = bytes(self._transcript)
            if self.suite is not None and self.suite.key_exchange == "RSA":
                self._encrypted_premaster = parse_client_key_exchange_rsa(message, self.version)
        elif message.message_type == HandshakeType.new_session_ticket and self.version <= TLS_1_2:
            self._ticket = parse_new_session_ticket(message)

    def opener(self, role: int, secrets: TlsSecrets) -> RecordOpener | None:
        """The opener of a direction after its ChangeCipherSpec, up to TLS 1.2; None without secret or suite."""
        suite, client, server = self.suite, self.client_hello, self.server_hello
        if suite is None or client is None or server is None:
            return None
        master = self._master = self._master or self._find_master(suite, client, server, secrets)
        if master is None:
            return None
        for name in (server.session_id, self._ticket):
            secrets.remember_session(name, master)
        lengths = key_lengths(suite, self.version)
        block = self._prf(suite, master, b"key expansion" + server.random + client.random, 2 * sum(lengths))
        parts, at = [], 0
        for octets in (one for one in lengths for _ in (CLIENT, SERVER)):
            parts.append(block[at : at + octets])
            at += octets
        return opener_12(suite, self.version, DirectionKeys(*parts[role::2]), ENCRYPT_THEN_MAC in server.extensions)

    def _find_master(self, suite: CipherSuite, client: TlsHello, server: TlsHello, secrets: TlsSecrets) -> bytes | None:
        told = secrets.find(MASTER_SECRET, client.random)
        if told is not None:
            return told
        if not self._session_hash_input:  # no key exchange: a session is resumed
            same = server.session_id == client.session_id
            by_id = secrets.find_session(server.session_id) if same else None
            return by_id or secrets.find_session(client.extensions.get(SESSION_TICKET, b""))
        for premaster in secrets.find_premasters(client.random, self._encrypted_premaster):
            return self._derive_master(suite, client, server, premaster)
        return None

    def _derive_master(self, suite: CipherSuite, client: TlsHello, server: TlsHello, premaster: bytes) -> bytes:
        if EXTENDED_MASTER_SECRET not in server.extensions:
            return self._prf(suite, premaster, b"master secret" + client.random + server.random, MASTER_OCTETS)
        covered = self._session_hash_input
        if self.version == TLS_1_2:
            seed = hashlib.new(suite.prf, covered).digest()
        else:
            seed = hashlib.md5(covered, usedforsecurity=False).digest()
            seed += hashlib.sha1(covered, usedforsecurity=False).digest()
        return self._prf(suite, premaster, b"extended master secret" + seed, MASTER_OCTETS)

    def _prf(self, suite: CipherSuite, secret: bytes, seed: bytes, octets: int) -> bytes:
        return p_hash(suite.prf, secret, seed, octets) if self.version == TLS_1_2 else prf_10(secret, seed, octets)

    def traffic_secret(self, role: int, stage: int, secrets: TlsSecrets) -> bytes | None:
        """The secret of one stage of a direction in TLS 1.3."""
        if self.client_hello is None or self.version != TLS_1_3:
            return None
        return secrets.find(STAGES_13[role][stage], self.client_hello.random)


def traffic_opener(suite: CipherSuite, secret: bytes) -> RecordOpener:
    """The opener that a traffic secret gives (RFC 8446 §7.3)."""
    key = expand_label(suite.prf, secret, b"key", b"", suite.key_octets, TLS_LABEL_PREFIX)
    return opener_13(suite, key, expand_label(suite.prf, secret, b"iv", b"", 12, TLS_LABEL_PREFIX))


def next_traffic_secret(suite: CipherSuite, secret: bytes) -> bytes:
    """The secret after a KeyUpdate (RFC 8446 §7.2)."""
    return expand_label(suite.prf, secret, b"traffic upd", b"", len(secret), TLS_LABEL_PREFIX)
