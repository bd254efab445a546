# SPDX-License-Identifier: GPL-2.0-only
"""DTLS as far as it shows in the clear: records, handshake types, and use_srtp in the hellos (RFC 6347; RFC 5764)."""

from enum import IntEnum
from typing import NamedTuple

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError, Malformed

RECORD_HEADER_OCTETS = 13
MAX_RECORDS = 32
MAX_EXTENSIONS = 64
USE_SRTP = 14
SUPPORTED_VERSIONS = 43
EXTENDED_MASTER_SECRET = 23
RANDOM_OCTETS = 32
DTLS_1_0, DTLS_1_2, DTLS_1_3 = 0xFEFF, 0xFEFD, 0xFEFC
DTLS_VERSIONS = (0xFEFF, 0xFEFD, 0x0100)
UNIFIED_HEADER_BITS = 0x20
_CONNECTION_ID, _LONG_SEQUENCE, _HAS_LENGTH, _EPOCH_BITS = 0x10, 0x08, 0x04, 0x03


class ContentType(IntEnum):
    """Record content types (IANA "TLS ContentType")."""

    change_cipher_spec = 20
    alert = 21
    handshake = 22
    application_data = 23
    heartbeat = 24
    tls12_cid = 25
    ack = 26


class HandshakeType(IntEnum):
    """Handshake message types (IANA "TLS HandshakeType")."""

    hello_request = 0
    client_hello = 1
    server_hello = 2
    hello_verify_request = 3
    new_session_ticket = 4
    encrypted_extensions = 8
    certificate = 11
    server_key_exchange = 12
    certificate_request = 13
    server_hello_done = 14
    certificate_verify = 15
    client_key_exchange = 16
    finished = 20


class ProtectionProfile(IntEnum):
    """DTLS-SRTP protection profiles (IANA; RFC 5764 §4.1.2, RFC 7714 §14.2, RFC 8269 §6.1, RFC 8723 §10.1)."""

    SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001
    SRTP_AES128_CM_HMAC_SHA1_32 = 0x0002
    SRTP_NULL_HMAC_SHA1_80 = 0x0005
    SRTP_NULL_HMAC_SHA1_32 = 0x0006
    SRTP_AEAD_AES_128_GCM = 0x0007
    SRTP_AEAD_AES_256_GCM = 0x0008
    DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM = 0x0009
    DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM = 0x000A
    SRTP_ARIA_128_CTR_HMAC_SHA1_80 = 0x000B
    SRTP_ARIA_128_CTR_HMAC_SHA1_32 = 0x000C
    SRTP_ARIA_256_CTR_HMAC_SHA1_80 = 0x000D
    SRTP_ARIA_256_CTR_HMAC_SHA1_32 = 0x000E
    SRTP_AEAD_ARIA_128_GCM = 0x000F
    SRTP_AEAD_ARIA_256_GCM = 0x0010


class DtlsRecord(NamedTuple):
    """One record; a DTLS 1.3 record with the unified header is kept whole in `fragment` with `content_type` 32–63."""

    content_type: int
    version: int
    epoch: int
    sequence_number: int
    fragment: bytes
    defects: tuple[Defect, ...] = ()


class DtlsCiphertext(NamedTuple):
    """A protected record of DTLS 1.3 (RFC 9147 §4): its header, in which the number is encrypted, and the rest.

    `epoch_bits` are the two low-order bits of the epoch, `number_octets` is how long the number is that ends
    `length_octets` before the header does.
    """

    header: bytes
    epoch_bits: int
    number_octets: int
    length_octets: int
    encrypted: bytes


class Handshake(NamedTuple):
    """A handshake message or a fragment of one; `body` is the whole message only if `whole` (RFC 6347 §4.2.2)."""

    message_type: int
    length: int
    message_sequence: int
    fragment_offset: int
    body: bytes

    @property
    def whole(self) -> bool:
        """Whether the body is not a fragment."""
        return self.fragment_offset == 0 and len(self.body) == self.length


class Hello(NamedTuple):
    """What a ClientHello or ServerHello shows: version, cipher suites, and the use_srtp profiles in order (§4.1.1).

    `supported_versions` is the extension's list, one version in a ServerHello (RFC 8446 §4.2.1);
    `extended_master_secret` says that the extension of RFC 7627 is there.
    """

    version: int
    cipher_suites: tuple[int, ...]
    srtp_profiles: tuple[int, ...] | None
    srtp_mki: bytes
    random: bytes = bytes(RANDOM_OCTETS)
    supported_versions: tuple[int, ...] = ()
    extended_master_secret: bool = False


def is_dtls(data: bytes) -> bool:
    """Whether `data` starts as a DTLS record: type 20–63 and, below 32, a known version and a length that fits."""
    if len(data) < 2 or not 20 <= data[0] <= 63:
        return False
    if data[0] & 0xE0 == UNIFIED_HEADER_BITS:
        return True
    size = int.from_bytes(data[11:13], "big")
    return int.from_bytes(data[1:3], "big") in DTLS_VERSIONS and RECORD_HEADER_OCTETS + size <= len(data)


def parse_dtls_records(data: bytes) -> tuple[DtlsRecord, ...]:
    """The records of one datagram; raises if the first can't be read, else keeps a bad rest in `fragment`."""
    cursor = Cursor(data)
    records = [_parse_record(cursor)]
    while cursor.left:
        start = cursor.offset
        try:
            if len(records) >= MAX_RECORDS:
                msg = f"more than {MAX_RECORDS} records"
                raise Malformed(msg, offset=start)
            records.append(_parse_record(cursor))
        except GrammarError as error:
            defect = Defect("dtls-record", start, "RFC 6347 §4.1", str(error))
            records.append(DtlsRecord(data[start], 0, 0, 0, data[start:], (defect,)))
            break
    return tuple(records)


def _parse_record(cursor: Cursor) -> DtlsRecord:
    start = cursor.offset
    content_type = cursor.u8("DTLS record")
    if content_type & 0xE0 == UNIFIED_HEADER_BITS:
        cursor.offset = start
        return DtlsRecord(content_type, 0, 0, 0, cursor.rest())
    version, epoch = cursor.u16("DTLS record"), cursor.u16("DTLS record")
    if version not in DTLS_VERSIONS or content_type not in tuple(ContentType):
        raise Malformed("not a DTLS record", offset=start, clause="RFC 6347 §4.1")
    sequence_number = int.from_bytes(cursor.take(6, "DTLS record"), "big")
    return DtlsRecord(content_type, version, epoch, sequence_number, cursor.take(cursor.u16(), "DTLS fragment"))


def parse_dtls_ciphertexts(data: bytes) -> tuple[DtlsCiphertext, ...]:
    """The protected records from the first unified header to the end of a datagram (RFC 9147 §4).

    Raises `Truncated` and `Malformed`, also for a connection ID, whose length stands nowhere.
    """
    cursor = Cursor(data)
    records: list[DtlsCiphertext] = []
    while cursor.left and len(records) < MAX_RECORDS:
        start = cursor.offset
        bits = cursor.u8("unified header")
        if bits & 0xE0 != UNIFIED_HEADER_BITS or bits & _CONNECTION_ID:
            raise Malformed("not a record that can be read without its connection", offset=start, clause="RFC 9147 §4")
        number_octets = 2 if bits & _LONG_SEQUENCE else 1
        cursor.take(number_octets, "record number")
        length = cursor.u16("record length") if bits & _HAS_LENGTH else None
        header = data[start : cursor.offset]
        encrypted = cursor.rest() if length is None else cursor.take(length, "encrypted record")
        records.append(DtlsCiphertext(header, bits & _EPOCH_BITS, number_octets, 0 if length is None else 2, encrypted))
    return tuple(records)


def parse_handshake(fragment: bytes) -> Handshake:
    """The first handshake message of a clear record; raises `Truncated` and `Malformed` (RFC 6347 §4.2.2)."""
    return _parse_handshake(Cursor(fragment))


def parse_handshakes(fragment: bytes) -> tuple[Handshake, ...]:
    """All handshake messages of a clear record; raises if the first can't be read, else drops a bad rest."""
    cursor = Cursor(fragment)
    messages = [_parse_handshake(cursor)]
    while cursor.left and len(messages) < MAX_RECORDS:
        try:
            messages.append(_parse_handshake(cursor))
        except GrammarError:
            break
    return tuple(messages)


def _parse_handshake(cursor: Cursor) -> Handshake:
    start = cursor.offset
    message_type, length = cursor.u8("handshake"), int.from_bytes(cursor.take(3, "handshake length"), "big")
    message_sequence = cursor.u16("handshake")
    offset = int.from_bytes(cursor.take(3, "fragment offset"), "big")
    octets = int.from_bytes(cursor.take(3, "fragment length"), "big")
    if offset + octets > length:
        raise Malformed("handshake fragment past its message", offset=start + 6, clause="RFC 6347 §4.2.2")
    return Handshake(message_type, length, message_sequence, offset, cursor.take(octets, "handshake fragment"))


def parse_hello(message: Handshake) -> Hello:
    """A whole ClientHello or ServerHello; raises `Malformed` for anything else and `Truncated` (RFC 6347 §4.2.1)."""
    client = message.message_type == HandshakeType.client_hello
    if not message.whole or not (client or message.message_type == HandshakeType.server_hello):
        raise Malformed("not a whole hello message", clause="RFC 6347 §4.2.1")
    cursor = Cursor(message.body)
    version = cursor.u16("hello version")
    random = cursor.take(RANDOM_OCTETS, "random")
    cursor.take(cursor.u8("session id"), "session id")
    if client:
        cursor.take(cursor.u8("cookie"), "cookie")
        suites = _u16_list(cursor.region(cursor.u16("cipher suites"), "cipher suites"))
        cursor.take(cursor.u8("compression methods"), "compression methods")
    else:
        suites = (cursor.u16("cipher suite"),)
        cursor.u8("compression method")
    extensions = _read_extensions(cursor.region(cursor.u16("extensions"), "extensions")) if cursor.left else {}
    profiles, mki = _use_srtp(extensions.get(USE_SRTP))
    versions = _supported_versions(extensions.get(SUPPORTED_VERSIONS), client)
    return Hello(version, suites, profiles, mki, random, versions, EXTENDED_MASTER_SECRET in extensions)


def parse_client_key_exchange_rsa(message: Handshake) -> bytes:
    """The encrypted premaster secret of an RSA key exchange; raises `Malformed` and `Truncated` (RFC 5246 §7.4.7.1)."""
    if message.message_type != HandshakeType.client_key_exchange or not message.whole:
        raise Malformed("not a whole ClientKeyExchange", clause="RFC 5246 §7.4.7.1")
    cursor = Cursor(message.body)
    return cursor.take(cursor.u16("encrypted premaster secret"), "encrypted premaster secret")


def _u16_list(cursor: Cursor) -> tuple[int, ...]:
    return tuple(cursor.u16() for _ in range(cursor.left // 2))


def _read_extensions(cursor: Cursor) -> dict[int, Cursor]:
    """The first extension of each type (RFC 5246 §7.4.1.4 allows no more)."""
    found: dict[int, Cursor] = {}
    for _ in range(MAX_EXTENSIONS):
        if not cursor.left:
            break
        extension = cursor.u16("extension type")
        found.setdefault(extension, cursor.region(cursor.u16("extension length"), "extension"))
    return found


def _use_srtp(data: Cursor | None) -> tuple[tuple[int, ...] | None, bytes]:
    if data is None:
        return None, b""
    profiles = _u16_list(data.region(data.u16("SRTP profiles"), "SRTP profiles"))
    return profiles, data.take(data.u8("MKI length"), "MKI")


def _supported_versions(data: Cursor | None, client: bool) -> tuple[int, ...]:
    if data is None:
        return ()
    return _u16_list(data.region(data.u8("supported versions"), "supported versions") if client else data)
