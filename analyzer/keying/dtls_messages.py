# SPDX-License-Identifier: GPL-2.0-only
"""Handshake messages of DTLS: those in the clear and, with the secrets of a key log, those of DTLS 1.3.

From the ServerHello on DTLS 1.3 encrypts its handshake (RFC 9147 §5); earlier versions show theirs up to the end.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from analyzer.keying.dtls_handshakes import HELLO_RETRY_REQUEST, in_order
from analyzer.model.evidence import DatagramFlow
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.dtls import (
    DTLS_1_3,
    UNIFIED_HEADER_BITS,
    ContentType,
    DtlsCiphertext,
    Handshake,
    HandshakeType,
    Hello,
    parse_dtls_ciphertexts,
    parse_dtls_records,
    parse_hello,
)
from dissectors.grammar.dtls_handshake import HandshakeAssembler
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.tls_suites import cipher_suites

if TYPE_CHECKING:
    from analyzer.tls.dtls_13 import DtlsOpener

HANDSHAKE_EPOCH_BITS = 2  # RFC 9147 §6.1
MAX_SHUT = 32  # records of a direction that may not open, in a row, before no more are tried
_SECRETS = ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")  # RFC 9850 §3


class SeenMessage(NamedTuple):
    """A whole handshake message, which datagram of its flow completed it, and when its handshake began.

    `begun_ns` is the time of the ClientHello, or that of the message where that was not seen.
    """

    flow: DatagramFlow
    place: int
    message: Handshake
    begun_ns: int
    is_dtls_13: bool = False


class _Direction:
    """What one endpoint sends: its clear messages, and its encrypted ones once they can be opened."""

    def __init__(self) -> None:
        self.clear = HandshakeAssembler()
        self.opened = HandshakeAssembler()
        self.opener: DtlsOpener | None = None
        self.shut = 0

    def open(self, record: DtlsCiphertext) -> Iterator[Handshake]:
        if self.opener is None or record.epoch_bits != HANDSHAKE_EPOCH_BITS or self.shut >= MAX_SHUT:
            return
        opened = self.opener.open(record)
        self.shut = self.shut + 1 if opened is None else 0
        if opened is not None and opened.content_type == ContentType.handshake:
            yield from self.opened.feed_fragment(opened.data)


class _Association:
    """The handshakes between two endpoints, one after the other."""

    def __init__(self, secrets: TlsSecrets) -> None:
        self._secrets = secrets
        self._ways: dict[str, _Direction] = {}
        self._offer: tuple[str, Hello] | None = None
        self.begun_ns: int | None = None

    def feed(self, source: str, datagram: bytes, now_ns: int) -> Iterator[tuple[Handshake, bool]]:
        """The messages that a datagram completes, each with whether it was encrypted."""
        way = self._ways.setdefault(source, _Direction())
        if datagram[0] & 0xE0 != UNIFIED_HEADER_BITS:
            for message in way.clear.feed(datagram):
                self._note_hello(source, message, now_ns)
                yield message, False
        if any(each.opener for each in self._ways.values()):
            for record in _protected(datagram):
                for message in way.open(record):
                    yield message, True

    def _note_hello(self, source: str, message: Handshake, now_ns: int) -> None:
        try:
            hello = parse_hello(message)
        except GrammarError:
            return
        if message.message_type == HandshakeType.client_hello:
            if self._offer is None or self._offer[1].random != hello.random:
                self.begun_ns = now_ns
                self._ways = {end: way for end, way in self._ways.items() if end == source}
                self._ways[source].opener = None
            self._offer = source, hello
        elif self._offer is not None and hello.random != HELLO_RETRY_REQUEST:
            self._agree(self._offer, source, hello)

    def _agree(self, offer: tuple[str, Hello], server: str, answer: Hello) -> None:
        suite = cipher_suites().get(answer.cipher_suites[0])
        if DTLS_1_3 not in answer.supported_versions or suite is None:
            return
        for end, label in zip((offer[0], server), _SECRETS, strict=True):
            secret = self._secrets.find(label, offer[1].random)
            if secret is not None and self._ways.setdefault(end, _Direction()).opener is None:
                from analyzer.tls.dtls_13 import DtlsOpener  # noqa: PLC0415 - loaded where something is encrypted

                self._ways[end].opener = DtlsOpener(suite, secret)


def _may_hold_handshake(datagram: bytes) -> bool:
    """Whether a datagram begins with a record of a handshake: all others may be a data channel of any length."""
    first = datagram[0] if datagram else 0
    is_protected = first & 0xE0 == UNIFIED_HEADER_BITS
    return first & 0x03 == HANDSHAKE_EPOCH_BITS if is_protected else first == ContentType.handshake


def _protected(datagram: bytes) -> tuple[DtlsCiphertext, ...]:
    """The protected records of a datagram, which may stand behind clear ones."""
    try:
        last = parse_dtls_records(datagram)[-1]
        return parse_dtls_ciphertexts(last.fragment) if last.content_type & 0xE0 == UNIFIED_HEADER_BITS else ()
    except GrammarError:
        return ()


def iter_handshake_messages(flows: Sequence[DatagramFlow], secrets: TlsSecrets) -> Iterator[SeenMessage]:
    """Every handshake message of flows between whatever endpoints, in order of time."""
    associations: dict[frozenset[str], _Association] = {}
    for flow, index in in_order(flows):
        datagram, now_ns = flow.payload(index), int(flow.timestamp_ns[index])
        if not _may_hold_handshake(datagram):
            continue
        ends = frozenset((flow.source, flow.destination))
        association = associations.setdefault(ends, _Association(secrets))
        for message, is_dtls_13 in association.feed(flow.source, datagram, now_ns):
            begun_ns = now_ns if association.begun_ns is None else association.begun_ns
            yield SeenMessage(flow, index, message, begun_ns, is_dtls_13)
