# SPDX-License-Identifier: GPL-2.0-only
"""The address that a TURN server lends its client (RFC 8656 §7.3), in the response that tells of it."""

import ipaddress

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.stun import HEADER_OCTETS, MAGIC_COOKIE, MAX_ATTRIBUTES, is_stun

ALLOCATE_SUCCESS = b"\x01\x03"
XOR_RELAYED_ADDRESS = 0x0016  # RFC 8656 §18.2
_ADDRESS_OCTETS = {1: 4, 2: 16}  # by family (RFC 8489 §14.1)


def parse_relayed_address(data: bytes) -> tuple[str, int] | None:
    """Address and port of XOR-RELAYED-ADDRESS in an Allocate success response; None for all else."""
    if data[:2] != ALLOCATE_SUCCESS or not is_stun(data):
        return None
    cursor = Cursor(data, HEADER_OCTETS)
    for _ in range(MAX_ATTRIBUTES):
        if cursor.left < 4:
            return None
        kind, octets = cursor.u16("STUN attribute"), cursor.u16("STUN attribute")
        value = cursor.take(min(octets, cursor.left), "STUN attribute")
        if kind == XOR_RELAYED_ADDRESS:
            return _unmask(value, data[4:HEADER_OCTETS])
        cursor.take(min(-octets % 4, cursor.left), "padding")
    return None


def _unmask(value: bytes, mask: bytes) -> tuple[str, int] | None:
    """The address behind the exclusive or with cookie and transaction id (RFC 8489 §14.2)."""
    octets = _ADDRESS_OCTETS.get(value[1]) if len(value) > 3 else None
    if octets is None or len(value) != 4 + octets:
        return None
    port = int.from_bytes(value[2:4], "big") ^ (MAGIC_COOKIE >> 16)
    plain = bytes(one ^ other for one, other in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(plain)), port
