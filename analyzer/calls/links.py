# SPDX-License-Identifier: GPL-2.0-only
"""Calls that came out of other calls: retries after a refusal, redirections, transfers, dialogs replaced or joined."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.calls.dialog import NANOSECONDS, CallDraft
from analyzer.calls.leg_differences import compare_offers, turned
from analyzer.model.call import Call, CallLink, CallState, LinkKind
from analyzer.model.evidence import AnySignalling, SignallingMessage
from analyzer.model.policy import RETRY_SECONDS
from dissectors.grammar.sip_address import bare_address, parse_name_addr, split_header_list
from dissectors.grammar.sip_extensions import parse_history_info, parse_refer_to, parse_replaces

# Refusals that ask for another offer or another way to send it; not those that speak of the callee (RFC 3261 §21.4).
_ASK_FOR_ANOTHER = frozenset((400, 401, 403, 407, 413, 415, 416, 420, 421, 422, 488, 493, 494, 500, 501, 505, 580, 606))
_REDIRECTIONS = range(300, 400)
_DIALOG_HEADERS = ((LinkKind.REPLACES, "replaces"), (LinkKind.JOINS, "join"))
TRIED_AGAIN = frozenset((LinkKind.RETRY_OF, LinkKind.REDIRECT_OF))
MAX_CAUSES = 16  # of the same parties that are looked at
MAX_TARGETS = 16  # of a History-Info that are looked at (RFC 7044)
Parties = tuple[str, str]


class _Cause(NamedTuple):
    """What a later call may have come out of, and when."""

    time_ns: int
    order: int
    kind: LinkKind
    call_id: str
    message: AnySignalling


class CallLinks:
    """Remembers refusals and REFERs by the parties of the call that they lead to; ask for the links of each call.

    A call later than `retry_seconds` after its cause did not come out of it.
    """

    def __init__(self, retry_seconds: int = RETRY_SECONDS) -> None:
        self._retry_within_ns = retry_seconds * NANOSECONDS
        self._causes: dict[Parties, list[_Cause]] = {}
        self._told: set[tuple[str, int]] = set()  # Call-ID and frame of each cause
        self._order = 0

    def note_refer(self, message: SignallingMessage) -> None:
        """A REFER leads its recipient to call the address in Refer-To (RFC 3515 §2.4)."""
        sip = message.sip
        target = parse_refer_to(sip.header("refer-to") or "")
        if target is None or sip.call_id is None:
            return
        recipient = bare_address(sip.to_uri or "")
        cause = (LinkKind.TRANSFER_OF, sip.call_id, message)
        self._add((recipient, bare_address(target.uri)), *cause)

    def note_draft(self, draft: CallDraft) -> None:
        """A call that was refused leads the caller to try again, or where a 3xx points to."""
        if draft.state is not CallState.REJECTED:
            return
        final = next((each.exchange.final for each in reversed(draft.exchanges) if each.exchange.final), None)
        final = final or _last_refusal(draft.sip_messages)
        status = (final.text.status or 0) if final else 0
        if final is None:
            return
        caller = bare_address(draft.caller)
        if status in _REDIRECTIONS:
            for member in split_header_list(", ".join(final.text.header_values("contact"))):
                contact = bare_address(parse_name_addr(member).uri)
                self._add((caller, contact), LinkKind.REDIRECT_OF, draft.call_id, final)
        elif status in _ASK_FOR_ANOTHER:
            self._add((caller, bare_address(draft.callee)), LinkKind.RETRY_OF, draft.call_id, final)

    def of(self, draft: CallDraft) -> tuple[CallLink, ...]:
        """What a call came out of: what its INVITE says, and the last cause of each kind that is not too old."""
        links = list(_stated(draft.sip_messages))
        if not self._causes:
            return tuple(links)
        for call_party in _targets(draft):
            causes = self._causes.get((bare_address(draft.caller), call_party), [])
            before = bisect_right(causes, draft.start_ns, key=lambda cause: cause.time_ns)
            for cause in reversed(causes[max(before - MAX_CAUSES, 0) : before]):
                is_new = cause.call_id != draft.call_id and cause.kind not in {link.kind for link in links}
                if is_new and cause.time_ns >= draft.start_ns - self._retry_within_ns:
                    links.append(CallLink(cause.kind, cause.call_id, cause.message))
        return tuple(links)

    def _add(self, parties: Parties, kind: LinkKind, call_id: str, message: AnySignalling) -> None:
        place = (call_id, message.frame)
        if place in self._told and kind is not LinkKind.REDIRECT_OF:
            return
        self._told.add(place)
        self._order += 1
        insort(self._causes.setdefault(parties, []), _Cause(message.timestamp_ns, self._order, kind, call_id, message))


def compare_tries(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls with what became of an offer that was refused or redirected where another call tries again with it."""
    found = {link.call_id for call in calls for link in call.links if link.kind in TRIED_AGAIN}
    if not found:
        return tuple(calls)
    before = {call.call_id: call for call in calls if call.call_id in found}
    return tuple(_compare_tries(call, before) if call.links else call for call in calls)


def _compare_tries(call: Call, before: Mapping[str, Call]) -> Call:
    links = []
    for link in call.links:
        other = before.get(link.call_id) if link.kind in TRIED_AGAIN else None
        if other is not None:
            link = link._replace(differences=turned(compare_offers(other, call)))
        links.append(link)
    return replace(call, links=tuple(links))


def _stated(messages: Iterable[SignallingMessage]) -> Iterable[CallLink]:
    """The dialogs that the INVITE names (RFC 3891 §6.1, RFC 3911 §7.1)."""
    for message in messages:
        sip = message.sip
        if sip.method == "INVITE" and not sip.to_tag:
            for kind, name in _DIALOG_HEADERS:
                named = parse_replaces(sip.header(name) or "") if name in sip.header_names else None
                if named is not None:
                    yield CallLink(kind, named.call_id, None)
            return


def _targets(draft: CallDraft) -> tuple[str, ...]:
    """Whom the call was for: To, the Request-URI where a redirection changed it alone, and the targets it had since."""
    invite = next((one for one in draft.sip_messages if one.sip.method == "INVITE"), None)
    if invite is None:
        return ()
    found = [bare_address(draft.callee), bare_address(invite.sip.request_uri or "")]
    if "history-info" in invite.sip.header_names:
        entries = parse_history_info(invite.sip.header_values("history-info")[:MAX_TARGETS])
        found += [bare_address(entry.uri) for entry in entries[:MAX_TARGETS]]
    return tuple(dict.fromkeys(found))


def _last_refusal(messages: Iterable[SignallingMessage]) -> SignallingMessage | None:
    """The final response of a refused call that carried no offer."""
    refusals = [one for one in messages if (one.sip.status or 0) >= 300 and one.sip.cseq_method == "INVITE"]
    return refusals[-1] if refusals else None
