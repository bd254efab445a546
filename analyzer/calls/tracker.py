# SPDX-License-Identifier: GPL-2.0-only
"""Messages in, calls out: one record per Call-ID, retransmissions recognised as they come; RTSP sessions beside."""

from collections.abc import Iterable
from dataclasses import field
from typing import TypeVar

from analyzer.calls.binding import Binder, endpoints_of
from analyzer.calls.claims import LINGER_NS
from analyzer.calls.dialog import RETRY_STATUSES, CallDraft, build_draft
from analyzer.calls.ice import learn_endpoints
from analyzer.calls.legs import join_legs
from analyzer.calls.links import CallLinks, compare_tries
from analyzer.calls.named_ssrcs import mapped_ssrcs, stated_ssrcs
from analyzer.calls.offer_habits import note_habits
from analyzer.calls.rtsp_sessions import RtspSessions, SessionKey
from analyzer.calls.session_reader import SessionReader
from analyzer.calls.unseen_calls import note_unseen_calls
from analyzer.model.call import Call, CallSet
from analyzer.model.evidence import (
    AnySignalling,
    DatagramFlow,
    MediaEvidence,
    MediaStream,
    RtspSignallingMessage,
    SignallingMessage,
)
from analyzer.model.policy import RETRY_SECONDS
from dissectors.grammar.late_dataclass import dataclass

_OF_CALLS = frozenset(("INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO"))  # only within an INVITE dialog
_NEVER_IN_CALLS = "REGISTER"
_Flow = TypeVar("_Flow", MediaStream, DatagramFlow)


@dataclass(slots=True)
class _Record:
    """All messages of one Call-ID."""

    messages: list[SignallingMessage] = field(default_factory=list)
    seen: dict[tuple[object, ...], SignallingMessage] = field(default_factory=dict)  # by identity, the first copy
    is_call: bool = False
    is_answered: bool = False
    has_strays: bool = False  # REGISTER under this Call-ID, which never belongs to a call
    invite: SignallingMessage | None = None  # the last that asked for a dialog
    draft: CallDraft | None = None

    def split(self) -> tuple[list[SignallingMessage], list[SignallingMessage]]:
        """The messages of the call, and those that belong to none."""
        if not self.is_call:
            return [], self.messages
        if not self.has_strays:
            return self.messages, []
        strays = [each for each in self.messages if (each.sip.method or each.sip.cseq_method) == _NEVER_IN_CALLS]
        stray = set(map(id, strays))
        return [each for each in self.messages if id(each) not in stray], strays


class CallTracker:
    """Sorts SIP and RTSP messages into calls and binds media to them.

    An offer later than `retry_seconds` after a refusal is no other try.
    Feed messages in time order; `finish` and `call` may be asked at any time and answer from what was fed so far.
    """

    def __init__(self, retry_seconds: int = RETRY_SECONDS) -> None:
        self._retry_seconds = retry_seconds
        self._records: dict[str, _Record] = {}
        self._nameless: list[SignallingMessage] = []  # without Call-ID
        self._sessions = SessionReader()
        self._links = CallLinks(retry_seconds)  # by what is known so far
        self._refers: list[SignallingMessage] = []
        self._closing: dict[str, int] = {}  # Call-ID -> when it counts as ended if nothing more comes
        self._now = 0
        self._announced: dict[str, dict[str, None]] = {}  # address -> Call-IDs that announced it
        self._unindexed: dict[str, None] = {}  # read anew since their addresses were entered
        self._changed: dict[str, None] = {}
        self._rtsp = RtspSessions(self._sessions)
        self._rtsp_names: dict[str, SessionKey] = {}

    def feed(self, message: AnySignalling) -> None:
        """Take the next message."""
        if isinstance(message, RtspSignallingMessage):
            self._now = max(self._now, message.timestamp_ns)
            self._rtsp.feed(message)
            return
        sip = message.sip
        self._now = max(self._now, message.timestamp_ns)
        call_id = sip.call_id
        if not call_id:
            self._nameless.append(message)
            return
        record = self._records.get(call_id)
        if record is None:
            record = self._records[call_id] = _Record()
        first = record.seen.setdefault(_identity(message), message)
        if first is not message:
            message = message._replace(retransmission_of=first.ref)
        else:
            self._note(call_id, record, message)
        record.has_strays = record.has_strays or (sip.method or sip.cseq_method) == _NEVER_IN_CALLS
        record.messages.append(message)
        self._changed[call_id] = None

    def ended(self) -> tuple[str, ...]:
        """Names for `call` of the calls that have ended since this was last asked, in the order they ended."""
        due = tuple(call_id for call_id, time_ns in self._closing.items() if time_ns <= self._now)
        for call_id in due:
            del self._closing[call_id]
        sessions = {f"rtsp {server} {session}": (server, session) for server, session in self._rtsp.ended(self._now)}
        self._rtsp_names.update(sessions)
        return (*due, *sessions)

    def prepare(self, names: Iterable[str]) -> None:
        """Read calls that have ended, so that `finish` need not; each once, however often it goes on and ends again."""
        for call_id in names:
            record = self._records.get(call_id)  # RTSP sessions have none
            if record is not None and record.is_call and record.draft is None:
                self._read(call_id, record)
                del self._changed[call_id]

    def call(self, call_id: str, media: MediaEvidence) -> Call:
        """One call with its media, as `finish` would give it, by Call-ID or a name of `ended`; KeyError if unknown."""
        if call_id in self._rtsp_names:
            session = self._rtsp.draft(self._rtsp_names[call_id])
            return Binder(self._rtsp.drafts(), _about(media, session)).call(session)
        self._refresh()
        (draft,) = learn_endpoints((self._draft(call_id),), media.stun)
        self._index_addresses()
        own = _about(media, draft)
        rivals = {other: None for address in endpoints_of(own) for other in self._announced.get(address, ())}
        drafts = sorted((self._draft(other) for other in rivals), key=lambda each: each.order)
        return Binder(drafts, own).call(draft, self._links.of(draft))

    def finish(self, media: MediaEvidence) -> CallSet:
        """All calls in the order they began, the rest of the media, and the messages that belong to no call."""
        self._refresh()
        drafts = [record.draft for record in self._records.values() if record.draft is not None]
        links = self._link(drafts)
        drafts += self._rtsp.drafts()
        drafts.sort(key=lambda draft: draft.order)
        binder = Binder(drafts, media)
        outside: list[AnySignalling] = [*self._nameless, *self._rtsp.outside()]
        for record in self._records.values():
            if record.has_strays or not record.is_call:
                outside += record.split()[1]
        outside.sort(key=lambda message: (message.timestamp_ns, message.capture, message.frame))
        calls = (binder.call(draft, links.of(draft)) for draft in drafts)
        return CallSet(
            note_unseen_calls(compare_tries(join_legs(note_habits(calls)))), binder.unbound(), tuple(outside)
        )

    def _draft(self, call_id: str) -> CallDraft:
        draft = self._records[call_id].draft
        if draft is None:
            raise KeyError(call_id)
        return draft

    def _link(self, drafts: Iterable[CallDraft]) -> CallLinks:
        """What calls came out of, by all that is known at the end: an early draft may have told it otherwise."""
        links = CallLinks(self._retry_seconds)
        for message in self._refers:
            links.note_refer(message)
        for draft in drafts:
            links.note_draft(draft)
        return links

    def _refresh(self) -> None:
        """Read the calls anew of which there are new messages."""
        for call_id in self._changed:
            record = self._records[call_id]
            if record.is_call:
                self._read(call_id, record)
        self._changed.clear()

    def _read(self, call_id: str, record: _Record) -> None:
        record.draft = build_draft(call_id, record.split()[0], self._sessions, self._retry_seconds)
        self._links.note_draft(record.draft)
        self._unindexed[call_id] = None

    def _index_addresses(self) -> None:
        """Enter the addresses of the calls that were read anew."""
        for call_id in self._unindexed:
            for address in self._draft(call_id).addresses:
                self._announced.setdefault(address, {})[call_id] = None
        self._unindexed.clear()

    def _note(self, call_id: str, record: _Record, message: SignallingMessage) -> None:
        """Keep track of whether this is a call and how near its end it is."""
        sip = message.sip
        method = sip.method or sip.cseq_method
        if not record.is_call and (method in _OF_CALLS or (sip.method == "REFER" and sip.to_tag)):
            record.is_call = True
        if sip.method == "REFER":
            self._links.note_refer(message)
            self._refers.append(message)
        elif sip.method == "INVITE" and not sip.to_tag:
            record.invite = message
            self._closing.pop(call_id, None)
        elif sip.method == "BYE":
            self._closing[call_id] = message.timestamp_ns + LINGER_NS
        elif sip.status is not None and sip.status >= 200:
            self._note_final(call_id, record, message)

    def _note_final(self, call_id: str, record: _Record, message: SignallingMessage) -> None:
        sip, invite, now = message.sip, record.invite, message.timestamp_ns
        status = sip.status or 0
        if sip.cseq_method == "BYE" and call_id in self._closing:
            self._closing[call_id] = now
        elif sip.cseq_method == "INVITE" and status < 300:
            record.is_answered = True
        elif sip.cseq_method == "INVITE" and not record.is_answered and _refuses(message, invite):
            self._closing[call_id] = now + (LINGER_NS if status in RETRY_STATUSES else 0)


def _identity(message: SignallingMessage) -> tuple[object, ...]:
    """What a retransmission repeats: its octets; for a 2xx to INVITE what it says, as each is sent anew (§13.3.1.4)."""
    sip = message.sip
    if sip.status is not None and 200 <= sip.status < 300 and sip.cseq_method == "INVITE":
        said: tuple[object, ...] = (sip.status, sip.branch, sip.cseq_number, sip.to_tag, sip.body)
    else:
        said = (sip.raw,)
    return (message.capture, message.source, message.destination, *said)


def _refuses(response: SignallingMessage, invite: SignallingMessage | None) -> bool:
    """Whether a final response reached the element that sent the INVITE; further hops may still try elsewhere."""
    if invite is None or response.sip.cseq_number != invite.sip.cseq_number:
        return False
    return response.destination == invite.source


def _about(media: MediaEvidence, draft: CallDraft) -> MediaEvidence:
    """The media to or from the addresses of a call, those that were latched there, and what its SSRCs name."""
    addresses = draft.addresses
    latched = {stream.source for stream in media.streams if stream.destination in addresses}
    near = addresses | latched
    sides = [side for line in draft.lines for side in (line.offer, line.answer) if side is not None]
    ssrcs = frozenset(ssrc for side in sides for ssrc in stated_ssrcs(side) | mapped_ssrcs(side))

    def about(flows: Iterable[_Flow]) -> tuple[_Flow, ...]:
        return tuple(flow for flow in flows if flow.source in near or flow.destination in near)

    streams = about(media.streams)
    if ssrcs:
        streams = tuple(one for one in media.streams if one in streams or one.ssrc in ssrcs)
    tls = tuple(flow for flow in media.tls if flow.client in near or flow.server in near)
    return MediaEvidence(streams, about(media.rtcp), about(media.dtls), about(media.zrtp), about(media.stun), tls)
