# SPDX-License-Identifier: GPL-2.0-only
"""The datagrams of a flow that came while a call lasted: other calls may have its ports before and after it."""

from collections.abc import Sequence

import numpy as np

from analyzer.calls.dialog import CallDraft
from analyzer.model.call import CallState
from analyzer.model.evidence import DatagramFlow, FrameRef
from dissectors.grammar.late_dataclass import dataclass

LATE_NS = 200_000_000  # how long after the last message of a call something of it may still begin


@dataclass(frozen=True, slots=True)
class FlowWindow:
    """The datagrams `start` (inclusive) to `stop` (exclusive) of a flow, as a flow of their own."""

    flow: DatagramFlow
    start: int
    stop: int

    @property
    def capture(self) -> int:
        """Index of the capture."""
        return self.flow.capture

    @property
    def source(self) -> str:
        """Endpoint that sent."""
        return self.flow.source

    @property
    def destination(self) -> str:
        """Endpoint that was sent to."""
        return self.flow.destination

    @property
    def frame(self) -> Sequence[int]:
        """Frame numbers."""
        return self.flow.frame[self.start : self.stop]

    @property
    def timestamp_ns(self) -> Sequence[int]:
        """Times since the epoch."""
        return self.flow.timestamp_ns[self.start : self.stop]

    @property
    def wire_octets(self) -> Sequence[int]:
        """UDP payload as sent."""
        return self.flow.wire_octets[self.start : self.stop]

    def __len__(self) -> int:
        return self.stop - self.start

    def payload(self, index: int) -> bytes:
        """The UDP payload of datagram `index` of the window."""
        return self.flow.payload(self.start + index)

    def ref(self, frame: int) -> FrameRef:
        """Where one of these frames stands."""
        return self.flow.ref(frame)


def while_lasting(draft: CallDraft, flow: DatagramFlow, until_ns: int | None = None) -> DatagramFlow | None:
    """What of a flow came between a call's first message and its end, as far as both were seen; None if nothing.

    At `until_ns` another call took its addresses.
    """
    times = np.maximum.accumulate(np.asarray(flow.timestamp_ns, dtype=np.int64))
    start = 0 if draft.state is CallState.MID_CALL else int(np.searchsorted(times, draft.start_ns))
    stop = len(times) if until_ns is None else int(np.searchsorted(times, until_ns))
    if draft.state is CallState.ENDED:
        stop = min(stop, int(np.searchsorted(times, draft.end_ns + LATE_NS, "right")))
    if (start, stop) == (0, len(times)):
        return flow
    return FlowWindow(flow, start, stop) if start < stop else None
