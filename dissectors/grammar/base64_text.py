# SPDX-License-Identifier: GPL-2.0-only
"""Base64 as SDP carries it, with the liberties that real senders take (RFC 4648 §4)."""

import binascii
import re
from typing import NamedTuple

_STANDARD = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_URL_SAFE = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


class Base64Text(NamedTuple):
    """What a base64 text says: its octets, or None when it is not base64, and the codes of what was odd."""

    octets: bytes | None
    oddities: tuple[str, ...]


def parse_base64(text: str) -> Base64Text:
    """Decode `text`; missing padding, the URL-safe alphabet and stray last bits are oddities; never raises."""
    oddities: list[str] = []
    if not _STANDARD.fullmatch(text):
        if not _URL_SAFE.fullmatch(text):
            return Base64Text(None, ("not-base64",))
        oddities.append("base64-url-safe")
        text = text.replace("-", "+").replace("_", "/")
    symbols = text.rstrip("=")
    if len(symbols) % 4 == 1:
        return Base64Text(None, ("not-base64",))
    padding = -len(symbols) % 4
    if len(text) - len(symbols) != padding:
        oddities.append("base64-padding")
    octets = binascii.a2b_base64(symbols + "=" * padding)
    if padding and binascii.b2a_base64(octets, newline=False).rstrip(b"=") != symbols.encode("ascii"):
        oddities.append("base64-stray-bits")
    return Base64Text(octets, tuple(oddities))


def build_base64(octets: bytes) -> str:
    """The canonical text: standard alphabet, padded, one line."""
    return binascii.b2a_base64(octets, newline=False).decode("ascii")
