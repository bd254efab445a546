# SPDX-License-Identifier: GPL-2.0-only
"""The quick way through an ordinary message or description says what the careful one says, or nothing."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.grammar import sdp, sip
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sip_headers import long_name, parse_headers

DESCRIPTION = (
    b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n"
    b"m=audio 49170/2 RTP/SAVP 0 97\r\na=rtpmap:97 opus/48000/2\r\na=recvonly\r\na=fmtp:97 a=b\r\n"
    b"m=video 0 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\na=inactive\r\na=inactive:not\r\n"
)
MESSAGE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nv: SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    b'From: "A" <sip:a@example.com>;tag=1\r\nt: <sip:b@example.com>\r\ni:\t1@a \r\nCSeq: 1 INVITE\r\nX-1: a:b\r\n'
    b"User-Agent:  f\xc3\xb6n/1 \r\nMax-Forwards: 70\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(DESCRIPTION)
) + DESCRIPTION
RESPONSE = MESSAGE.replace(b"INVITE sip:bob@example.com SIP/2.0", b"SIP/2.0 200 OK", 1)
ODD = (
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b"=",
    b"a=",
    b"m=",
    b"\xc3\xa9",
    b"\xff",
    b"\x00",
    b"\x0b",
    b"Via:",
    b"0",
)


def mutate(data: bytes, seed: int) -> bytes:
    chance = random.Random(seed)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data))
        data = data[:at] + chance.choice((b"", *ODD)) + data[at + chance.randrange(3) :]
    return data


def told(parsed: sip.SipMessage) -> tuple[object, ...]:
    """All that a message says, its headers read one by one."""
    names = {header.name for header in parsed.headers}
    plain = parsed._replace(section=None)  # type: ignore[arg-type]
    values = {name: (parsed.header(name), parsed.header_values(name)) for name in names if name}
    return (*tuple(plain), parsed.headers, values, parsed.header("absent"), parsed.sdp(), parsed.branch)


def careful(parse, data: bytes):
    try:
        return parse(data)
    except GrammarError:
        return None


@given(st.sampled_from((MESSAGE, RESPONSE)), st.integers(0, 2**32))
@settings(max_examples=1500)
def test_messages(data: bytes, seed: int) -> None:
    data = mutate(data, seed)
    quick = sip._parse_ordinary(data)
    if quick is not None:
        slow = careful(sip._parse_any, data)
        assert slow is not None
        assert told(quick) == told(slow)


@given(st.sampled_from((MESSAGE, RESPONSE)), st.integers(0, 2**32))
@settings(max_examples=1500)
def test_values_of_headers(data: bytes, seed: int) -> None:
    parsed = careful(sip.parse_sip, mutate(data, seed))
    if parsed is None:
        return
    first: dict[str, str] = {}
    for header in parse_headers(parsed.raw, parsed.section.start, parsed.section.end).headers:
        first.setdefault(long_name(header.name), header.value)
    first.pop("", None)
    assert {name: parsed.header(name) for name in parsed.header_names} == first


@given(st.integers(0, 2**32))
@settings(max_examples=1500)
def test_descriptions(seed: int) -> None:
    data = mutate(DESCRIPTION, seed)
    quick = sdp._parse_ordinary(data)
    if quick is not None:
        slow = careful(sdp._parse_any, data)
        assert slow is not None
        assert tuple(quick) == tuple(slow)
        assert quick.attributes == slow.attributes


def test_the_quick_way_is_taken() -> None:
    assert sip._parse_ordinary(MESSAGE) is not None
    assert sip._parse_ordinary(RESPONSE) is not None
    assert sdp._parse_ordinary(DESCRIPTION) is not None
