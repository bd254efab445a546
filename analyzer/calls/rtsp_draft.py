# SPDX-License-Identifier: GPL-2.0-only
"""One RTSP session as a call: each SETUP is an exchange of its medium, with the keys that it brings.

Offer is the description of the DESCRIBE response (in ANNOUNCE the client's), answer what the client's SETUP says in
Transport and KeyMgmt. Where the description offers no MIKEY and the client sends an initiator's message (RFC 7826
Appendix C.1.4.1, and ONVIF devices), the SETUP is the offer and its response the answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import NamedTuple

from analyzer.calls.dialog import CallDraft, DraftExchange
from analyzer.calls.media_lines import DraftLine, announced_addresses
from analyzer.calls.rtsp_media import (
    Setup,
    client_addresses,
    client_direction,
    control_of,
    describe,
    key_mgmt_lines,
    medium_of,
    mikey_lines,
    opposite,
    read_setup,
    server_addresses,
    server_side,
    side,
    write_session,
)
from analyzer.calls.session_reader import SessionReader
from analyzer.model.call import CallState, Exchange, MediaSide, Party, Resolution, SdpBody
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import RtspSignallingMessage
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtsp_headers import KeyMgmtSpec
from dissectors.grammar.sdp import MediaDescription, SessionDescription

RETRY_STATUSES = (401, 407)  # RFC 2326 §11: the same is asked for again, with credentials
REKEYING = ("SET_PARAMETER", "GET_PARAMETER")  # as ONVIF's streaming specification changes keys


class RtspTransaction(NamedTuple):
    """A request and its final response, either of which the capture may lack."""

    request: RtspSignallingMessage | None
    response: RtspSignallingMessage | None

    @property
    def status(self) -> int:
        """The status of the response, 0 without one."""
        return 0 if self.response is None else self.response.rtsp.status or 0

    @property
    def first(self) -> RtspSignallingMessage:
        """Whichever of the two is there."""
        found = self.request or self.response
        if found is None:
            raise ValueError("a transaction has a message")
        return found


class Description(NamedTuple):
    """A session description in force, the URI that controls are relative to, and who gave it."""

    body: SdpBody
    base: str


@dataclass(slots=True)
class RtspSession:
    """All messages of one session in time order, its transactions, and the descriptions that its SETUPs may mean."""

    session_id: str
    messages: list[RtspSignallingMessage] = field(default_factory=list)
    transactions: list[RtspTransaction] = field(default_factory=list)
    descriptions: list[RtspTransaction] = field(default_factory=list)


class _Line(NamedTuple):
    """One exchange with its only line, before they are numbered."""

    exchange: Exchange
    media_index: int
    type: str
    offer: MediaSide | None
    answer: MediaSide | None


def build_rtsp_draft(session: RtspSession, sessions: SessionReader) -> CallDraft:
    """A call from one session; at least one message."""
    reader = _Reader(session, sessions)
    lines = reader.read()
    exchanges = tuple(
        _draft_exchange(line.exchange._replace(number=number), session.session_id, line.media_index)
        for number, line in enumerate(lines)
    )
    drafts = tuple(
        DraftLine(number, line.media_index, line.type, line.offer, line.answer) for number, line in enumerate(lines)
    )
    state = _state(session)
    return CallDraft(
        call_id=session.session_id,
        caller=_client(session),
        callee=_server(session),
        state=state,
        over=state in (CallState.ENDED, CallState.REJECTED),
        messages=CallMessages(sorted(session.messages, key=lambda one: (one.timestamp_ns, one.capture, one.frame))),
        exchanges=exchanges,
        lines=drafts,
        addresses=announced_addresses(drafts),
        protocol="rtsp",
    )


def _draft_exchange(exchange: Exchange, session_id: str, media_index: int) -> DraftExchange:
    """Each medium of a session is set up, and changed, by itself."""
    own = ((session_id, str(media_index)), None)
    return DraftExchange(exchange, own, early=False, optional=False, late=False, lost_ns=None)


def _state(session: RtspSession) -> CallState:
    setups = [one for one in session.transactions if _method(one) == "SETUP"]
    if any(_method(one) == "TEARDOWN" and one.status < 300 for one in session.transactions):
        return CallState.ENDED
    if not setups:
        return CallState.MID_CALL
    if any(200 <= one.status < 300 for one in setups):
        return CallState.ANSWERED
    return CallState.REJECTED if all(one.status >= 300 for one in setups) else CallState.TRYING


def _method(transaction: RtspTransaction) -> str | None:
    return None if transaction.request is None else transaction.request.rtsp.method


def _client(session: RtspSession) -> str:
    """The host of the client: it sends the requests that set sessions up."""
    first = next((one for one in session.transactions if one.request), session.transactions[0])
    endpoint = first.request.source if first.request is not None else first.first.destination
    return endpoint.rpartition(":")[0]


def _server(session: RtspSession) -> str:
    """What is watched: the URI of the description, without credentials; else the server's host."""
    for one in (*session.descriptions, *session.transactions):
        if one.request is not None and one.request.rtsp.request_uri not in (None, "*"):
            return without_credentials(one.request.rtsp.request_uri or "")
    first = session.messages[0]
    return (first.destination if first.rtsp.method else first.source).rpartition(":")[0]


def without_credentials(uri: str) -> str:
    """A URI without user and password."""
    scheme, separator, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


class _Reader:
    """Reads the exchanges of one session."""

    def __init__(self, session: RtspSession, sessions: SessionReader) -> None:
        self._session = session
        self._sessions = sessions
        self._descriptions = [found for one in session.descriptions if (found := self._describe(one)) is not None]
        self._reached: dict[SdpBody, set[int]] = {}
        self._aggregate: dict[int, tuple[KeyMgmtSpec, ...]] = {}  # answers for whole sessions, by description

    def read(self) -> list[_Line]:
        """One line for each SETUP, for each medium that was never set up, and for each change of keys."""
        lines: list[_Line] = []
        pairs = [one for one in self._session.transactions if one.request is not None]
        for place, one in enumerate(pairs):
            if (
                _method(one) == "SETUP"
                and one.request is not None
                and not self._is_asked_again(one, pairs[place + 1 :])
            ):
                lines.append(self._read_setup(one, pairs[place + 1 :], read_setup(one.request, one.response)))
            elif _method(one) in REKEYING:
                lines += self._read_rekeying(one, lines)
        return _bound_in_time([*lines, *self._left_out(pairs)])

    def _describe(self, transaction: RtspTransaction) -> Description | None:
        """The description of a DESCRIBE response, or of an ANNOUNCE."""
        announced = _method(transaction) == "ANNOUNCE"
        message = transaction.request if announced else transaction.response
        body = None if message is None else message.rtsp.sdp()
        session = None if body is None else self._sessions.parse(body.content)
        if message is None or session is None:
            return None
        uri = (transaction.request.rtsp.request_uri or "") if transaction.request is not None else ""
        base = message.rtsp.header("content-base") or message.rtsp.header("content-location") or uri
        party = Party.CALLER if announced else Party.CALLEE
        return Description(SdpBody(message, session, party), base)

    def _is_asked_again(self, one: RtspTransaction, later: Sequence[RtspTransaction]) -> bool:
        """Whether a SETUP was only refused for want of credentials, and repeated."""
        uri = one.request.rtsp.request_uri if one.request is not None else None
        again = (other for other in later if other.request is not None and _method(other) == "SETUP")
        return one.status in RETRY_STATUSES and any(
            other.request is not None and other.request.rtsp.request_uri == uri for other in again
        )

    def _find_medium(self, setup: Setup) -> tuple[Description | None, int]:
        """The newest description with the medium of a SETUP; without one the medium counts as the first."""
        uri = setup.request.rtsp.request_uri or ""
        for description in reversed(self._descriptions):
            if description.body.message.timestamp_ns > setup.request.timestamp_ns:
                continue
            index = medium_of(description.body.session, uri, description.base)
            if index is not None:
                return description, index
        return None, 0

    def _read_setup(self, one: RtspTransaction, later: Sequence[RtspTransaction], setup: Setup) -> _Line:
        description, index = self._find_medium(setup)
        template = None if description is None else description.body.session.media[index]
        if description is not None:
            self._reached.setdefault(description.body, set()).add(index)
        offered = description is not None and _offers_key_mgmt(description.body.session, index)
        client_keys = (*setup.request.rtsp.key_mgmt,)
        if description is not None and description.body.party is Party.CALLER:
            offer, answer = self._recorded(description, index, setup)
        elif not offered and (mikey_lines(setup.asked) or (client_keys and description is not None)):
            offer, answer = self._initiated_by_client(template, index, setup)
        else:
            offer, answer = self._answered_by_client(description, template, index, setup)
        return self._settle(one, later, setup, index, offer, answer)

    def _answered_by_client(
        self, description: Description | None, template: MediaDescription | None, index: int, setup: Setup
    ) -> tuple[MediaSide | None, MediaSide | None]:
        """RFC 4567 §4.2: the server's description is the offer, the SETUP request the client's answer."""
        offer = None
        if description is not None and template is not None:
            offer = server_side(description.body, template, setup)
        session_lines, media_lines = self._client_keys(description, setup)
        return offer, self._client(template, index, setup, session_lines, media_lines)

    def _client_keys(self, description: Description | None, setup: Setup) -> tuple[list[str], list[str]]:
        """The client's messages for the whole session, which hold for later SETUPs too, and those for the medium."""
        specs = setup.request.rtsp.key_mgmt
        place = -1 if description is None else id(description.body.message)
        aggregate = tuple(spec for spec in specs if description is not None and _is_aggregate(spec, description))
        if aggregate:
            self._aggregate[place] = aggregate
        own = [spec for spec in specs if spec not in aggregate]
        media_lines = key_mgmt_lines(own) + mikey_lines(setup.asked)
        return key_mgmt_lines(self._aggregate.get(place, ())), media_lines

    def _client(
        self, template: MediaDescription | None, index: int, setup: Setup, session_lines: list[str], keys: list[str]
    ) -> MediaSide | None:
        addresses = client_addresses(setup)
        media_lines = describe(template, setup.spec, addresses[0], client_direction(template, setup)) + keys
        body = write_session(self._sessions, setup.request, Party.CALLER, index, session_lines, media_lines)
        return None if body is None else side(body, body.session.media[index], addresses)

    def _server(self, template: MediaDescription | None, index: int, setup: Setup) -> MediaSide | None:
        if setup.response is None:
            return None
        addresses = server_addresses(setup)
        keys = key_mgmt_lines(setup.response.rtsp.key_mgmt) + mikey_lines(setup.settled)
        direction = opposite(client_direction(template, setup))
        media_lines = describe(template, setup.spec, addresses[0], direction) + keys
        body = write_session(self._sessions, setup.response, Party.CALLEE, index, [], media_lines)
        return None if body is None else side(body, body.session.media[index], addresses)

    def _initiated_by_client(
        self, template: MediaDescription | None, index: int, setup: Setup
    ) -> tuple[MediaSide | None, MediaSide | None]:
        keys = key_mgmt_lines(setup.request.rtsp.key_mgmt) + mikey_lines(setup.asked)
        return self._client(template, index, setup, [], keys), self._server(template, index, setup)

    def _recorded(
        self, description: Description, index: int, setup: Setup
    ) -> tuple[MediaSide | None, MediaSide | None]:
        """ANNOUNCE (RFC 2326 §10.3): the client's description is the offer, the SETUP response the server's answer."""
        body, media = description.body, description.body.session.media[index]
        addresses = client_addresses(setup)
        return side(body, media, addresses), self._server(media, index, setup)

    def _settle(
        self,
        one: RtspTransaction,
        later: Sequence[RtspTransaction],
        setup: Setup,
        index: int,
        offer: MediaSide | None,
        answer: MediaSide | None,
    ) -> _Line:
        accepted = 200 <= one.status < 300 or (not one.status and _was_played(later))
        if one.status >= 300:
            resolution, answer = Resolution.REJECTED, None
        elif not accepted or (offer is not None and answer is None):
            resolution, answer = Resolution.UNANSWERED, None
        else:
            resolution = Resolution.ANSWERED if offer is not None else Resolution.OFFER_UNSEEN
        exchange = Exchange(
            number=0,
            offer=None if offer is None else offer.body,
            answer=None if answer is None else answer.body,
            resolution=resolution,
            final=one.response,
            start_ns=setup.request.timestamp_ns,
            answered_ns=None if answer is None else answer.body.message.timestamp_ns,
            end_ns=None,
        )
        shown = offer or answer
        return _Line(exchange, index, shown.media.type if shown is not None else "application", offer, answer)

    def _read_rekeying(self, one: RtspTransaction, lines: Sequence[_Line]) -> list[_Line]:
        """New keys in a parameter: whoever sends them offers, the other side's message takes them up."""
        if one.request is None or one.response is None or not 200 <= one.status < 300:
            return []
        for sender, receiver, party in (
            (one.request, one.response, Party.CALLER),
            (one.response, one.request, Party.CALLEE),
        ):
            keys = _parameter_keys(sender)
            if keys:
                newest = {line.media_index: line for line in lines if line.answer is not None}
                made = (self._rekey(line, sender, receiver, party, keys) for line in newest.values())
                return [line for line in made if line is not None]
        return []

    def _rekey(
        self, line: _Line, sender: RtspSignallingMessage, receiver: RtspSignallingMessage, party: Party, keys: list[str]
    ) -> _Line | None:
        other = Party.CALLEE if party is Party.CALLER else Party.CALLER
        sides = {one.body.party: one for one in (line.offer, line.answer) if one is not None}
        offer = self._rewrite(sides.get(party), line.media_index, sender, party, keys)
        answer = self._rewrite(sides.get(other), line.media_index, receiver, other, [])
        if offer is None or answer is None:
            return None
        at = max(sender.timestamp_ns, receiver.timestamp_ns)
        exchange = Exchange(0, offer.body, answer.body, Resolution.ANSWERED, receiver, at, at, None)
        return _Line(exchange, line.media_index, line.type, offer, answer)

    def _rewrite(
        self, old: MediaSide | None, index: int, message: RtspSignallingMessage, party: Party, keys: list[str]
    ) -> MediaSide | None:
        """A side as it was, spoken of in a new message with new keys."""
        if old is None:
            return None
        media_lines = describe(old.media, None, old.address, old.media.direction) + keys
        body = write_session(self._sessions, message, party, index, [], media_lines)
        return None if body is None else side(body, body.session.media[index], (old.address, old.rtcp_address))

    def _left_out(self, pairs: Sequence[RtspTransaction]) -> list[_Line]:
        """Media that the client was told of and did not set up, once it plays or ends: it declined them.

        Where a request was not captured that may have been their SETUP, nobody knows whether it did.
        """
        settled = next((one.first for one in pairs if _method(one) in ("PLAY", "RECORD", "TEARDOWN")), None)
        found = []
        for description in self._descriptions:
            reached = self._reached.get(description.body, set())
            if not reached or settled is None:
                continue
            declined = not _lacks_requests(pairs, description, settled)
            for media in description.body.session.media:
                if media.index in reached:
                    continue
                exchange = Exchange(
                    number=0,
                    offer=description.body,
                    answer=None,
                    resolution=Resolution.REJECTED if declined else Resolution.UNANSWERED,
                    final=settled if declined else None,
                    start_ns=description.body.message.timestamp_ns,
                    answered_ns=None,
                    end_ns=settled.timestamp_ns if declined else None,
                )
                offer = server_side(description.body, media, None)
                found.append(_Line(exchange, media.index, media.type, offer, None))
        return found


def _lacks_requests(pairs: Sequence[RtspTransaction], since: Description, settled: RtspSignallingMessage) -> bool:
    """Whether the client's numbers from the description to `settled` have a gap; each request counts one on (CSeq)."""
    sent = [one.request for one in pairs if one.request is not None and one.request.source == settled.source]
    described_ns = since.body.message.timestamp_ns
    before = [one for one in sent if one.timestamp_ns <= described_ns][-1:]
    after = [one for one in sent if described_ns < one.timestamp_ns <= settled.timestamp_ns]
    numbers = {one.rtsp.cseq_number for one in (*before, *after)}
    if None in numbers:
        return True
    known = [number for number in numbers if number is not None]
    return max(known) - min(known) >= len(known)


def _was_played(later: Iterable[RtspTransaction]) -> bool:
    """Whether the session went on as if a SETUP without response had been accepted."""
    return any(_method(one) in ("PLAY", "RECORD") and one.status < 300 for one in later)


def _offers_key_mgmt(session: SessionDescription, index: int) -> bool:
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, session.media[index])
    return any(level.attribute("key-mgmt") is not None for level in levels)


def _is_aggregate(spec: KeyMgmtSpec, description: Description) -> bool:
    """Whether a message is for the whole session: its URI is the aggregate one (RFC 4567 §4.2)."""
    session = description.body.session
    if not spec.uri or session.attribute("key-mgmt") is None:
        return False
    control = control_of(session) or "*"
    aggregate = control if "://" in control else description.base
    return spec.uri.rstrip("/") == aggregate.rstrip("/")


def _parameter_keys(message: RtspSignallingMessage) -> list[str]:
    """The MIKEY messages of a parameter body or of KeyMgmt, as `a=key-mgmt` lines."""
    words = [value.strip() for name, value in message.rtsp.parameters() if name.lower() == "mikey"]
    specs = tuple(KeyMgmtSpec(word, "mikey", None, None, word) for word in words)
    return key_mgmt_lines((*specs, *message.rtsp.key_mgmt))


def _bound_in_time(lines: list[_Line]) -> list[_Line]:
    """Exchanges in the order they began; one in force ends where the next of its medium takes effect."""
    lines.sort(key=lambda line: (line.exchange.start_ns, line.media_index))
    following: dict[int, int] = {}
    bounded = []
    for line in reversed(lines):
        exchange = line.exchange
        if exchange.answer is not None:
            exchange = exchange._replace(end_ns=following.get(line.media_index))
            following[line.media_index] = exchange.answered_ns or exchange.start_ns
        elif exchange.final is not None and exchange.end_ns is None and exchange.resolution is Resolution.REJECTED:
            exchange = exchange._replace(end_ns=exchange.final.timestamp_ns)
        bounded.append(line._replace(exchange=exchange))
    return bounded[::-1]
