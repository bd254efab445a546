# SPDX-License-Identifier: GPL-2.0-only
"""Via: the hops a request came by (RFC 3261 §20.42, RFC 3581)."""

import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import parse_params, split_header_list
from dissectors.grammar.sip_uri import parse_host

MAGIC_COOKIE = "z9hG4bK"
_SENT = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]+)\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+"
    r"(\[[^\]\s]*\]|[^:;,\s\[\]]+)(?:\s*:\s*([0-9]{1,5}))?\s*"
)


class Via(NamedTuple):
    """One hop: `protocol` as `SIP/2.0`, `transport` in upper case, the sent-by host without brackets."""

    protocol: str
    transport: str
    host: str
    port: int | None
    params: tuple[tuple[str, str | None], ...]
    defects: tuple[Defect, ...] = ()

    def param(self, name: str) -> str | None:
        """The first parameter of this name in any case; "" for a flag, None when absent."""
        return next((value or "" for key, value in self.params if key.lower() == name), None)


def parse_via(value: str) -> Via:
    """One Via value; never raises: what strays from the grammar stands in `defects`."""
    sent, semicolon, rest = value.partition(";")
    found = _SENT.fullmatch(sent.strip())
    params = parse_params(rest)  # none need be there: a hop of RFC 2543 sets no branch
    defects: list[Defect] = []
    if semicolon and len(params) != rest.count(";") + 1 and '"' not in rest:
        defects.append(Defect("empty-parameter", 0, "RFC 3261 §25.1", value[:64]))
    if found is None:
        defects.append(Defect("via-form", 0, "RFC 3261 §20.42", sent[:64]))
        return Via("", "", "", None, params, tuple(defects))
    host, defect = parse_host(found[4])
    if defect is not None:
        defects.append(defect)
    if host == "255.255.255.255":
        defects.append(Defect("via-broadcast-address", 0, "RFC 4475 §3.3.10", host))
    via = Via(f"{found[1]}/{found[2]}", found[3].upper(), host, int(found[5]) if found[5] else None, params)
    return via._replace(defects=tuple(defects + _parameter_defects(via)))


def parse_via_list(values: tuple[str, ...]) -> tuple[tuple[Via, ...], tuple[Defect, ...]]:
    """All hops, the last first, of the values of all Via fields; empty members of a list are a defect."""
    defects = []
    vias = []
    for value in values:
        members = split_header_list(value)
        if value.count(",") >= len(members) and '"' not in value:
            defects.append(Defect("empty-list-member", 0, "RFC 3261 §7.3.1", value[:64]))
        vias += [parse_via(member) for member in members]
    return tuple(vias), tuple(defects)


def _parameter_defects(via: Via) -> list[Defect]:
    defects = []
    branch, received = via.param("branch"), via.param("received")
    if branch == MAGIC_COOKIE:
        defects.append(Defect("branch-cookie-only", 0, "RFC 3261 §8.1.1.7", branch))
    if received is not None and received.startswith("["):
        defects.append(Defect("received-with-brackets", 0, "RFC 5118 §4.5", received[:64]))
    return defects
