# SPDX-License-Identifier: GPL-2.0-only
"""Addresses and comma lists of SIP header values (RFC 3261 §20, §25.1)."""

import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PLAIN_DISPLAY_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t]*")
_SEPARATOR = re.compile(r'[",;<>]')
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class NameAddr(NamedTuple):
    """One `name-addr` or `addr-spec` with its parameters in order; a parameter without `=` has the value None."""

    display_name: str
    uri: str
    params: tuple[tuple[str, str | None], ...]
    defects: tuple[Defect, ...] = ()

    def param(self, name: str) -> str | None:
        """The first parameter called `name` (any case), quotes removed; None when absent or without a value."""
        wanted = name.lower()
        for key, value in self.params:
            if key.lower() == wanted:
                return value
        return None


def _split(value: str, separator: str) -> list[tuple[int, str]]:
    """Pieces between `separator`s that stand outside quotes and angle brackets, with their offsets; linear."""
    pieces: list[tuple[int, str]] = []
    start = position = depth = 0
    while (found := _SEPARATOR.search(value, position)) is not None:
        position, mark = found.end(), found[0]
        if mark == '"':
            quoted = _QUOTED.match(value, found.start())
            if quoted is None:
                break
            position = quoted.end()
        elif mark == "<":
            depth = 1
        elif mark == ">":
            depth = 0
        elif mark == separator and not depth:
            pieces.append((start, value[start : found.start()]))
            start = position
    pieces.append((start, value[start:]))
    return pieces


def split_header_list(value: str) -> tuple[str, ...]:
    """The members of a comma-separated header value, stripped; commas in quotes or `<>` do not separate (§7.3.1)."""
    if "," not in value:
        stripped = value.strip()
        return (stripped,) if stripped else ()
    return tuple(piece for _, text in _split(value, ",") if (piece := text.strip()))


def unquote(text: str) -> str:
    """A `quoted-string` without its quotes and escapes; any other text unchanged (RFC 3261 §25.1)."""
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


def parse_params(text: str) -> tuple[tuple[str, str | None], ...]:
    """`;name=value;flag` as pairs in order, values unquoted; empty pieces are left out."""
    params: list[tuple[str, str | None]] = []
    for _, piece in _split(text, ";"):
        name, equals, value = piece.partition("=")
        if name := name.strip():
            params.append((name, unquote(value.strip()) if equals else None))
    return tuple(params)


def _split_display_name(value: str) -> tuple[str, int, list[Defect]]:
    """The display name, where the rest starts, and what is wrong with it."""
    stripped = value.lstrip()
    lead = len(value) - len(stripped)
    if stripped.startswith('"'):
        quoted = _QUOTED.match(value, lead)
        if quoted is not None:
            return unquote(quoted[0]), quoted.end(), []
        defect = Defect("quoted-string-without-end", lead, "RFC 3261 §25.1")
        bracket = value.find("<", lead)
        end = bracket if bracket >= 0 else len(value)
        return value[lead + 1 : end].strip(), end, [defect]
    bracket = value.find("<", lead)
    if bracket < 0:
        return "", lead, []
    name = value[lead:bracket].strip()
    if _PLAIN_DISPLAY_NAME.fullmatch(name):
        return name, bracket, []
    return name, bracket, [Defect("display-name-not-token", lead, "RFC 3261 §25.1", name[:64])]


def parse_name_addr(value: str) -> NameAddr:
    """One From, To, Contact, Route … value (RFC 3261 §20.10): never raises; what is odd stands in `defects`.

    Without `<>`, everything after the first `;` is a header parameter, not a URI parameter.
    """
    display_name, position, defects = _split_display_name(value)
    opening = value.find("<", position)
    if opening < 0:
        uri, _, rest = value[position:].partition(";")
        if "?" in uri or "," in uri:
            defects.append(Defect("addr-spec-needs-brackets", position, "RFC 3261 §20"))
    else:
        if junk := value[position:opening].strip():
            defects.append(Defect("text-before-bracket", position, "RFC 3261 §25.1", junk[:64]))
        closing = value.find(">", opening)
        if closing < 0:
            defects.append(Defect("bracket-without-end", opening, "RFC 3261 §25.1"))
            closing = len(value)
        uri, rest = value[opening + 1 : closing], value[closing + 1 :]
    stripped = uri.strip()
    if opening >= 0 and stripped != uri:
        defects.append(Defect("space-in-addr-spec", opening + 1, "RFC 3261 §25.1"))
    if not stripped:
        defects.append(Defect("address-without-uri", position, "RFC 3261 §20.10"))
    return NameAddr(display_name, stripped, parse_params(rest), tuple(defects))


def address_of_record(uri: str) -> str:
    """A URI without parameters and headers, as registrars compare them (RFC 3261 §10.3); other text as it is."""
    user, at, host = uri.strip().strip("<>").rpartition("@")
    return f"{user}{at}{host.partition(';')[0].partition('?')[0]}"


def bare_address(uri: str) -> str:
    """An address-of-record to compare by: without scheme, the host in lower case (RFC 3261 §19.1.4)."""
    text = address_of_record(uri)
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in {"sip", "sips", "tel", "mailto"}:
        text = rest
    user, at, host = text.rpartition("@")
    return f"{user}{at}{host.lower()}"
