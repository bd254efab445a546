# SPDX-License-Identifier: GPL-2.0-only
"""Transactions of one call and the hops on which each was seen (RFC 3261 §17)."""

from collections.abc import Iterable
from dataclasses import field

from analyzer.model.call import Party
from analyzer.model.evidence import AnySignalling, SignallingMessage
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sip import SipMessage

Pair = tuple[str, str]
HopKey = tuple[str | None, Pair]
TransactionKey = tuple[str, str | None, int | None, str | None]
OFFERING = ("INVITE", "UPDATE", "PRACK")  # RFC 6337 §2.2: the requests whose transactions carry offers


def speaker(sip: SipMessage) -> str | None:
    """What tells one end of a dialog from the other in From: the tag, or the URI where there is none (RFC 2543)."""
    return sip.from_tag or sip.from_uri


@dataclass(slots=True)
class Hop:
    """A transaction between two neighbouring elements; each copy of a message stands once, in time order."""

    request: SignallingMessage | None = None
    responses: list[SignallingMessage] = field(default_factory=list)

    @property
    def endpoints(self) -> Pair:
        """The two elements in text order."""
        return pair_of(self.request or self.responses[0])

    def final_failure(self) -> SignallingMessage | None:
        """The first final response of 300 or above, if no 2xx is there."""
        failure = None
        for response in self.responses:
            status = response.sip.status or 0
            if 200 <= status < 300:
                return None
            if status >= 300 and failure is None:
                failure = response
        return failure


@dataclass(slots=True)
class Transaction:
    """One logical request with its responses, on every hop where it was seen, in order of first sight."""

    method: str
    number: int | None
    party: Party
    requester: str | None
    is_initial: bool = False  # asks for a dialog: an INVITE without To tag (RFC 3261 §12.1)
    cancelled: bool = False
    hops: list[Hop] = field(default_factory=list)
    acks: list[SignallingMessage] = field(default_factory=list)
    _by_key: dict[HopKey, Hop] = field(default_factory=dict)
    _by_branch: dict[str, Hop] = field(default_factory=dict)
    _by_pair: dict[Pair, Hop] = field(default_factory=dict)

    def add_request(self, message: SignallingMessage) -> None:
        """File a copy of the request under its hop."""
        key = (message.sip.branch, pair_of(message))
        hop = self._by_key.get(key) or self._open(key)
        hop.request = hop.request or message
        self.is_initial = self.is_initial or (self.method == "INVITE" and not message.sip.to_tag)

    def add_response(self, message: SignallingMessage) -> None:
        """File a response under the hop of its branch and endpoints, else of its branch, else of its endpoints."""
        branch, pair = key = (message.sip.branch, pair_of(message))
        hop = self._by_key.get(key) or self._by_branch.get(branch or "") or self._by_pair.get(pair)
        (hop or self._open(key)).responses.append(message)

    def is_asked_again_by(self, message: SignallingMessage) -> bool:
        """Whether a request with this CSeq is a new attempt: the same elements, after a refusal, another branch."""
        hop = self._by_pair.get(pair_of(message))
        if hop is None or hop.request is None or hop.request.sip.branch == message.sip.branch:
            return False
        return hop.final_failure() is not None

    def first_hop(self, home: Pair | None) -> Hop:
        """The hop that speaks for the transaction: the one between the `home` endpoints, else the first seen."""
        if len(self.hops) == 1:
            return self.hops[0]
        asked = [hop for hop in self.hops if hop.request] or self.hops or [Hop()]
        return next((hop for hop in asked if hop.request and hop.endpoints == home), asked[0])

    def _open(self, key: HopKey) -> Hop:
        hop = self._by_key[key] = self._by_pair[key[1]] = Hop()
        if key[0]:
            self._by_branch.setdefault(key[0], hop)
        self.hops.append(hop)
        return hop


@dataclass(slots=True)
class Ledger:
    """The messages of one Call-ID sorted into transactions.

    `caller_speakers` are the From identities of the caller: of the first request and of each dialog-forming INVITE.
    """

    caller_speakers: set[str | None] = field(default_factory=set)
    transactions: list[Transaction] = field(default_factory=list)
    byes: list[SignallingMessage] = field(default_factory=list)
    initial_seen: bool = False
    _by_key: dict[TransactionKey, Transaction] = field(default_factory=dict)

    def party(self, message: SignallingMessage) -> Party:
        """Who asked: the party that sent the request, also when `message` is a response to it."""
        return Party.CALLER if speaker(message.sip) in self.caller_speakers else Party.CALLEE

    def add(self, message: SignallingMessage) -> None:
        """File one message that is no retransmission."""
        sip = message.sip
        method = sip.method or sip.cseq_method
        if sip.method == "INVITE" and not sip.to_tag:
            self.initial_seen = True
            self.caller_speakers.add(speaker(sip))
        if method in OFFERING:
            self._transact(method, message)
        elif method == "BYE" and sip.method:
            self.byes.append(message)
        elif method in ("ACK", "CANCEL") and sip.method:
            self._attach(message)

    def _transact(self, method: str, message: SignallingMessage) -> None:
        transaction = self._find(method, message)
        if message.sip.method is None:
            (transaction or self._open(method, message)).add_response(message)
        elif transaction is None or transaction.is_asked_again_by(message):
            self._open(method, message).add_request(message)
        else:
            transaction.add_request(message)

    def _attach(self, message: SignallingMessage) -> None:
        """ACK and CANCEL belong to the INVITE with their CSeq number (RFC 3261 §9.1, §13.2.2.4)."""
        transaction = self._find("INVITE", message)
        if message.sip.method == "ACK":
            (transaction or self._open("INVITE", message)).acks.append(message)
        elif transaction is not None:
            transaction.cancelled = True

    def _find(self, method: str, message: SignallingMessage) -> Transaction | None:
        return self._by_key.get(_transaction_key(method, message.sip))

    def _open(self, method: str, message: SignallingMessage) -> Transaction:
        transaction = Transaction(method, message.sip.cseq_number, self.party(message), speaker(message.sip))
        self._by_key[_transaction_key(method, message.sip)] = transaction
        self.transactions.append(transaction)
        return transaction


def file_messages(messages: Iterable[SignallingMessage]) -> Ledger:
    """The transactions of one Call-ID from all its messages in time order; retransmissions are passed over."""
    messages = tuple(messages)
    first = next((message for message in messages if message.sip.method), messages[0])
    ledger = Ledger({speaker(first.sip)})
    for message in messages:
        if message.retransmission_of is None:
            ledger.add(message)
    return ledger


def refusal_on(hops: list[Hop]) -> SignallingMessage | None:
    """The refusal that reached the requester; that of a further hop counts only if the first shows no response."""
    if hops and hops[0].responses:
        return hops[0].final_failure()
    return next((failure for hop in hops if (failure := hop.final_failure())), None)


def pair_of(message: AnySignalling) -> Pair:
    """The two endpoints of a message in text order, so that both directions of a hop agree."""
    one, other = message.source, message.destination
    return (one, other) if one < other else (other, one)


def _transaction_key(method: str, sip: SipMessage) -> TransactionKey:
    """Forked dialogs number UPDATE and PRACK apart, so their To tag counts; an INVITE gets its tag late."""
    return method, speaker(sip), sip.cseq_number, None if method == "INVITE" else sip.to_tag
