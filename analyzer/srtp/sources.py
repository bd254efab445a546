# SPDX-License-Identifier: GPL-2.0-only
"""What is known of the sources of a stream while their packets go by."""

from collections import deque
from typing import Protocol

from analyzer.srtp.index import Rollover

SYNC_SEARCHES = 3
SEARCHES = 64
PENDING = 64
RETRY_WITHIN = 1 << 14  # packets of the stream


class Retrier(Protocol):
    """Whoever looked at packets and may look again."""

    @property
    def base(self) -> int:
        """How many packets of the stream came before its own."""
        ...

    def try_again(self, number: int, source: "Source", rollover: Rollover, /) -> None:
        """A packet of its own under the counter that is now known."""
        ...

    def opens_under(self, number: int, rollover: Rollover, key_number: int, /) -> bool:
        """Whether another packet than the counter's own opens."""
        ...


class Source:
    """What is known of one SSRC; `pending` are its last packets that failed."""

    __slots__ = ("failures", "key_number", "pending", "rollover", "searches")

    def __init__(self) -> None:
        self.rollover: Rollover | None = None
        self.key_number = 0
        self.failures = 0
        self.searches = SYNC_SEARCHES
        self.pending: deque[tuple[Retrier, int]] = deque(maxlen=PENDING)

    def recent(self, place: int) -> list[tuple[Retrier, int]]:
        """Those that came no more than `RETRY_WITHIN` packets before the one at this place of the stream."""
        return [(each, number) for each, number in self.pending if place - each.base - number <= RETRY_WITHIN]

    def retry(self, place: int) -> None:
        """The packets that came while the rollover counter was not known; it is told by the packet at this place."""
        recent, rollover = self.recent(place), self.rollover
        if rollover is not None:
            self.pending.clear()
            for each, number in recent:
                each.try_again(number, self, rollover)


class Known:
    """What is known of all sources; goes on from one part of a stream to the next."""

    def __init__(self) -> None:
        self.searches = SEARCHES
        self.packets = 0  # that were given to openers
        self.sources: dict[int, Source] = {}

    def source(self, ssrc: int) -> Source:
        """That of one SSRC."""
        return self.sources.setdefault(ssrc, Source())

    def begin_again(self) -> None:
        """The stream is gone through once more."""
        self.searches, self.packets, self.sources = SEARCHES, 0, {}

    def forget(self) -> None:
        """No more packets come: sources and openers, which know each other, are let go of."""
        self.sources.clear()
