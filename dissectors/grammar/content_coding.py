# SPDX-License-Identifier: GPL-2.0-only
"""Bodies taken out of what they were wrapped in: Content-Encoding and Content-Transfer-Encoding, within bounds."""

import binascii
import re
import zlib
from typing import NamedTuple

from dissectors.grammar.defects import Defect

MAX_DECODED_OCTETS = 4 * 1024 * 1024
MAX_CODINGS = 4
_AUTOMATIC_HEADER = 32 + zlib.MAX_WBITS  # gzip or zlib, told by their first octets
_GZIP = frozenset(("gzip", "x-gzip", "deflate"))
_PLAIN = frozenset(("", "identity"))
_PLAIN_TRANSFER = frozenset(("", "binary", "8bit", "7bit"))
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_CLAUSE = "RFC 3261 §20.12"
_TRANSFER_CLAUSE = "RFC 2045 §6"


class Decoded(NamedTuple):
    """The octets that were wrapped; None where they can't be had, and `defects` say why."""

    content: bytes | None
    defects: tuple[Defect, ...] = ()


def is_coded(content_encoding: str | None, transfer_encoding: str | None = None) -> bool:
    """Whether the octets on the wire are not the body itself."""
    return _codings(content_encoding) != [] or _transfer(transfer_encoding) not in _PLAIN_TRANSFER


def decode_content(
    content: bytes, content_encoding: str | None, transfer_encoding: str | None = None, offset: int = 0
) -> Decoded:
    """Undo the transfer encoding, then the content codings, the last applied first (RFC 2045 §6, RFC 3261 §20.12).

    What comes out is at most `MAX_DECODED_OCTETS` long; `offset` is where the wrapped octets begin.
    """
    decoded = _undo_transfer(content, _transfer(transfer_encoding), offset)
    codings = _codings(content_encoding)
    if len(codings) > MAX_CODINGS:
        return Decoded(None, (Defect("too-many-content-codings", offset, _CLAUSE, str(len(codings))),))
    for coding in reversed(codings):
        if decoded.content is None:
            break
        further = _undo_coding(decoded.content, coding, offset)
        decoded = Decoded(further.content, decoded.defects + further.defects)
    return decoded


def _codings(value: str | None) -> list[str]:
    return [coding for text in (value or "").split(",") if (coding := text.strip().lower()) not in _PLAIN]


def _transfer(value: str | None) -> str:
    return (value or "").strip().lower()


def _undo_coding(content: bytes, coding: str, offset: int) -> Decoded:
    if coding not in _GZIP:
        return Decoded(None, (Defect("content-coding-unknown", offset, _CLAUSE, coding[:32]),))
    found = _inflate(content, _AUTOMATIC_HEADER)
    if found is None and coding == "deflate":
        found = _inflate(content, -zlib.MAX_WBITS)  # raw, as many send it (RFC 9110 §8.4.1.2)
    if found is None:
        return Decoded(None, (Defect("content-coding-broken", offset, _CLAUSE, coding),))
    inflated, ended = found
    if len(inflated) > MAX_DECODED_OCTETS:
        return Decoded(None, (Defect("decoded-body-too-large", offset, _CLAUSE, str(MAX_DECODED_OCTETS)),))
    return Decoded(inflated, () if ended else (Defect("content-coding-cut-short", offset, _CLAUSE, coding),))


def _inflate(content: bytes, window: int) -> tuple[bytes, bool] | None:
    """The inflated octets, one more than the bound at most, and whether their end was reached."""
    inflater = zlib.decompressobj(window)
    try:
        return inflater.decompress(content, MAX_DECODED_OCTETS + 1), inflater.eof
    except zlib.error:
        return None


def _undo_transfer(content: bytes, encoding: str, offset: int) -> Decoded:
    if encoding in _PLAIN_TRANSFER:
        return Decoded(content)
    if encoding == "quoted-printable":
        return Decoded(binascii.a2b_qp(content))
    if encoding != "base64":
        return Decoded(None, (Defect("transfer-encoding-unknown", offset, _TRANSFER_CLAUSE, encoding[:32]),))
    digits = _NOT_BASE64.sub(b"", content)
    if len(digits) % 4 == 1:
        return Decoded(None, (Defect("transfer-encoding-broken", offset, _TRANSFER_CLAUSE, encoding),))
    return Decoded(binascii.a2b_base64(digits + b"=" * (-len(digits) % 4)))
