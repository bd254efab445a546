# SPDX-License-Identifier: GPL-2.0-only
"""What the media rules say of calls whose offers and answers the capture does not show."""

from analyzer.model.call import Call, CallState
from analyzer.model.evidence import FrameRef
from analyzer.rules.base import Result, not_applicable, unknown

_NEVER_SET_UP = frozenset((CallState.REJECTED, CallState.CANCELLED))
_NO_LINES = not_applicable("The call ended before any media was agreed.")


def signalling_unseen(refs: tuple[FrameRef, ...] = ()) -> Result:
    """The offer was not seen, so nobody can tell what was to be protected."""
    return unknown("signalling-unseen", "The offer was not seen, and the packets are not proved clear.", refs)


def check_bare_call(call: Call) -> Result:
    """A call without a media line: it came to nothing, or its signalling lies outside the capture."""
    if call.state in _NEVER_SET_UP:
        return _NO_LINES
    return unknown("signalling-unseen", "No offer of this call was seen.", tuple(one.ref for one in call.messages[:1]))
