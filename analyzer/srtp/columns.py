# SPDX-License-Identifier: GPL-2.0-only
"""Many packets as one buffer and parallel columns, and their RTP headers read all at once (RFC 3550 §5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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
    lengths = np.fromiter((len(packet) for packet in packets), dtype=np.int64, count=len(packets))
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


def rows(buffer: memoryview, offsets: Numbers, octets: int) -> NDArray[np.uint8]:
    """The `octets` octets at each offset, one row each; every row must lie within the buffer."""
    if not len(offsets) or not octets:
        return np.zeros((len(offsets), octets), dtype=np.uint8)
    windows: NDArray[np.uint8] = sliding_window_view(np.frombuffer(buffer, dtype=np.uint8), octets)
    return windows[offsets]


def read_rtp_headers(columns: PacketColumns) -> RtpColumns:
    """The headers of all packets; one that is no RTP packet is marked, never raised (RFC 3550 §5.1, RFC 5761 §4)."""
    count = len(columns)
    long_enough = np.flatnonzero(columns.lengths >= FIXED_HEADER_OCTETS)
    heads = np.zeros((count, FIXED_HEADER_OCTETS), dtype=np.uint8)
    heads[long_enough] = rows(columns.buffer, columns.offsets[long_enough], FIXED_HEADER_OCTETS)
    first, second = heads[:, 0], heads[:, 1]
    rtp = (first >> 6 == RTP_VERSION) & ~((second >= FIRST_RTCP_TYPE) & (second <= LAST_RTCP_TYPE))
    header_octets = FIXED_HEADER_OCTETS + 4 * (first & 0x0F).astype(np.int64)
    extended = np.flatnonzero(rtp & (first & 0x10 != 0) & (columns.lengths >= header_octets + 4))
    extension = rows(columns.buffer, columns.offsets[extended] + header_octets[extended], 4).view(">u2")
    profile = np.full(count, -1, dtype=np.int64)
    profile[extended] = extension[:, 0]
    unread = rtp & (first & 0x10 != 0)
    header_octets[unread] += 4
    header_octets[extended] += 4 * extension[:, 1].astype(np.int64)
    return RtpColumns(
        rtp=rtp,
        payload_type=second & np.uint8(0x7F),
        sequence_number=_field(heads, 2, ">u2"),
        timestamp=_field(heads, 4, ">u4"),
        ssrc=_field(heads, 8, ">u4"),
        header_octets=header_octets,
        extension_profile=profile,
    )


def _field(heads: NDArray[np.uint8], start: int, form: str) -> Numbers:
    octets = np.dtype(form).itemsize
    return np.ascontiguousarray(heads[:, start : start + octets]).view(form)[:, 0].astype(np.int64)
