# SPDX-License-Identifier: GPL-2.0-only
"""Offers and what became of them, read from transactions (RFC 3264; RFC 6337 §2.2)."""

from dataclasses import field

from analyzer.calls.hop_sights import alike_onward, as_onward, contradicts, further_hops, read_told, seen_onward
from analyzer.calls.proposal import Dialog, Proposal, other_party
from analyzer.calls.session_reader import SessionReader, is_cut, unversioned
from analyzer.calls.transaction import Hop, Ledger, Pair, Transaction, refusal_on
from analyzer.model.call import Party, Resolution, SdpBody
from analyzer.model.evidence import AnySignalling, SignallingMessage
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sip_address import split_header_list
from dissectors.grammar.sip_extensions import parse_rack

_RELIABLE = ("PRACK", "UPDATE")  # requests that follow one, before the dialog is confirmed


@dataclass(slots=True)
class _EarlyDialog:
    """The responses with one To tag: what they described, each anew where it changed, and the first 2xx."""

    tag: str | None
    described: list[SdpBody] = field(default_factory=list)
    success: SignallingMessage | None = None

    @property
    def described_ns(self) -> int:
        """When its first session description was seen."""
        return self.described[0].message.timestamp_ns if self.described else 0

    def add(self, response: SignallingMessage, body: SdpBody | None) -> None:
        """Take a provisional response or a 2xx; what follows the first 2xx repeats it."""
        if self.success is not None:
            return
        if (response.sip.status or 0) >= 200:
            self.success = response
        if body is not None and not (self.described and _says_the_same(self.described[-1], body)):
            self.described.append(body)


@dataclass(slots=True)
class ProposalReader:
    """Reads the proposals of one call from its transactions; `home` is the hop nearest the caller, by endpoints."""

    ledger: Ledger
    sessions: SessionReader
    home: Pair | None = None
    proposals: list[Proposal] = field(default_factory=list)
    answered: set[Dialog] = field(default_factory=set)
    _consumed: set[int] = field(default_factory=set)  # transactions (by id) whose request was an answer, so no offer
    _pracks: dict[tuple[str | None, str | None, int], Transaction] = field(default_factory=dict)
    _agreed_ns: dict[str | None, int] = field(default_factory=dict)
    _reliable: set[Party] = field(default_factory=set)  # who asked for what only a reliable response allows

    def read(self) -> list[Proposal]:
        """All proposals in order of their start."""
        self._index_updates()
        for transaction in self.ledger.transactions:
            if transaction.method == "INVITE":
                if self.home is None and transaction.is_initial:
                    self.home = transaction.first_hop(None).endpoints
                self._read_invite(transaction)
        for transaction in self.ledger.transactions:
            if transaction.method != "INVITE":
                self._read_simple(transaction)
        self.proposals.sort(key=lambda proposal: proposal.start_ns)
        return self.proposals

    def _read_invite(self, transaction: Transaction) -> None:
        self._note_answers(transaction)
        first = nearest = len(self.proposals)
        for between, leg in self._legs(transaction):
            start = len(self.proposals)
            self._read_leg(transaction, leg)
            if between is None:
                nearest = len(self.proposals)
                further = further_hops(leg)
                if further:
                    told = (seen_onward(each, leg[0], further, self.sessions) for each in self.proposals[first:])
                    self.proposals[first:] = list(told)
            else:
                onward = [as_onward(each, between, self.proposals[first:start]) for each in self.proposals[start:]]
                self.proposals[start:] = onward
                self.proposals[first:nearest] = [alike_onward(each, onward) for each in self.proposals[first:nearest]]

    def _note_answers(self, transaction: Transaction) -> None:
        """The dialogs that a 2xx confirmed, as the hop nearest the caller saw them, else as any hop did."""
        home = transaction.first_hop(self.home)
        for hops in ([home], transaction.hops):
            tags = [each.sip.to_tag for hop in hops for each in hop.responses if 200 <= (each.sip.status or 0) < 300]
            if tags:
                self.answered.update(self._dialog(transaction, tag) for tag in tags)
                return

    def _read_leg(self, transaction: Transaction, leg: list[Hop]) -> None:
        """The dialogs that count: those with a 2xx, else the first described; after them the other early ones."""
        dialogs = self._early_dialogs(transaction, leg)
        counting = [dialog for dialog in dialogs if dialog.success] or _first_described(dialogs)
        lost_ns = min((each.success.timestamp_ns for each in counting if each.success), default=None)
        first_ns = min((each.described_ns for each in dialogs if each.described_ns), default=0)
        counted = {dialog.tag for dialog in counting}
        for dialog in counting or [_EarlyDialog(_to_tag(transaction))]:
            start = len(self.proposals)
            self._read_dialog(transaction, leg, dialog)
            if dialog.described_ns > first_ns:
                self.proposals[start:] = [each._replace(late=True) for each in self.proposals[start:]]
        for dialog in dialogs:
            if dialog.described and dialog.tag not in counted:
                start, late = len(self.proposals), dialog.described_ns > first_ns
                self._read_dialog(transaction, leg, dialog)
                lost = [each._replace(optional=True, late=late, lost_ns=lost_ns) for each in self.proposals[start:]]
                self.proposals[start:] = lost

    def _legs(self, transaction: Transaction) -> list[tuple[Pair | None, list[Hop]]]:
        """The hops nearest the caller, and those onward that carry other session descriptions."""
        home = self._leg(transaction)
        if len(home) == len(transaction.hops) or not home[0].request:
            return [(None, home)]
        others: dict[frozenset[bytes], list[Hop]] = {}
        at_home = set(map(id, home))
        for hop in transaction.hops:
            if hop.request and id(hop) not in at_home:
                others.setdefault(self._contents(hop, transaction.party), []).append(hop)
        return [(None, home), *((hops[0].endpoints, hops) for hops in others.values())]

    def _leg(self, transaction: Transaction) -> list[Hop]:
        """The hop that counts, then those that carry the same octets of session description."""
        first = transaction.first_hop(self.home)
        if len(transaction.hops) < 2 or first.request is None:
            return transaction.hops or [first]
        wanted = self._contents(first, transaction.party)
        rest = [hop for hop in transaction.hops if hop is not first]
        if not wanted:
            return [first, *rest]
        told = read_told(first, transaction.party, self.sessions)
        same = (hop for hop in rest if not (found := self._contents(hop, transaction.party)) or wanted & found)
        return [first, *(hop for hop in same if not contradicts(hop, told, transaction.party, self.sessions))]

    def _contents(self, hop: Hop, party: Party) -> frozenset[bytes]:
        """What a hop describes: the request's description, else those of its responses."""
        body = self.sessions.read(hop.request, party)
        if body is not None:
            return frozenset((body.session.raw,))
        return frozenset(raw for bodies in read_told(hop, party, self.sessions).values() for raw in bodies)

    def _early_dialogs(self, transaction: Transaction, leg: list[Hop]) -> list[_EarlyDialog]:
        dialogs: dict[str | None, _EarlyDialog] = {}
        party = other_party(transaction.party)
        for hop in leg:
            for response in hop.responses:
                status = response.sip.status or 0
                if not 100 < status < 300:
                    continue
                dialog = dialogs.setdefault(response.sip.to_tag, _EarlyDialog(response.sip.to_tag))
                dialog.add(response, self.sessions.read(response, party))
        return list(dialogs.values())

    def _read_dialog(self, transaction: Transaction, leg: list[Hop], dialog: _EarlyDialog) -> None:
        request = _whole_request(leg)
        described = self._described(dialog)
        offer = self.sessions.read(request, transaction.party)
        if offer is not None:
            for superseded in described[:-1]:
                self._propose(transaction, leg, dialog, offer, superseded)
                self.proposals[-1] = self.proposals[-1]._replace(optional=True)
            self._propose(transaction, leg, dialog, offer, described[-1] if described else None)
            return
        offered = described[0] if described else None
        reply, replied = self._reply(transaction, leg, dialog)
        if offered is not None and (request is not None or reply is not None):
            self._propose(transaction, leg, dialog, offered, reply, replied)
        elif offered is not None or reply is not None:
            self._propose(transaction, leg, dialog, None, offered or reply)

    def _described(self, dialog: _EarlyDialog) -> list[SdpBody]:
        """What the callee described, the last one what counts; UPDATE or PRACK make later ones repeats of theirs."""
        if self._was_updated(dialog):
            return dialog.described[:1]
        return dialog.described

    def _was_updated(self, dialog: _EarlyDialog) -> bool:
        """Whether UPDATE or PRACK agreed on a newer session before the 2xx (RFC 6337 §3.1)."""
        first = self._agreed_ns.get(dialog.tag)
        return first is not None and (dialog.success is None or first <= dialog.success.timestamp_ns)

    def _reply(
        self, transaction: Transaction, leg: list[Hop], dialog: _EarlyDialog
    ) -> tuple[SdpBody | None, SignallingMessage | None]:
        """The answer to an offer that came in a response: in PRACK or ACK; with the request that could hold it."""
        prack = self._pracks.get((transaction.requester, dialog.tag, transaction.number or 0))
        if prack is not None:
            self._consumed.add(id(prack))
            request = prack.first_hop(self.home).request
            return self.sessions.read(request, transaction.party), request
        acks = [ack for ack in transaction.acks if ack.sip.to_tag == dialog.tag]
        between = leg[0].endpoints if leg[0].request else self.home
        acks.sort(key=lambda ack: not _is_between(ack, between))
        for ack in acks:
            body = self.sessions.read(ack, transaction.party)
            if body is not None:
                return body, ack
        return None, acks[0] if acks and dialog.success else None

    def _index_updates(self) -> None:
        """Which PRACK carries a description for which INVITE, and when the dialogs first agreed outside INVITE."""
        for transaction in self.ledger.transactions:
            if transaction.method == "INVITE":
                continue
            if transaction.method in _RELIABLE:
                self._reliable.add(transaction.party)
            tag = _to_tag(transaction)
            for hop in transaction.hops:
                if hop.request and self.sessions.read(hop.request, transaction.party):
                    if (number := _acknowledged(hop.request)) is not None:
                        self._pracks.setdefault((transaction.requester, tag, number), transaction)
                    for response in hop.responses:
                        if self.sessions.read(response, transaction.party):
                            self._agreed_ns.setdefault(tag, response.timestamp_ns)

    def _propose(
        self,
        transaction: Transaction,
        leg: list[Hop],
        dialog: _EarlyDialog,
        offer: SdpBody | None,
        answer: SdpBody | None,
        reply: SignallingMessage | None = None,
    ) -> None:
        failure = None if dialog.success else refusal_on(leg)
        resolution, final = _resolve(offer, answer, dialog.success, failure, reply)
        if resolution is Resolution.REJECTED and failure is None and self._may_be_answered_early(transaction):
            resolution, final = Resolution.UNANSWERED, None
        start = offer.message.timestamp_ns if offer else _first_time(transaction)
        early = failure is not None and answer is not None
        status = (failure.sip.status or 0) if failure else 0
        key = self._dialog(transaction, dialog.tag)
        proposal = Proposal(key, offer, answer, resolution, final, start, early, status)
        if offer is not None and answer is None and final is None and transaction.acks:
            proposal = proposal._replace(confirmed_ns=_confirmed_ns(transaction))
        self.proposals.append(proposal)

    def _may_be_answered_early(self, transaction: Transaction) -> bool:
        """Whether an answer may have come in a reliable provisional response that nobody saw (RFC 6337 §2.2)."""
        requests = [hop.request.sip for hop in transaction.hops if hop.request]
        words = (word for sip in requests for name in ("supported", "require") for word in sip.header_values(name))
        if any(tag.lower() == "100rel" for word in words for tag in split_header_list(word)):
            return True
        return transaction.party in self._reliable

    def _read_simple(self, transaction: Transaction) -> None:
        """UPDATE and PRACK: the offer in the request, the answer in its 2xx (RFC 3311 §5.1, RFC 3262 §5)."""
        if id(transaction) in self._consumed:
            return
        leg = self._leg(transaction)
        tag = _to_tag(transaction)
        responder = other_party(transaction.party)
        dialog = _EarlyDialog(tag)
        for response in (response for hop in leg for response in hop.responses):
            if 200 <= (response.sip.status or 0) < 300:
                dialog.add(response, self.sessions.read(response, responder))
        offer = self.sessions.read(leg[0].request, transaction.party)
        answer = dialog.described[0] if dialog.described else None
        if offer is not None or (_whole_request(leg) is None and answer is not None):
            self._propose(transaction, leg, dialog, offer, answer)

    def _dialog(self, transaction: Transaction, to_tag: str | None) -> Dialog:
        if transaction.party is Party.CALLER:
            return transaction.requester, to_tag
        return to_tag, transaction.requester


def _whole_request(leg: list[Hop]) -> SignallingMessage | None:
    """The request, where it was captured to its end: of one that was cut nobody knows whether it holds an offer."""
    request = leg[0].request
    return None if request is None or is_cut(request) else request


def _confirmed_ns(transaction: Transaction) -> int | None:
    """When its sender's ACK told of a 2xx that nobody saw: that of a refusal has the INVITE's branch.

    RFC 3261 §17.1.1.3.
    """
    sent = {(hop.request.source, hop.request.sip.branch) for hop in transaction.hops if hop.request}
    senders = {source for source, _ in sent}
    times = [
        ack.timestamp_ns
        for ack in transaction.acks
        if ack.source in senders and ack.sip.branch and (ack.source, ack.sip.branch) not in sent
    ]
    return min(times, default=None)


def _says_the_same(one: SdpBody, other: SdpBody) -> bool:
    """Whether two descriptions differ in nothing but their version."""
    return one.session.raw == other.session.raw or unversioned(one.session) == unversioned(other.session)


def _first_described(dialogs: list[_EarlyDialog]) -> list[_EarlyDialog]:
    """Of the dialogs without 2xx the one whose description came first."""
    return [dialog for dialog in dialogs if dialog.described][:1]


def _resolve(
    offer: SdpBody | None,
    answer: SdpBody | None,
    success: SignallingMessage | None,
    failure: SignallingMessage | None,
    reply: SignallingMessage | None,
) -> tuple[Resolution, AnySignalling | None]:
    """What became of an offer, and the message that settled it."""
    if failure is not None:
        cancelled = failure.sip.status == 487  # Request Terminated: by CANCEL or BYE (RFC 3261 §21.4.25)
        return Resolution.CANCELLED if cancelled else Resolution.REJECTED, failure
    if offer is None:
        return Resolution.OFFER_UNSEEN, success or (answer.message if answer else None)
    if answer is not None:
        return Resolution.ANSWERED, reply or success or answer.message
    refusal = reply if offer.message.text.status else success
    if refusal is not None and refusal.sip.content_type is None and not is_cut(refusal):
        return Resolution.REJECTED, refusal
    return Resolution.UNANSWERED, None


def _first_time(transaction: Transaction) -> int:
    seen = [hop.request or hop.responses[0] for hop in transaction.hops] + transaction.acks[:1]
    return min(message.timestamp_ns for message in seen)


def _to_tag(transaction: Transaction) -> str | None:
    """The To tag of an in-dialog request; where it has none or was not seen, that of its ACK or its responses."""
    for hop in transaction.hops[:1]:
        tag = hop.request.sip.to_tag if hop.request else hop.responses[0].sip.to_tag
        if tag is not None:
            return tag
    return transaction.acks[0].sip.to_tag if transaction.acks else None


def _acknowledged(request: SignallingMessage) -> int | None:
    """The CSeq number of the INVITE that a PRACK speaks of (RFC 3262 §7.2)."""
    found = parse_rack(request.sip.header("rack") or "")
    return found.cseq_number if found is not None and found.method == "INVITE" else None


def _is_between(message: SignallingMessage, home: Pair | None) -> bool:
    return home is not None and {message.source, message.destination} == set(home)
