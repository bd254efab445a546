# SPDX-License-Identifier: GPL-2.0-only
"""The transport addresses that one call's exchanges announce, and from when to when each counts."""

from collections.abc import Collection, Iterator
from dataclasses import field
from typing import NamedTuple

from analyzer.calls.claims import FOREVER, LINGER_NS, LONG_AGO, AddressBook, Claim
from analyzer.calls.dialog import CallDraft, DraftExchange
from analyzer.calls.media_lines import DraftLine
from analyzer.calls.proposal import Session
from analyzer.model.call import MediaSide, Resolution, Side
from dissectors.grammar.late_dataclass import dataclass


class AddressBooks(NamedTuple):
    """Who holds which address: for RTP, and for what shares or accompanies its ports (RTCP, DTLS, ZRTP)."""

    rtp: AddressBook
    beside: AddressBook


@dataclass(slots=True)
class _Announced:
    """One address within one exchange: which lines, by which sides, with which peers."""

    lines: list[int] = field(default_factory=list)
    owners: set[Side] = field(default_factory=set)
    peers: dict[str, None] = field(default_factory=dict)


def add_claims(draft: CallDraft, wanted: Collection[str], books: AddressBooks) -> None:
    """Enter the call's claims on `wanted` addresses; others carry no media and cost nothing."""
    if draft.addresses.isdisjoint(wanted):
        return
    positions: dict[int, list[int]] = {}
    for position, line in enumerate(draft.lines):
        positions.setdefault(line.exchange, []).append(position)
    for book, with_rtcp in ((books.rtp, False), (books.beside, True)):
        held: set[tuple[Session, str]] = set()
        for exchange in draft.exchanges:
            lines = positions.get(exchange.exchange.number, [])
            for address, announced in _announced(draft.lines, lines, with_rtcp, wanted).items():
                _enter(book, draft, exchange, address, announced, held)


def _enter(
    book: AddressBook,
    draft: CallDraft,
    exchange: DraftExchange,
    address: str,
    announced: _Announced,
    held: set[tuple[Session, str]],
) -> None:
    key = (exchange.session, address)
    if key in held and not exchange.in_force:
        return  # the session before it stays in force (RFC 3261 §14.1)
    claim = Claim(
        begin=_begin(exchange, key in held),
        end=_end(draft, exchange),
        order=(draft.order, exchange.exchange.number),
        lines=tuple(announced.lines),
        owner=next(iter(announced.owners)) if len(announced.owners) == 1 else None,
    )
    for peer in announced.peers:
        book.add((address, peer), claim)
    answered = exchange.exchange.answered_ns
    book.add(address, claim._replace(begin=answered) if exchange.late and answered is not None else claim)
    if exchange.in_force:
        held.add(key)


def span_of(draft: CallDraft, exchange: DraftExchange) -> tuple[int, int]:
    """From when to when an exchange may have media, whatever address it uses."""
    return _begin(exchange, is_held=False), _end(draft, exchange)


def _begin(exchange: DraftExchange, is_held: bool) -> int:
    """An address in use passes to a new exchange with its answer; a new one counts from the offer."""
    shown = exchange.exchange
    if is_held and shown.answered_ns is not None:
        return shown.answered_ns
    if shown.resolution is Resolution.OFFER_UNSEEN and shown.number == 0:
        return LONG_AGO
    return shown.start_ns


def _end(draft: CallDraft, exchange: DraftExchange) -> int:
    shown = exchange.exchange
    if exchange.lost_ns is not None:
        return exchange.lost_ns + LINGER_NS
    if shown.resolution in (Resolution.REJECTED, Resolution.CANCELLED) and shown.final is not None:
        return shown.final.timestamp_ns + LINGER_NS
    return draft.end_ns + LINGER_NS if draft.over else FOREVER


def _announced(
    lines: tuple[DraftLine, ...], positions: list[int], with_rtcp: bool, wanted: Collection[str]
) -> dict[str, _Announced]:
    found: dict[str, _Announced] = {}
    for position in positions:
        for address, peers, side in _line_addresses(lines[position], with_rtcp):
            if address not in wanted:
                continue
            announced = found.setdefault(address, _Announced())
            if position not in announced.lines[-1:]:
                announced.lines.append(position)
            announced.owners.add(side)
            announced.peers.update(dict.fromkeys(peer for peer in peers if peer in wanted))
    return found


def _line_addresses(line: DraftLine, with_rtcp: bool) -> Iterator[tuple[str, tuple[str, ...], Side]]:
    """Address, the peer's addresses, and who announced it."""
    for mine, theirs, side in ((line.offer, line.answer, Side.OFFERER), (line.answer, line.offer, Side.ANSWERER)):
        peers = _addresses(theirs, with_rtcp)
        for address in _addresses(mine, with_rtcp):
            yield address, peers, side


def _addresses(side: MediaSide | None, with_rtcp: bool) -> tuple[str, ...]:
    if side is None:
        return ()
    announced = (side.address, side.rtcp_address) if with_rtcp else (side.address,)
    return tuple(dict.fromkeys(address for address in (*announced, *side.also) if address is not None))
