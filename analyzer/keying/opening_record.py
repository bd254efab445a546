# SPDX-License-Identifier: GPL-2.0-only
"""What the parts of one opened stream show, put together: counts, failures, and oddities of packets that open."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analyzer.evidence.index_set import IndexSet
from analyzer.keying.contexts import Candidate
from analyzer.srtp.context import SrtpContext
from analyzer.srtp.index import HALF, SEQUENCE_NUMBERS
from analyzer.srtp.stream_outcome import PacketOutcome, StreamOpening
from dissectors.grammar.defects import Defect

NEAR_WRAP = 1024
MIKEY = "mikey"
REORDERED_PACKETS = 64  # as far as packets may come out of order at a re-key
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class OpeningRecord:
    """Takes the openings of a stream's `size` packets part by part; of each packet a flag is kept."""

    def __init__(self, size: int, candidate: Candidate) -> None:
        self.failed: Flags = np.zeros(size, dtype=np.bool_)
        self.authenticated = 0
        self.opened = 0
        self.not_tried = 0
        self.truncated = 0
        self.context: SrtpContext = candidate.context
        self.first_roc: int | None = None  # under which packets began to open
        self._candidate = candidate
        self._place = 0
        self._lengths: set[int] = set()  # of packets that authenticate
        self._roc: dict[int, tuple[int, int]] = {}
        self._seen: dict[int, IndexSet] = {}
        self._last_index: dict[int, int] = {}
        self._stuck: dict[int, int] = {}
        self._repeats = 0
        self._spans: dict[int, tuple[int, int]] = {}  # of each key, lowest and highest index
        self._outside: dict[int, int] = {}
        self._strange: dict[tuple[int, int], int] = {}  # packets by the key that opens them and an SSRC it is not for
        self._old: Flags | None = None
        self._first_new: int | None = None

    def add(self, opening: StreamOpening) -> None:
        """The next part."""
        span = slice(self._place, self._place + len(opening.outcome))
        self._place = span.stop
        self.context = opening.context
        self.failed[span] = opening.failed
        authenticated = opening.authenticated
        self.authenticated += int(authenticated.sum())
        self.opened += int(opening.opened.sum())
        self.not_tried += opening.count(PacketOutcome.NOT_TRIED, PacketOutcome.TRUNCATED, PacketOutcome.NOT_RTP)
        if self.first_roc is None and opening.opened.any():
            self.first_roc = int(opening.index[opening.opened.argmax()]) >> 16
        self.truncated += opening.count(PacketOutcome.TRUNCATED)
        self._lengths.update(np.flatnonzero(np.bincount(opening.packets.lengths[authenticated])).tolist())
        for ssrc, (first, last) in opening.roc.items():
            self._roc[ssrc] = self._roc.get(ssrc, (first, last))[0], last
            self._follow(ssrc, opening.index[opening.opened & (opening.headers.ssrc == ssrc)])
        self._look_at_keys(opening, span)

    def _follow(self, ssrc: int, index: Numbers) -> None:
        """Indices that come again, and a counter that does not count where sequence numbers wrap."""
        self._repeats += int(self._seen.setdefault(ssrc, IndexSet()).add(index).sum())
        index = np.concatenate((np.full(1, self._last_index.get(ssrc, index[0])), index))
        self._last_index[ssrc] = int(index[-1])
        roc, sequence_number = index >> 16, index & 0xFFFF
        wrapped = (np.diff(sequence_number) < -HALF) & (np.diff(roc) == 0)
        near = (sequence_number[:-1] > SEQUENCE_NUMBERS - NEAR_WRAP) & (sequence_number[1:] < NEAR_WRAP)
        if (wrapped & near).any():
            self._stuck.setdefault(ssrc, int(roc[:-1][wrapped & near][0]))

    def _look_at_keys(self, opening: StreamOpening, span: slice) -> None:
        opened, keys = opening.opened, self._candidate.keys
        for number, key in enumerate(keys):
            mine = opened & (opening.key_number == number)
            if key.source == MIKEY and key.ssrc is not None:
                self._look_at_ssrcs(number, key.ssrc, opening.headers.ssrc[mine])
            if (key.lifetime is None and key.index_range is None) or not mine.any():
                continue
            index = opening.index[mine]
            low, high = self._spans.get(number, (int(index[0]), int(index[0])))
            self._spans[number] = min(low, int(index.min())), max(high, int(index.max()))
            if key.index_range is not None:
                first, last = key.index_range
                strange = int(((index < first) | (index > last)).sum())
                self._outside[number] = self._outside.get(number, 0) + strange
        if self._candidate.replaced_from < len(keys):
            self._look_at_replaced(opening, span)

    def _look_at_ssrcs(self, number: int, own: int, ssrcs: NDArray[np.int64]) -> None:
        for ssrc in {int(one) for one in ssrcs[ssrcs != own][:1]}:
            place = (number, ssrc)
            self._strange[place] = self._strange.get(place, 0) + int((ssrcs == ssrc).sum())

    def _look_at_replaced(self, opening: StreamOpening, span: slice) -> None:
        old = opening.opened & (opening.key_number >= self._candidate.replaced_from)
        if self._old is None:
            self._old = np.zeros(len(self.failed), dtype=np.bool_)
        self._old[span] = old
        new = np.flatnonzero(opening.opened & ~old)
        if self._first_new is None and len(new):
            self._first_new = span.start + int(new[0])

    @property
    def mki_found(self) -> bool:
        """Whether packets have an MKI that nobody signalled."""
        return self.context.mki_octets != self._candidate.context.mki_octets

    @property
    def unsignalled_mki(self) -> str:
        """Length and octets of such an MKI, empty if there is none."""
        if not self.mki_found:
            return ""
        place = "behind" if self.context.suite.aead else "before"
        return f"{self.context.mki_octets} octets {place} the tag: {self.context.keys[0].mki.hex()}"

    @property
    def late(self) -> Flags:
        """Packets under a replaced key, which are right until those under the new one come."""
        if self._old is None:
            return np.zeros(len(self.failed), dtype=np.bool_)
        late = self._old.copy()
        if self._first_new is not None:
            late[: self._first_new + REORDERED_PACKETS] = False
        return late

    def has_length(self, lengths: Numbers) -> Flags:
        """Which of these lengths some packet has that authenticates."""
        return np.isin(lengths, np.fromiter(self._lengths, np.int64, len(self._lengths)))

    def oddities(self) -> Iterator[Defect]:
        """What packets that authenticate show beside that: an MKI nobody spoke of, the rollover counter, repeats."""
        if self.mki_found:
            yield Defect("mki-not-signalled", 0, "RFC 3711 §3.1", self.unsignalled_mki)
        yield from self._counters()
        yield from self._keys()
        yield from self._sessions()
        if self._repeats:
            detail = f"{self._repeats} packets repeat the index of an earlier one"
            yield Defect("packets-replayed", 0, "RFC 3711 §3.3.2", detail)

    def _sessions(self) -> Iterator[Defect]:
        """Packets under the key of a crypto session whose map names another SSRC (RFC 3830 §6.1.1)."""
        for (number, ssrc), count in self._strange.items():
            named = self._candidate.keys[number].ssrc
            detail = f"{count} packets of {ssrc:#010x} under the key of the crypto session that is for {named:#010x}"
            yield Defect("key-of-another-ssrc", 0, "RFC 3830 §6.1.1", detail)

    def _counters(self) -> Iterator[Defect]:
        expected = self._candidate.context.roc or 0
        for ssrc, (first, last) in self._roc.items():
            if first > expected + 1 or first < expected:
                detail = f"{ssrc:#010x} starts at {first}, found by trial; {expected} was expected"
                yield Defect("rollover-counter-found", 0, "RFC 3711 §3.3.1", detail)
            if last < first:
                detail = f"{ssrc:#010x}: from {first} to {last}"
                yield Defect("rollover-counter-restarted", 0, "RFC 3711 §3.3.1", detail)
        for ssrc, roc in self._stuck.items():
            detail = f"{ssrc:#010x} wraps under counter {roc} and stays there"
            yield Defect("rollover-counter-stuck", 0, "RFC 3711 §3.3.1", detail)

    def _keys(self) -> Iterator[Defect]:
        """Packets outside the interval of a key (RFC 3830 §6.14), or more than it was to protect (RFC 4568 §6.1).

        Lost packets between others count.
        """
        keys = self._candidate.keys
        for number, key in enumerate(keys):
            if key.index_range is not None and self._outside.get(number):
                first, last = key.index_range
                count = self._outside[number]
                detail = f"{count} packets outside the interval of their key, which is the indices {first} to {last}"
                yield Defect("key-outside-interval", 0, "RFC 3830 §6.14", detail)
        for number, key in enumerate(keys):
            low, high = self._spans.get(number, (0, -1))
            if key.lifetime is not None and high - low + 1 > key.lifetime:
                detail = f"at least {high - low + 1} packets under a key that may protect {key.lifetime}"
                yield Defect("key-lifetime-exceeded", 0, "RFC 4568 §6.1", detail)


def record_opening(openings: Iterator[StreamOpening], size: int, candidate: Candidate) -> OpeningRecord:
    """All parts of one stream."""
    record = OpeningRecord(size, candidate)
    for opening in openings:
        record.add(opening)
    return record
