# SPDX-License-Identifier: GPL-2.0-only
"""TLS on a byte stream: records, handshake messages, and what the hellos agree (RFC 5246 §6, §7; RFC 8446 §4, §5)."""

from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.errors import Malformed

RECORD_HEADER_OCTETS = 5
MAX_FRAGMENT_OCTETS = (1 << 14) + 2048  # RFC 5246 §6.2.3
RANDOM_OCTETS = 32
MAX_EXTENSIONS = 128
SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
VERSIONS = {SSL_3_0: "SSL 3.0", TLS_1_0: "TLS 1.0", TLS_1_1: "TLS 1.1", TLS_1_2: "TLS 1.2", TLS_1_3: "TLS 1.3"}
# A ServerHello that asks for another ClientHello (RFC 8446 §4.1.3).
HELLO_RETRY_REQUEST = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
ENCRYPT_THEN_MAC, EXTENDED_MASTER_SECRET, SESSION_TICKET, SUPPORTED_VERSIONS = 22, 23, 35, 43


class ContentType(IntEnum):
    """Record content types (IANA "TLS ContentType")."""

    change_cipher_spec = 20
    alert = 21
    handshake = 22
    application_data = 23


class HandshakeType(IntEnum):
    """Handshake messages that say something about keys (IANA "TLS HandshakeType")."""

    client_hello = 1
    server_hello = 2
    new_session_ticket = 4
    certificate = 11
    client_key_exchange = 16
    finished = 20
    key_update = 24


class TlsRecord(NamedTuple):
    """One record as it stands on the wire; `fragment` is still protected where the connection protects it."""

    content_type: int
    version: int
    fragment: bytes

    @property
    def header(self) -> bytes:
        """The five octets before the fragment."""
        return bytes((self.content_type, *self.version.to_bytes(2, "big"), *len(self.fragment).to_bytes(2, "big")))


class TlsHandshake(NamedTuple):
    """One handshake message; `raw` has its header, as the transcript hash takes it."""

    message_type: int
    body: bytes
    raw: bytes


class TlsHello(NamedTuple):
    """A ClientHello, or a ServerHello, whose `cipher_suites` holds the one chosen.

    `version` is the one agreed (or the highest offered), `supported_versions` included (RFC 8446 §4.2.1).
    """

    version: int
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    extensions: dict[int, bytes]


def is_record_start(data: bytes | bytearray, at: int = 0) -> bool:
    """Whether the octets at `at` can be the header of a record: type, version 3.x, a length that fits and isn't 0."""
    if len(data) - at < RECORD_HEADER_OCTETS or not 20 <= data[at] <= 23 or data[at + 1] != 3 or data[at + 2] > 4:
        return False
    return 0 < int.from_bytes(data[at + 3 : at + 5], "big") <= MAX_FRAGMENT_OCTETS


def parse_record(data: bytes | bytearray, at: int = 0) -> TlsRecord | None:
    """The record that begins at `at`, None while it is incomplete; raises `Malformed`."""
    if len(data) - at < RECORD_HEADER_OCTETS:
        return None
    octets = int.from_bytes(data[at + 3 : at + 5], "big")
    if not 20 <= data[at] <= 23 or data[at + 1] != 3 or octets > MAX_FRAGMENT_OCTETS:
        raise Malformed("not a TLS record", offset=at, clause="RFC 8446 §5.1")
    start = at + RECORD_HEADER_OCTETS
    if len(data) - start < octets:
        return None
    return TlsRecord(data[at], int.from_bytes(data[at + 1 : at + 3], "big"), bytes(data[start : start + octets]))


def parse_handshake(data: bytes | bytearray, at: int = 0) -> TlsHandshake | None:
    """The handshake message that begins at `at` of joined record fragments, None while it is incomplete."""
    if len(data) - at < 4:
        return None
    end = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    if len(data) < end:
        return None
    return TlsHandshake(data[at], bytes(data[at + 4 : end]), bytes(data[at:end]))


def parse_hello(message: TlsHandshake) -> TlsHello:
    """A ClientHello or ServerHello (RFC 8446 §4.1.2, §4.1.3); raises `Malformed` and `Truncated`."""
    client = message.message_type == HandshakeType.client_hello
    if not client and message.message_type != HandshakeType.server_hello:
        raise Malformed("not a hello message", clause="RFC 8446 §4.1")
    cursor = Cursor(message.body)
    version, random = cursor.u16("hello version"), cursor.take(RANDOM_OCTETS, "random")
    session_id = cursor.take(cursor.u8("session id"), "session id")
    if client:
        listed = cursor.region(cursor.u16("cipher suites"), "cipher suites")
        suites = tuple(listed.u16() for _ in range(listed.left // 2))
        cursor.take(cursor.u8("compression methods"), "compression methods")
    else:
        suites = (cursor.u16("cipher suite"),)
        cursor.u8("compression method")
    extensions = _read_extensions(cursor.region(cursor.u16("extensions"), "extensions")) if cursor.left else {}
    return TlsHello(_version(version, extensions, client), random, session_id, suites, extensions)


def _read_extensions(cursor: Cursor) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for _ in range(MAX_EXTENSIONS):
        if not cursor.left:
            break
        kind = cursor.u16("extension type")
        found.setdefault(kind, cursor.take(cursor.u16("extension length"), "extension"))
    return found


def _version(legacy: int, extensions: dict[int, bytes], client: bool) -> int:
    stated = extensions.get(SUPPORTED_VERSIONS, b"")
    if client:
        stated = stated[1:]
    versions = [int.from_bytes(stated[at : at + 2], "big") for at in range(0, len(stated) - 1, 2)]
    return max((each for each in versions if each in VERSIONS), default=legacy)


def parse_leaf_certificate(body: bytes, version: int = TLS_1_2) -> bytes:
    """The sender's own certificate out of a Certificate message, as DER; empty where it sends none.

    Up to TLS 1.2 and DTLS 1.2 the list stands alone (RFC 5246 §7.4.2), in TLS 1.3 behind a context (RFC 8446 §4.4.2).
    Raises `Truncated`.
    """
    cursor = Cursor(body)
    if version == TLS_1_3:
        cursor.take(cursor.u8("request context"), "request context")
    listed = cursor.region(int.from_bytes(cursor.take(3, "certificates"), "big"), "certificates")
    return listed.take(int.from_bytes(listed.take(3, "certificate"), "big"), "certificate") if listed.left else b""


def parse_client_key_exchange_rsa(message: TlsHandshake, version: int) -> bytes:
    """The encrypted premaster secret of an RSA key exchange (RFC 5246 §7.4.7.1); raises `Truncated`."""
    if version == SSL_3_0:
        return message.body
    cursor = Cursor(message.body)
    return cursor.take(cursor.u16("encrypted premaster secret"), "encrypted premaster secret")


def parse_new_session_ticket(message: TlsHandshake) -> bytes:
    """The ticket of TLS 1.2 (RFC 5077 §3.3); raises `Truncated`."""
    cursor = Cursor(message.body)
    cursor.u32("ticket lifetime hint")
    return cursor.take(cursor.u16("ticket"), "ticket")
