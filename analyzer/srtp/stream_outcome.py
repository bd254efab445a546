# SPDX-License-Identifier: GPL-2.0-only
"""What was found of a stream's packets under a context: an outcome and an index for each, and what they say."""

from collections.abc import Iterator
from dataclasses import field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import Flags, Numbers, PacketColumns, RtpColumns
from analyzer.srtp.context import KeySchedule, SrtpContext
from analyzer.srtp.decrypt import ClearBatch, Decryptor
from analyzer.srtp.kdf import Usage
from dissectors.grammar.late_dataclass import dataclass


class PacketOutcome(IntEnum):
    """What became of one packet."""

    NOT_TRIED = 0
    AUTHENTICATED = 1
    UNAUTHENTICATED = 2  # opened, but the session has no tags to check
    BAD_TAG = 3
    TOO_SHORT = 4
    TRUNCATED = 5  # by the snaplen: its tag is not in the capture
    NOT_RTP = 6
    UNKNOWN_MKI = 7


@dataclass(frozen=True, slots=True, eq=False)
class StreamOpening:
    """What a context shows of a sequence of packets; all arrays run parallel to the packets.

    `index` is the 48-bit packet index (−1 where unknown), `key_number` the master key that fitted (−1), `roc` maps each
    SSRC to the rollover counters of its first and last opened packet. `mki_octets` differs from the context's where an
    MKI was found that nobody signalled.
    """

    packets: PacketColumns
    headers: RtpColumns
    context: SrtpContext
    outcome: NDArray[np.uint8]
    index: Numbers
    key_number: NDArray[np.int16]
    tag_octets: int
    mki_octets: int
    roc: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def authenticated(self) -> Flags:
        """Which packets authenticate."""
        return np.equal(self.outcome, PacketOutcome.AUTHENTICATED)

    @property
    def opened(self) -> Flags:
        """Which packets have a clear payload."""
        return self.authenticated | np.equal(self.outcome, PacketOutcome.UNAUTHENTICATED)

    @property
    def failed(self) -> Flags:
        """Which packets were tried and refuted."""
        return np.isin(self.outcome, (PacketOutcome.BAD_TAG, PacketOutcome.TOO_SHORT, PacketOutcome.UNKNOWN_MKI))

    @property
    def repeated(self) -> Flags:
        """Which opened packets repeat the SSRC and index of an earlier one (RFC 3711 §3.3.2)."""
        repeated = np.zeros(len(self.outcome), dtype=np.bool_)
        opened = np.flatnonzero(self.opened)
        pairs = np.stack((self.headers.ssrc[opened], self.index[opened]), axis=1)
        repeated[opened] = True
        if len(opened):
            repeated[opened[np.unique(pairs, axis=0, return_index=True)[1]]] = False
        return repeated

    def count(self, *outcomes: PacketOutcome) -> int:
        """How many packets ended in one of these outcomes."""
        return int(np.isin(self.outcome, outcomes).sum())

    def clear_batches(self) -> Iterator[ClearBatch]:
        """Every opened packet in order; decrypted in batches as they are asked for."""
        schedule = KeySchedule(self.context, Usage.SRTP)
        return Decryptor(self.packets, self.headers, schedule, self.index, self.key_number).iter_batches(self.opened)

    def clear_packets(self) -> Iterator[tuple[int, bytes]]:
        """Number and clear RTP packet of every opened packet, in order."""
        return (pair for batch in self.clear_batches() for pair in batch.packets())
