# SPDX-License-Identifier: GPL-2.0-only
"""Many packets as one buffer and parallel columns, and their RTP headers read all at once (RFC 3550 §5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analyzer.srtp.compiling import kernels_for, view_octets
from dissectors.grammar.rtcp import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from dissectors.grammar.rtp import CRYPTEX_PROFILES, FIXED_HEADER_OCTETS, RTP_VERSION

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PacketColumns:
    """Packet `i` is `buffer[offsets[i] : offsets[i] + lengths[i]]`; `wire_lengths` count octets before the snaplen."""

    buffer: memoryview
    offsets: Numbers
    lengths: Numbers
    wire_lengths: Numbers

    def __len__(self) -> int:
        return len(self.offsets)

    def packet(self, number: int) -> bytes:
        """The octets of one packet."""
        start = int(self.offsets[number])
        return bytes(self.buffer[start : start + int(self.lengths[number])])

    def select(self, numbers: Numbers | Flags) -> "PacketColumns":
        """The same buffer with only those packets."""
        return PacketColumns(self.buffer, self.offsets[numbers], self.lengths[numbers], self.wire_lengths[numbers])


def packet_columns(packets: Sequence[bytes], wire_lengths: Sequence[int] | Numbers | None = None) -> PacketColumns:
    """Columns over copies of `packets`; without `wire_lengths` every packet is taken to be whole."""
    lengths = np.fromiter(map(len, packets), dtype=np.int64, count=len(packets))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))[: len(packets)]
    wire = lengths if wire_lengths is None else np.asarray(wire_lengths, dtype=np.int64)
    return PacketColumns(memoryview(b"".join(packets)), offsets, lengths, np.maximum(wire, lengths))


@dataclass(frozen=True, slots=True, eq=False)
class RtpColumns:
    """The RTP headers of many packets; where `rtp` is False the packet is none (or RTCP) and the rest is zero.

    `header_octets` may exceed the packet where it is cut inside its header; `extension_profile` is −1 without one.
    """

    rtp: Flags
    payload_type: NDArray[np.uint8]
    sequence_number: Numbers
    timestamp: Numbers
    ssrc: Numbers
    header_octets: Numbers
    extension_profile: Numbers

    @property
    def cryptex(self) -> Flags:
        """Which packets say that their CSRCs and header extension are encrypted (RFC 9335 §5.1)."""
        return np.isin(self.extension_profile, CRYPTEX_PROFILES)


def distinct(values: Numbers) -> list[int]:
    """The values that occur, in order; quick where it is one."""
    if not len(values):
        return []
    low, high = int(values.min()), int(values.max())
    return [low] if low == high else np.unique(values).tolist()


def span_of(numbers: Numbers) -> slice | Numbers:
    """The same places as a slice where they follow each other: columns are then looked at, not copied."""
    if len(numbers) and int(numbers[-1]) - int(numbers[0]) == len(numbers) - 1:
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


def rows(buffer: memoryview, offsets: Numbers, octets: int) -> NDArray[np.uint8]:
    """The `octets` octets at each offset, one row each; every row must lie within the buffer."""
    if not len(offsets) or not octets:
        return np.zeros((len(offsets), octets), dtype=np.uint8)
    windows: NDArray[np.uint8] = sliding_window_view(np.frombuffer(buffer, dtype=np.uint8), octets)
    return windows[offsets]


def read_rtp_headers(columns: PacketColumns) -> RtpColumns:
    """The headers of all packets; one that is no RTP packet is marked, never raised (RFC 3550 §5.1, RFC 5761 §4)."""
    first, second, sequence_number, timestamp, ssrc, word = _heads(columns)
    rtp = (first >> 6 == RTP_VERSION) & ~((second >= FIRST_RTCP_TYPE) & (second <= LAST_RTCP_TYPE))
    header_octets = FIXED_HEADER_OCTETS + 4 * (first & 0x0F)
    extended = rtp & (first & 0x10 != 0)
    read = extended & (word >= 0)
    header_octets += np.where(extended, 4, 0) + np.where(read, 4 * (word & 0xFFFF), 0)
    return RtpColumns(
        rtp=rtp,
        payload_type=(second & 0x7F).astype(np.uint8),
        sequence_number=sequence_number,
        timestamp=timestamp,
        ssrc=ssrc,
        header_octets=header_octets,
        extension_profile=np.where(read, word >> 16, -1),
    )


def _heads(columns: PacketColumns) -> Numbers:
    """First and second octet, sequence number, timestamp, SSRC, and the word behind the CSRCs, −1 if there is none."""
    heads = np.zeros((6, len(columns)), dtype=np.int64)
    kernels = kernels_for(len(columns))
    if kernels is not None:
        kernels.read_heads(view_octets(columns.buffer), columns.offsets, columns.lengths, heads)
        return heads
    whole = np.flatnonzero(columns.lengths >= FIXED_HEADER_OCTETS)
    octets = rows(columns.buffer, columns.offsets[whole], FIXED_HEADER_OCTETS)
    heads[0, whole], heads[1, whole] = octets[:, 0], octets[:, 1]
    for column, (start, form) in enumerate(((2, ">u2"), (4, ">u4"), (8, ">u4")), start=2):
        stop = start + np.dtype(form).itemsize
        heads[column, whole] = np.ascontiguousarray(octets[:, start:stop]).view(form)[:, 0]
    ends = FIXED_HEADER_OCTETS + 4 * (heads[0] & 0x0F)
    longer = np.flatnonzero((columns.lengths >= FIXED_HEADER_OCTETS) & (columns.lengths >= ends + 4))
    heads[5] = -1
    heads[5, longer] = rows(columns.buffer, columns.offsets[longer] + ends[longer], 4).view(">u4")[:, 0]
    return heads
