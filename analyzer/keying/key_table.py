# SPDX-License-Identifier: GPL-2.0-only
"""One table of a key file, read field by field with errors that name file, line, table and field, never a value."""

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from analyzer.errors import KeyMaterialError
from dissectors.grammar.base64_text import parse_base64
from dissectors.grammar.secret import Secret

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_HEX_SPACING = re.compile(r"[\s:]+")
_DESTINATION = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_SHOWABLE = re.compile(r"[A-Za-z0-9_-]{1,24}")
BASE64_PREFIX = "base64:"
TEXT_PREFIX = "text:"
MAX_PORT = 0xFFFF


class Destination(NamedTuple):
    """Where packets go: an address in canonical text and a UDP port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def closest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that `name` resembles, or at all of them."""
    known = sorted(known)
    import difflib  # noqa: PLC0415 - for whoever misspelt a name

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def shown(name: str) -> str:
    """A name as an error may show it: what is too odd for a name might be a key in the wrong place."""
    return repr(name) if _SHOWABLE.fullmatch(name) else "a name"


class KeyTable:
    """The fields of one `[[name]]` table; `line` is where it starts, `lines` where each of its fields stands."""

    def __init__(self, path: Path, name: str, values: dict[str, object], line: int, lines: dict[str, int]) -> None:
        self.path = path
        self.name = name
        self.values = values
        self.line = line
        self.lines = lines

    def error(self, field: str, problem: str) -> KeyMaterialError:
        """The error to raise for `field` (empty: for the whole table)."""
        line = self.lines.get(field, self.line)
        place = f"{self.path}:{line}" if line else str(self.path)
        label = f"[[{self.name}]] {field}" if field else f"[[{self.name}]]"
        return KeyMaterialError(f"{place}: {label}: {problem}")

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raise for the first field that no such table has."""
        known = frozenset(known)
        for field in self.values:
            if field not in known:
                line = self.lines.get(field, self.line)
                place = f"{self.path}:{line}" if line else str(self.path)
                problem = f"unknown field {shown(field)}; {closest(field, known)}"
                message = f"{place}: [[{self.name}]]: {problem}"
                raise KeyMaterialError(message)

    def has(self, field: str) -> bool:
        """Whether the field is there."""
        return field in self.values

    def text(self, field: str) -> str:
        """A string that must be there."""
        value = self.values.get(field)
        if value is None:
            raise self.error("", f"{field!r} is missing")
        if not isinstance(value, str):
            raise self.error(field, "must be a string")
        return value

    def optional_text(self, field: str) -> str | None:
        """A string, or None where the field is absent."""
        return self.text(field) if self.has(field) else None

    def secret(self, field: str, *, may_be_empty: bool = False) -> Secret:
        """Octets as hex, `base64:…` or `text:…`."""
        text = self.text(field)
        octets = self._octets(field, text)
        if not octets and not may_be_empty:
            raise self.error(field, "is empty")
        return Secret(octets)

    def _octets(self, field: str, text: str) -> bytes:
        if text.startswith(TEXT_PREFIX):
            return text.removeprefix(TEXT_PREFIX).encode()
        if text.startswith(BASE64_PREFIX):
            octets = parse_base64(text.removeprefix(BASE64_PREFIX).strip()).octets
            if octets is None:
                raise self.error(field, "what follows base64: is not base64")
            return octets
        digits = _HEX_SPACING.sub("", text)
        if digits and not _HEX.fullmatch(digits):
            odd = re.fullmatch(r"[0-9A-Fa-f]+", digits) is not None
            detail = "has an odd number of hex digits" if odd else "is neither hex nor base64:… nor text:…"
            raise self.error(field, detail)
        return bytes.fromhex(digits)

    def integer(self, field: str, maximum: int) -> int:
        """An integer from 0 to `maximum`, which must be there."""
        value = self.values.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
            raise self.error(field, f"must be an integer from 0 to {maximum}")
        return value

    def integers(self, field: str, maximum: int) -> tuple[int, ...]:
        """A list of integers from 0 to `maximum`; empty where the field is absent."""
        values = self.values.get(field, [])
        if not isinstance(values, list):
            raise self.error(field, "must be a list of integers")
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
                raise self.error(field, f"must hold integers from 0 to {maximum}")
        return tuple(values)

    def destination(self, field: str) -> Destination:
        """`10.0.0.2:4000` or `[2001:db8::1]:4000`."""
        found = _DESTINATION.fullmatch(self.text(field).strip())
        if found is None or not 0 < int(found[3]) <= MAX_PORT:
            raise self.error(field, "must be address:port, an IPv6 address in brackets")
        try:
            address = ipaddress.ip_address(found[1] or found[2])
        except ValueError as error:
            raise self.error(field, "is not an IP address and port") from error
        return Destination(str(address), int(found[3]))

    def file(self, field: str) -> Path:
        """A path, relative to the key file's folder."""
        return self.path.parent / self.text(field)
