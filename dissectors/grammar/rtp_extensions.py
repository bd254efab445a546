# SPDX-License-Identifier: GPL-2.0-only
"""The elements of an RTP header extension in one-byte and two-byte form (RFC 8285 §4.2, §4.3)."""

import re
from typing import NamedTuple

from dissectors.grammar.rtp import ONE_BYTE_EXTENSION_PROFILE

TWO_BYTE_EXTENSION_PROFILE = 0x1000
TWO_BYTE_PROFILE_MASK = 0xFFF0  # the low four bits are appbits
PADDING_ID = 0
STOP_ID = 15
ENCRYPT_URI = "urn:ietf:params:rtp-hdrext:encrypt"
_EXTMAP = re.compile(r"([0-9]{1,5})(?:/[a-z]+)? +([^ ]+)(?: .*)?")


class ExtensionElement(NamedTuple):
    """One element; its data are octets `start` to `stop` of the extension's body."""

    id: int
    start: int
    stop: int


class Extmap(NamedTuple):
    """One mapping: which element id stands for which URI, and whether such elements are encrypted (RFC 6904 §4)."""

    id: int
    uri: str
    encrypted: bool


def parse_extmap(value: str) -> Extmap | None:
    """The value of an `a=extmap` line, None if it can't be one (RFC 8285 §5; RFC 6904 §4)."""
    found = _EXTMAP.fullmatch(value.strip())
    if found is None:
        return None
    encrypted = found[2] == ENCRYPT_URI
    uri = value.split()[2:3] if encrypted else [found[2]]
    return Extmap(int(found[1]), uri[0], encrypted) if uri else None


def parse_extension_elements(profile: int, body: bytes) -> tuple[ExtensionElement, ...]:
    """The elements of an extension body, up to the first that does not fit; () for any other form of extension."""
    if profile == ONE_BYTE_EXTENSION_PROFILE:
        return _one_byte(body)
    return _two_byte(body) if profile & TWO_BYTE_PROFILE_MASK == TWO_BYTE_EXTENSION_PROFILE else ()


def _one_byte(body: bytes) -> tuple[ExtensionElement, ...]:
    elements = []
    place = 0
    while place < len(body):
        number, start = body[place] >> 4, place + 1
        if number == PADDING_ID:
            place = start
            continue
        stop = start + (body[place] & 0x0F) + 1
        if number == STOP_ID or stop > len(body):
            break
        elements.append(ExtensionElement(number, start, stop))
        place = stop
    return tuple(elements)


def _two_byte(body: bytes) -> tuple[ExtensionElement, ...]:
    elements = []
    place = 0
    while place < len(body):
        if body[place] == PADDING_ID:
            place += 1
            continue
        start = place + 2
        if start > len(body) or start + body[place + 1] > len(body):
            break
        elements.append(ExtensionElement(body[place], start, start + body[place + 1]))
        place = start + body[place + 1]
    return tuple(elements)
