# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY error messages that refused offers, verified for whoever asks what another call of the capture set shows."""

from collections.abc import Iterable

from analyzer.keying.key_mgmt_lines import read_key_mgmt
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_keying import Keymaster
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_refusals import read_refusal
from analyzer.keying.mikey_ticket import TicketBook
from analyzer.model.call import Call, MediaLine, Side
from analyzer.model.keying import MikeyEvidence
from dissectors.grammar.mikey.registries import DataType

_Refusals = dict[tuple[int, int], tuple[MikeyEvidence, ...]]
GRANTING = frozenset({DataType.REQUEST_RESP, DataType.RESOLVE_RESP})


class RefusalChecks:
    """Checks the refusals of a call when they are first asked for, with the keys at hand and that call alone.

    Only tickets come from elsewhere: from `tickets`, what is open already, and from the exchanges of `calls`.
    """

    def __init__(self, ring: KeyRing, tickets: TicketBook, calls: Iterable[Call]) -> None:
        self._ring = ring
        self._tickets = tickets
        self._granting = iter(calls)
        self._checked: dict[int, tuple[Call, _Refusals]] = {}

    def check(self, call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
        """The error messages with which the offer of `line` was refused, and what their V or signatures show."""
        known = self._checked.get(id(call))
        if known is None:
            known = self._checked[id(call)] = (call, self._check_all(call))
        return known[1].get((line.exchange.number, line.index), ())

    def _check_all(self, call: Call) -> _Refusals:
        refused = [line for line in call.media if read_refusal(line.exchange, line.index)]
        if not refused:
            return {}
        if any(map(_offers_ticket, refused)):
            self._take_granted()
        keymaster = Keymaster(self._ring, MikeyBooks(self._tickets))
        found = {}
        for line in call.media:
            keying = keymaster.key(call, line)
            if read_refusal(line.exchange, line.index):
                found[line.exchange.number, line.index] = keying.refusals
        return found

    def _take_granted(self) -> None:
        """Open what was granted in session descriptions, once: calls are keyed in turn, and this one's may be later."""
        for call in self._granting:
            for line in filter(_grants_ticket, call.media):
                Keymaster(self._ring, MikeyBooks(self._tickets)).key(call, line)


def _offers_ticket(line: MediaLine) -> bool:
    """Updates have no ticket of their own and stand on an earlier one's (RFC 6043 §5.2)."""
    kinds = {each.message.header.data_type for each in read_key_mgmt(line.offer, Side.OFFERER) if each.message}
    return DataType.TRANSFER_INIT in kinds


def _grants_ticket(line: MediaLine) -> bool:
    kinds = {each.message.header.data_type for each in read_key_mgmt(line.answer, Side.ANSWERER) if each.message}
    return bool(kinds & GRANTING)
