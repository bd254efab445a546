# SPDX-License-Identifier: GPL-2.0-only
"""RTP headers: what they say, that they build back, and that no input raises anything but a GrammarError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.grammar.errors import GrammarError, Malformed, Truncated
from dissectors.grammar.rtp import RtpHeader, build_rtp_header, padding_octets, parse_rtp_header

HEADERS = st.builds(
    RtpHeader,
    padding=st.booleans(),
    marker=st.booleans(),
    payload_type=st.integers(0, 127),
    sequence_number=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    csrc=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension_profile=st.none(),
    extension_data=st.just(b""),
    version=st.just(2),
)
EXTENSIONS = st.tuples(
    st.integers(0, 0xFFFF), st.integers(0, 20).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
)


def test_the_header_of_rfc9335_a1() -> None:
    data = bytes.fromhex("920f1238decafbadcafebabe0001e2400000b26ebede000151000200abab")
    header = parse_rtp_header(data)
    assert header == RtpHeader(
        payload_type=15,
        sequence_number=0x1238,
        timestamp=0xDECAFBAD,
        ssrc=0xCAFEBABE,
        csrc=(0x1E240, 0xB26E),
        extension_profile=0xBEDE,
        extension_data=bytes.fromhex("51000200"),
    )
    assert (header.version, header.extension, header.csrc_count, header.header_octets) == (2, True, 2, 28)
    assert build_rtp_header(header) + b"\xab\xab" == data


@given(header=HEADERS, extension=st.none() | EXTENSIONS, payload=st.binary(max_size=20))
def test_round_trip(header: RtpHeader, extension: tuple[int, bytes] | None, payload: bytes) -> None:
    if extension:
        header = header._replace(extension_profile=extension[0], extension_data=extension[1])
    data = build_rtp_header(header)
    assert parse_rtp_header(data + payload) == header
    assert header.header_octets == len(data)


@given(st.binary(max_size=120))
def test_any_octets(data: bytes) -> None:
    try:
        header = parse_rtp_header(data)
    except GrammarError:
        return
    assert build_rtp_header(header) == data[: header.header_octets]


def test_what_is_no_header() -> None:
    with pytest.raises(Malformed, match="version 1"):
        parse_rtp_header(b"\x40" + bytes(11))
    for data in (b"", bytes.fromhex("80"), b"\x81" + bytes(11), b"\x90" + bytes(13), b"\x90" + bytes(13) + b"\0\1"[:1]):
        with pytest.raises(Truncated):
            parse_rtp_header(data)
    for broken in (RtpHeader(sequence_number=65536), RtpHeader(csrc=(0,) * 16), RtpHeader(payload_type=200)):
        with pytest.raises(Malformed):
            build_rtp_header(broken)
    with pytest.raises(Malformed):
        build_rtp_header(RtpHeader(extension_profile=1, extension_data=b"abc"))


def test_padding() -> None:
    assert padding_octets(b"voice\0\0\3") == 3
    assert [padding_octets(data) for data in (b"", b"ab\0", b"ab\x04")] == [None, None, None]
