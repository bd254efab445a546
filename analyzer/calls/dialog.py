# SPDX-License-Identifier: GPL-2.0-only
"""One call from its messages alone: parties, state, exchanges and media lines, before any stream is bound."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from analyzer.calls.media_lines import DraftLine, announced_addresses, read_lines
from analyzer.calls.offer_answer import ProposalReader
from analyzer.calls.plain_dialog import PlainDialog, read_plain_dialog
from analyzer.calls.proposal import Dialog, Proposal, Session
from analyzer.calls.session_reader import SessionReader, security_of, unversioned
from analyzer.calls.transaction import Ledger, Pair, file_messages, pair_of, refusal_on
from analyzer.model.call import CallState, Exchange, Party, Resolution
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import SignallingMessage
from analyzer.model.policy import RETRY_SECONDS
from dissectors.grammar.sip_address import address_of_record

RETRY_STATUSES = (401, 407, 422)  # RFC 3261 §8.1.3.5, RFC 4028 §7.3: the same offer is asked for again
NANOSECONDS = 1_000_000_000
_IN_FORCE = (Resolution.ANSWERED, Resolution.OFFER_UNSEEN)


class DraftExchange(NamedTuple):
    """An exchange with the session it belongs to; `early`, `optional`, `late` and `lost_ns` as in `Proposal`."""

    exchange: Exchange
    session: Session
    early: bool
    optional: bool
    late: bool
    lost_ns: int | None

    @property
    def in_force(self) -> bool:
        """Whether media flows by it."""
        return self.exchange.resolution in _IN_FORCE


class CallDraft(NamedTuple):
    """A call without its media; `over` says that nothing more is expected of it."""

    call_id: str
    caller: str
    callee: str
    state: CallState
    over: bool
    messages: CallMessages
    exchanges: tuple[DraftExchange, ...]
    lines: tuple[DraftLine, ...]
    addresses: frozenset[str]  # all that its lines announce
    protocol: str = "sip"

    @property
    def sip_messages(self) -> tuple[SignallingMessage, ...]:
        """The messages, where they are SIP; none of another protocol."""
        return cast("tuple[SignallingMessage, ...]", self.messages) if self.protocol == "sip" else ()

    @property
    def start_ns(self) -> int:
        """Time of the first message."""
        return self.messages[0].timestamp_ns

    @property
    def end_ns(self) -> int:
        """Time of the last message."""
        return self.messages[-1].timestamp_ns

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Calls in the order they began, whatever came between."""
        first = self.messages[0]
        return first.timestamp_ns, first.capture, first.frame, self.call_id


def build_draft(
    call_id: str,
    messages: Sequence[SignallingMessage],
    sessions: SessionReader,
    retry_seconds: int = RETRY_SECONDS,
) -> CallDraft:
    """A call from all messages of its Call-ID in time order; at least one.

    A new offer later than `retry_seconds` after a refusal answers it no more.
    """
    plain = read_plain_dialog(messages, sessions)
    if plain is None:
        return _read_carefully(call_id, messages, sessions, retry_seconds * NANOSECONDS)
    return _from_plain(call_id, messages, plain)


def _from_plain(call_id: str, messages: Sequence[SignallingMessage], plain: PlainDialog) -> CallDraft:
    """As `_read_carefully` would have it."""
    sip, lines = plain.invite.sip, read_lines((plain.exchange,))
    return CallDraft(
        call_id,
        address_of_record(sip.from_uri or ""),
        address_of_record(sip.to_uri or ""),
        CallState.ENDED if plain.is_over else CallState.ANSWERED,
        plain.is_over,
        CallMessages(messages),
        (DraftExchange(plain.exchange, plain.session, early=False, optional=False, late=False, lost_ns=None),),
        lines,
        announced_addresses(lines),
    )


def _read_carefully(
    call_id: str, messages: Sequence[SignallingMessage], sessions: SessionReader, retry_within_ns: int
) -> CallDraft:
    """By transactions and hops, whatever the call is like."""
    ledger = file_messages(messages)
    reader = ProposalReader(ledger, sessions)
    exchanges = _number(_without_repeats(reader.read()), retry_within_ns)
    state = _state(ledger, reader.answered)
    caller, callee = _parties(ledger, messages)
    lines = read_lines(draft.exchange for draft in exchanges)
    return CallDraft(
        call_id=call_id,
        caller=caller,
        callee=callee,
        state=state,
        over=bool(ledger.byes) or state in (CallState.REJECTED, CallState.CANCELLED),
        messages=CallMessages(messages),
        exchanges=exchanges,
        lines=lines,
        addresses=announced_addresses(lines),
    )


def _parties(ledger: Ledger, messages: Sequence[SignallingMessage]) -> tuple[str, str]:
    first = next((message for message in messages if message.sip.method), messages[0])
    one, other = address_of_record(first.sip.from_uri or ""), address_of_record(first.sip.to_uri or "")
    return (one, other) if ledger.party(first) is Party.CALLER else (other, one)


def _state(ledger: Ledger, answered: set[Dialog]) -> CallState:
    if not ledger.initial_seen:
        return CallState.MID_CALL
    initial = [transaction for transaction in ledger.transactions if transaction.is_initial]
    if answered:
        ended = {_dialog_of(ledger, bye) for bye in ledger.byes}
        return CallState.ENDED if ended >= answered or (ended and len(answered) == 1) else CallState.ANSWERED
    last = initial[-1]
    failure = refusal_on(last.hops)
    if failure is not None:
        return CallState.CANCELLED if failure.sip.status == 487 else CallState.REJECTED
    return CallState.ENDED if ledger.byes and last.acks else CallState.TRYING


def _dialog_of(ledger: Ledger, bye: SignallingMessage) -> Dialog:
    one, other = bye.sip.from_tag, bye.sip.to_tag
    return (one, other) if ledger.party(bye) is Party.CALLER else (other, one)


def _without_repeats(proposals: list[Proposal]) -> list[Proposal]:
    """Leave out what says nothing new: refreshes of the session in force, and offers asked for again."""
    if len(proposals) < 2:
        return proposals
    kept = []
    current: dict[tuple[Session, Party], tuple[bytes, ...]] = {}
    followers = _followers(proposals)
    for proposal, follower in zip(proposals, followers, strict=True):
        bodies = [body for body in (proposal.offer, proposal.answer) if body is not None]
        told = {(proposal.session, body.party): unversioned(body.session) for body in bodies}
        if all(current.get(key) == lines for key, lines in told.items()) or _is_asked_again(proposal, follower):
            continue
        kept.append(proposal)
        if proposal.resolution in _IN_FORCE:
            current.update(told)
    return kept


def _followers(proposals: list[Proposal]) -> list[Proposal | None]:
    """For each proposal the next of the same party on the same hop."""
    following: dict[tuple[Party | None, Pair | None], Proposal] = {}
    followers: list[Proposal | None] = []
    for proposal in reversed(proposals):
        key = proposal.offerer, proposal.hop
        followers.append(following.get(key))
        if not proposal.optional:
            following[key] = proposal
    return followers[::-1]


def _is_asked_again(proposal: Proposal, follower: Proposal | None) -> bool:
    """Whether a refused offer is made again: alike after a challenge, else with the same lines."""
    if not proposal.status or proposal.answer or not (proposal.offer and follower and follower.offer):
        return False
    mine, next_one = proposal.offer.session, follower.offer.session
    if proposal.status in RETRY_STATUSES:
        return security_of(mine) == security_of(next_one)
    return unversioned(mine) == unversioned(next_one)


def _number(proposals: list[Proposal], retry_within_ns: int) -> tuple[DraftExchange, ...]:
    """Exchanges in order; one in force ends where the next of its dialog takes effect, a refused one when refused."""
    ends: list[int | None] = []
    following: dict[Session, int] = {}
    for proposal in reversed(proposals):
        if proposal.lost_ns is not None:
            ends.append(proposal.lost_ns)
        elif proposal.resolution in _IN_FORCE:
            ends.append(following.get(proposal.session))
            following[proposal.session] = proposal.answered_ns or proposal.start_ns
        else:
            ends.append(proposal.final.timestamp_ns if proposal.final else None)
    retries = _retries(proposals, retry_within_ns)
    return tuple(
        DraftExchange(
            _exchange(number, proposal, end, retries.get(number)),
            proposal.session,
            proposal.early,
            proposal.optional,
            proposal.late,
            proposal.lost_ns,
        )
        for number, (proposal, end) in enumerate(zip(proposals, reversed(ends), strict=True))
    )


def _retries(proposals: list[Proposal], retry_within_ns: int) -> dict[int, int]:
    """For each offer that follows a refused one of the same party on the same hop, the number of that one."""
    if len(proposals) < 2:
        return {}
    refused: dict[tuple[Party | None, Pair | None], int] = {}
    retries = {}
    for number, proposal in enumerate(proposals):
        if proposal.optional:
            continue
        keys = {(proposal.offerer, proposal.hop)}
        if proposal.offer is not None:
            keys.add((proposal.offerer, pair_of(proposal.offer.message)))
        found = [before for key in keys if (before := refused.pop(key, None)) is not None]
        if found and proposal.start_ns <= _settled_ns(proposals[max(found)]) + retry_within_ns:
            retries[number] = max(found)
        if proposal.resolution is Resolution.REJECTED:
            refused.update(dict.fromkeys(keys, number))
    return retries


def _settled_ns(proposal: Proposal) -> int:
    return proposal.final.timestamp_ns if proposal.final else proposal.start_ns


def _exchange(number: int, proposal: Proposal, end_ns: int | None, retry_of: int | None) -> Exchange:
    return Exchange(
        number=number,
        offer=proposal.offer,
        answer=proposal.answer,
        resolution=proposal.resolution,
        final=proposal.final,
        start_ns=proposal.start_ns,
        answered_ns=proposal.answered_ns,
        end_ns=end_ns,
        between=proposal.hop,
        retry_of=retry_of,
        onward=proposal.onward,
    )
