# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions: RFC examples, inheritance, odd lines."""

import pytest

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sdp import build_sdp, make_sdp, parse_sdp

OFFER = make_sdp(
    [
        "v=0",
        "o=sam 2890844526 2890842807 IN IP4 10.47.16.5",
        "s=SDP Seminar",
        "c=IN IP4 161.44.17.12/127",
        "t=2873397496 2873404696",
        "a=recvonly",
        "a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAA",
        "m=video 51372/2 RTP/SAVP 31",
        "c=IN IP6 2001:db8::1",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32",
        "a=sendonly",
        "m=audio 49170 RTP/AVP 0 97 98",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:97 opus/48000/2",
        "a=rtpmap:bad",
        "a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD",
        "a=rtcp-mux",
        "a=ptime:20",
        "m=application 32416 udp wb",
        "a=orient:portrait",
        "m=image 0 udptl t38",
    ]
).raw


def test_what_a_description_says() -> None:
    description = parse_sdp(OFFER)
    assert description.defects == ()
    assert description.version == "0"
    assert description.origin == ("sam", "2890844526", "2890842807", "IN", "IP4", "10.47.16.5")
    assert description.session_name == "SDP Seminar"
    assert description.connection_address == "161.44.17.12"
    assert description.attribute("key-mgmt") == "mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAA"
    assert build_sdp(description) == OFFER
    assert parse_sdp(OFFER) == description
    assert parse_sdp(OFFER.replace(b"ptime:20", b"ptime:30")) != description


def test_media_with_what_they_inherit() -> None:
    video, audio, whiteboard, image = parse_sdp(OFFER).media
    assert (video.index, video.type, video.port, video.port_count, video.proto) == (0, "video", 51372, 2, "RTP/SAVP")
    assert (video.connection_address, video.direction, video.formats) == ("2001:db8::1", "sendonly", ("31",))
    assert video.attribute_values("crypto")[0].startswith("1 AES_CM_128_HMAC_SHA1_80 inline:")
    assert (audio.connection_address, audio.direction) == ("161.44.17.12", "recvonly")
    assert audio.rtpmap == {0: ("PCMU", 8000, 1), 97: ("opus", 48000, 2)}
    assert (audio.rtcp_mux, audio.rtcp_port, audio.ptime) == (True, 53020, 20)
    assert audio.rtcp_address == "2001:2345:6789:ABCD:EF01:2345:6789:ABCD"
    assert (video.rtcp_mux, video.rtcp_port, video.rtcp_address, video.ptime) == (False, None, None, None)
    assert (whiteboard.proto, whiteboard.formats) == ("udp", ("wb",))
    assert (image.port, image.proto) == (0, "udptl")


def test_attributes_know_their_place() -> None:
    lines = OFFER.split(b"\r\n")
    for section in parse_sdp(OFFER).media:
        for attribute in section.attributes:
            assert lines[attribute.line_number - 1].startswith(b"a=" + attribute.name.encode())
            assert OFFER[attribute.offset :].startswith(b"a=" + attribute.name.encode())
        assert OFFER[section.offset :].startswith(b"m=" + section.type.encode())


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    data = OFFER.replace(b"\r\n", end)
    description = parse_sdp(data)
    assert [media.proto for media in description.media] == ["RTP/SAVP", "RTP/AVP", "udp", "udptl"]
    assert build_sdp(description) == data
    assert build_sdp(parse_sdp(data + b"a=last")) == data + b"a=last"
    assert parse_sdp(data + b"a=last").media[-1].attribute("last") == ""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "line-form"),
        ("y=0100000001", "line-type-unknown"),
        ("m=audio", "media-line-form"),
        ("m=audio x RTP/AVP 0", "media-port"),
        ("m=audio 70000 RTP/AVP 0", "media-port"),
        ("c=IN IP4", "connection-line-form"),
        ("o=- 1", "origin-line-form"),
    ],
)
def test_an_odd_line_is_a_defect_and_kept(line: str, code: str) -> None:
    data = OFFER + line.encode() + b"\r\n"
    description = parse_sdp(data)
    assert [(defect.code, defect.offset) for defect in description.defects if defect.code == code] == [
        (code, len(OFFER))
    ]
    assert build_sdp(description) == data
    assert len(description.media) >= 4


def test_missing_lines_are_defects() -> None:
    assert {d.code for d in parse_sdp(b"m=audio 1 RTP/AVP 0\r\n").defects} == {
        "version",
        "origin-missing",
        "session-name-missing",
    }


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"hello\r\nworld", bytes(range(256))])
def test_what_is_no_description_is_refused(data: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_sdp(data)


def test_octets_that_are_not_utf8_do_not_stop_the_reading() -> None:
    data = OFFER.replace(b"SDP Seminar", b"\xff\xfe\x00")
    assert parse_sdp(data).session_name == "\\xff\\xfe\x00"
    assert build_sdp(parse_sdp(data)) == data
