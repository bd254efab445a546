# SPDX-License-Identifier: GPL-2.0-only
"""RTSP messages in, sessions out: requests paired with responses, what comes before a session put in front of it."""

from dataclasses import field

from analyzer.calls.claims import LINGER_NS
from analyzer.calls.dialog import CallDraft
from analyzer.calls.rtsp_draft import RtspSession, RtspTransaction, build_rtsp_draft, without_credentials
from analyzer.calls.session_reader import SessionReader
from analyzer.model.evidence import FrameRef, RtspSignallingMessage
from dissectors.grammar.late_dataclass import dataclass

MAX_WAITING = 256  # messages of one connection that no session has claimed
MAX_PENDING = 256  # requests of one connection without response
MAX_DESCRIPTIONS = 32  # of one server to one host
_DESCRIBING = ("DESCRIBE", "ANNOUNCE")

Peers = tuple[str, str]  # two endpoints in text order
SessionKey = tuple[str, str]  # the server's endpoint, the session id


@dataclass(slots=True)
class _Connection:
    """One connection between a client and a server."""

    pending: dict[tuple[str, int], RtspSignallingMessage] = field(default_factory=dict)
    waiting: list[RtspSignallingMessage] = field(default_factory=list)
    transactions: list[RtspTransaction] = field(default_factory=list)  # of `waiting`
    current: SessionKey | None = None
    seen: dict[tuple[str, bytes], FrameRef] = field(default_factory=dict)  # over UDP: octets -> the first copy


class RtspSessions:
    """Sorts RTSP messages into sessions; feed them in time order."""

    def __init__(self, sessions: SessionReader) -> None:
        self._sessions = sessions
        self._connections: dict[tuple[int, Peers], _Connection] = {}
        self._found: dict[SessionKey, RtspSession] = {}
        self._described: dict[Peers, list[RtspTransaction]] = {}  # hosts of client and server
        self._closing: dict[SessionKey, int] = {}
        self._drafts: dict[SessionKey, CallDraft] = {}

    def feed(self, message: RtspSignallingMessage) -> None:
        """Take the next message."""
        connection = self._connections.setdefault((message.capture, _peers(message)), _Connection())
        if message.transport == "UDP":
            first = connection.seen.setdefault((message.source, message.rtsp.raw), message.ref)
            if first != message.ref:
                message = message._replace(retransmission_of=first)
                self._place(connection, message, None)
                return
        transaction = _pair(connection, message)
        self._place(connection, message, transaction)

    def ended(self, now_ns: int) -> tuple[SessionKey, ...]:
        """Sessions torn down by now, each told once."""
        due = tuple(key for key, time_ns in self._closing.items() if time_ns <= now_ns)
        for key in due:
            del self._closing[key]
        return due

    def draft(self, key: SessionKey) -> CallDraft:
        """One session as a call; raises KeyError for an unknown one."""
        if key not in self._drafts:
            self._drafts[key] = build_rtsp_draft(self._found[key], self._sessions)
        return self._drafts[key]

    def drafts(self) -> list[CallDraft]:
        """All sessions, and attempts that never became one, as calls."""
        return [self.draft(key) for key in self._found] + [
            build_rtsp_draft(attempt, self._sessions) for attempt in self._attempts()
        ]

    def outside(self) -> list[RtspSignallingMessage]:
        """Messages that belong to no session."""
        waiting = (one for one in self._connections.values() if not _tried(one.transactions))
        return [message for one in waiting for message in one.waiting]

    def _attempts(self) -> list[RtspSession]:
        """SETUPs that no server gave a session for, by connection."""
        found = []
        for connection in self._connections.values():
            if _tried(connection.transactions):
                setup = next(one for one in connection.transactions if _is_setup(one) and one.request is not None)
                attempt = RtspSession(_name_of(setup), connection.waiting, _settled(connection.transactions))
                attempt.descriptions = self._descriptions_for(attempt.messages[0], connection.transactions)
                found.append(attempt)
        return found

    def _place(
        self, connection: _Connection, message: RtspSignallingMessage, transaction: RtspTransaction | None
    ) -> None:
        key = _key_of(message, transaction, connection)
        if key is None:
            connection.waiting.append(message)
            if transaction is not None:
                connection.transactions.append(transaction)
            if len(connection.waiting) > MAX_WAITING:
                self._drop_oldest(connection)
        else:
            self._add(key, connection, message, transaction)
        if transaction is not None:
            self._note(message, transaction, connection.current)

    def _drop_oldest(self, connection: _Connection) -> None:
        """A connection that only asks for capabilities says the same again and again: its oldest half goes outside."""
        if not _tried(connection.transactions):
            half = len(connection.waiting) // 2
            self._connections.setdefault(
                (-1, _peers(connection.waiting[0])), _Connection()
            ).waiting += connection.waiting[:half]
            connection.waiting = connection.waiting[half:]

    def _add(
        self,
        key: SessionKey,
        connection: _Connection,
        message: RtspSignallingMessage,
        transaction: RtspTransaction | None,
    ) -> None:
        session = self._found.get(key)
        if session is None:
            session = self._found[key] = RtspSession(key[1])
        if connection.waiting:
            session.messages += connection.waiting
            session.transactions += connection.transactions
            connection.waiting, connection.transactions = [], []
        session.messages.append(message)
        if transaction is not None:
            session.transactions.append(transaction)
        session.transactions = _settled(session.transactions)
        session.descriptions = self._descriptions_for(message, session.transactions)
        connection.current = key
        self._drafts.pop(key, None)

    def _descriptions_for(
        self, message: RtspSignallingMessage, transactions: list[RtspTransaction]
    ) -> list[RtspTransaction]:
        """The session's own descriptions, else those that its hosts exchanged on other connections."""
        own = [one for one in transactions if one.request is not None and one.request.rtsp.method in _DESCRIBING]
        return own or self._described.get(_hosts(message), [])

    def _note(self, message: RtspSignallingMessage, transaction: RtspTransaction, key: SessionKey | None) -> None:
        request = transaction.request
        if request is None:
            return
        if request.rtsp.method in _DESCRIBING and transaction.status < 300:
            known = self._described.setdefault(_hosts(message), [])
            known.append(transaction)
            del known[:-MAX_DESCRIPTIONS]
        if request.rtsp.method == "TEARDOWN" and key is not None:
            settled = transaction.response is not None
            self._closing[key] = message.timestamp_ns + (0 if settled else LINGER_NS)


def _peers(message: RtspSignallingMessage) -> Peers:
    one, other = message.source, message.destination
    return (one, other) if one < other else (other, one)


def _hosts(message: RtspSignallingMessage) -> Peers:
    one, other = (endpoint.rpartition(":")[0] for endpoint in (message.source, message.destination))
    return (one, other) if one < other else (other, one)


def _pair(connection: _Connection, message: RtspSignallingMessage) -> RtspTransaction:
    """The transaction as far as this message takes it: a response stands with the request of its CSeq."""
    number = message.rtsp.cseq_number
    if message.rtsp.method is not None:
        if number is not None:
            connection.pending[message.source, number] = message
            if len(connection.pending) > MAX_PENDING:
                del connection.pending[next(iter(connection.pending))]
        return RtspTransaction(message, None)
    status = message.rtsp.status or 0
    key = (message.destination, -1 if number is None else number)
    request = connection.pending.get(key) if status < 200 else connection.pending.pop(key, None)
    return RtspTransaction(request, message)


def _settled(transactions: list[RtspTransaction]) -> list[RtspTransaction]:
    """Each request once, with its final response where there is one, in the order of requests."""
    found: dict[int, RtspTransaction] = {}
    for one in transactions:
        key = id(one.first)
        known = found.get(key)
        if known is None or one.status >= known.status:
            found[key] = one
    return list(found.values())


def _key_of(
    message: RtspSignallingMessage, transaction: RtspTransaction | None, connection: _Connection
) -> SessionKey | None:
    """The session that a message or its request names; what neither begins nor names one goes on with the last."""
    request = message if transaction is None else transaction.request or message
    server = message.destination if message.rtsp.method is not None else message.source
    if connection.current is not None and connection.current[0] != server:
        server = connection.current[0]  # a request of the server, or the client's response to it
    session_id = message.rtsp.session_id or request.rtsp.session_id
    if session_id:
        return server, session_id
    return None if request.rtsp.method in (*_DESCRIBING, "SETUP") else connection.current


def _is_setup(transaction: RtspTransaction) -> bool:
    return transaction.request is not None and transaction.request.rtsp.method == "SETUP"


def _tried(transactions: list[RtspTransaction]) -> bool:
    """Whether somebody tried to set media up."""
    return any(map(_is_setup, transactions))


def _name_of(transaction: RtspTransaction) -> str:
    """What stands for a session id where there is none: the request line's URI without credentials."""
    request = transaction.request
    return without_credentials((request.rtsp.request_uri if request is not None else None) or "rtsp")
