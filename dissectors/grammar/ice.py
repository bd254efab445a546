# SPDX-License-Identifier: GPL-2.0-only
"""ICE in SDP and in STUN: candidates and the user names by which connectivity checks find their line (RFC 8839)."""

import re
from typing import NamedTuple

from dissectors.grammar.stun import HEADER_OCTETS, is_stun

USERNAME = 0x0006
BINDING_REQUEST = 0x0001
_CANDIDATE = re.compile(
    r"([A-Za-z0-9+/]{1,32}) ([0-9]{1,5}) ([A-Za-z][A-Za-z0-9\-]*) ([0-9]{1,10}) (\S+) ([0-9]{1,5}) "
    r"typ ([a-z0-9\-]+)(?: .*)?"
)


class Candidate(NamedTuple):
    """One `a=candidate` (RFC 8839 §5.1): component 1 is RTP, 2 RTCP; `transport` in upper case."""

    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str


def parse_candidate(value: str) -> Candidate | None:
    """A candidate; None where the value has another form."""
    found = _CANDIDATE.fullmatch(value.strip())
    if found is None:
        return None
    return Candidate(int(found[2]), found[3].upper(), int(found[4]), found[5], int(found[6]), found[7])


def parse_check_username(data: bytes) -> tuple[str, str] | None:
    """The ufrags of whom a connectivity check goes to and of who sends it (RFC 8445 §7.2.2); None for all else."""
    if not is_stun(data) or int.from_bytes(data[:2], "big") != BINDING_REQUEST:
        return None
    position = HEADER_OCTETS
    while position + 4 <= len(data):
        kind, length = int.from_bytes(data[position : position + 2], "big"), data[position + 2 : position + 4]
        end = position + 4 + int.from_bytes(length, "big")
        if kind == USERNAME:
            to, colon, sender = data[position + 4 : end].decode("ascii", "replace").partition(":")
            return (to, sender) if colon else None
        position = end + (-end) % 4
    return None
