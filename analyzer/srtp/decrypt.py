# SPDX-License-Identifier: GPL-2.0-only
"""Clear packets of a stream, decrypted a batch at a time: one AES call for all packets of a key (RFC 3711 §4.1)."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.column_tags import gcm_counters
from analyzer.srtp.columns import Flags, Numbers, PacketColumns, RtpColumns, distinct, rows, span_of
from analyzer.srtp.compiling import MIN_ROWS, kernels_for, view_octets
from analyzer.srtp.context import KeySchedule, Session
from analyzer.srtp.keystream import BLOCK_OCTETS, Octets, counter_mode_start, keystream
from analyzer.srtp.suites import Cipher
from analyzer.srtp.transform import open_verified
from dissectors.grammar.late_dataclass import dataclass

BATCH_PACKETS = 8192
MAX_KEYSTREAM_OCTETS = 1 << 24
EPOCH_BITS, SIZE_BITS = 48, 20
GCM_FIRST_BLOCK = 2  # block 1 masks the tag (SP 800-38D §7.1)
COMPILED_CIPHERS = frozenset((Cipher.AES_CM, Cipher.AES_GCM))


@dataclass(frozen=True, slots=True, eq=False)
class ClearBatch:
    """Clear packets one behind the other: packet `numbers[i]` is `octets[offsets[i] : offsets[i + 1]]`."""

    numbers: Numbers
    octets: Octets
    offsets: Numbers

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Number and octets of each."""
        whole, ends = self.octets.tobytes(), self.offsets.tolist()
        return zip(self.numbers.tolist(), (whole[a:b] for a, b in itertools.pairwise(ends)), strict=True)


class Decryptor:
    """Opens packets that authenticate; `index` and `key_number` run parallel to the packets."""

    def __init__(
        self,
        columns: PacketColumns,
        headers: RtpColumns,
        schedule: KeySchedule,
        index: Numbers,
        key_number: NDArray[np.int16],
    ) -> None:
        self._columns = columns
        self._headers = headers
        self._schedule = schedule
        self._index = index
        self._key_number = key_number
        context = schedule.context
        self._trailer = context.mki_octets + context.srtp_tag_octets
        extended = (headers.extension_profile >= 0) & bool(context.encrypted_extensions)
        self._apart = headers.cryptex | extended
        # One session for all of them, and headers that are clear.
        self._alike = self._schedule.encrypts and len(context.keys) == 1 and not context.kdr and not self._apart.any()
        self._kernels = kernels_for(len(columns)) if context.suite.cipher in COMPILED_CIPHERS else None

    def iter_batches(self, opened: Flags) -> Iterator[ClearBatch]:
        """The opened packets in order, a batch of them at a time."""
        numbers = np.flatnonzero(opened)
        for start in range(0, len(numbers), BATCH_PACKETS):
            yield self.open(numbers[start : start + BATCH_PACKETS])

    def open(self, numbers: Numbers) -> ClearBatch:
        """These packets, all of which have opened."""
        lengths = self._columns.lengths[span_of(numbers)] - self._trailer
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        batch = ClearBatch(numbers, np.empty(int(offsets[-1]), dtype=np.uint8), offsets)
        if self._alike and self._kernels is not None and len(numbers) >= MIN_ROWS:
            self._open_compiled(batch, np.arange(len(numbers)), self._schedule.session(0, 0), self._kernels)
            return batch
        alone = self._apart[numbers]
        keys = self._key_number[numbers].astype(np.int64)
        kdr = self._schedule.context.kdr
        epochs = self._index[numbers] // kdr if kdr else np.zeros_like(numbers)
        session_of = keys << EPOCH_BITS | epochs
        for which in distinct(session_of[~alone]):
            places = np.flatnonzero((session_of == which) & ~alone)
            session = self._schedule.session(which >> EPOCH_BITS, (which & (1 << EPOCH_BITS) - 1) * kdr)
            if not self._schedule.encrypts and not self._schedule.context.suite.aead:
                self._copy(batch, places)
            elif self._kernels is not None and len(places) >= MIN_ROWS:
                self._open_compiled(batch, places, session, self._kernels)
            elif self._schedule.context.suite.aead:
                alone[places] = True
            else:
                self._open_alike(batch, places, session)
        for place in np.flatnonzero(alone).tolist():
            self._open_one(batch, place)
        return batch

    def _open_compiled(self, batch: ClearBatch, places: Numbers, session: Session, kernels: Any) -> None:
        span, chosen = span_of(batch.numbers[places]), span_of(places)
        clear = self._headers.header_octets[span]
        buffer, starts = self._columns.at(span)
        ends = starts + np.diff(batch.offsets)[chosen]
        ssrc, index = self._headers.ssrc[span], self._index[span]
        gcm = session.suite.cipher is Cipher.AES_GCM
        if gcm:
            start = gcm_counters(session, ssrc, index, GCM_FIRST_BLOCK)
        else:
            start = counter_mode_start(session, ssrc.astype(np.uint64), index.astype(np.uint64))
        halves = start.view(np.uint64)
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(-(-(ends - starts - clear) // BLOCK_OCTETS))))
        blocks = np.empty(2 * int(first[-1]), dtype=np.uint64)
        high, low = (np.ascontiguousarray(halves[:, half]) for half in (0, 1))
        kernels.fill_counters(high, low, first, blocks)
        stream = np.frombuffer(session.encrypt_blocks(blocks.view(np.uint8).data), dtype=np.uint8)
        packets = (view_octets(buffer), starts, clear, ends)
        kernels.open_rows(*packets, stream, first[:-1] * BLOCK_OCTETS, batch.octets, batch.offsets[:-1][chosen])

    def _copy(self, batch: ClearBatch, places: Numbers) -> None:
        for place in places.tolist():
            start, stop = batch.offsets[place : place + 2].tolist()
            packet = self._columns.packet(int(batch.numbers[place]))
            batch.octets[start:stop] = np.frombuffer(packet, np.uint8, stop - start)

    def _open_alike(self, batch: ClearBatch, places: Numbers, session: Session) -> None:
        """All packets of one length at once."""
        lengths = batch.offsets[places + 1] - batch.offsets[places]
        clear = self._headers.header_octets[batch.numbers[places]]
        sizes = lengths << SIZE_BITS | clear
        for size in distinct(sizes):
            octets, header = size >> SIZE_BITS, size & (1 << SIZE_BITS) - 1
            alike = places[sizes == size]
            step = max(MAX_KEYSTREAM_OCTETS // (octets + BLOCK_OCTETS), 1)
            for first in range(0, len(alike), step):
                some = alike[first : first + step]
                numbers = batch.numbers[some]
                opened = rows(*self._columns.at(numbers), octets)
                opened[:, header:] ^= keystream(session, self._start(numbers, session), octets - header)
                batch.octets[batch.offsets[some][:, None] + np.arange(octets)] = opened

    def _start(self, numbers: Numbers, session: Session) -> Octets:
        index = self._index[numbers]
        if session.suite.cipher is not Cipher.AES_F8:
            return counter_mode_start(session, self._headers.ssrc[numbers].astype(np.uint64), index.astype(np.uint64))
        start = np.zeros((len(numbers), BLOCK_OCTETS), dtype=np.uint8)
        start[:, 1:12] = rows(*self._columns.at(numbers), 12)[:, 1:]
        start[:, 12:] = (index >> 16).astype(">u4").view(np.uint8).reshape(-1, 4)
        return start

    def _open_one(self, batch: ClearBatch, place: int) -> None:
        """A packet whose header is encrypted in part, or one of few under AEAD."""
        number = int(batch.numbers[place])
        context = self._schedule.context
        behind = context.mki_octets + (0 if context.suite.aead else context.srtp_tag_octets)
        packet = self._columns.packet(number)
        whole, header_octets = packet[: len(packet) - behind], int(self._headers.header_octets[number])
        key_number, index = int(self._key_number[number]), int(self._index[number])
        # Authenticated in the first pass, so it opens again.
        opened = open_verified(whole, header_octets, self._schedule, key_number, index) or b""
        start = int(batch.offsets[place])
        batch.octets[start : start + len(opened)] = np.frombuffer(opened, dtype=np.uint8)
