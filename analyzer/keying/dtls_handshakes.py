# SPDX-License-Identifier: GPL-2.0-only
"""DTLS handshakes as their hellos show them: who was the client, both randoms, what was agreed (RFC 5764 §4.1)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.dtls_exporter import HandshakeFacts
from analyzer.model.evidence import DatagramFlow
from dissectors.grammar.dtls import (
    ContentType,
    Handshake,
    HandshakeType,
    Hello,
    parse_client_key_exchange_rsa,
    parse_hello,
)
from dissectors.grammar.dtls_handshake import HandshakeAssembler
from dissectors.grammar.errors import GrammarError

MAX_HANDSHAKES = 32  # between two endpoints
MAX_MESSAGES = 64  # of one handshake
# A ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
HELLO_RETRY_REQUEST = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class DtlsHandshake(NamedTuple):
    """One handshake; `client` and `server` are endpoints, `profiles` the one agreed or else all that were offered.

    `encrypted_premaster` is what an RSA key exchange would hold. `session_hash_input` is what an extended master secret
    covers, None where that was not agreed (RFC 7627 §3).
    """

    client: str
    server: str
    facts: HandshakeFacts
    profiles: tuple[int, ...]
    mki: bytes
    encrypted_premaster: bytes = b""
    session_hash_input: bytes | None = None


class _Association:
    """The handshakes between two endpoints: a ServerHello answers the last ClientHello of the other one."""

    def __init__(self) -> None:
        self.assemblers: dict[str, HandshakeAssembler] = {}
        self.offers: dict[str, tuple[Handshake, Hello]] = {}
        self.found: dict[HandshakeFacts, DtlsHandshake] = {}
        self.last: HandshakeFacts | None = None
        self.messages: dict[tuple[str, int], Handshake] = {}  # of the last handshake, by sender and number

    def feed(self, source: str, destination: str, datagram: bytes) -> None:
        """Take one datagram."""
        for message in self.assemblers.setdefault(source, HandshakeAssembler()).feed(datagram):
            if message.message_type == HandshakeType.client_key_exchange:
                self._exchange_keys(source, destination, message)
                continue
            try:
                hello = parse_hello(message)
            except GrammarError:
                self._keep(source, message)
                continue
            offer = self.offers.get(destination)
            if message.message_type == HandshakeType.client_hello:
                self.offers[source] = message, hello
            elif offer is not None and hello.random != HELLO_RETRY_REQUEST:
                self._agree(destination, source, offer, (message, hello))

    def _keep(self, source: str, message: Handshake) -> None:
        if len(self.messages) < MAX_MESSAGES:
            self.messages[source, message.message_sequence] = message

    def _agree(
        self, client: str, server: str, offered: tuple[Handshake, Hello], answered: tuple[Handshake, Hello]
    ) -> None:
        offer, answer = offered[1], answered[1]
        version = answer.supported_versions[0] if answer.supported_versions else answer.version
        facts = HandshakeFacts(version, answer.cipher_suites[0], offer.random, answer.random)
        if facts in self.found or len(self.found) >= MAX_HANDSHAKES:
            return
        # DTLS 1.3 puts the choice into its encrypted extensions.
        chosen, mki = answer.srtp_profiles, answer.srtp_mki
        if chosen is None and answer.supported_versions:
            chosen, mki = offer.srtp_profiles, offer.srtp_mki
        covered = b"" if answer.extended_master_secret else None
        self.found[facts] = DtlsHandshake(client, server, facts, chosen or (), mki, session_hash_input=covered)
        self.last = facts
        self.messages = {}
        self._keep(client, offered[0])
        self._keep(server, answered[0])

    def _exchange_keys(self, client: str, server: str, message: Handshake) -> None:
        """A ClientKeyExchange, up to which an extended master secret covers the messages, each flight in its order."""
        handshake = None if self.last is None else self.found[self.last]
        if handshake is None or handshake.client != client or handshake.encrypted_premaster:
            return
        try:
            encrypted = parse_client_key_exchange_rsa(message)
        except GrammarError:
            return
        self._keep(client, message)
        mine, theirs = (
            [each for (end, _), each in sorted(self.messages.items(), key=lambda item: item[0][1]) if end == sender]
            for sender in (client, server)
        )
        before = [each for each in mine[1:] if each.message_sequence <= message.message_sequence]
        covered = None
        if handshake.session_hash_input is not None:
            covered = b"".join(map(_as_hashed, (*mine[:1], *theirs, *before)))
        self.found[handshake.facts] = handshake._replace(encrypted_premaster=encrypted, session_hash_input=covered)


def _as_hashed(message: Handshake) -> bytes:
    """A message as if it had come in one fragment (RFC 6347 §4.2.6)."""
    length = message.length.to_bytes(3, "big")
    head = bytes((message.message_type,)) + length + message.message_sequence.to_bytes(2, "big")
    return head + bytes(3) + length + message.body


def read_dtls_handshakes(flows: Sequence[DatagramFlow]) -> tuple[DtlsHandshake, ...]:
    """Every handshake of which both hellos are there, by pair of endpoints in order of first sight, once each."""
    associations: dict[frozenset[str], _Association] = {}
    for flow, index in in_order(flows):
        datagram = flow.payload(index)
        # Hellos stand first in their datagrams; the rest may be a data channel of any length.
        if datagram[:1] == bytes((ContentType.handshake,)):
            ends = frozenset((flow.source, flow.destination))
            associations.setdefault(ends, _Association()).feed(flow.source, flow.destination, datagram)
    return tuple(found for each in associations.values() for found in each.found.values())


def in_order(flows: Sequence[DatagramFlow]) -> Iterator[tuple[DatagramFlow, int]]:
    """Every datagram of several flows in order of time, as its flow and its number there."""
    places = [
        (int(flow.timestamp_ns[index]), flow.capture, int(flow.frame[index]), number, index)
        for number, flow in enumerate(flows)
        for index in range(len(flow))
    ]
    for *_, number, index in sorted(places):
        yield flows[number], index
