# SPDX-License-Identifier: GPL-2.0-only
"""SIP messages: RFC 3261's own example, the torture messages of RFC 4475 and RFC 5118, and broken input."""

from pathlib import Path

import pytest

from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sip import (
    SdpBody,
    build_sip,
    looks_like_sip,
    make_sip,
    parse_name_addr,
    parse_sip,
    split_header_list,
)

# RFC 3261 §24.2 F1.
INVITE = (
    b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8\r\n"
    b"Max-Forwards: 70\r\n"
    b"To: Bob <sip:bob@biloxi.com>\r\n"
    b"From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Contact: <sip:alice@pc33.atlanta.com>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)
# RFC 4475 §3.1.1: valid, if unusual. dblreq is one datagram with a second message behind the first.
VALID = (
    *("wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "semiuri", "transports"),
    *("mpart01", "unreason", "noreason"),
)
# RFC 4475 §3.1.2–3.3: what is wrong with the message, as far as start line, mandatory headers and framing go.
FAULTS = {
    "dblreq": {"octets-after-body"},
    "clerr": {"body-shorter-than-content-length"},
    "ncl": {"content-length-form"},
    "scalar02": {"cseq-too-large"},
    "scalarlg": {"cseq-too-large"},
    "quotbal": {"quoted-string-without-end"},
    "ltgtruri": {"start-line-form"},
    "lwsruri": {"start-line-form"},
    "lwsstart": {"start-line-form"},
    "trws": {"start-line-form"},
    "badaspec": {"space-in-addr-spec"},
    "baddn": {"display-name-not-token", "header-section-without-end"},
    "badvers": {"sip-version", "start-line-form"},
    "mismatch01": {"cseq-method-differs"},
    "mismatch02": {"cseq-method-differs"},
    "bigcode": {"status-out-of-range", "start-line-form"},
    "insuf": {"missing-header"},
    "multi01": {"repeated-header"},
    "mcl01": {"repeated-header", "octets-after-body"},
}


def codes(data: bytes) -> set[str]:
    return {defect.code for defect in parse_sip(data).defects}


def torture(captures: Path, name: str) -> bytes:
    return (captures / "public" / "rfc4475-torture" / f"{name}.dat").read_bytes()


def test_the_fields_of_a_request() -> None:
    message = parse_sip(INVITE)
    assert (message.method, message.request_uri, message.status) == ("INVITE", "sip:bob@biloxi.com", None)
    assert message.call_id == "a84b4c76e66710"
    assert (message.cseq_number, message.cseq_method) == (314159, "INVITE")
    assert (message.from_uri, message.from_tag) == ("sip:alice@atlanta.com", "1928301774")
    assert (message.to_uri, message.to_tag) == ("sip:bob@biloxi.com", None)
    assert message.branch == "z9hG4bKnashds8"
    assert message.contact_uri == "sip:alice@pc33.atlanta.com"
    assert message.content_type == "application/sdp"
    assert message.body == b"v=0\n"
    assert message.sdp() == SdpBody(b"v=0\n", INVITE.index(b"v=0"))
    assert message.defects == ()
    assert [header.name for header in message.headers][:3] == ["Via", "Max-Forwards", "To"]
    assert all(INVITE[h.offset : h.offset + len(h.raw)] == h.raw for h in message.headers)


def test_the_fields_of_a_response() -> None:
    data = INVITE.replace(b"INVITE sip:bob@biloxi.com SIP/2.0", b"SIP/2.0 180 Ringing").replace(
        b".com>\r\n", b".com>;tag=a6\r\n"
    )
    message = parse_sip(data)
    assert (message.method, message.status, message.reason, message.to_tag) == (None, 180, "Ringing", "a6")


def test_compact_names_folding_and_case_are_the_same_message() -> None:
    folded = (
        INVITE.replace(b"Call-ID: ", b"i:").replace(b"From: Alice ", b'f : "Al, ice"\r\n\t').replace(b"Via:", b"VIA  :")
    )
    message = parse_sip(folded)
    assert message.call_id == message.header("CALL-ID") == message.header("I") == "a84b4c76e66710"
    assert (message.from_uri, message.from_tag) == ("sip:alice@atlanta.com", "1928301774")
    assert message.branch == "z9hG4bKnashds8"
    assert message.defects == ()
    assert build_sip(message) == folded


def test_bare_line_feeds_are_understood() -> None:
    data = INVITE.replace(b"\r\n", b"\n")
    assert parse_sip(data).call_id == "a84b4c76e66710"
    assert parse_sip(data).body == b"v=0\n"
    assert build_sip(parse_sip(data)) == data


def test_repeated_headers_keep_their_order() -> None:
    data = INVITE.replace(
        b"Max-Forwards", b"v: SIP/2.0/TCP b;branch=z9hG4bK2, SIP/2.0/UDP c;branch=z9hG4bK3\r\nMax-Forwards"
    )
    message = parse_sip(data)
    assert len(message.header_values("via")) == 2
    assert message.branch == "z9hG4bKnashds8"
    assert split_header_list(message.header_values("v")[1]) == (
        "SIP/2.0/TCP b;branch=z9hG4bK2",
        "SIP/2.0/UDP c;branch=z9hG4bK3",
    )


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        (b"Content-Length: 4", b"Content-Length: 9", "body-shorter-than-content-length", len(INVITE)),
        (b"Content-Length: 4", b"Content-Length: 2", "octets-after-body", len(INVITE) - 2),
        (b"Content-Length: 4", b"Content-Length: x", "content-length-form", len(INVITE) - 4),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 ACK", "cseq-method-differs", INVITE.index(b"CSeq")),
        (b"CSeq: 314159 INVITE", b"CSeq: INVITE", "cseq-form", INVITE.index(b"CSeq")),
        (b"To: Bob <", b'To: "Bob <', "quoted-string-without-end", INVITE.index(b"To: ")),
        (b"Contact: <", b"no header <", "header-name-not-token", INVITE.index(b"Contact")),
        (b"Max-Forwards: 70\r\n", b"", "missing-header", INVITE.index(b"Via")),
        (b"Content-Type: application/sdp\r\n", b"", "body-without-content-type", len(INVITE) - 35),
        (b"\r\n\r\nv=0\n", b"", "header-section-without-end", len(INVITE) - 8),
    ],
)
def test_an_oddity_is_a_defect_with_its_place(old: bytes, new: bytes, code: str, at: int) -> None:
    data = INVITE.replace(old, new)
    assert data != INVITE
    assert (code, at) in {(defect.code, defect.offset) for defect in parse_sip(data).defects}
    assert parse_sip(data).call_id == "a84b4c76e66710"
    assert build_sip(parse_sip(data)) == data


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"hello", b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS rtsp://a RTSP/1.0\r\n\r\n", bytes(200)]
)
def test_what_is_not_sip_is_refused(data: bytes) -> None:
    assert not looks_like_sip(data)
    with pytest.raises(GrammarError):
        parse_sip(data)


def test_multipart_bodies_are_unpacked_without_recursion() -> None:
    inner = b"--in\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--in--\r\n"
    body = (
        b"preamble\r\n--out\r\nContent-Type: text/plain\r\n\r\nhi\r\n--out\r\n"
        b'Content-Type: multipart/alternative; boundary="in"\r\n\r\n' + inner + b"\r\n--out--\r\n"
    )
    message = make_sip("INVITE sip:a@b SIP/2.0", [("Content-Type", "multipart/mixed;boundary=out")], body)
    assert [(part.content_type, part.content) for part in message.body_parts()] == [
        ("text/plain", b"hi"),
        ("application/sdp", b"v=0\r\n"),
    ]
    content, offset, _ = message.sdp() or SdpBody(b"", 0)
    assert message.raw[offset : offset + len(content)] == content == b"v=0\r\n"
    assert message.unpack_body().defects == ()


def test_nesting_is_bounded() -> None:
    body = b"".join(b"--b%d\r\nContent-Type: multipart/mixed;boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(500))
    message = make_sip("INVITE sip:a@b SIP/2.0", [("Content-Type", "multipart/mixed;boundary=b0")], body)
    assert "multipart-too-deep" in {defect.code for defect in message.unpack_body().defects}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sip:a@b;tag=1", ("", "sip:a@b", "1")),
        ("<sip:a@b;lr>;tag=1", ("", "sip:a@b;lr", "1")),
        ('"A \\"x\\", <y>" <sip:a@b> ; tag = 1', ('A "x", <y>', "sip:a@b", "1")),
        ("Anonymous <sip:c8oqz84zk7z@privacy.org>;x;tag=hyh8", ("Anonymous", "sip:c8oqz84zk7z@privacy.org", "hyh8")),
    ],
)
def test_addresses(value: str, expected: tuple[str, str, str]) -> None:
    address = parse_name_addr(value)
    assert (address.display_name, address.uri, address.param("TAG")) == expected
    assert address.defects == ()


@pytest.mark.captures
@pytest.mark.parametrize("name", VALID)
def test_valid_torture_messages_have_no_defect(captures: Path, name: str) -> None:
    data = torture(captures, name)
    assert looks_like_sip(data)
    assert parse_sip(data).defects == ()
    assert build_sip(parse_sip(data)) == data


@pytest.mark.captures
@pytest.mark.parametrize("name", FAULTS)
def test_faulty_torture_messages_say_what_is_wrong(captures: Path, name: str) -> None:
    data = torture(captures, name)
    assert codes(data) == FAULTS[name]
    assert looks_like_sip(data)
    assert build_sip(parse_sip(data)) == data


@pytest.mark.captures
def test_wsinv_is_read_through_its_folding(captures: Path) -> None:
    message = parse_sip(torture(captures, "wsinv"))
    assert (message.to_uri, message.to_tag) == ("sip:vivekg@chair-dnrc.example.com", "1918181833n")
    assert (message.from_tag, message.cseq_number, message.branch) == ("98asjd8", 9, "390skdjuw")
    assert message.header("NewFangledHeader") == "newfangled value continued newfangled value"
    assert len(message.header_values("via")) == 2
    assert message.contact_uri == "sip:jdrosen@example.com"


@pytest.mark.captures
def test_mpart01_has_its_parts(captures: Path) -> None:
    message = parse_sip(torture(captures, "mpart01"))
    assert [part.content_type for part in message.body_parts()] == ["text/plain", "application/octet-stream"]
    assert message.body_parts()[0].content == b"Hello"


@pytest.mark.captures
def test_every_torture_message_survives(captures: Path) -> None:
    folders = [captures / "public" / "rfc4475-torture", captures / "public" / "rfc5118-torture"]
    files = [path for folder in folders for path in sorted(folder.iterdir())]
    assert len(files) >= 60
    for path in files:
        data = path.read_bytes()
        if not looks_like_sip(data):
            assert path.name == "test.dat"  # a draft's message whose request line has no version
            continue
        message = parse_sip(data)
        assert build_sip(message) == data, path.name
        assert message.body_parts() is not None


@pytest.mark.captures
def test_ipv6_torture_messages(captures: Path) -> None:
    folder = captures / "public" / "rfc5118-torture"
    good = parse_sip((folder / "ipv6-good").read_bytes())
    assert (good.request_uri, good.branch) == ("sip:[2001:db8::10]", "z9hG4bKas3-111")
    assert parse_sip((folder / "port-ambiguous").read_bytes()).request_uri == "sip:[2001:db8::10:5070]"
    assert parse_sip((folder / "mult-ip-in-header").read_bytes()).defects == ()
