# SPDX-License-Identifier: GPL-2.0-only
"""What MIKEY exchanges leave for later ones: opened tickets and transfers, private keys, half-done IBAKE exchanges."""

from collections.abc import Iterable
from dataclasses import field
from typing import NamedTuple

from analyzer.keying.mikey_prf import KeyConstant, derive_mikey_key, message_label
from analyzer.keying.mikey_ticket import TicketBook
from analyzer.keying.mikey_ticket_updates import TransferBook
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey import EccPoint, MikeyMessage
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip_address import bare_address

NO_CSB_ID = 0xFFFFFFFF


class LearntKey(NamedTuple):
    """An identity's private key that a key management service sent, and for whom (RFC 6267 §4.2.1.3)."""

    key: Secret
    id: str | None


class SessionKey(NamedTuple):
    """K_SESSION of IBAKE as one reading of RFC 6267 §5.1 has it; `reading` names it where it is not the first one."""

    octets: Secret
    rand: bytes
    reading: str = ""

    def derive(self, constant: KeyConstant, octets: int, prf_function: int) -> Secret:
        """MPK or TGK: PRF(K_SESSION, constant ‖ 0xFF ‖ 0xFFFFFFFF ‖ RAND) (RFC 6267 §5.1)."""
        return derive_mikey_key(self.octets, message_label(constant, NO_CSB_ID, self.rand), octets, prf_function)


@dataclass(frozen=True, slots=True)
class IbakeBundle:
    """An IBAKE exchange as far as it was seen: first message, RANDs and stated identities in order, the points.

    `proved` is the reading of the session key that V showed to be the peers'.
    """

    first: MikeyMessage
    rands: tuple[bytes, ...] = ()
    identities: tuple[bytes, ...] = ()
    initiator: EccPoint | None = None
    responder: EccPoint | None = None
    proved: SessionKey | None = None


class IbakeBook:
    """The IBAKE exchanges of a capture set, by CSB ID and parties; `learnt` are private keys seen on their way."""

    def __init__(self) -> None:
        self.learnt: list[LearntKey] = []
        self._bundles: dict[tuple[int, frozenset[str]], IbakeBundle] = {}

    def find(self, message: MikeyMessage, parties: Iterable[str]) -> IbakeBundle | None:
        """The exchange that a message between `parties` belongs to."""
        return self._bundles.get((message.header.csb_id, frozenset(map(bare_address, parties))))

    def remember(self, message: MikeyMessage, parties: Iterable[str], bundle: IbakeBundle) -> None:
        """Keep what is known now."""
        self._bundles[message.header.csb_id, frozenset(map(bare_address, parties))] = bundle


@dataclass(frozen=True, slots=True)
class MikeyBooks:
    """The books of one audit."""

    tickets: TicketBook = field(default_factory=TicketBook)
    transfers: TransferBook = field(default_factory=TransferBook)
    ibake: IbakeBook = field(default_factory=IbakeBook)
