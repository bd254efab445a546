# SPDX-License-Identifier: GPL-2.0-only
"""Many packets as columns, their octets, and their RTP headers (RFC 3550 §5.1)."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analyzer.srtp.compiling import kernels_for, view_octets
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtcp import FIRST_RTCP_TYPE, LAST_RTCP_TYPE
from dissectors.grammar.rtp import CRYPTEX_PROFILES, FIXED_HEADER_OCTETS, RTP_VERSION

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Places = slice | Numbers
WINDOW_PACKETS = 1 << 14
HEAD_COLUMNS = 6


class PacketOctets(Protocol):
    """Where the octets of packets are had from."""

    def at(self, numbers: Places, /) -> tuple[memoryview, Numbers]:
        """A buffer in which these packets lie, and where each begins in it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HeldOctets:
    """All packets in one buffer."""

    buffer: memoryview
    offsets: Numbers

    def at(self, numbers: Places, /) -> tuple[memoryview, Numbers]:
        """The buffer, and where these packets begin in it."""
        return self.buffer, self.offsets[numbers]


def _starts(lengths: Numbers) -> Numbers:
    starts: Numbers = np.cumsum(lengths) - lengths
    return starts


class PacketColumns:
    """Packets with their lengths; `wire_lengths` count octets before the snaplen, `numbers` are theirs in `source`."""

    def __init__(
        self, source: PacketOctets, lengths: Numbers, wire_lengths: Numbers, numbers: Numbers | None = None
    ) -> None:
        self.source = source
        self.lengths = lengths
        self.wire_lengths = wire_lengths
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self.lengths)

    def at(self, numbers: Places) -> tuple[memoryview, Numbers]:
        """A buffer in which these packets lie, and where each begins in it; good until the next are asked for."""
        return self.source.at(numbers if self._numbers is None else self._numbers[numbers])

    def packet(self, number: int) -> bytes:
        """The octets of one packet."""
        buffer, offsets = self.at(slice(number, number + 1))
        start = int(offsets[0])
        return bytes(buffer[start : start + int(self.lengths[number])])

    def select(self, numbers: Numbers | Flags) -> "PacketColumns":
        """Only those packets, of the same source."""
        own = np.arange(len(self)) if self._numbers is None else self._numbers
        chosen = PacketColumns(self.source, self.lengths[numbers], self.wire_lengths[numbers], own[numbers])
        if "headers" in vars(self):
            chosen.headers = self.headers.select(numbers)
        return chosen

    def shortened(self, lengths: Numbers) -> "PacketColumns":
        """The same packets without what is behind these lengths, as if they had been sent so."""
        shorter = PacketColumns(self.source, lengths, lengths, self._numbers)
        shorter.headers = self.headers
        return shorter

    @cached_property
    def headers(self) -> "RtpColumns":
        """The RTP headers of all packets; one that is no RTP packet is marked, never raised (RFC 3550 §5.1)."""
        return _read_headers(self)


def packet_columns(packets: Sequence[bytes], wire_lengths: Sequence[int] | Numbers | None = None) -> PacketColumns:
    """Columns over copies of `packets`; without `wire_lengths` every packet is taken to be whole."""
    lengths = np.fromiter(map(len, packets), dtype=np.int64, count=len(packets))
    wire = lengths if wire_lengths is None else np.asarray(wire_lengths, dtype=np.int64)
    held = HeldOctets(memoryview(b"".join(packets)), _starts(lengths))
    return PacketColumns(held, lengths, np.maximum(wire, lengths))


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

    def select(self, numbers: Numbers | Flags) -> "RtpColumns":
        """Those of some packets."""
        return RtpColumns(*(getattr(self, each.name)[numbers] for each in fields(self)))


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


def _read_headers(columns: PacketColumns) -> RtpColumns:
    parts = [
        _read_heads(columns, slice(start, start + WINDOW_PACKETS)) for start in range(0, len(columns), WINDOW_PACKETS)
    ]
    heads = np.concatenate(parts, axis=1) if parts else np.zeros((HEAD_COLUMNS, 0), dtype=np.int64)
    first, second, sequence_number, timestamp, ssrc, word = heads
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


def _read_heads(columns: PacketColumns, part: slice) -> Numbers:
    """First and second octet, sequence number, timestamp, SSRC, and the word behind the CSRCs, −1 if there is none."""
    lengths = columns.lengths[part]
    buffer, offsets = columns.at(part)
    heads = np.zeros((HEAD_COLUMNS, len(lengths)), dtype=np.int64)
    kernels = kernels_for(len(columns))
    if kernels is not None:
        kernels.read_heads(view_octets(buffer), offsets, lengths, heads)
        return heads
    heads[5] = -1
    whole = np.flatnonzero(lengths >= FIXED_HEADER_OCTETS)
    octets = rows(buffer, offsets[whole], FIXED_HEADER_OCTETS)
    heads[0, whole], heads[1, whole] = octets[:, 0], octets[:, 1]
    for column, (start, form) in enumerate(((2, ">u2"), (4, ">u4"), (8, ">u4")), start=2):
        stop = start + np.dtype(form).itemsize
        heads[column, whole] = np.ascontiguousarray(octets[:, start:stop]).view(form)[:, 0]
    ends = FIXED_HEADER_OCTETS + 4 * (heads[0] & 0x0F)
    longer = np.flatnonzero((lengths >= FIXED_HEADER_OCTETS) & (lengths >= ends + 4))
    heads[5, longer] = rows(buffer, offsets[longer] + ends[longer], 4).view(">u4")[:, 0]
    return heads
