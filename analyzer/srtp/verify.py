# SPDX-License-Identifier: GPL-2.0-only
"""Whether the tag of a packet verifies under a rollover counter and a key (RFC 3711 §4.2; RFC 7714 §8)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.column_tags import GcmTags, HmacTags
from analyzer.srtp.columns import Flags, Numbers, PacketColumns, RtpColumns, distinct, rows, span_of
from analyzer.srtp.compiling import MIN_ROWS, kernels_for, view_octets
from analyzer.srtp.context import MAX_CACHED_SESSIONS, KeySchedule, Session
from analyzer.srtp.header_protection import split_cryptex
from analyzer.srtp.suites import Cipher

WHOLE_TAG_OCTETS = 16
Octets = NDArray[np.uint8]


class Verifier(Protocol):
    """Answers for the packets of one set of columns."""

    def verify(self, number: int, roc: int, key_number: int, /) -> bool:
        """Whether packet `number` authenticates."""
        ...

    def verify_all(self, numbers: Numbers, rocs: Numbers, key_number: int, /) -> Flags:
        """Whether each of these packets authenticates, under its own rollover counter and one key."""
        ...

    def matching_rocs(self, number: int, key_number: int, limit: int, /) -> Iterator[int]:
        """The rollover counters below `limit` under which the packet authenticates."""
        ...

    def key_number(self, number: int, /) -> int | None:
        """Which master key the packet's MKI names."""
        ...

    def key_numbers(self, numbers: Numbers, /) -> Numbers:
        """Which master key the MKI of each packet names, −1 for none."""
        ...


def verifier_for(columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> Verifier:
    """The verifier that the suite and the session parameters ask for."""
    if schedule.context.suite.aead:
        return _AeadVerifier(columns, headers, schedule)
    if not schedule.context.srtp_tag_octets:
        return _NoVerifier(columns, headers, schedule)
    return _HmacVerifier(columns, headers, schedule)


class _Base:
    """What is asked of packets whatever their tags."""

    def __init__(self, columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> None:
        self.columns = columns
        self.headers = headers
        self.schedule = schedule
        self.mki_octets = schedule.context.mki_octets
        self.tag_octets = schedule.context.srtp_tag_octets
        # Of AEAD the tag stands before the MKI, of HMAC behind it.
        self.behind_mki = 0 if schedule.context.suite.aead else self.tag_octets
        self.kernels: Any = kernels_for(len(columns))
        self._tags: dict[tuple[int, int], Any] = {}

    def _cells(self, column: Numbers) -> Any:
        """A column as single cells are read fastest: few of many, or all of few."""
        return column.tolist() if self.kernels is None else column

    @cached_property
    def sequence(self) -> Any:
        return self._cells(self.headers.sequence_number)

    def key_number(self, number: int) -> int | None:
        packet = self.columns.packet(number)
        end = len(packet) - self.behind_mki
        return self.schedule.key_number(packet[end - self.mki_octets : end])

    def key_numbers(self, numbers: Numbers) -> Numbers:
        buffer, offsets = self.columns.at(numbers)
        ends = offsets + self.columns.lengths[numbers] - self.behind_mki
        found = rows(buffer, ends - self.mki_octets, self.mki_octets)
        values, which = np.unique(found, axis=0, return_inverse=True)
        named = [self.schedule.key_number(value.tobytes()) for value in values]
        return np.array([-1 if key is None else key for key in named], dtype=np.int64)[which.reshape(-1)]


class _TagVerifier(_Base, ABC):
    """Packets one by one, or all of one session at once where the compiled loops are at hand."""

    @abstractmethod
    def verify(self, number: int, roc: int, key_number: int) -> bool:
        """Whether packet `number` authenticates."""

    def verify_all(self, numbers: Numbers, rocs: Numbers, key_number: int) -> Flags:
        if self.kernels is None or len(numbers) < MIN_ROWS:
            pairs = zip(numbers.tolist(), rocs.tolist(), strict=True)
            return np.array([self.verify(number, roc, key_number) for number, roc in pairs], dtype=np.bool_)
        index, kdr = rocs << 16 | self.headers.sequence_number[span_of(numbers)], self.schedule.context.kdr
        alike = self._alike(numbers)
        if not kdr and alike.all():
            return self._verify_rows(self._session_tags(key_number, 0), numbers, index)
        good = np.zeros(len(numbers), dtype=np.bool_)
        epochs = np.where(alike, index // kdr if kdr else 0, -1)
        for epoch in distinct(epochs):
            places = np.flatnonzero(epochs == epoch)
            if epoch < 0 or len(places) < MIN_ROWS:
                pairs = zip(numbers[places].tolist(), rocs[places].tolist(), strict=True)
                good[places] = [self.verify(number, roc, key_number) for number, roc in pairs]
            else:
                tags = self._session_tags(key_number, epoch * kdr)
                good[places] = self._verify_rows(tags, numbers[places], index[places])
        return good

    def _alike(self, numbers: Numbers) -> Flags:
        """Which packets the compiled loops can take."""
        return np.ones(len(numbers), dtype=np.bool_)

    def _session_tags(self, key_number: int, index: int) -> Any:
        place = (key_number, self.schedule.epoch(index))
        if place not in self._tags:
            if len(self._tags) >= MAX_CACHED_SESSIONS:
                self._tags.clear()
            self._tags[place] = self._tags_of(self.schedule.session(key_number, index))
        return self._tags[place]

    @abstractmethod
    def _tags_of(self, session: Session) -> Any:
        """What computes the tags under the keys of a session."""

    @abstractmethod
    def _verify_rows(self, tags: Any, numbers: Numbers, index: Numbers) -> Flags:
        """Whether packets of one session authenticate."""

    def _cut(self, numbers: Numbers) -> tuple[Octets, Numbers, Numbers]:
        """Where packets lie and begin, and where what follows their payload does: MKI and tag, or tag and MKI."""
        span = span_of(numbers)
        buffer, starts = self.columns.at(span)
        return view_octets(buffer), starts, starts + self.columns.lengths[span] - self.mki_octets - self.tag_octets

    def _compare(self, computed: Octets, octets: Octets, places: Numbers) -> Flags:
        """Which computed tags stand at these places."""
        same = np.empty(len(places), dtype=np.bool_)
        self.kernels.compare(octets, places, computed, self.tag_octets, same)
        return same


class _HmacVerifier(_TagVerifier):
    @cached_property
    def macs(self) -> list[Any]:
        """The keyed states, where keys are derived once."""
        context = self.schedule.context
        return [] if context.kdr else [self.schedule.session(n, 0).mac for n in range(len(context.keys))]

    def _parts(self, number: int) -> tuple[bytes, bytes]:
        """What is authenticated, the rollover counter aside, and the tag."""
        packet = self.columns.packet(number)
        end = len(packet) - self.tag_octets
        return packet[: end - self.mki_octets], packet[end:]

    def verify(self, number: int, roc: int, key_number: int) -> bool:
        if self.macs:
            mac = self.macs[key_number].copy()
        else:
            mac = self.schedule.session(key_number, roc << 16 | int(self.sequence[number])).mac.copy()
        message, tag = self._parts(number)
        mac.update(message)
        mac.update(roc.to_bytes(4, "big"))
        return bool(mac.finalize()[: self.tag_octets] == tag)

    def _tags_of(self, session: Session) -> HmacTags:
        return HmacTags(self.kernels, session)

    def _verify_rows(self, tags: HmacTags, numbers: Numbers, index: Numbers) -> Flags:
        octets, starts, ends = self._cut(numbers)
        return self._compare(tags(octets, starts, ends - starts, index >> 16), octets, ends + self.mki_octets)

    def matching_rocs(self, number: int, key_number: int, limit: int) -> Iterator[int]:
        if not self.macs:
            yield from (roc for roc in range(limit) if self.verify(number, roc, key_number))
            return
        whole = self.macs[key_number].copy()
        message, tag = self._parts(number)
        whole.update(message)
        for roc in range(limit):
            mac = whole.copy()
            mac.update(roc.to_bytes(4, "big"))
            if mac.finalize()[: self.tag_octets] == tag:
                yield roc


class _AeadVerifier(_TagVerifier):
    @cached_property
    def ssrc(self) -> Any:
        return self._cells(self.headers.ssrc)

    @cached_property
    def cryptex(self) -> Flags:
        return self.headers.cryptex

    def verify(self, number: int, roc: int, key_number: int) -> bool:
        index = roc << 16 | int(self.sequence[number])
        session = self.schedule.session(key_number, index)
        packet = self.columns.packet(number)
        packet = packet[: len(packet) - self.mki_octets]
        if self.cryptex[number]:
            header, _, data = split_cryptex(packet)
        else:
            octets = int(self.headers.header_octets[number])
            header, data = packet[:octets], packet[octets:]
        return session.open_aead(session.aead_nonce(int(self.ssrc[number]), index), data, header) is not None

    def _alike(self, numbers: Numbers) -> Flags:
        return np.full(len(numbers), self.schedule.context.suite.cipher is Cipher.AES_GCM) & ~self.cryptex[numbers]

    def _tags_of(self, session: Session) -> GcmTags:
        return GcmTags(self.kernels, session)

    def _verify_rows(self, tags: GcmTags, numbers: Numbers, index: Numbers) -> Flags:
        octets, starts, ends = self._cut(numbers)
        span = span_of(numbers)
        headers, ssrc = self.headers.header_octets[span], self.headers.ssrc[span]
        packets = (octets, starts, headers, ends, ssrc, index)
        if self.tag_octets == WHOLE_TAG_OCTETS and tags.are_all_good(*packets):
            return np.ones(len(numbers), dtype=np.bool_)
        return self._compare(tags(*packets), octets, ends)

    def matching_rocs(self, number: int, key_number: int, limit: int) -> Iterator[int]:
        return (roc for roc in range(limit) if self.verify(number, roc, key_number))


class _NoVerifier(_Base):
    """UNAUTHENTICATED_SRTP: nothing can be refuted, so every estimate stands (RFC 4568 §6.3.3)."""

    def verify(self, _number: int, _roc: int, _key_number: int, /) -> bool:
        return True

    def verify_all(self, numbers: Numbers, _rocs: Numbers, _key_number: int, /) -> Flags:
        return np.ones(len(numbers), dtype=np.bool_)

    def matching_rocs(self, _number: int, _key_number: int, _limit: int, /) -> Iterator[int]:
        return iter(())
