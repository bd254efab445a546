# SPDX-License-Identifier: GPL-2.0-only
"""Bodies as carriers send them: SDP beside ISUP and PIDF, compressed, encoded, large, and lied about."""

import base64
import gzip
import quopri
import zlib

import pytest

from dissectors.grammar.content_coding import MAX_DECODED_OCTETS, decode_content
from dissectors.grammar.sip import build_sip, make_sip, parse_sip
from dissectors.grammar.sip_stream import SipStreamFramer
from dissectors.layers import SDP, SIP, SIP_CodedBody, SIP_Multipart

START = "INVITE sip:bob@example.com SIP/2.0"
HEADERS = [
    ("Via", "SIP/2.0/TCP a.example.com;branch=z9hG4bK1"),
    ("From", "<sip:a@example.com>;tag=1"),
    ("To", "<sip:bob@example.com>"),
    ("Call-ID", "bodies"),
    ("CSeq", "1 INVITE"),
    ("Max-Forwards", "70"),
]
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
DESCRIPTION = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"
    f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
).encode()
ISUP = bytes.fromhex("01 11 48 00 0a 03 02 09 07 03 10 00 0d 0a 2d 2d 63 0a 05 83 10".replace(" ", ""))
PIDF = '<?xml version="1.0"?><presence entity="pres:a@example.com">Zürich</presence>'.encode()


def message(content_type, body, *more):
    return make_sip(START, [*HEADERS, *more, ("Content-Type", content_type)], body)


def multipart(*parts):
    octets = b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts)
    return octets + b"--b--\r\n"


SDP_PART = ("Content-Type: application/sdp", DESCRIPTION)
ISUP_PART = ("Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional", ISUP)
PIDF_PART = ("Content-Type: application/pidf+xml\r\nContent-ID: <loc@example.com>", PIDF)


@pytest.mark.parametrize("parts", [(SDP_PART, ISUP_PART), (ISUP_PART, SDP_PART), (PIDF_PART, ISUP_PART, SDP_PART)])
def test_a_description_is_found_beside_isup_and_pidf(parts):
    found = message("multipart/mixed;boundary=b", multipart(*parts))
    assert found.sdp() is not None
    assert found.sdp().content == DESCRIPTION
    assert sorted(part.content for part in found.body_parts()) == sorted(body for _, body in parts)
    assert bytes(SIP(found.raw)) == build_sip(found) == found.raw
    assert SIP(found.raw)[SDP].original == DESCRIPTION


def test_isup_alone_is_no_description():
    assert message("application/ISUP;version=itu-t92+", ISUP).sdp() is None
    assert message("multipart/mixed;boundary=b", multipart(ISUP_PART)).sdp() is None


RAW_DEFLATER = zlib.compressobj(wbits=-15)
CODED = {
    "gzip": gzip.compress(DESCRIPTION, mtime=0),
    "x-gzip": gzip.compress(DESCRIPTION, mtime=0),
    "GZIP": gzip.compress(DESCRIPTION, mtime=0),
    "deflate": zlib.compress(DESCRIPTION),
    "deflate ": RAW_DEFLATER.compress(DESCRIPTION) + RAW_DEFLATER.flush(),
    "gzip, gzip": gzip.compress(gzip.compress(DESCRIPTION, mtime=0), mtime=0),
    "identity": DESCRIPTION,
}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("name", ["Content-Encoding", "e"])
def test_a_compressed_description_is_read(coding, name):
    found = message("application/sdp", CODED[coding], (name, coding))
    assert found.sdp() is not None
    assert (found.sdp().content, found.sdp().is_coded) == (DESCRIPTION, coding != "identity")
    assert build_sip(found) == found.raw
    layer = SIP(found.raw)
    assert bytes(layer) == found.raw
    shown = layer.show(dump=True)
    assert KEY[7:] not in shown
    if coding != "identity":
        assert SIP_CodedBody in layer
        assert f"{len(CODED[coding])} octets" in shown


def test_a_compressed_multipart_is_read():
    body = gzip.compress(multipart(ISUP_PART, SDP_PART))
    assert message("multipart/mixed;boundary=b", body, ("Content-Encoding", "gzip")).sdp().content == DESCRIPTION


@pytest.mark.parametrize(
    ("encoding", "octets"),
    [
        ("base64", base64.encodebytes(DESCRIPTION)),
        ("BASE64", base64.b64encode(DESCRIPTION).rstrip(b"=")),
        ("quoted-printable", quopri.encodestring(DESCRIPTION)),
        ("binary", DESCRIPTION),
        ("8bit", DESCRIPTION),
    ],
)
def test_transfer_encodings_of_parts(encoding, octets):
    part = (f"Content-Type: application/sdp\r\nContent-Transfer-Encoding: {encoding}", octets)
    found = message("multipart/mixed;boundary=b", multipart(ISUP_PART, part))
    assert found.sdp().content.splitlines() == DESCRIPTION.splitlines()
    layer = SIP(found.raw)
    assert bytes(layer) == found.raw
    assert KEY[7:] not in layer.show(dump=True)
    assert base64.b64encode(DESCRIPTION)[60:90].decode() not in layer.show(dump=True)
    assert SIP_Multipart in layer


@pytest.mark.parametrize(
    ("coding", "octets", "code"),
    [
        ("gzip", b"\x1f\x8b not gzip at all", "content-coding-broken"),
        ("br", b"anything", "content-coding-unknown"),
        ("gzip," * 5 + "gzip", b"", "too-many-content-codings"),
        ("gzip", gzip.compress(bytes(MAX_DECODED_OCTETS + 1)), "decoded-body-too-large"),
    ],
)
def test_what_can_not_be_uncoded_is_no_description_and_says_why(coding, octets, code):
    found = message("application/sdp", octets, ("Content-Encoding", coding))
    assert found.sdp() is None
    assert [defect.code for defect in found.decode_body().defects] == [code]
    assert found.decode_body().defects[0].offset == found.body_offset


def test_a_compressed_body_cut_short_gives_what_is_there():
    decoded = decode_content(CODED["gzip"][:-12], "gzip")
    assert decoded.content
    assert DESCRIPTION.startswith(decoded.content)
    assert [defect.code for defect in decoded.defects] == ["content-coding-cut-short"]


@pytest.mark.parametrize("length", [len(DESCRIPTION) - 10, len(DESCRIPTION) + 10, 0, 2**40, -1])
def test_a_content_length_that_lies_is_named_and_loses_nothing(length):
    found = message("application/sdp", DESCRIPTION, ("Content-Length", str(length)))
    assert build_sip(found) == found.raw
    assert found.raw.endswith(DESCRIPTION)
    codes = {defect.code for defect in found.defects}
    assert codes & {"octets-after-body", "body-shorter-than-content-length", "content-length-form"}


def test_utf_8_in_headers_and_body_stays():
    found = message("text/plain; charset=utf-8", "Grüße aus Zürich ✆".encode(), ("Subject", "Grüße ✆"))
    assert found.header("s") == "Grüße ✆"
    assert found.body.decode() == "Grüße aus Zürich ✆"
    assert build_sip(found) == found.raw
    broken = parse_sip(found.raw.replace("ü".encode(), b"\xfc"))
    assert broken.header("subject") == "Gr\\xfcße ✆"
    assert build_sip(broken) == broken.raw


def test_two_megabytes_of_body_come_through_a_stream():
    large = message("multipart/mixed;boundary=b", multipart(("Content-Type: text/plain", b"x" * 2_000_000), SDP_PART))
    framer = SipStreamFramer()
    framed = []
    for number, start in enumerate(range(0, len(large.raw), 65_536)):
        framed += framer.feed(large.raw[start : start + 65_536], number)
    assert [one.data for one in framed] == [large.raw]
    assert framer.defects == []
    assert parse_sip(framed[0].data).sdp().content == DESCRIPTION
