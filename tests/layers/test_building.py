# SPDX-License-Identifier: GPL-2.0-only
"""Messages built from layers read back as what they say; an edit changes its own line and no other."""

import pytest

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import parse_sdp
from dissectors.grammar.sip import parse_sip
from dissectors.layers import (
    MIKEY,
    MIKEY_CS,
    MIKEY_KEMAC,
    MIKEY_RAND,
    MIKEY_SP,
    MIKEY_T,
    RTCP,
    RTCP_APP,
    RTCP_BYE,
    RTCP_RR,
    RTCP_SDES,
    RTCP_SR,
    RTP,
    SDP,
    SIP,
    SRTCP,
    SRTP,
    RTCP_Chunk,
    RTCP_Item,
    RTCP_Packet,
    RTCP_ReportBlock,
    SDP_Attribute,
    SDP_AttributeCapability,
    SDP_Crypto,
    SDP_CryptoKey,
    SDP_Fingerprint,
    SDP_KeyMgmt,
    SDP_Line,
    SDP_Media,
    SDP_PotentialConfiguration,
    SIP_Header,
    SIP_Multipart,
    SIP_Part,
    describe_payload,
)

KEY = bytes(range(0x41, 0x41 + 30))
BASE64_OF_KEY = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1e"
MESSAGE = (
    MIKEY(v=1, csb_id=7, crypto_sessions=[MIKEY_CS(ssrc=9)])
    / MIKEY_T(value=bytes(8))
    / MIKEY_RAND(data=bytes(16))
    / MIKEY_SP(parameters=[(0, b"\x01"), (1, b"\x10")])
    / MIKEY_KEMAC(data=KEY, mac_algorithm=1, mac=bytes(20))
)
LINES = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]


def offer() -> SDP:
    media = SDP_Media(
        lines=["m=audio 4000 RTP/SAVP 0", SDP_Crypto(tag=2, keys=[SDP_CryptoKey(key_salt=KEY, lifetime=2**20)])]
    )
    return SDP(lines=[*LINES, SDP_KeyMgmt(message=MESSAGE, extra_tokens=["PSK=0"])], media=[media])


def test_an_invite_in_layers_reads_as_one() -> None:
    invite = SIP(
        method="INVITE",
        request_uri="sip:bob@example.com",
        headers=["Via: SIP/2.0/UDP a;branch=z9hG4bK1", SIP_Header(name="Call-ID", value="1@a"), ("CSeq", "1 INVITE")],
    )
    message = parse_sip(bytes(invite / offer()))
    assert (message.method, message.request_uri, message.branch, message.call_id) == (
        "INVITE",
        "sip:bob@example.com",
        "z9hG4bK1",
        "1@a",
    )
    assert message.header("content-length") == str(len(message.body))
    found = message.sdp()
    assert found is not None
    description = parse_sdp(found.content)
    key_mgmt = parse_key_mgmt(description.attribute("key-mgmt") or "")
    assert key_mgmt.priorities == (("PSK", 0),)
    mikey = parse_mikey(key_mgmt.data or b"")
    assert not mikey.defects
    assert [payload.payload_type for payload in mikey.payloads] == [5, 11, 10, 1]
    assert mikey.header.crypto_sessions[0].ssrc == 9
    crypto = parse_crypto(description.media[0].attribute("crypto") or "")
    assert (crypto.tag, crypto.keys[0].lifetime) == (2, 2**20)
    assert crypto.keys[0].key_salt is not None
    assert crypto.keys[0].key_salt.reveal() == KEY


def test_no_face_of_a_layer_shows_a_key() -> None:
    pasted = SDP(
        lines=["k=clear:swordfish", "a=ice-pwd:swordfish", "a=acap:1 crypto:1 X inline:" + BASE64_OF_KEY.decode()]
    )
    odd = b" a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + BASE64_OF_KEY + b"\r\na=crypto:" + BASE64_OF_KEY
    for body in (offer(), pasted, SDP(odd + b"\r\nv=0\r\n"), SDP_Line(odd[:70]), SDP_Attribute(odd[70:])):
        for layer in (body, SIP(bytes(SIP(status=200, reason="OK") / body))):
            faces = [layer.show(dump=True), repr(layer), layer.summary(), describe_payload("sip", bytes(layer))]
            for face in faces:
                assert BASE64_OF_KEY.decode() not in face
                assert KEY.hex() not in face
                assert KEY.decode() not in face
                assert "swordfish" not in face
    assert BASE64_OF_KEY in bytes(offer())


def test_a_key_in_a_body_of_another_type() -> None:
    head = b"NOTIFY sip:x SIP/2.0\r\nContent-Type: message/sipfrag\r\n\r\n"
    key = b"\x00v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + BASE64_OF_KEY + b"\r\n"
    for octets in (head + key, head.replace(b"message/sipfrag", b"application/sdp\r\nContent-Encoding: gzip") + key):
        for face in (SIP(octets).show(dump=True), repr(SIP(octets))):
            assert BASE64_OF_KEY.decode() not in face
            assert BASE64_OF_KEY.hex() not in face


def test_multipart_built_and_read() -> None:
    parts = [
        SIP_Part(headers=["Content-Type: application/sdp"]) / offer(),
        SIP_Part(headers=["Content-Type: text/plain"]) / b"x",
    ]
    octets = bytes(SIP(status=200, reason="OK") / SIP_Multipart(parts=parts))
    message = parse_sip(octets)
    assert [part.content_type for part in message.body_parts()] == ["application/sdp", "text/plain"]
    assert message.body_parts()[0].content == bytes(offer())
    read = SIP(octets)
    assert bytes(read) == octets
    assert bytes(read[SIP_Multipart].parts[0].payload) == bytes(offer())


ODD = (
    b"INVITE sip:bob@example.com SIP/2.0\nVIA:  SIP/2.0/UDP a\r\n ;branch=1\r\nv: b\r\nX-Odd\t:  1 \r\n"
    b"Content-Type:application/sdp\r\n"
    b"content-LENGTH : 38\r\n\r\nv=0\r\na=pcfg:1  t=2  a=1\na=crypto:1\tX y"
)  # fmt: skip


def test_an_edit_changes_its_own_line_alone() -> None:
    layer = SIP(ODD)
    layer.header("x-odd").value = "2"
    assert bytes(layer) == ODD.replace(b"X-Odd\t:  1 \r\n", b"X-Odd: 2\r\n")
    layer.header("x-odd").value = "1"
    assert bytes(layer) == ODD
    layer.request_uri = "sip:carol@example.com"
    assert bytes(layer) == ODD.replace(b"sip:bob@example.com SIP/2.0\n", b"sip:carol@example.com SIP/2.0\r\n")
    layer = SIP(ODD)
    line = layer[SDP].lines[1]
    assert isinstance(line, SDP_PotentialConfiguration)
    line.transport_alternatives = [3]
    layer.header("l").value = None
    expected = ODD.replace(b"a=pcfg:1  t=2  a=1\n", b"a=pcfg:1 a=1 t=3\n").replace(
        b"content-LENGTH : 38", b"content-LENGTH: 36"
    )
    assert bytes(layer) == expected
    layer = SIP(ODD)
    layer.headers.pop(1)
    assert bytes(layer) == ODD.replace(b"v: b\r\n", b"")


def test_a_changed_message_inside_key_mgmt() -> None:
    octets = bytes(offer())
    layer = SDP(octets)
    layer.lines[5].message.csb_id = 8
    changed = SDP(bytes(layer))
    assert changed.lines[5].message.csb_id == 8
    layer.lines[5].message.csb_id = 7
    assert bytes(layer) == octets


def test_what_was_not_read_is_not_written_anew() -> None:
    line = SDP_Crypto(b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:???\r\n")
    assert bytes(line).endswith(b"???\r\n")
    line.tag = 2
    with pytest.raises(GrammarError):
        bytes(line)
    with pytest.raises(GrammarError):
        bytes(SIP(request_uri="sip:x"))


def test_capability_lines() -> None:
    configuration = SDP_PotentialConfiguration(
        number=1, attribute_alternatives=[(1, 2), (3,)], optional_attributes=[(2,), ()]
    )
    configuration.deletes, configuration.transport_alternatives = "m", [1, 2]
    assert bytes(configuration) == b"a=pcfg:1 a=-m:1,[2]|3 t=1|2\r\n"
    capability = SDP_AttributeCapability(number=4, capability=SDP_Crypto(keys=[SDP_CryptoKey(key_salt=KEY)]))
    assert bytes(capability) == b"a=acap:4 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + BASE64_OF_KEY + b"\r\n"
    assert bytes(SDP_Fingerprint(hash_function="sha-1", digest=b"\xab\xcd")) == b"a=fingerprint:sha-1 AB:CD\r\n"


def test_rtp_and_srtp() -> None:
    packet = RTP(
        payload_type=8,
        sequence_number=5,
        ssrc=0xCAFE,
        csrc=[1, 2],
        extension_profile=0xBEDE,
        extension_data=bytes(4),
        media=b"m",
    )
    read = RTP(bytes(packet))
    assert (read.ssrc, read.csrc, read.media, read.extension_data) == (0xCAFE, [1, 2], b"m", bytes(4))
    read.marker = 1
    assert bytes(read)[1] == 0x88
    padded = RTP(bytes(RTP(padding=1, media=b"abc", padding_data=b"\0\2")))
    assert (padded.media, padded.padding_data) == (b"abc", b"\0\2")
    octets = bytes(SRTP(ssrc=1, encrypted=b"secret", mki=b"\1\2", tag=bytes(10)))
    read = SRTP(octets, tag_octets=10, mki_octets=2)
    assert (read.encrypted, read.mki, read.tag) == (b"secret", b"\1\2", bytes(10))
    assert bytes(read.copy()) == octets
    assert SRTP(octets).encrypted == b"secret\1\2" + bytes(10)
    assert "unreadable" in SRTP(octets, tag_octets=100).show(dump=True)


@pytest.mark.parametrize("aead", [False, True])
def test_srtcp(aead: bool) -> None:
    octets = bytes(SRTCP(ssrc=1, body=b"body", encrypted=1, index=5, mki=b"\7", tag=bytes(16), aead=aead))
    read = SRTCP(octets, tag_octets=16, mki_octets=1, aead=aead)
    assert (read.body, read.encrypted, read.index, read.mki, read.tag) == (b"body", 1, 5, b"\7", bytes(16))
    assert bytes(read.copy()) == octets


def test_a_compound_of_every_packet() -> None:
    block = RTCP_ReportBlock(
        ssrc=2, fraction_lost=1, cumulative_lost=-3, highest_sequence=4, jitter=5, last_sr=6, delay_since_last_sr=7
    )
    chunk = RTCP_Chunk(ssrc=1, items=[RTCP_Item(text=b"a@b"), RTCP_Item(type=2, text=b"A")])
    packets = [
        RTCP_SR(ssrc=1, ntp_timestamp=2**63, rtp_timestamp=3, packets=4, octets=5, reports=[block]),
        RTCP_RR(ssrc=1, reports=[block, block]),
        RTCP_SDES(chunks=[chunk]),
        RTCP_BYE(sources=[1, 2], reason=b"bye"),
        RTCP_APP(subtype_number=3, ssrc=1, application=b"PING", data=b"PONG"),
        RTCP_Packet(packet_type=205, count=1, body=bytes(8)),
    ]
    octets = bytes(RTCP(packets=packets))
    read = RTCP(octets)
    assert bytes(read) == octets
    assert [type(packet) for packet in read.packets] == [type(packet) for packet in packets]
    assert read.packets[0].reports[0].cumulative_lost == -3
    assert [item.text for item in read.packets[2].chunks[0].items] == [b"a@b", b"A"]
    read.packets[3].reason = None
    assert RTCP(bytes(read)).packets[3].reason is None
    assert bytes(read)[: len(octets) // 2] == octets[: len(octets) // 2]


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ([(0, b"\x01"), (1, b"\x10"), (11, b"\x04")], "3 (AES_CM_128_HMAC_SHA1_32)"),
        ([], "3 (AES_CM_128_HMAC_SHA1_80)"),
        ([(0, b"\x63")], "3 (no registered suite)"),
    ],
)
def test_a_policy_shows_the_suite_that_it_amounts_to(parameters: list[tuple[int, bytes]], shown: str) -> None:
    octets = bytes(MIKEY() / MIKEY_SP(policy_number=3, parameters=parameters))
    assert f"policy_number= {shown}" in MIKEY(octets).show(dump=True)
    assert "policy_number= 3\n" in MIKEY(bytes(MIKEY() / MIKEY_SP(policy_number=3, protocol_type=1))).show(dump=True)
