# SPDX-License-Identifier: GPL-2.0-only
"""The header fields that tell SIP calls and transactions apart: From, To and CSeq (RFC 3261 §20)."""

import functools
import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import parse_name_addr
from dissectors.grammar.sip_message import HeaderSection
from dissectors.grammar.sip_start_line import REMEMBERED, WORD

MAX_CSEQ = 2**31 - 1
_ADDRESS = re.compile(rf'(?:"[^"\\<>]*"[ \t]*|[A-Za-z0-9\-.!%*_+`\'~ \t]*)<([^<>"\s]+)>(?:;tag=({WORD}))?')
_CSEQ = re.compile(rf"([0-9]+)[ \t]+({WORD})")
_DIGITS = re.compile(r"[0-9]{1,18}")


class AddressField(NamedTuple):
    """URI and tag of From or To."""

    uri: str | None
    tag: str | None


def parse_address(value: str | None, name: str, section: HeaderSection, defects: list[Defect]) -> AddressField:
    """URI and tag of the field `name`, whatever it is like; both None without a value."""
    if value is None:
        return AddressField(None, None)
    ordinary = ordinary_address(value)
    if ordinary is not None:
        return ordinary
    address = parse_name_addr(value.strip(" \t"))
    if address.defects:
        offset = section.offset(name)
        defects.extend(defect._replace(offset=offset, detail=name) for defect in address.defects)
    return AddressField(address.uri, address.param("tag"))


@functools.lru_cache(maxsize=REMEMBERED)
def ordinary_address(value: str) -> AddressField | None:
    """URI and tag of a value of the usual form, None for any other."""
    found = _ADDRESS.fullmatch(value.strip(" \t"))
    return None if found is None else AddressField(found[1], found[2])


def parse_cseq(
    value: str | None, method: str | None, section: HeaderSection, defects: list[Defect]
) -> tuple[int | None, str | None]:
    """Number and method; a number too large, or a method that is not the request\'s, is a defect."""
    if value is None:
        return None, None
    ordinary = ordinary_cseq(value)
    if ordinary is not None and (method is None or ordinary[1] == method):
        return ordinary
    found = _CSEQ.fullmatch(value.strip(" \t"))
    if found is None:
        defects.append(Defect("cseq-form", section.offset("cseq"), "RFC 3261 §20.16", value[:64]))
        return None, None
    number = int(found[1]) if _DIGITS.fullmatch(found[1]) else None
    if number is None or number > MAX_CSEQ:
        defects.append(Defect("cseq-too-large", section.offset("cseq"), "RFC 3261 §8.1.1.5", found[1][:64]))
    if method is not None and found[2] != method:
        defects.append(Defect("cseq-method-differs", section.offset("cseq"), "RFC 3261 §8.1.1.5", found[2]))
    return number, found[2]


@functools.lru_cache(maxsize=REMEMBERED)
def ordinary_cseq(value: str) -> tuple[int, str] | None:
    """Number and method of a value of the usual form, None for any other."""
    found = _CSEQ.fullmatch(value.strip(" \t"))
    if found is None or not _DIGITS.fullmatch(found[1]) or int(found[1]) > MAX_CSEQ:
        return None
    return int(found[1]), found[2]
