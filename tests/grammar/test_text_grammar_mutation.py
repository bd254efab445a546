# SPDX-License-Identifier: GPL-2.0-only
"""Broken text: only our own errors, the same octets back, and work that grows with the input and no faster."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from counted_work import functions_called, processor_time_limit
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.grammar.capability_negotiation import build_capability, parse_acap, parse_acfg, parse_pcfg, parse_tcap
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.fingerprint import build_fingerprint, parse_fingerprint, parse_setup, parse_zrtp_hash
from dissectors.grammar.key_mgmt import build_key_mgmt, parse_key_mgmt
from dissectors.grammar.masking import mask_sdp_secrets
from dissectors.grammar.rtsp import build_rtsp, looks_like_rtsp, parse_rtsp
from dissectors.grammar.rtsp_headers import build_transport_header, parse_transport_header
from dissectors.grammar.rtsp_stream import PieceKind, RtspStreamFramer
from dissectors.grammar.sdes import build_crypto, parse_crypto
from dissectors.grammar.sdp import build_sdp, parse_sdp
from dissectors.grammar.sip import build_sip, looks_like_sip, parse_name_addr, parse_sip, split_header_list
from dissectors.grammar.sip_stream import SipStreamFramer
from dissectors.grammar.stream_defects import MAX_DEFECTS

SDP = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAJAAAQbWlrZXk= PSK=0 PKE:1\r\n"
    b"m=audio 49170/2 RTP/SAVP 0 97\r\na=rtpmap:97 opus/48000/2\r\na=acap:2 ptime:20\r\na=pcfg:1 t=1|2 a=-m:1,[2]|3\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=1\r\n"
    b"a=fingerprint:sha-1 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02\r\na=tcap:1 RTP/SAVP\r\n"
)
SIP = (
    b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b;branch=z9hG4bK2\r\n"
    b'From: "A \\" B" <sip:a@example.com;x=<>;tag=1\r\nt:\r\n sip:b@example.com;tag=2\r\ni: 1@a\r\nCSeq: 1 INVITE\r\n'
    b"Max-Forwards: 70\r\nm: *\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--x--\r\n"
)
RTSP = (
    b"SETUP rtsp://h/x/stream=0 RTSP/1.0\r\nCSeq: 3\r\n"
    b'Transport: RTP/SAVP;unicast;client_port=4-5;mode="PLAY, RECORD",\r\n'
    b' RTP/AVP/TCP;interleaved=0-1;dest_addr=":1"/":2";MIKEY=QUJDRA==\r\nSession: 12;timeout=60\r\n'
    b'KeyMgmt: prot=mikey;uri="rtsp://h/x,y";data="AQAFgM0XflABAAAA", prot=x; data="A A"\r\n'
    b"Content-Type: text/parameters\r\nContent-Length: 13\r\n\r\nmikey: QUJD\r\n"
    b"$\x00\x00\x08\x80\x60\x00\x01\x00\x00\x00\x02"
    b"RTSP/2.0 200 OK\r\nCSeq: 3\r\n\r\nPOST /x HTTP/1.0\r\nx-sessioncookie: a\r\n\r\nT1BUSU9OUyAqIFJUU1AvMS4wDQoNCg=="
)
ATTRIBUTES: dict[str, tuple[Callable[[str], object], Callable[..., str] | None]] = {
    "crypto": (parse_crypto, build_crypto),
    "key-mgmt": (parse_key_mgmt, build_key_mgmt),
    "acap": (parse_acap, build_capability),
    "tcap": (parse_tcap, build_capability),
    "pcfg": (parse_pcfg, build_capability),
    "acfg": (parse_acfg, build_capability),
    "fingerprint": (parse_fingerprint, build_fingerprint),
    "setup": (parse_setup, None),
    "zrtp-hash": (parse_zrtp_hash, None),
}
INTERESTING = b'\r\n\r\n\t :;,=<>"\\|[]-%\x00\xff0aZ' + bytes(4)


def try_attribute(name: str, value: str) -> None:
    parse, build = ATTRIBUTES[name]
    try:
        parsed = parse(value)
    except GrammarError:
        return
    if build is not None:
        assert build(parsed) == value


def try_everything(data: bytes) -> None:
    """Every reader over the same octets; anything but a GrammarError is a failure."""
    assert len(mask_sdp_secrets(data.decode("latin-1"))) == len(data)
    looks_like_sip(data)
    framer = SipStreamFramer()
    framed = [*framer.feed(data, 1), *framer.flush()]
    assert sum(len(message.data) for message in framed) <= len(data)
    try_rtsp(data)
    try:
        message = parse_sip(data)
    except GrammarError:
        body = data
    else:
        assert build_sip(message) == data
        for value in message.header_values("via") + message.header_values("from"):
            parse_name_addr(value)
            split_header_list(value)
        assert (message.branch, message.contact_uri, message.user_agent) is not None
        found = message.sdp()
        body = found.content if found else data
    try:
        description = parse_sdp(body)
    except GrammarError:
        return
    assert build_sdp(description) == body
    sections = [description.attributes, *(media.attributes for media in description.media)]
    for media in description.media:
        assert (media.rtpmap, media.ptime, media.rtcp_port, media.rtcp_address) is not None
    for attribute in (attribute for section in sections for attribute in section):
        if attribute.name in ATTRIBUTES and attribute.value is not None:
            try_attribute(attribute.name, attribute.value)


def try_rtsp(data: bytes) -> None:
    framer = RtspStreamFramer()
    pieces = [*framer.feed(data), *framer.flush()]
    assert framer.pending == 0
    assert sum(len(piece.data) for piece in pieces) <= len(data)
    assert len(framer.defects) <= MAX_DEFECTS
    for octets in (data, *(piece.data for piece in pieces if piece.kind is PieceKind.MESSAGE)):
        if not looks_like_rtsp(octets):
            continue
        message = parse_rtsp(octets)
        assert build_rtsp(message) == octets
        assert (message.sdp(), message.parameters(), message.session_id, message.user_agent) is not None
        for spec in message.transports:
            assert (spec.client_ports, spec.source_endpoints, spec.ssrcs, spec.modes, spec.interleaved) is not None
        for value in message.header_values("transport"):
            specs = parse_transport_header(value)
            assert parse_transport_header(build_transport_header(specs)) == specs


def mutate(data: bytes, rng: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(octets) + 1)
        match rng.randrange(5):
            case 0:
                octets[at : at + 1] = bytes([rng.choice(INTERESTING)])
            case 1:
                octets[at:at] = bytes([rng.choice(INTERESTING)]) * rng.randint(1, 5)
            case 2:
                del octets[at : at + rng.randint(1, 40)]
            case 3:
                octets[at:at] = octets[rng.randrange(len(octets) + 1) :][: rng.randint(1, 80)]
            case _:
                octets[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(octets)


def run_mutations(count: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        try_everything(mutate(rng.choice((SIP, SDP, RTSP)), rng))


def test_mutated_text_raises_only_our_errors() -> None:
    run_mutations(20_000, 2026)


@pytest.mark.proof
def test_much_mutated_text_raises_only_our_errors() -> None:
    run_mutations(200_000, 1)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_octets(data: bytes) -> None:
    try_everything(data)


@given(st.sampled_from(sorted(ATTRIBUTES)), st.text(max_size=120))
@settings(max_examples=500)
def test_any_attribute_text(name: str, value: str) -> None:
    try_attribute(name, value)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z][A-Za-z0-9\-.!%*_+`'~]{0,20}", fullmatch=True),
            st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=40),
            st.sampled_from(["\r\n", "\n", "\r\n  folded\r\n", "\n\tfolded\n"]),
        ),
        max_size=12,
    ),
    st.binary(max_size=60),
)
@settings(max_examples=300)
def test_written_headers_are_read_back(fields: list[tuple[str, str, str]], body: bytes) -> None:
    head = "".join(f"{name}:{value}{end}" for name, value, end in fields)
    data = b"OPTIONS sip:a@b SIP/2.0\r\n" + head.encode() + b"\r\n" + body
    message = parse_sip(data)
    assert build_sip(message) == data
    assert [header.name for header in message.headers] == [name for name, _, _ in fields]
    for header in message.headers:
        assert header.value in message.header_values(header.name)


GROWING = {
    "spaces in the start line": lambda n: b"INVITE" + b" " * n + b"sip:a SIP/2.0x\r\n\r\n",
    "folded lines": lambda n: b"INVITE sip:a SIP/2.0\r\nFrom: a" + b"\r\n " * (n // 3) + b"\r\n\r\n",
    "open quotes": lambda n: b'INVITE sip:a SIP/2.0\r\nFrom: "' + b'\\"' * (n // 2) + b"\r\n\r\n",
    "quotes in a list": lambda n: (
        b"INVITE sip:a SIP/2.0\r\nv: " + b'"a",' * (n // 4) + b'"\r\nm: ' + b'"' * 9 + b"\r\n\r\n"
    ),
    "angle brackets": lambda n: b"INVITE sip:a SIP/2.0\r\nFrom: " + b"<" * n + b"\r\n\r\n",
    "headers": lambda n: b"INVITE sip:a SIP/2.0\r\n" + b"a:b\r\n" * (n // 5) + b"\r\n",
    "empty lines": lambda n: b"INVITE sip:a SIP/2.0\r\nc: multipart/mixed;boundary=x\r\n\r\n" + b"\r\n--" * (n // 4),
    "parts": lambda n: b"INVITE sip:a SIP/2.0\r\nc: multipart/mixed;boundary=x\r\n\r\n" + b"--x\r\n\r\n" * (n // 7),
    "start lines": lambda n: b"OPTIONS sip:a SIP/2.0\r\n" * (n // 23),
    "attributes": lambda n: SDP + b"a=x:1\r\n" * (n // 7),
    "keys": lambda n: SDP + b"a=crypto:1 S inline:" + b"A|;inline:" * (n // 10) + b"\r\n",
    "alternatives": lambda n: (
        SDP + b"a=pcfg:1 a=" + b"1,2,[3]|" * (n // 8) + b"\r\na=pcfg:2 a=" + b"1," * (n // 2) + b"x\r\n"
    ),
    "base64 pieces": lambda n: SDP + b"a=key-mgmt:mikey " + b"AAAA " * (n // 5) + b"\r\n",
    "key lines": lambda n: b"crypto:" * (n // 7) + b"\r\n" + b"key-mgmt:" * (n // 9) + b"\r\n",
    "dollars": lambda n: b"$" * n,
    "interleaved frames": lambda n: b"$\x00\x00\x08\x80\x60\x00\x01\x00\x00\x00\x02" * (n // 12),
    "rtsp start lines": lambda n: b"A rtsp://h RTSP/1.0\r\n" * (n // 21),
    "blanks in an rtsp line": lambda n: b"PLAY" + b" " * n + b"* RTSP/1.0\r\n\r\n",
    "lines without end": lambda n: b"GET rtspGET rtsp" * (n // 16),
    "transports": lambda n: b"SETUP * RTSP/1.0\r\nTransport: " + b'RTP/AVP;a="b",' * (n // 14) + b"\r\n\r\n",
    "rtpmap": lambda n: SDP + b"a=rtpmap:1 " + b"a/" * (n // 2) + b"\r\n",
}


@pytest.mark.parametrize("name", GROWING)
def test_work_grows_with_the_input(name: str) -> None:
    make = GROWING[name]
    small, large = make(8_000), make(64_000)
    few = functions_called(lambda: try_everything(small))
    assert functions_called(lambda: try_everything(large)) < 12 * few + 1000
    with processor_time_limit(20):
        try_everything(make(128_000))


@pytest.mark.captures
def test_real_bodies_survive_mutation(captures: Path) -> None:
    rng = random.Random(5)
    files = sorted((captures / "public" / "rfc4475-torture").iterdir())
    for _ in range(2_000):
        try_everything(mutate(rng.choice(files).read_bytes(), rng))
