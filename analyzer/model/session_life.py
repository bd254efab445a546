# SPDX-License-Identifier: GPL-2.0-only
"""When a session has to be refreshed or is over, though no BYE was seen (RFC 4028 §10)."""

from typing import NamedTuple

from analyzer.model.call import Call
from analyzer.model.evidence import FrameRef, SignallingMessage
from dissectors.grammar.sip_extensions import parse_session_expires

_REFRESHING = ("INVITE", "UPDATE")
MAX_SECONDS = 2**32 - 1  # RFC 4028 §4: delta-seconds


class SessionLife(NamedTuple):
    """The interval that the last 2xx agreed on: seconds, who refreshes (`uac`, `uas`, None), where and when it began.

    `expires_ns` is when the session is over unless it is refreshed.
    """

    seconds: int
    refresher: str | None
    ref: FrameRef
    refreshed_ns: int

    @property
    def expires_ns(self) -> int:
        """When it is over, in nanoseconds since the epoch."""
        return self.refreshed_ns + self.seconds * 1_000_000_000


def read_session_life(call: Call) -> SessionLife | None:
    """The interval that the last 2xx to INVITE or UPDATE states; None where that has none, or for RTSP."""
    for message in reversed(call.messages):
        if not isinstance(message, SignallingMessage):
            return None
        sip = message.sip
        if sip.status is None or not 200 <= sip.status < 300 or sip.cseq_method not in _REFRESHING:
            continue
        timer = parse_session_expires(sip.header("session-expires") or "")
        if timer is None or timer.seconds > MAX_SECONDS:
            return None
        return SessionLife(timer.seconds, timer.refresher, message.ref, message.timestamp_ns)
    return None
