# SPDX-License-Identifier: GPL-2.0-only
"""ZRTP exchanges as their messages show them: who committed, what was chosen, what all keys depend on (RFC 6189 §4)."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from analyzer.keying.dtls_handshakes import in_order
from analyzer.model.evidence import DatagramFlow
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.zrtp import (
    ZrtpCommit,
    ZrtpConfirm,
    ZrtpHello,
    ZrtpPacket,
    parse_zrtp,
    parse_zrtp_commit,
    parse_zrtp_confirm,
    parse_zrtp_hello,
)

MAX_PACKETS = 256  # of one pair of endpoints
HASHES = {"S256": "sha256", "S384": "sha384", "N256": "sha3_256", "N384": "sha3_384"}
# Modes in which no Diffie-Hellman messages are sent (§4.4.2, §4.4.3).
WITHOUT_DH = frozenset({"Mult", "Prsh"})


class ZrtpHandshake(NamedTuple):
    """One exchange between two endpoints; `context` is KDF_Context, None where a message of it is missing (§4.4.1.4).

    `confirms` are Confirm1 of the responder and Confirm2 of the initiator, as far as they were seen.
    """

    initiator: str
    responder: str
    ssrcs: dict[str, int]
    hellos: dict[str, ZrtpHello]
    commit: ZrtpCommit
    context: bytes | None
    confirms: dict[str, ZrtpConfirm]

    @property
    def hash_name(self) -> str | None:
        """The negotiated hash as Python names it, None for one that is not known here."""
        return HASHES.get(self.commit.hash)


class _Exchange:
    """The last message of each kind from each endpoint."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], ZrtpPacket] = {}
        self.packets = 0

    def feed(self, source: str, packet: ZrtpPacket) -> None:
        """Take one packet."""
        self.packets += 1
        if self.packets <= MAX_PACKETS:
            self.last[source, packet.message_type] = packet

    def read(self, ends: tuple[str, str]) -> ZrtpHandshake | None:
        """The exchange, None as long as nobody has committed."""
        responder = self._responder(ends)
        if responder is None:
            return None
        initiator = ends[0] if responder == ends[1] else ends[1]
        try:
            commit = parse_zrtp_commit(self.last[initiator, "Commit"])
        except GrammarError:
            return None
        hellos, confirms = dict(self._hellos()), dict(self._confirms())
        ssrcs = {source: packet.ssrc for (source, _), packet in self.last.items()}
        context = self._context(initiator, responder, commit, hellos)
        return ZrtpHandshake(initiator, responder, ssrcs, hellos, commit, context, confirms)

    def _responder(self, ends: tuple[str, str]) -> str | None:
        """Who answers: the sender of DHPart1 or Confirm1, else the one who did not commit (§4.2)."""
        for kind in ("DHPart1", "Confirm1"):
            for end in ends:
                other = ends[0] if end == ends[1] else ends[1]
                if (end, kind) in self.last and (other, "Commit") in self.last:
                    return end
        committed = [end for end in ends if (end, "Commit") in self.last]
        return None if len(committed) != 1 else next(end for end in ends if end != committed[0])

    def _hellos(self) -> Iterator[tuple[str, ZrtpHello]]:
        for (source, kind), packet in self.last.items():
            if kind == "Hello":
                try:
                    yield source, parse_zrtp_hello(packet)
                except GrammarError:
                    continue

    def _confirms(self) -> Iterator[tuple[str, ZrtpConfirm]]:
        for (source, kind), packet in self.last.items():
            if kind in {"Confirm1", "Confirm2"}:
                try:
                    yield source, parse_zrtp_confirm(packet)
                except GrammarError:
                    continue

    def _context(
        self, initiator: str, responder: str, commit: ZrtpCommit, hellos: dict[str, ZrtpHello]
    ) -> bytes | None:
        """ZIDi ‖ ZIDr ‖ total_hash."""
        needed = [(responder, "Hello"), (initiator, "Commit")]
        if commit.key_agreement not in WITHOUT_DH:
            needed += [(responder, "DHPart1"), (initiator, "DHPart2")]
        name = HASHES.get(commit.hash)
        if name is None or responder not in hellos or any(place not in self.last for place in needed):
            return None
        total = hashlib.new(name, b"".join(self.last[place].message for place in needed)).digest()
        return commit.zid + hellos[responder].zid + total


def read_zrtp_handshakes(flows: Sequence[DatagramFlow]) -> tuple[ZrtpHandshake, ...]:
    """The exchange of each pair of endpoints in which one committed."""
    exchanges: dict[tuple[str, str], _Exchange] = {}
    for flow, index in in_order(flows):
        try:
            packet = parse_zrtp(flow.payload(index))
        except GrammarError:
            continue
        ends = (min(flow.source, flow.destination), max(flow.source, flow.destination))
        exchanges.setdefault(ends, _Exchange()).feed(flow.source, packet)
    found = (exchange.read(ends) for ends, exchange in exchanges.items())
    return tuple(handshake for handshake in found if handshake is not None)


def hello_hashes(flows: Sequence[DatagramFlow]) -> dict[str, frozenset[str]]:
    """What `zrtp-hash` may say for each endpoint: SHA-256 over each of its Hello messages, in hexadecimal (§8)."""
    found: dict[str, set[str]] = {}
    for flow, index in islice(in_order(flows), MAX_PACKETS):
        try:
            packet = parse_zrtp(flow.payload(index))
        except GrammarError:
            continue
        if packet.message_type == "Hello":
            found.setdefault(flow.source, set()).add(hashlib.sha256(packet.message).hexdigest())
    return {source: frozenset(hashes) for source, hashes in found.items()}
