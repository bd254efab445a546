# SPDX-License-Identifier: GPL-2.0-only
"""When a session has to be refreshed or is over, though no BYE was seen (RFC 4028 §10)."""

from typing import NamedTuple

from analyzer.model.call import Call
from analyzer.model.evidence import FrameRef, SignallingMessage
from dissectors.grammar.sip import SipMessage
from dissectors.grammar.sip_extensions import parse_session_expires

_REFRESHING = ("INVITE", "UPDATE")
MAX_SECONDS = 2**32 - 1  # RFC 4028 §4: delta-seconds


class SessionLife(NamedTuple):
    """The interval that the last 2xx agreed on: seconds, who refreshes (`uac`, `uas`, None), where and when it began.

    `expires_ns` is when the session is over unless it is refreshed. `has_run_out` says whether that was before the end
    of the capture: None for a call that ended, and where a refresh may have gone unseen, as its answer was not
    captured or media flowed on.
    """

    seconds: int
    refresher: str | None
    ref: FrameRef
    refreshed_ns: int
    has_run_out: bool | None = None

    @property
    def expires_ns(self) -> int:
        """When it is over, in nanoseconds since the epoch."""
        return self.refreshed_ns + self.seconds * 1_000_000_000


def read_session_life(call: Call) -> SessionLife | None:
    """The interval that the last 2xx to INVITE or UPDATE states; None where that has none, or for RTSP."""
    asked: set[tuple[str | None, int | None]] = set()  # requests after the last 2xx
    refused: set[tuple[str | None, int | None]] = set()
    for message in reversed(call.messages):
        if not isinstance(message, SignallingMessage):
            return None
        sip = message.sip
        number = sip.from_tag, sip.cseq_number
        if sip.method in _REFRESHING:
            asked.add(number)
        if sip.status is None or sip.status < 200 or sip.cseq_method not in _REFRESHING:
            continue
        if sip.status >= 300:
            refused.add(number)
            continue
        life = _read_interval(sip, message)
        return life and life._replace(has_run_out=_has_run_out(call, life, is_asked=bool(asked - refused - {number})))
    return None


def _read_interval(sip: SipMessage, message: SignallingMessage) -> SessionLife | None:
    timer = parse_session_expires(sip.header("session-expires") or "")
    if timer is None or timer.seconds > MAX_SECONDS:
        return None
    return SessionLife(timer.seconds, timer.refresher, message.ref, message.timestamp_ns)


def _has_run_out(call: Call, life: SessionLife, *, is_asked: bool) -> bool | None:
    if not call.is_open or call.watched_until_ns is None:
        return None
    if call.watched_until_ns < life.expires_ns:
        return False
    return None if is_asked or _has_media_after(call, life.expires_ns) else True


def _has_media_after(call: Call, time_ns: int) -> bool:
    bound = (each for line in call.media for each in line.streams if each.stop > each.start)
    last = (facts for each in bound for facts in each.stream.iter_facts(each.stop - 1, each.stop))
    return any(int(facts.timestamp_ns[0]) >= time_ns for facts in last)
