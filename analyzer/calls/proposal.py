# SPDX-License-Identifier: GPL-2.0-only
"""One offer of a call with its fate, as a transaction shows it (RFC 3264; RFC 6337 §2.2)."""

from typing import NamedTuple

from analyzer.calls.transaction import Pair
from analyzer.model.call import HopSight, Party, Resolution, SdpBody
from analyzer.model.evidence import AnySignalling

Dialog = tuple[str | None, str | None]  # tag of the caller, tag of the callee
Session = tuple[Dialog, Pair | None]


class Proposal(NamedTuple):
    """One offer with its fate, before repeats are left out.

    `early` says that the answer came in a provisional response and the INVITE was refused later. `status` is that of
    the final refusal. `hop` names the elements between which another session was described than nearest the caller.
    `optional` stands for what only media makes worth telling: an early dialog that another one's answer ended
    (at `lost_ns`), a hop whose description differs in addresses alone. `late` says that another dialog of the same
    INVITE was described before. `confirmed_ns` is when an ACK told of an answer that nobody saw.
    `onward` are the further hops that describe the same.
    """

    dialog: Dialog
    offer: SdpBody | None
    answer: SdpBody | None
    resolution: Resolution
    final: AnySignalling | None
    start_ns: int
    early: bool = False
    status: int = 0
    hop: Pair | None = None
    optional: bool = False
    late: bool = False
    lost_ns: int | None = None
    confirmed_ns: int | None = None
    onward: tuple[HopSight, ...] = ()

    @property
    def session(self) -> Session:
        """What follows each other in it replaces each other."""
        return self.dialog, self.hop

    @property
    def answered_ns(self) -> int | None:
        """When the answer was seen, or an ACK that tells of it."""
        return self.answer.message.timestamp_ns if self.answer else self.confirmed_ns

    @property
    def offerer(self) -> Party | None:
        """Who offered, also where only the answer was seen."""
        if self.offer is not None:
            return self.offer.party
        return other_party(self.answer.party) if self.answer else None


def other_party(party: Party) -> Party:
    """The one who is not `party`."""
    return Party.CALLEE if party is Party.CALLER else Party.CALLER
