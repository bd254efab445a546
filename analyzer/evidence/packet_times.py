# SPDX-License-Identifier: GPL-2.0-only
"""When the packets of a stream came, asked for by time: a moment of each run is kept, not of each packet."""

import numpy as np

from analyzer.model.evidence import MediaStream


class PacketTimes:
    """The first `packets` of a stream, which has some, by times that never step back.

    A packet counts as captured no earlier than any before it, so that ranges of packets and of time agree.
    """

    def __init__(self, stream: MediaStream, packets: int | None = None) -> None:
        self.stream = stream
        self._packets = len(stream) if packets is None else packets
        latest: list[int] = []
        starts: list[int] = []
        for facts in stream.iter_facts(0, self._packets):
            if not latest:
                self.first = int(facts.timestamp_ns[0])
            starts.append(facts.first)
            latest.append(int(facts.timestamp_ns.max()))
        self._starts = [*starts, self._packets]
        self._latest = np.maximum.accumulate(np.array(latest, np.int64))
        self.last = int(self._latest[-1])

    def place(self, time_ns: int) -> int:
        """How many packets come before a time, in nanoseconds."""
        run = int(np.searchsorted(self._latest, time_ns))
        if run == len(self._latest):
            return self._packets
        (facts,) = self.stream.iter_facts(self._starts[run], self._starts[run + 1])
        return self._starts[run] + int(np.argmax(facts.timestamp_ns >= time_ns))
