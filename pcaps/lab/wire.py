# SPDX-License-Identifier: GPL-2.0-only
"""The calls of the experiment as captures: every message is real, and its MACs and signatures hold.

One exchange of each mode serves all calls, each in a capture of its own, so that a message is built once for each list.
"""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from analyzer.capture.writer import PcapngWriter
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
    list_digest,
)
from pcaps.calls import ALICE, BOB, MILLISECOND, START_NS, Call
from pcaps.keying import (
    DH,
    PKE,
    PSK,
    DhExchange,
    Exchange,
    PkeExchange,
    PskExchange,
    SdesKey,
    priorities,
    sdp_ids,
)
from pcaps.media import Track
from pcaps.samples import psk_keys
from pcaps.table_4 import KEY_FILES

NAME = "lab"
PACKETS = 5
EXCHANGES = {PSK: PskExchange, PKE: PkeExchange, DH: DhExchange}


@cache
def exchange(mode: int, suites: tuple[str, ...], *, old: bool = False) -> PskExchange | PkeExchange | DhExchange:
    """The exchange of a mode that offers these suites; an old one was made an hour before."""
    start_ns = START_NS - 3_600_000_000_000 if old else START_NS
    found: PskExchange | PkeExchange | DhExchange = EXCHANGES[mode](NAME, suites, start_ns=start_ns)
    return found


@cache
def initiator_list(modes: tuple[int, ...], suites: tuple[str, ...]) -> bytes:
    """The type-241 list of the initiator, its suites by the number of their policy."""
    return _list(
        Owner.INITIATOR, modes, [(EntryKind.SUITE_BY_POLICY, bytes([number])) for number in range(len(suites))]
    )


@cache
def responder_list(modes: tuple[int, ...], suites: tuple[str, ...], received: bytes) -> bytes:
    """The type-241 list of the responder, with the hash of the list it received."""
    return _list(Owner.RESPONDER, modes, [(EntryKind.SUITE_BY_NAME, suite.encode()) for suite in suites], received)


def _list(
    owner: Owner, modes: Sequence[int], suites: Sequence[tuple[EntryKind, bytes]], received: bytes | None = None
) -> bytes:
    entries = [PriorityEntry(EntryKind.KEY_AGREEMENT, number, bytes([mode])) for number, mode in enumerate(modes)]
    entries += [PriorityEntry(kind, number, value) for number, (kind, value) in enumerate(suites)]
    if received is not None:
        entries.append(PriorityEntry(EntryKind.PEER_LIST_DIGEST, 0, list_digest(received)))
    return build_priority_list(PriorityList(1, owner, Rule.MIN_SUM, tuple(entries)))


@cache
def offered(mode: int, suites: tuple[str, ...], *, lines: int = 0, listed: bytes = b"", old: bool = False) -> bytes:
    """An I_MESSAGE; with `lines` it counts the key-mgmt lines, with `listed` it carries that list."""
    extensions = ([sdp_ids(lines)] if lines else []) + ([priorities(listed)] if listed else [])
    return exchange(mode, suites, old=old).offer(extensions)


@cache
def answered(mode: int, suites: tuple[str, ...], suite: str, *, listed: bytes = b"", old: bool = False) -> bytes:
    """The R_MESSAGE that takes a suite."""
    extensions = [priorities(listed)] if listed else []
    return exchange(mode, suites, old=old).answer(suites.index(suite), extensions)


@cache
def refused(suite: str, told: tuple[str, ...]) -> tuple[bytes, bytes]:
    """An earlier I_MESSAGE with one suite, and the error message that refuses it and names what the responder has."""
    earlier = PskExchange(f"{NAME} refused", (suite,), start_ns=START_NS - 500 * MILLISECOND)
    return earlier.offer([sdp_ids(1)]), earlier.error(told)


def mikey_tracks(mode: int, suites: tuple[str, ...], suite: str, *, old: bool = False) -> tuple[Track, Track]:
    """Media of both directions under the exchange's keys."""
    taken: Exchange = exchange(mode, suites, old=old)
    return Track(taken.context(ALICE, suite), PACKETS), Track(taken.context(BOB, suite), PACKETS)


def sdes_tracks(theirs: SdesKey, ours: SdesKey) -> tuple[Track, Track]:
    """Media of both directions under the keys of two crypto lines."""
    return Track(theirs.context, PACKETS), Track(ours.context, PACKETS)


def key_file() -> str:
    """What opens every call: the pre-shared key, Bob's private key, both certificates, his exponent."""
    dh = DhExchange(NAME)
    exponent = f'\n\n[[dh]]\nprivate = "{dh.exponent(BOB):064x}"\n'
    return f"{psk_keys(PskExchange(NAME).psk, ALICE.uri)}{KEY_FILES}{exponent}"


def write(call: Call, path: Path) -> None:
    """The call as a capture."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for packet in call.packets():
        writer.write(packet.timestamp_ns, packet.frame)
    path.write_bytes(stream.getvalue())
