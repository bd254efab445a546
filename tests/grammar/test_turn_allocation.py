# SPDX-License-Identifier: GPL-2.0-only
"""Allocate success responses: coturn's as tshark reads it, the same in IPv6, and what is none."""

import ipaddress

import pytest

from dissectors.grammar.turn_allocation import parse_relayed_address

COTURN = bytes.fromhex(  # coturn 4.6.1; tshark 4.0: XOR-RELAYED-ADDRESS 10.88.0.4:40248
    "010300502112a4423d2acee7c6ea37df1956f3f8001600080001bc2a2b4aa446002000080001062a2b4aa443000d0004"
    "0000025880220014436f7475726e2d342e362e312027476f72737427000800145d9f71b2fb28b5ec36d2a57ba9b4d226"
    "43342807"
)


def test_the_address_that_coturn_lends() -> None:
    assert parse_relayed_address(COTURN) == ("10.88.0.4", 40248)


def test_an_address_of_ipv6_is_masked_by_cookie_and_transaction() -> None:
    """RFC 8489 §14.2."""
    address, mask = ipaddress.ip_address("2001:db8::4").packed, COTURN[4:20]
    value = (
        bytes((0, 2)) + (40248 ^ 0x2112).to_bytes(2, "big") + bytes(a ^ b for a, b in zip(address, mask, strict=True))
    )
    message = (
        COTURN[:2] + (4 + len(value)).to_bytes(2, "big") + mask + b"\x00\x16" + len(value).to_bytes(2, "big") + value
    )
    assert parse_relayed_address(message) == ("2001:db8::4", 40248)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x01" + COTURN[2:],  # of a Binding
        COTURN[:-4],
        COTURN.replace(b"\x00\x16\x00\x08", b"\x00\x16\x00\x06"),
        COTURN.replace(b"\x00\x16\x00\x08\x00\x01", b"\x00\x16\x00\x08\x00\x07"),
        COTURN.replace(b"\x00\x16\x00\x08", b"\x00\x99\x00\x08"),
    ],
)
def test_everything_else_lends_nothing(data: bytes) -> None:
    assert parse_relayed_address(data) is None
