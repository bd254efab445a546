# SPDX-License-Identifier: GPL-2.0-only
"""`zrtp-hello`: the suites that a ZRTP Hello can make, and the one that the Commit takes (RFC 6189 §5.1.3, §5.1.4)."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from analyzer.model.call import MediaLine, Side
from analyzer.model.evidence import DatagramFlow, FrameRef
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from analyzer.model.zrtp_suites import ZRTP_SUITES
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.zrtp import ZrtpPacket, parse_zrtp, parse_zrtp_commit, parse_zrtp_hello

ZRTP = "ZRTP"
MAX_PACKETS = 64  # of one flow that are searched for Hello and Commit
MANDATORY_CIPHERS = ("AES1",)
MANDATORY_TAGS = ("HS32", "HS80")


class ZrtpExchange(NamedTuple):
    """What the ZRTP packets on a media line show; `agreed` when both sides spoke, or one committed."""

    offer: tuple[Preference, ...]
    answer: tuple[Preference, ...]
    agreed: bool
    chosen: str | None


def read_zrtp(line: MediaLine) -> ZrtpExchange:
    """Hello and Commit of both sides; a suite without a registered name is left out."""
    lists: dict[Side, tuple[Preference, ...]] = {}
    sources: set[str] = set()
    chosen: str | None = None
    committed = False
    for flow in line.zrtp:
        side = line.side_at(flow.source)
        for packet, ref in _iter_packets(flow):
            if packet.message_type == "Hello":
                sources.add(flow.source)
                if side is not None:
                    lists.setdefault(side, _preferences(packet, ref))
            elif packet.message_type == "Commit":
                committed = True
                chosen = _suite(packet) or chosen
    agreed = committed or len(sources) > 1
    return ZrtpExchange(lists.get(Side.OFFERER, ()), lists.get(Side.ANSWERER, ()), agreed, chosen)


def _iter_packets(flow: DatagramFlow) -> Iterator[tuple[ZrtpPacket, FrameRef]]:
    for index in range(min(len(flow), MAX_PACKETS)):
        try:
            yield parse_zrtp(flow.payload(index)), flow.ref(int(flow.frame[index]))
        except GrammarError:
            continue


def _suite(packet: ZrtpPacket) -> str | None:
    try:
        commit = parse_zrtp_commit(packet)
    except GrammarError:
        return None
    return ZRTP_SUITES.get((commit.cipher, commit.auth_tag))


def _preferences(packet: ZrtpPacket, ref: FrameRef) -> tuple[Preference, ...]:
    """The key agreement and every suite that the Hello's ciphers and tags make, the mandatory ones included (§5.1.5).

    The two are negotiated apart, so the suites have no order.
    """
    method = Preference(CapabilityKind.KEY_AGREEMENT, ZRTP, None, Carrier.ZRTP_HELLO, None, ref)
    try:
        hello = parse_zrtp_hello(packet)
    except GrammarError:
        return (method,)
    pairs = product((*hello.ciphers, *MANDATORY_CIPHERS), (*hello.auth_tags, *MANDATORY_TAGS))
    names = dict.fromkeys(ZRTP_SUITES[pair] for pair in pairs if pair in ZRTP_SUITES)
    suites = (Preference(CapabilityKind.SUITE, name, None, Carrier.ZRTP_HELLO, None, ref) for name in names)
    return (method, *suites)
