# SPDX-License-Identifier: GPL-2.0-only
"""DTLS handshakes as their hellos show them: who was the client, both randoms, what was agreed (RFC 5764 §4.1)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.dtls_exporter import HandshakeFacts
from analyzer.model.evidence import DatagramFlow
from dissectors.grammar.dtls import ContentType, HandshakeType, Hello, parse_hello
from dissectors.grammar.dtls_handshake import HandshakeAssembler
from dissectors.grammar.errors import GrammarError

MAX_HANDSHAKES = 32  # between two endpoints
# A ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
HELLO_RETRY_REQUEST = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


class DtlsHandshake(NamedTuple):
    """One handshake; `client` and `server` are endpoints, `profiles` the one agreed or else all that were offered."""

    client: str
    server: str
    facts: HandshakeFacts
    profiles: tuple[int, ...]
    mki: bytes


class _Association:
    """The handshakes between two endpoints: a ServerHello answers the last ClientHello of the other one."""

    def __init__(self) -> None:
        self.assemblers: dict[str, HandshakeAssembler] = {}
        self.offers: dict[str, Hello] = {}
        self.found: dict[HandshakeFacts, DtlsHandshake] = {}

    def feed(self, source: str, destination: str, datagram: bytes) -> None:
        """Take one datagram."""
        for message in self.assemblers.setdefault(source, HandshakeAssembler()).feed(datagram):
            try:
                hello = parse_hello(message)
            except GrammarError:
                continue
            offer = self.offers.get(destination)
            if message.message_type == HandshakeType.client_hello:
                self.offers[source] = hello
            elif offer is not None and hello.random != HELLO_RETRY_REQUEST:
                self._agree(destination, source, offer, hello)

    def _agree(self, client: str, server: str, offer: Hello, answer: Hello) -> None:
        version = answer.supported_versions[0] if answer.supported_versions else answer.version
        facts = HandshakeFacts(version, answer.cipher_suites[0], offer.random, answer.random)
        if facts in self.found or len(self.found) >= MAX_HANDSHAKES:
            return
        # DTLS 1.3 puts the choice into its encrypted extensions.
        chosen, mki = answer.srtp_profiles, answer.srtp_mki
        if chosen is None and answer.supported_versions:
            chosen, mki = offer.srtp_profiles, offer.srtp_mki
        self.found[facts] = DtlsHandshake(client, server, facts, chosen or (), mki)


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
