# SPDX-License-Identifier: GPL-2.0-only
"""The auditor's own knowledge of endpoints: `[[endpoint]]` tables of a TOML file with their lists."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from analyzer.errors import PolicyError
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.sdes import IANA_SUITES, canonical_suite
from dissectors.grammar.sip_address import bare_address

AGENT_PREFIX = "ua:"
# Key agreements as people write them: in either case, MIKEY's with or without that word.
KEY_AGREEMENTS = {mode.removeprefix("MIKEY-").upper(): mode for mode in MIKEY_MODES.values()}
KEY_AGREEMENTS |= {mode.upper(): mode for mode in (*MIKEY_MODES.values(), "SDES", "DTLS-SRTP", "ZRTP", "TLS")}
FIELDS = frozenset({"id", "key_agreements", "suites"})
_TABLE = re.compile(r"\s*\[\[\s*endpoint\s*\]\]\s*(?:#.*)?")
_LINE = re.compile(r"at line ([0-9]+)")


class Endpoint(NamedTuple):
    """One endpoint of the inventory; a kind it does not list is absent from `preferences`."""

    id: str
    preferences: tuple[Preference, ...]


class Identity(NamedTuple):
    """What a call shows of one party: its address-of-record, the address it signals from, its User-Agent or Server."""

    aor: str | None
    address: str | None
    agent: str | None


class Inventory(NamedTuple):
    """Endpoints in the order of the file."""

    endpoints: tuple[Endpoint, ...] = ()

    def preferences(self, party: Identity, kind: CapabilityKind) -> tuple[Preference, ...]:
        """The list of one kind for a party: by address-of-record first, then by address, then by User-Agent prefix."""
        for matches in (_is_aor, _is_address, _is_agent):
            for endpoint in self.endpoints:
                found = tuple(one for one in endpoint.preferences if one.kind is kind)
                if found and matches(endpoint.id, party):
                    return found
        return ()

    @property
    def unregistered(self) -> tuple[str, ...]:
        """Suites that no registry has, each once: slips of the pen, or a maker's own."""
        listed = (one for endpoint in self.endpoints for one in endpoint.preferences)
        names = (one.name for one in listed if one.kind is CapabilityKind.SUITE and one.name not in IANA_SUITES)
        return tuple(dict.fromkeys(names))


def read_inventory(path: Path) -> Inventory:
    """The inventory in a TOML file; raises `PolicyError` with the line for anything that is not understood."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise _error(path, 0, error.strerror or "can't be read") from error
    except UnicodeDecodeError as error:
        raise _error(path, 0, "the inventory is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        raise _error(path, int(found[1]) if found else 0, str(error)) from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _TABLE.fullmatch(line)]
    for key in document:
        if key != "endpoint":
            raise _error(path, 0, f"unknown table or key {key!r}: an inventory holds [[endpoint]] tables")
    tables = document.get("endpoint", [])
    if not isinstance(tables, list):
        raise _error(path, 0, "[endpoint] must be written [[endpoint]]")
    places = lines if len(lines) == len(tables) else [0] * len(tables)
    return Inventory(tuple(_endpoint(table, path, place) for table, place in zip(tables, places, strict=True)))


def _error(path: Path, line: int, message: str) -> PolicyError:
    return PolicyError(f"{path}:{line}: {message}" if line else f"{path}: {message}")


def _endpoint(table: object, path: Path, line: int) -> Endpoint:
    if not isinstance(table, dict):
        raise _error(path, line, "an endpoint is a table")
    unknown = sorted(set(table) - FIELDS)
    if unknown:
        raise _error(path, line, f"unknown key {unknown[0]!r} in [[endpoint]]")
    name = table.get("id")
    if not isinstance(name, str) or not name.strip():
        raise _error(path, line, "an endpoint needs an id: an address-of-record, an address or ua:…")
    agreements = _list(table.get("key_agreements", {}), CapabilityKind.KEY_AGREEMENT, path, line)
    return Endpoint(name.strip(), (*agreements, *_list(table.get("suites", {}), CapabilityKind.SUITE, path, line)))


def _list(value: object, kind: CapabilityKind, path: Path, line: int) -> Iterable[Preference]:
    if not isinstance(value, dict):
        raise _error(path, line, 'a list is written { "NAME" = number, … }')
    names: set[str] = set()
    for written, number in value.items():
        name = canonical_suite(written) if kind is CapabilityKind.SUITE else KEY_AGREEMENTS.get(written.upper())
        if name is None:
            known = ", ".join(dict.fromkeys(KEY_AGREEMENTS.values()))
            raise _error(path, line, f"{written[:64]!r} is no key agreement; there are {known}")
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise _error(path, line, f"the priority of {written} must be a number from 0")
        if name in names:
            raise _error(path, line, f"{name} stands twice in one list")
        names.add(name)
        yield Preference(kind, name, number, Carrier.INVENTORY, True, None)


def _is_aor(name: str, party: Identity) -> bool:
    return party.aor is not None and bare_address(name) == bare_address(party.aor)


def _is_address(name: str, party: Identity) -> bool:
    return party.address is not None and name in (party.address, host_of(party.address))


def _is_agent(name: str, party: Identity) -> bool:
    return name.startswith(AGENT_PREFIX) and (party.agent or "").startswith(name.removeprefix(AGENT_PREFIX).strip())


def host_of(endpoint: str) -> str:
    """`address:port` without the port, `[address]:port` without brackets."""
    host, _, _ = endpoint.rpartition(":")
    return host.strip("[]")
