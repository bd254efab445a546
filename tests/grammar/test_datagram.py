# SPDX-License-Identifier: GPL-2.0-only
"""What shares a media port: STUN, TURN, DTLS, ZRTP, RTP and RTCP told apart, and their offers read."""

import random
import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.datagram import DatagramKind, classify_datagram
from dissectors.grammar.dtls import (
    ContentType,
    HandshakeType,
    ProtectionProfile,
    parse_dtls_records,
    parse_handshake,
    parse_hello,
)
from dissectors.grammar.errors import GrammarError, Malformed
from dissectors.grammar.stun import parse_stun_header
from dissectors.grammar.zrtp import parse_zrtp, parse_zrtp_commit, parse_zrtp_hello

BINDING_REQUEST = bytes.fromhex("000100002112a442") + bytes(12)


def test_each_kind_by_its_first_octets() -> None:
    kinds = {
        BINDING_REQUEST: DatagramKind.STUN,
        bytes.fromhex("40000004") + b"data": DatagramKind.TURN_CHANNEL,
        bytes.fromhex("16fefd00000000000000000004") + b"data": DatagramKind.DTLS,
        bytes.fromhex("2f0102030405"): DatagramKind.DTLS,
        bytes.fromhex("100000015a525450") + bytes(12): DatagramKind.ZRTP,
        b"\x80\x00" + bytes(10): DatagramKind.RTP,
        b"\x80\xff" + bytes(10): DatagramKind.RTP,
        b"\x80\xc8\x00\x06" + bytes(24): DatagramKind.RTCP,
        b"\x80\xcb\x00\x01" + bytes(4): DatagramKind.RTCP,
        b"INVITE sip:bob SIP/2.0\r\n": DatagramKind.UNKNOWN,
        b"\r\n\r\n": DatagramKind.UNKNOWN,
        b"": DatagramKind.UNKNOWN,
        b"\x80\x00" + bytes(5): DatagramKind.UNKNOWN,
    }
    for data, kind in kinds.items():
        assert classify_datagram(data) is kind, data


@given(st.binary(max_size=100))
def test_any_octets(data: bytes) -> None:
    kind = classify_datagram(data)
    for parse in (parse_stun_header, parse_dtls_records, parse_zrtp):
        try:
            parse(data)
        except GrammarError:
            continue
        assert kind is not DatagramKind.RTP


def payloads(path: Path) -> list[bytes]:
    """UDP payloads of a little-endian Ethernet pcap without fragments."""
    data, place, found = path.read_bytes(), 24, []
    while place < len(data):
        size = struct.unpack("<I", data[place + 8 : place + 12])[0]
        packet = data[place + 30 : place + 16 + size]
        place += 16 + size
        if packet[:1] and packet[0] >> 4 == 4 and packet[9] == 17:
            start = 4 * (packet[0] & 15)
            length = struct.unpack(">H", packet[start + 4 : start + 6])[0]
            found.append(packet[start + 8 : start + length])
    return found


@pytest.mark.captures
def test_one_port_of_a_webrtc_call(captures: Path) -> None:
    data = payloads(captures / "peers" / "aiortc" / "dtls_cm80_pcmu.pcap")
    counted = Counter(classify_datagram(one) for one in data)
    assert (counted[DatagramKind.RTP], counted[DatagramKind.RTCP]) == (698, 25)
    assert counted[DatagramKind.STUN] > 0
    hellos = {}
    for one in data:
        if classify_datagram(one) is not DatagramKind.DTLS:
            continue
        for record in parse_dtls_records(one):
            if record.content_type == ContentType.handshake and record.epoch == 0:
                message = parse_handshake(record.fragment)
                if message.message_type in (HandshakeType.client_hello, HandshakeType.server_hello):
                    hellos[message.message_type] = parse_hello(message)
    assert hellos[HandshakeType.server_hello].srtp_profiles is not None
    assert len(hellos[HandshakeType.server_hello].srtp_profiles) == 1
    assert hellos[HandshakeType.client_hello].srtp_profiles is not None
    chosen = ProtectionProfile(hellos[HandshakeType.server_hello].srtp_profiles[0])
    assert chosen in hellos[HandshakeType.client_hello].srtp_profiles
    assert chosen is ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80


@pytest.mark.captures
def test_a_zrtp_call(captures: Path) -> None:
    data = payloads(captures / "peers" / "linphone" / "zrtp.pcap")
    messages = [parse_zrtp(one) for one in data if classify_datagram(one) is DatagramKind.ZRTP]
    types = Counter(message.message_type for message in messages)
    assert {"Hello", "HelloACK", "Commit", "DHPart1", "DHPart2", "Confirm1", "Confirm2", "Conf2ACK"} <= set(types)
    hello = parse_zrtp_hello(next(m for m in messages if m.message_type == "Hello"))
    commit = parse_zrtp_commit(next(m for m in messages if m.message_type == "Commit"))
    assert hello.version == "1.10"
    assert commit.cipher in hello.ciphers
    assert commit.hash in hello.hashes
    assert commit.auth_tag in hello.auth_tags
    assert commit.key_agreement in hello.key_agreements
    with pytest.raises(Malformed):
        parse_zrtp_hello(next(m for m in messages if m.message_type == "Commit"))
    rng = random.Random(1)
    for message in [one for one in data if classify_datagram(one) is DatagramKind.ZRTP]:
        for _ in range(20):
            broken = bytearray(message[: rng.randrange(len(message) + 1)])
            if broken:
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            try:
                parse_zrtp_hello(parse_zrtp(bytes(broken)))
            except GrammarError:
                continue


def client_hello(extensions: bytes) -> bytes:
    body = (
        b"\xfe\xfd" + bytes(32) + b"\0\0" + b"\0\2\xc0\x2b" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    )
    size = len(body).to_bytes(3, "big")
    fragment = b"\1" + size + b"\0\0" + bytes(3) + size + body
    return b"\x16\xfe\xff" + bytes(8) + len(fragment).to_bytes(2, "big") + fragment


def test_use_srtp_in_a_client_hello() -> None:
    extension = bytes.fromhex("0017 0000 000e 000b 0006 0008 0001 4321 02 4d4b".replace(" ", ""))
    (record,) = parse_dtls_records(client_hello(extension))
    hello = parse_hello(parse_handshake(record.fragment))
    assert hello.srtp_profiles == (8, 1, 0x4321)
    assert hello.srtp_mki == b"MK"
    assert hello.cipher_suites == (0xC02B,)
    (record,) = parse_dtls_records(client_hello(b""))
    assert parse_hello(parse_handshake(record.fragment)).srtp_profiles is None


def test_a_bad_record_ends_the_list_with_a_defect() -> None:
    good = client_hello(b"")
    records = parse_dtls_records(good + b"\x16\xfe\xfdshort")
    assert len(records) == 2
    assert records[1].defects[0].offset == len(good)
    assert len(parse_dtls_records(bytes.fromhex("17fefd00000000000000000000") * 100)) == 33


def test_mutated_hellos_raise_only_our_errors() -> None:
    rng = random.Random(2)
    extension = bytes.fromhex("000e000b000600080001432102" + "4d4b")
    for _ in range(3000):
        data = bytearray(client_hello(extension)[: rng.randrange(100)])
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            for record in parse_dtls_records(bytes(data)):
                parse_hello(parse_handshake(record.fragment))
        except GrammarError:
            continue
