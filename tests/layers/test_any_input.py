# SPDX-License-Identifier: GPL-2.0-only
"""No input makes a layer raise or lose an octet, and what a layer shows is what the grammar reads."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.packet import Packet, Raw

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.rtp import parse_rtp_header
from dissectors.grammar.rtsp import parse_rtsp
from dissectors.grammar.sdp import parse_sdp
from dissectors.grammar.sip import parse_sip
from dissectors.grammar.sip_inspection import inspect_sip
from dissectors.layers import (
    MIKEY,
    MIKEY_KEMAC,
    RTCP,
    RTP,
    RTSP,
    SDP,
    SIP,
    SRTCP,
    SRTP,
    OpaqueOctets,
    RTSP_Header,
    RTSP_Interleaved,
    RTSP_KeyMgmt,
    RTSP_Transport,
    SIP_Header,
    UnreadOctets,
)
from dissectors.layers.base import MAX_LAYERS, GrammarLayer
from dissectors.layers.mikey import LAYERS
from dissectors.layers.sdp import SDP_Attribute, SDP_Line
from dissectors.layers.sdp_attributes import SDP_Crypto, SDP_KeyMgmt, SDP_PotentialConfiguration
from dissectors.layers.srtcp import RTCP_SDES, RTCP_SR, RTCP_Packet
from dissectors.layers.text_message import MAX_MESSAGES
from dissectors.layers.trees import LAYER_OF_KIND, describe_payload

DESCRIPTION = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nk=clear:swordfish\r\n"
    b"a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAJAAAQbWlrZXk= PSK=0 PKE:1\r\n"
    b"m=audio 49170/2 RTP/SAVP 0 97\na=rtpmap:97 opus/48000/2\r\na=acap:2 crypto:3 F8_128_HMAC_SHA1_80 inline:abcd\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=1\r\n"
    b"a=fingerprint:sha-1 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02\r\na=tcap:1 RTP/SAVP\r\n"
    b"a=pcfg:1 t=1|2 a=-m:1,[2]|3\r\na=acap:1 acap:1 acap:1 x\r\na=ice-pwd:swordfish\r\nm=video\r\na=sendonly\r\n"
    b"free text"
)
MESSAGE = (
    b"\r\nINVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b\r\nv : second\r\n"
    b'From: "A \\" B" <sip:a@example.com;x=<>;tag=1\r\nt:\r\n sip:b@example.com;tag=2\r\ni: 1@a\r\nCSeq: 1 INVITE\r\n'
    b"no header at all\r\nMax-Forwards: 70\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\npreamble\r\n"
    b"--x\r\nContent-Type: application/sdp\r\n\r\n"
    + DESCRIPTION
    + b"\r\n--x\r\nContent-Type: multipart/a;boundary=y\r\n\r\n"
    b"--y\r\n\r\nplain\r\n--y--\r\n--x--\r\nepilogue"
)
RESPONSE = b"sip/2.0 200  OK\nv: a\nContent-Length: 4\n\nbodySIP/2.0 100 Trying\r\nl: 0\r\n\r\n\x00\x00"
MIKEY_MESSAGE = bytes.fromhex(
    "010005000000000101000000000005000000000b0000000000000000000110000000000000000000000000000000000000000361626300"
)
RTP_PACKET = bytes.fromhex("b1600001000000020000000300000004bede0001aabbccdd6d656469610002")
COMPOUND = bytes.fromhex(
    "81c8000c00000001000000000000000000000000000000000000000000000002fffffffd0000000000000000000000000000000000000000"
    "81ca0003000000010103614062000000 82cb0003000000010000000203627965 80cc00020000000174657374 81cd0001ffffffff ffff"
)
RTSP_MESSAGE = (
    b"\r\nSETUP rtsp://host/x/stream=0 RTSP/1.0\r\nCSeq: 3\r\n"
    b"Transport: RTP/SAVP;unicast;client_port=46476-46477;MIKEY=AQAFAEJYcT8BAACsIZt9AAAAAAsA7q4zuK5qASU=,\r\n"
    b' RTP/AVP/TCP;interleaved=0-1;mode="PLAY"\r\nno header at all\r\n'
    b'keymgmt : prot=mikey;uri="rtsp://host/x";data="AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAJAAAQbWlrZXk=",'
    b' prot=x;data="AA"\r\n'
    b"Content-Type: application/sdp\r\nContent-Length: 25\r\n\r\nv=0\r\nk=clear:swordfish\r\n\r\n"
    b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1;timeout=60\r\n\r\n$\x01"
)
INTERLEAVED = bytes.fromhex("24000010b1600001000000020000000300000004")
SEEDS = (
    RTSP_MESSAGE,
    INTERLEAVED,
    DESCRIPTION,
    MESSAGE,
    RESPONSE,
    MIKEY_MESSAGE,
    RTP_PACKET,
    COMPOUND,
    b"\r\n\r\n",
    b"\n",
    b"\x00",
)
KINDS: tuple[type[Packet], ...] = (
    SIP, RTSP, RTSP_Interleaved, RTSP_Header, RTSP_KeyMgmt, RTSP_Transport,
    SDP, MIKEY, RTP, SRTP, RTCP, SRTCP, SIP_Header, SDP_Line, SDP_Attribute, SDP_Crypto, SDP_KeyMgmt,
    SDP_PotentialConfiguration, RTCP_Packet, RTCP_SR, RTCP_SDES, OpaqueOctets, *LAYERS.values(),
)  # fmt: skip
INTERESTING = b'\r\n\r\n\t :;,=<>"\\|[]-%\x00\xff0aZ' + bytes(4)


def check(kind: type[Packet], octets: bytes) -> Packet:
    """Every way to look at a layer; what is built is what came."""
    layer = kind(octets)
    assert bytes(layer) == octets
    assert bytes(layer.copy()) == octets
    assert layer.show(dump=True)
    assert repr(layer)
    assert layer.summary()
    assert Raw not in layer.layers()
    return layer


def mutate(octets: bytes, rng: random.Random) -> bytes:
    data = bytearray(octets)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        how = rng.randrange(4)
        if how == 0 and place < len(data):
            data[place] = rng.choice(INTERESTING)
        elif how == 1:
            data[place:place] = bytes(rng.choices(INTERESTING, k=rng.randint(1, 4)))
        elif how == 2:
            del data[place : place + rng.randint(1, 30)]
        else:
            other = rng.randrange(len(data) + 1)
            data[place:place] = data[other : other + rng.randint(1, 60)]
    return bytes(data) or b"\0"


@pytest.mark.parametrize("kind", KINDS)
def test_whole_messages_of_every_protocol(kind: type[Packet]) -> None:
    for octets in SEEDS:
        check(kind, octets)
        for end in range(1, len(octets), max(1, len(octets) // 25)):
            check(kind, octets[:end])


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_messages(kind: type[Packet]) -> None:
    rng = random.Random(kind.__name__)
    for _ in range(200):
        check(kind, mutate(rng.choice(SEEDS), rng))


@settings(max_examples=150)
@given(kind=st.sampled_from(KINDS), octets=st.binary(min_size=1, max_size=120))
def test_any_octets(kind: type[Packet], octets: bytes) -> None:
    check(kind, octets)


def grammar_fields(parse: Any, octets: bytes) -> Any:
    try:
        return parse(octets)
    except GrammarError:
        return None


@settings(max_examples=100)
@given(seed=st.sampled_from(SEEDS), rng=st.randoms(use_true_random=False))
def test_layers_say_what_the_grammar_says(seed: bytes, rng: random.Random) -> None:
    octets = mutate(seed, rng)
    agree_on_sip(octets)
    agree_on_rtsp(octets)
    agree_on_sdp(octets)
    agree_on_mikey(octets)
    header, layer = grammar_fields(parse_rtp_header, octets), RTP(octets)
    assert (header is None) == isinstance(layer.payload, UnreadOctets)
    if header is not None:
        assert (layer.ssrc, layer.sequence_number, tuple(layer.csrc)) == (
            header.ssrc,
            header.sequence_number,
            header.csrc,
        )


def agree_on_sip(octets: bytes) -> None:
    message, layer = grammar_fields(parse_sip, octets), SIP(octets)
    assert (message is None) == isinstance(layer.payload, UnreadOctets)
    if message is None:
        assert layer.getfieldval("method") is layer.getfieldval("status") is None
        return
    for name in ("method", "request_uri", "status", "reason"):
        assert layer.getfieldval(name) == getattr(message, name)
    shown = [(header.getfieldval("name"), header.getfieldval("value")) for header in layer.headers]
    assert shown == [(header.name, header.value) for header in message.headers]
    assert layer.getfieldval("defects") == inspect_sip(message)


def agree_on_rtsp(octets: bytes) -> None:
    message, layer = grammar_fields(parse_rtsp, octets), RTSP(octets)
    assert (message is None) == isinstance(layer.payload, UnreadOctets)
    if message is None:
        return
    for name in ("method", "request_uri", "status", "reason", "defects"):
        assert layer.getfieldval(name) == getattr(message, name)
    assert len(layer.headers) == len(message.headers)
    transports = [entry for header in layer.headers if isinstance(header, RTSP_Transport) for entry in header.entries]
    assert [entry.proto for entry in transports] == [spec.proto for spec in message.transports]
    entries = [entry for header in layer.headers if isinstance(header, RTSP_KeyMgmt) for entry in header.entries]
    mikey = [bytes(entry.message) for entry in entries if entry.message is not None]
    assert mikey == [spec.data for spec in message.key_mgmt if spec.data and spec.protocol.lower() == "mikey"]


def agree_on_sdp(octets: bytes) -> None:
    description, layer = grammar_fields(parse_sdp, octets), SDP(octets)
    assert (description is None) == isinstance(layer.payload, UnreadOctets)
    if description is None:
        return
    assert len(layer.media) == len(description.media)
    for attributes, owner in (
        (description.attributes, layer),
        *((m.attributes, x) for m, x in zip(description.media, layer.media, strict=True)),
    ):
        lines = [line for line in owner.lines if isinstance(line, SDP_Attribute)]
        assert [line.getfieldval("attribute") for line in lines] == [attribute.name for attribute in attributes]
        plain = [
            (line.value, a.value) for line, a in zip(lines, attributes, strict=True) if type(line) is SDP_Attribute
        ]
        assert all(ours == theirs for ours, theirs in plain)


def agree_on_mikey(octets: bytes) -> None:
    message, layer = grammar_fields(parse_mikey, octets), MIKEY(octets)
    assert (message is None) == isinstance(layer.payload, UnreadOctets)
    if message is not None:
        assert layer.getfieldval("csb_id") == message.header.csb_id
        assert layer.getfieldval("defects") == message.defects
        behind = [x for x in layer.iterpayloads() if not isinstance(x, MIKEY | OpaqueOctets)]
        assert [x.payload_type for x in behind][: MAX_LAYERS - 1] == [
            p.payload_type for p in message.payloads if type(p) in LAYERS
        ][: MAX_LAYERS - 1]


def test_long_chains_end_in_octets() -> None:
    rands = bytes([1, 0, 11, 0, 0, 0, 0, 1, 0, 1]) + b"\x0b\x01\x00" * 600
    layer = check(MIKEY, rands)
    assert "layers-limit" in layer.show(dump=True)
    messages = b"A b SIP/2.0\r\nl:0\r\n\r\n" * 3000
    layer = check(SIP, messages)
    assert layer.layers().count(SIP) == MAX_MESSAGES
    check(SDP, b"a=acap:1 " * 2000)
    check(SIP, MESSAGE.replace(b"preamble", b"--x\r\n\r\n" * 500))


def test_what_is_unreadable_shows_its_defect() -> None:
    for kind, layer in LAYER_OF_KIND.items():
        text = describe_payload(kind, b"\x01\x02")
        assert "unreadable" in text
        unread = layer(b"\x01\x02")
        assert all(unread.getfieldval(f.name) in (None, [], False) for f in unread.fields_desc)
    assert SIP(b"").show(dump=True)
    assert bytes(SIP(b"")) == bytes(SDP(b"")) == b""


def test_every_class_says_what_it_is() -> None:
    for kind in KINDS:
        assert issubclass(kind, GrammarLayer)
    assert MIKEY_KEMAC in KINDS
