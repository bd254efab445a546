# SPDX-License-Identifier: GPL-2.0-only
"""The reverse of the cursor: integers as big-endian octets, refused where they don't fit their field."""

from dissectors.grammar.errors import Malformed


def build_uint(value: int, octets: int, what: str) -> bytes:
    """`value` in `octets` octets, big-endian; raises `Malformed` where it does not fit."""
    if not 0 <= value < 1 << 8 * octets:
        message = f"{what}: {value} does not fit {octets} octets"
        raise Malformed(message)
    return value.to_bytes(octets, "big")


def build_nibbles(high: int, low: int, what: str) -> bytes:
    """Two 4-bit fields in one octet; raises `Malformed` where one does not fit."""
    if not (0 <= high < 16 and 0 <= low < 16):
        message = f"{what}: {high} and {low} do not fit 4 bits each"
        raise Malformed(message)
    return bytes((high << 4 | low,))


def build_counted(data: bytes, octets: int, what: str) -> bytes:
    """`data` behind its length, which takes `octets` octets; raises `Malformed` where it is too long."""
    return build_uint(len(data), octets, f"length of {what}") + data
