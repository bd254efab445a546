# SPDX-License-Identifier: GPL-2.0-only
"""The auditor's key file: tables in TOML, or as they are pasted crypto lines, a key log, a private key in PEM."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from analyzer.errors import KeyMaterialError
from analyzer.keying.key_files import PEM_MARK, read_file, read_head, read_key_log, read_private_key
from analyzer.keying.key_ring import DtlsEntry, KeyRing, PrivateKeyEntry, SrtpEntry
from analyzer.keying.key_ring_tables import READERS, read_srtp
from analyzer.keying.key_table import KeyTable, closest, shown
from dissectors.grammar.errors import Malformed
from dissectors.grammar.key_log import parse_key_log_line
from dissectors.grammar.late_dataclass import dataclass

MAX_KEY_FILE_OCTETS = 1 << 20
DESCRIPTION = "sample"  # a sample's sidecar says there what its capture is; the rest of it is a key file
HEAD_OCTETS = 1 << 16
_SDP = re.compile(rb"v=0\s*$|m=[a-z]+ ")  # a pasted session description
_CRYPTO = re.compile(rb"(?:a=)?crypto:|[0-9]{1,9}[ \t]+[A-Za-z0-9_]+[ \t]+inline:")
_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*(?P<name>[A-Za-z0-9_\"'-]+)[ \t]*\]\]?[ \t]*(?:#.*)?")
_FIELD = re.compile(r"[ \t]*[\"']?(?P<name>[A-Za-z0-9_-]+)[\"']?[ \t]*=")


def read_key_ring(path: str | Path) -> KeyRing:
    """Read a key file; raises `KeyMaterialError`, which names file, line, table and field but never a key.

    The table `sample` of a sample's sidecar is passed over. Instead of TOML the file may hold what auditors have at
    hand: pasted `a=crypto` lines, an NSS key log, or a private key in PEM.
    """
    path = Path(path)
    plain = _read_plain(path)
    if plain is not None:
        return plain
    document, text = _read_document(path)
    places = _find_places(text)
    entries: dict[str, list[object]] = {name: [] for name in READERS}
    for name, tables in document.items():
        if name == DESCRIPTION:
            continue
        if name not in READERS:
            line = places.first(name)
            place = f"{path}:{line}" if line else str(path)
            message = f"{place}: unknown table {shown(name)}; {closest(name, READERS)}"
            raise KeyMaterialError(message)
        fields, read = READERS[name]
        for table in _tables(path, name, tables, places):
            table.refuse_unknown(fields)
            entries[name].append(read(table))
    return KeyRing(**{name: tuple(values) for name, values in entries.items()})  # type: ignore[arg-type]


def _read_plain(path: Path) -> KeyRing | None:
    """The keys of a file that is no TOML, told by its first line that says anything."""
    lines = enumerate(read_head(path, HEAD_OCTETS).split(b"\n"), start=1)
    first = next((line.strip() for _, line in lines if line.strip() and not line.lstrip().startswith(b"#")), b"")
    if first.startswith(PEM_MARK):
        return KeyRing(private_key=(PrivateKeyEntry(path, read_private_key(path), 1),))
    if _CRYPTO.match(first) or _SDP.match(first):
        return KeyRing(srtp=tuple(_read_crypto_lines(path)))
    try:
        parse_key_log_line(first)
    except Malformed:
        return None
    return KeyRing(dtls=(DtlsEntry(path, read_key_log(path), 1),)) if first else None


def _read_crypto_lines(path: Path) -> Iterator[SrtpEntry]:
    text = read_file(path, MAX_KEY_FILE_OCTETS).decode("utf-8", "replace")
    is_description = any(_SDP.match(line) for line in text.encode().split(b"\n"))
    if is_description and "a=crypto:" not in text:
        message = f"{path}: a session description without a=crypto lines"
        raise KeyMaterialError(message)
    for number, line in enumerate(text.split("\n"), start=1):
        passed_over = is_description and not line.lstrip().startswith("a=crypto:")
        if line.strip() and not line.lstrip().startswith("#") and not passed_over:
            yield read_srtp(KeyTable(path, "srtp", {"crypto": line.strip()}, number, {}))


def _read_document(path: Path) -> tuple[dict[str, object], str]:
    octets = read_file(path, MAX_KEY_FILE_OCTETS)
    try:
        text = octets.decode()
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at octet {error.start}"
        raise KeyMaterialError(message) from error
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        found = re.search(r"at line (\d+), column \d+", str(error))
        place = f"{path}:{found[1]}" if found else str(path)
        message = f"{place}: not TOML ({found[0] if found else 'at its end'}); are all values in quotes?"
        raise KeyMaterialError(message) from None  # tomllib's own words may quote the file
    except RecursionError:
        message = f"{path}: nested too deeply"
        raise KeyMaterialError(message) from None


@dataclass(frozen=True, slots=True)
class _Places:
    """Where each table starts, by name in order, and where its fields stand; lines counted from 1."""

    tables: dict[str, list[tuple[int, dict[str, int]]]]

    def first(self, name: str) -> int:
        """The line of the first table of that name, 0 if it was not found."""
        return self.tables[name][0][0] if name in self.tables else 0

    def of(self, name: str, index: int) -> tuple[int, dict[str, int]]:
        """Line and field lines of the table; no lines where it is written in another form."""
        found = self.tables.get(name, [])
        return found[index] if index < len(found) else (0, {})


def _find_places(text: str) -> _Places:
    tables: dict[str, list[tuple[int, dict[str, int]]]] = {}
    fields: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(line.rstrip("\r")):
            fields = {}
            tables.setdefault(header["name"].strip("\"'"), []).append((number, fields))
        elif found := _FIELD.match(line):
            fields.setdefault(found["name"], number)
    return _Places(tables)


def _tables(path: Path, name: str, tables: object, places: _Places) -> list[KeyTable]:
    found = tables if isinstance(tables, list) else [tables]
    read = []
    for index, values in enumerate(found):
        line, lines = places.of(name, index)
        if not isinstance(values, dict):
            place = f"{path}:{line}" if line else str(path)
            message = f"{place}: {name} must be a table: write [[{name}]]"
            raise KeyMaterialError(message)
        read.append(KeyTable(path, name, values, line, lines))
    return read
